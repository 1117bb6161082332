"""The sandbox's HTTP side."""
