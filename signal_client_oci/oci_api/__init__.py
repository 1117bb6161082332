"""The OCI SDK: clients, transport, one typed function for each call."""
