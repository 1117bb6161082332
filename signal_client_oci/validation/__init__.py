"""The connection test: one module for each check, the session that they call OCI with, and the verdict."""
