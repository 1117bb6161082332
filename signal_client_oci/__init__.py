"""Oracle Cloud (OCI) connector for the signal-client plugin host."""

__all__ = ["__version__"]

__version__ = "0.1.0"
