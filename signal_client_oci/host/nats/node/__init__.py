"""A node of a cluster: any number of them, equal, added and killed at will."""
