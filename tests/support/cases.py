"""One property over many cases in one test: thousands of tests of a microsecond each would take seconds to collect."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

Case = TypeVar("Case")


def check_each(check: Callable[[Case], None], cases: Mapping[str, Case] | Iterable[tuple[str, Case]]) -> None:
    """Hold every case against a check, and fail once, with the name of each that does not pass and why."""
    failed, count = [], 0
    for name, case in cases.items() if isinstance(cases, Mapping) else cases:
        count += 1
        try:
            check(case)
        except Exception as error:  # noqa: BLE001  a case that breaks is named like one that fails
            failed.append(f"{name}: {type(error).__name__}: {error}")
    assert count, "there is no case"
    assert not failed, f"{len(failed)} of {count} cases:\n" + "\n".join(failed)
