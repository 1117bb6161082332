"""Flow records: the usual ones, in which nothing is missing, and all others."""
