"""Access to OCI: clients of its SDK, the HTTP transport under them, and one typed function for each call."""
