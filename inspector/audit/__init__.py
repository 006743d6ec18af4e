"""What every heap type of a module does with references to itself, in one command.

Knows: :mod:`inspector.checks`, which measures one factory in this process.  Here
stands what it takes to measure hundreds that nobody wrote a test for: how types
are found, what makes an instance of each, and a process of their own to do it in,
which may block, exit or crash.

Not known: what becomes of types that nothing makes an instance of.  They are
listed as not exercised, with the reason, and never as balanced.
"""
