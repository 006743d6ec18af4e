"""Readings of a process: counts (settled or exact), the heap, samples of headers and threads."""
