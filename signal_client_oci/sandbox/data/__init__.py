"""The records that the sandbox emits."""
