"""What readings mean: evidence, the verdict on it, and advice; pure."""
