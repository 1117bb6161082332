"""One flow: state is changed by `PollState.apply` alone, and what a poll does is data until then."""

import ast
from pathlib import Path

import pytest

import signal_client_oci
from signal_client_oci.state.cursor import Cursor
from signal_client_oci.state.poll_state import PollState
from signal_client_oci.state.seen_problems import SeenProblems
from signal_client_oci.state.seen_records import SeenRecords
from signal_client_oci.state.stream_state import StreamState

PACKAGE = Path(signal_client_oci.__file__).parent
FILES = sorted([*PACKAGE.glob("polling/**/*.py"), *PACKAGE.glob("scheduler/*.py")])
STATES = (PollState("ocid1.tenancy.oc1..a"), StreamState(), SeenProblems(), SeenRecords())
FIELDS = {name for state in STATES for name in vars(state)} | set(Cursor._fields)
MUTATORS = {"pop", "update", "setdefault", "clear", "add", "remove", "discard", "deliver", "enter", "commit"}
MAKERS_OF_CHANGES = {"loop.py", "phases.py", "poll.py"}


def _nodes(path, kind):
    return [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, kind)]


def _is_own(node):
    return isinstance(node, ast.Name) and node.id in ("self", "partition", "slice_", "lane")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_outside_of_state_writes_state(path):
    """No attribute of the state is assigned, and no container of it is changed, in polling and scheduler."""
    stores = [node for node in _nodes(path, ast.Attribute) if isinstance(node.ctx, ast.Store | ast.Del)]
    foreign = {node.attr for node in stores if not _is_own(node.value)}
    assert not foreign & FIELDS
    for call in _nodes(path, ast.Call):
        name = call.func
        if (
            isinstance(name, ast.Attribute)
            and name.attr in MUTATORS
            and isinstance(name.value, ast.Attribute)
        ):
            assert name.value.attr not in {"cursors", "seen", "streams", "problems"}, ast.unparse(call)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_changes_are_made_in_few_places(path):
    """Only the loop, the phases around it and the first checkpoint apply changes."""
    applied = [
        call
        for call in _nodes(path, ast.Call)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "apply"
    ]
    assert not applied or path.name in MAKERS_OF_CHANGES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_classes_can_be_held_in_the_head(path):
    """No class has more than 200 lines or a dozen attributes of its own."""
    for one in _nodes(path, ast.ClassDef):
        assert one.end_lineno - one.lineno < 200, one.name
        stores = {
            node.attr
            for node in ast.walk(one)
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
            if isinstance(node.value, ast.Name) and node.value.id == "self"
        }
        assert len(stores) <= 12, one.name
        assert sum(isinstance(line, ast.AnnAssign) for line in one.body) <= 12, one.name
