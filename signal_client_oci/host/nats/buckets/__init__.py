"""Buckets of JetStream: one key read and written, all of them read once, and all of them followed."""
