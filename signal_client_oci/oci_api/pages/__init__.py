"""Cuts the bodies of answers into pages of records."""
