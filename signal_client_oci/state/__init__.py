"""What was read, what has to be read again, and what was delivered."""
