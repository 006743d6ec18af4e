"""Change over time: growth, traffic, what threads spend their time on; pure."""
