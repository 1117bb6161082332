"""No test of the host waits for ever."""

from support.deadline import (  # noqa: F401  hooks
    pytest_runtest_call,
    pytest_runtest_setup,
    pytest_runtest_teardown,
)
