"""Readings of a process: counts, the heap, samples of threads."""
