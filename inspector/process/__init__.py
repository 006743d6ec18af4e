"""A live process, as the kernel shows it: memory, threads, pauses, samples of instructions."""
