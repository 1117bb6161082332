"""What `run` shows while it polls."""
