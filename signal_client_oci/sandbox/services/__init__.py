"""The services that the sandbox simulates."""
