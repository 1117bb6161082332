"""Cloud Guard problems."""
