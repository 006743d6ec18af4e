"""Evidence, the one judge of it, and advice; imports no other room."""
