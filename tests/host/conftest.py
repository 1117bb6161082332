"""Nothing that cleans up after a test of the host waits for ever."""

from support.deadline import pytest_exception_interact  # noqa: F401  a hook
