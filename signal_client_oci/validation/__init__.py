"""The parts of the connection test: one module for each check, what they ask with, and the verdict."""
