"""Answers that take a while: may a process be read, is it right, which types, why."""
