"""What went wrong, and what an operator can do about it."""
