"""What was seen, as frozen values; imports nothing that reads."""
