"""How fast, how frugal and how kind the collector is, against named baselines: `python -m tests.benchmarks`."""
