"""Checkpoints and artifacts in files that survive a crash and that only the host's own user can change."""
