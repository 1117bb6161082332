"""The page of promises and the tests that hold them name each other."""

import ast
import re
from functools import lru_cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = (HERE.parent.parent / "docs" / "reliability.md").read_text(encoding="utf-8")
ROWS = {int(number): row for number, row in re.findall(r"^\| (\d+) \|(.*)\|$", PAGE, re.MULTILINE)}
NAMED = re.findall(r"\[`(test_\w+\.py)::(test_\w+)`\]\(\.\./tests/reliability/(test_\w+\.py)\)", PAGE)


@lru_cache
def _tests_of(name):
    tree = ast.parse((HERE / name).read_text(encoding="utf-8"))
    return {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


@pytest.mark.parametrize("number", range(1, 18))
def test_every_promise_has_a_mechanism_and_a_test(number):
    """The row says what is promised, how it is kept, and links at least two tests."""
    promise, mechanism, held_by = ROWS[number].split(" | ")
    assert promise.strip().startswith("**")
    assert len(mechanism) > 40
    assert len(re.findall(r"::test_\w+`\]", held_by)) >= 2


def test_there_are_seventeen_promises():
    """No row was lost or came in unnoticed."""
    assert sorted(ROWS) == list(range(1, 18))


@pytest.mark.parametrize(("file", "test", "target"), NAMED, ids=lambda part: part)
def test_every_named_test_exists(file, test, target):
    """The page names no test that was renamed or removed, and links the file that it is in."""
    assert file == target
    assert test in _tests_of(file)


def test_every_suite_is_named():
    """A suite in this folder that the page does not name holds nothing that anybody was promised."""
    suites = {path.name for path in HERE.glob("test_*.py")} - {Path(__file__).name}
    assert {file for file, _, _ in NAMED} == suites
