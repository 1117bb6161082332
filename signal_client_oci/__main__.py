"""`python -m signal_client_oci` is the command line."""

from __future__ import annotations

from signal_client_oci.cli import main

if __name__ == "__main__":
    main()
