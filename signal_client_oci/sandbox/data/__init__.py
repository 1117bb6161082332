"""The records that the sandbox emits, and the invented company that they tell of."""
