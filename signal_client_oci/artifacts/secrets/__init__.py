"""Where secrets stand in records, and what they look like."""
