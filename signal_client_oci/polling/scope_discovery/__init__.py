"""Finds which regions and compartments a poll reads."""
