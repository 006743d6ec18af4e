"""Answers that take several readings: may it be read, what grows, who holds it, why it waits."""
