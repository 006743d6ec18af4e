"""A live process, as bytes: who it is, where its runtime is, how to read and pause it."""
