"""How windows of time are read: from when on, what is asked for together, and in which slices."""
