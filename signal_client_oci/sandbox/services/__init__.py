"""The services that the sandbox plays."""
