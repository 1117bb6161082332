"""The three sources: each says which requests it needs and reads what they bring."""
