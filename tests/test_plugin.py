"""The hooks: thin, for our connector only, and importing what they need when they are called."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pluggy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import signal_client_oci
from signal_client_oci import plugin
from signal_client_oci.contract import CONNECTOR, SOURCES
from signal_client_oci.host.conformance import PollTerms, checked_poll
from signal_client_oci.host.conformance.hook_checks import check_connector, check_schema, check_validation

HOOKS = [
    name for name in vars(plugin) if name.startswith("signal_client_") and callable(getattr(plugin, name))
]


def test_the_descriptor():
    """The connector is described as the contract says, with the version that is installed."""
    (info,) = plugin.signal_client_register_connectors()
    check_connector(info, "connector")
    assert info == {
        "name": "oci-cloud",
        "full_name": "signal-client.oci-cloud",
        "title": "Oracle Cloud (OCI)",
        "description": info["description"],
        "category": "Cloud Security",
        "auth_method": "API Key (RSA Signing)",
        "multi_instance": True,
        "default_poll_interval_minutes": 5,
        "vendor_docs_url": info["vendor_docs_url"],
        "version": signal_client_oci.__version__,
        "sources": [
            {"name": "audit", "title": "Audit Events", "default_interval_minutes": 5},
            {"name": "logging", "title": "Logging Search", "default_interval_minutes": 5},
            {"name": "cloud_guard", "title": "Cloud Guard Problems", "default_interval_minutes": 30},
        ],
    }
    assert info["vendor_docs_url"].startswith("https://docs.oracle.com/")


def test_each_answer_is_the_hosts_own():
    """A host that changes what it got does not change what the next one gets."""
    plugin.signal_client_register_connectors()[0]["sources"].clear()
    assert len(plugin.signal_client_register_connectors()[0]["sources"]) == len(SOURCES)
    plugin.signal_client_settings_schema(CONNECTOR)["properties"].clear()
    assert plugin.signal_client_settings_schema(CONNECTOR)["properties"]


def test_the_schema_is_the_contracts():
    """The settings schema keeps the contract's rules."""
    check_schema(plugin.signal_client_settings_schema(CONNECTOR))


@pytest.mark.parametrize("connector", ["", "oci", "OCI-CLOUD", "oci-cloud ", "aws-cloud", None, 7])
def test_other_connectors_are_not_ours(connector):
    """For a connector of another plugin every hook answers None, so that the host asks on."""
    assert plugin.signal_client_settings_schema(connector) is None
    assert plugin.signal_client_validate_connection(connector, {}) is None
    assert plugin.signal_client_poll(connector, "acme", {}, None, {}) is None


def test_the_hooks_work_through_a_plugin_manager():
    """Registered with pluggy and called by keyword, as the host does."""
    manager = pluggy.PluginManager("signal_client")
    manager.add_hookspecs(__import__("signal_client_oci.host.hookspecs", fromlist=["hookspecs"]))
    manager.register(plugin)
    manager.check_pending()
    assert [[one["name"] for one in each] for each in manager.hook.signal_client_register_connectors()] == [
        ["oci-cloud"]
    ]
    assert manager.hook.signal_client_settings_schema(connector="oci-cloud")["type"] == "object"
    assert manager.hook.signal_client_settings_schema(connector="other") is None
    items = manager.hook.signal_client_poll(
        connector="oci-cloud", instance="acme", settings={}, checkpoint=None, context={}
    )
    assert [item["type"] for item in checked_poll(items, PollTerms("acme"))] == ["report"]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
field_names = st.sampled_from(sorted(plugin.signal_client_settings_schema(CONNECTOR)["properties"]))


@pytest.mark.slow
@given(json_values | st.dictionaries(field_names, json_values, max_size=6), json_values)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_hook_raises_whatever_it_is_given(given_settings, checkpoint):
    """Any JSON as settings and checkpoint is answered with a report that keeps the contract."""
    items = plugin.signal_client_poll(CONNECTOR, "acme", given_settings, checkpoint, {})
    (report,) = checked_poll(items, PollTerms("acme"))
    assert report["status"] == "failed"
    answer = check_validation(plugin.signal_client_validate_connection(CONNECTOR, given_settings))
    assert answer["field_errors"]


def test_the_hook_file_is_thin():
    """The one file that knows the host imports nothing of ours at its top but the contract, and has no logic."""
    tree = ast.parse(Path(plugin.__file__).read_text(encoding="utf-8"))
    modules = [node.module for node in tree.body if isinstance(node, ast.ImportFrom)]
    ours = {module for module in modules if module and module.startswith("signal_client_oci")}
    assert ours == {"signal_client_oci", "signal_client_oci.contract"}
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert sorted(node.name for node in functions) == sorted(HOOKS)
    assert not [node for node in tree.body if isinstance(node, ast.ClassDef)]


def test_every_hook_has_a_test():
    """No hook is added without a test that calls it."""
    text = Path(__file__).read_text(encoding="utf-8")
    assert len(HOOKS) == 4
    assert all(text.count(f"plugin.{hook}(") or text.count(f"manager.hook.{hook}(") for hook in HOOKS)


@pytest.mark.slow
def test_hooks_import_when_they_are_called():
    """Importing the hook file loads neither the SDK nor pydantic nor any part of a poll."""
    program = (
        "import sys, signal_client_oci.plugin as p; p.signal_client_register_connectors(); "
        "print([m for m in ('oci', 'pydantic', 'msgspec', 'cryptography', 'signal_client_oci.polling.poll', "
        "'signal_client_oci.validation.connection_test', 'signal_client_oci.settings.model') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_hooks_declare_only_what_they_need():
    """Each parameter is one of the contract's names, and is used."""
    for hook in HOOKS:
        function = getattr(plugin, hook)
        names = set(inspect.signature(function).parameters)
        assert names <= {"connector", "instance", "settings", "checkpoint", "context"}
        assert names <= set(function.__code__.co_varnames)
