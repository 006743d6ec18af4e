"""What was seen, as frozen values."""
