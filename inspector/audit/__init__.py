"""Exercises every heap type of a module: makes and frees instances, and judges the counts.

:mod:`inspector.checks` measures one factory in this process.  This room measures hundreds
of types that nobody wrote a test for: it finds them, finds what makes an instance of each,
and does so in processes that may block, exit or crash.

Covers construction and deallocation only.  Types that it cannot instantiate are listed as
not exercised, with the reason, and never as balanced.
"""
