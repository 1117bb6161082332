"""Errors, grouped by what can be done about them, and their explanations for operators."""
