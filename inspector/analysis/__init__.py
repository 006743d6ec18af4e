"""What follows from readings: growth, traffic, what threads spend their time on; pure."""
