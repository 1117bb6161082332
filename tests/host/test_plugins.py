"""Finding plugins, and living with those that are broken."""

import logging
import subprocess
import sys
import textwrap

import pluggy
import pytest
from support.host_fakes import NAME, Fake, counting, descriptor, hookimpl, plugins_of

from signal_client_oci.contract import CONNECTOR
from signal_client_oci.host import Host, MemoryCheckpoints, MemorySink, Plugins, UnknownConnectorError

GROUP = "signal_client_test"


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A function that installs a module as a plugin of the test group."""
    monkeypatch.syspath_prepend(tmp_path)

    def installed(name, source):
        module = f"host_plugin_{name}"
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
        dist = tmp_path / f"{module}-1.0.dist-info"
        dist.mkdir()
        (dist / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (dist / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {module}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    return installed


GOOD = f"""
    import pluggy
    @pluggy.HookimplMarker("signal_client")
    def signal_client_register_connectors():
        return [{descriptor()!r}]
"""


def test_entry_points_are_found_and_their_connectors_listed(install):
    """A plugin that is installed under the group brings its connectors."""
    install("good", GOOD)
    plugins = Plugins.discover(GROUP)
    assert plugins.connectors() == {NAME: descriptor()}
    assert plugins.connector(NAME) == descriptor()
    assert not plugins.rejected


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (
            "import a_module_that_nobody_has",
            "ModuleNotFoundError: No module named 'a_module_that_nobody_has'",
        ),
        ("raise RuntimeError('canary-secret')", "RuntimeError at "),
        ("def broken(:", "SyntaxError: "),
        ("raise SystemExit(3)", "SystemExit at "),
        (
            """
            import pluggy
            @pluggy.HookimplMarker("signal_client")
            def signal_client_invented(): ...
            """,
            "unknown hook 'signal_client_invented'",
        ),
        (
            """
            import pluggy
            @pluggy.HookimplMarker("signal_client")
            def signal_client_poll(connector, tenancy): ...
            """,
            "PluginValidationError: ",
        ),
    ],
)
def test_a_broken_plugin_is_reported_and_the_others_work(install, caplog, source, told):
    """Import errors, exits and hooks that do not fit leave the plugin out, and nothing else."""
    install("broken", source)
    install("good", GOOD)
    with caplog.at_level(logging.WARNING):
        plugins = Plugins.discover(GROUP)
    assert list(plugins.connectors()) == [NAME]
    [rejected] = plugins.rejected
    assert rejected.plugin == "broken"
    assert told in rejected.reason
    assert "\n" not in rejected.reason
    assert "canary" not in rejected.reason
    assert rejected.reason in caplog.text
    assert not plugins.manager.has_plugin("broken")


def test_a_plugin_that_breaks_the_contract_in_its_descriptors_is_left_out():
    """Neither an exception, nor a wrong shape, nor a name that is taken hides another plugin's connectors."""

    class Raises:
        @hookimpl
        def signal_client_register_connectors(self):
            raise ValueError("canary-secret")

    class Wrong:
        @hookimpl
        def signal_client_register_connectors(self):
            return [descriptor("other") | {"title": ""}]

    plugins = plugins_of(Raises(), Wrong(), Fake(counting(0)), Fake(counting(0)))
    assert list(plugins.connectors()) == [NAME]
    problems = {rejected.plugin: rejected.reason for rejected in plugins.rejected}
    assert problems["fake-0"].startswith("ValueError at ")
    assert "connectors[0].title" in problems["fake-1"]
    assert "CONNECTOR_TWICE" in problems["fake-3"]
    assert len(plugins.connectors()) == 1
    assert len(plugins.rejected) == 3


def test_an_unknown_connector_is_told_with_those_there_are():
    """The text lists the connectors that can be had."""
    plugins = plugins_of(Fake(counting(0)))
    with pytest.raises(
        UnknownConnectorError, match=r"no plugin has the connector 'oci'; known connectors: fake-cloud"
    ):
        plugins.connector("oci")


def test_an_unknown_connector_is_told_with_the_plugins_left_out(install):
    """Whoever misses a connector sees why its plugin is not there."""
    install("broken", "import a_module_that_nobody_has")
    with pytest.raises(
        UnknownConnectorError, match=r"known connectors: none; plugin broken was rejected: Module"
    ):
        Plugins.discover(GROUP).connector(NAME)


def test_registering_an_object_checks_its_hooks():
    """A plugin object with a hook that no spec knows is refused and not kept."""

    class Invented:
        @hookimpl
        def signal_client_invented(self): ...

    plugins = Plugins()
    with pytest.raises(pluggy.PluginValidationError):
        plugins.register(Invented(), "invented")
    assert not plugins.manager.has_plugin("invented")
    plugins.register(Fake(counting(0)), "fake")
    assert list(plugins.connectors()) == [NAME]


def test_the_oci_connector_is_found_by_its_entry_point():
    """The installed package brings its connector, whose descriptor and schema keep the contract."""
    plugins = Plugins.discover()
    host = Host(plugins, MemoryCheckpoints(), MemorySink())
    assert plugins.connector(CONNECTOR)["title"] == "Oracle Cloud (OCI)"
    assert {"tenancy_ocid", "private_key"} <= set(host.schema(CONNECTOR)["properties"])
    assert not plugins.rejected


@pytest.mark.slow
def test_the_host_loads_without_the_connector_or_its_heavy_parts():
    """Importing the host imports neither `oci` nor pydantic nor the plugin itself."""
    code = "import sys, signal_client_oci.host as d; print(*[m for m in sys.modules if m.split('.')[0] in"
    code += " {'oci', 'pydantic'} or m == 'signal_client_oci.plugin'])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == ""
