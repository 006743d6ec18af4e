"""A process watched live: one loop, one pure function from state to screen."""
