"""What the bytes mean: CPython's published and discovered layout, and the walks over it."""
