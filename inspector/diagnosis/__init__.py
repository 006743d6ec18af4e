"""Answers that take a while of looking: why threads do not run side by side."""
