"""Cuts a page, the body of an answer, into the texts of its records."""
