"""Answers that take a while: whether a process can be read, and what its threads wait for."""
