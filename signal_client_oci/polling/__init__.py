"""One poll: scope, sources, batches, report."""
