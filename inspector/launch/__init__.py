"""A program that Python runs in this very process, watched from its start to its end."""
