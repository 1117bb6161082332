"""Logging records."""
