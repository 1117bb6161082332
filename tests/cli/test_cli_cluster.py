"""`cluster init`, `apply` and `status`, against a real NATS server."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

import nkeys
import pytest
from nats.js.api import KeyValueConfig, StreamConfig
from nats.js.errors import KeyNotFoundError
from support.certificates import certificates
from support.command_lines import call, one_line, write_instances
from support.nats_cluster import NatsCluster
from support.nats_credentials import make_credentials
from support.nats_server import NatsServer, ask

from signal_client_oci.host.nats import layout
from signal_client_oci.sandbox import Sandbox

SUBJECT = "edge-1.data.artifacts.raw"
STREAMS = {
    "DATA",
    "KV_INTEGRATIONS",
    "KV_OCI_CHECKPOINTS",
    "KV_OCI_LEASES",
    "KV_OCI_STATUS",
    "OBJ_OCI_LARGE_ARTIFACTS",
}
PASSWORD = "a-password-of-nats"


@pytest.fixture(autouse=True)
def _no_account(monkeypatch):
    """The commands read options from the environment too."""
    for name in ("URL", "USER", "PASSWORD", "CREDS", "NKEY", "CA"):
        monkeypatch.delenv(f"NATS_{name}", raising=False)


@pytest.fixture
def server(tmp_path):
    """A server with JetStream and nothing in it."""
    with NatsServer(tmp_path / "nats") as server:
        yield server


@pytest.fixture
def cluster(capsys, server):
    """Run a command of the cluster; everything that it needs is there."""
    assert call(capsys, "cluster", "init", "--nats", server.url, "--appliance", "edge-1").code == 0
    return lambda *arguments: call(capsys, "cluster", *arguments, "--nats", server.url)


@pytest.fixture(scope="module")
def settings():
    """Settings of three tenancies; nothing is sent to them."""
    with Sandbox() as sandbox:
        return [sandbox.add_tenancy(f"acme-{number}").settings() for number in range(3)]


def init(capsys, server, *arguments):
    """Run `cluster init` for the appliance of the tests."""
    return call(capsys, "cluster", "init", "--nats", server.url, "--appliance", "edge-1", *arguments)


def configurations(server):
    """Stream → its configuration."""

    async def read(js):
        return {info.config.name: info.config for info in await js.streams_info()}

    return ask(server, read)


def entries(server, bucket="INTEGRATIONS"):
    """Key → value and revision of a bucket."""

    async def read(js):
        kv, prefix = await js.key_value(bucket), f"$KV.{bucket}."
        subjects = (await js.stream_info(f"KV_{bucket}", subjects_filter=f"{prefix}>")).state.subjects or {}
        found = []
        for subject in subjects:
            with suppress(KeyNotFoundError):
                found.append(await kv.get(subject.removeprefix(prefix)))
        return {one.key: (json.loads(one.value), one.revision) for one in found}

    return ask(server, read)


def put(server, bucket, **values):
    """Write entries as another program does; `__` in a name stands for a dot, `_` for a dash."""

    async def write(js):
        kv = await js.key_value(bucket)
        for name, value in values.items():
            body = value if isinstance(value, bytes) else json.dumps(value).encode()
            await kv.put(name.replace("__", ".").replace("_", "-"), body)

    ask(server, write)


@pytest.mark.slow
def test_init_makes_what_is_missing_and_then_changes_nothing(capsys, server):
    """The first call makes everything; the second says that it is there and leaves each setting as it was."""
    made = init(capsys, server, "--max-gib", "0.5", "--max-days", "2")
    assert (made.code, made.err) == (0, "")
    first = configurations(server)
    assert first.keys() == STREAMS
    assert (first["DATA"].max_bytes, first["DATA"].discard) == (2**29, "new")
    assert first["DATA"].subjects == [SUBJECT]
    again = init(capsys, server)
    assert again.code == 0
    assert "after 2 days" in again.err
    assert again.out.count(" there ") == len(STREAMS)
    assert configurations(server) == first


BEFORE = {
    "another stream has the subject": (StreamConfig(name="EVENTS", subjects=["edge-1.>"]), "stream EVENTS"),
    "no subject of ours": (
        StreamConfig(name="DATA", subjects=["edge-9.>"]),
        "--subjects 'edge-9.>,edge-1.data",
    ),
    "memory": (StreamConfig(name="DATA", subjects=[SUBJECT], storage="memory"), "nats stream rm DATA"),
    "small values": (KeyValueConfig(bucket="OCI_CHECKPOINTS", max_value_size=1000), "--max-msg-size=-1"),
    "expiry": (KeyValueConfig(bucket="OCI_LEASES", ttl=60), "--max-age=0"),
}


@pytest.mark.parametrize("case", BEFORE)
@pytest.mark.slow
def test_init_refuses_what_cannot_work_and_makes_nothing(capsys, server, case):
    """One thing that does not fit: it is named with the way out, and the rest is not made either."""
    config, words = BEFORE[case]

    async def make(js):
        is_bucket = isinstance(config, KeyValueConfig)
        await (js.create_key_value(config) if is_bucket else js.add_stream(config))

    ask(server, make)
    before = configurations(server)
    ended = init(capsys, server)
    assert ended.code == 1
    assert words in ended.err
    assert "nothing was made" in ended.err
    assert configurations(server) == before


@pytest.mark.slow
def test_a_stream_of_the_host_is_used_as_it_is(capsys, server):
    """The host's own stream has age and size limits and drops the oldest: that is said, and it is used."""
    theirs = StreamConfig(name="DATA", subjects=["edge-1.data.*.*"], max_bytes=10**8, max_age=86_400)

    async def make(js):
        await js.add_stream(theirs)

    ask(server, make)
    ended = init(capsys, server)
    assert ended.code == 0
    assert "--discard=new" in ended.err
    assert configurations(server)["DATA"].subjects == theirs.subjects


@pytest.mark.slow
def test_init_says_when_servers_are_too_few(capsys, server):
    """A server alone cannot keep three replicas, and nothing half made is left."""
    ended = init(capsys, server, "--replicas", "3")
    assert ended.code == 1
    assert "leave --replicas out, or start a cluster" in ended.err
    assert ended.err.count("\n") == 1
    assert configurations(server) == {}


@pytest.mark.slow
def test_a_cluster_of_servers_keeps_as_many_replicas_as_it_has_servers(capsys, tmp_path):
    """Five replicas on three servers are refused with the way out; three are made of everything."""
    with NatsCluster(tmp_path / "cluster") as servers:
        url = ",".join(servers.urls)
        to_init = ("cluster", "init", "--nats", url, "--appliance", "edge-1", "--replicas")
        # until the servers have elected a leader, the command says that there is no answer
        refused = next(one for _ in range(6) if "no answer" not in (one := call(capsys, *to_init, 5)).err)
        assert (refused.code, refused.err.count("\n")) == (1, 1)
        assert "too few servers with JetStream" in refused.err
        made = call(capsys, *to_init, 3)
        assert (made.code, made.err) == (0, "")
        replicas = {
            name: one.num_replicas for name, one in configurations(servers.servers["server-1"]).items()
        }
    assert replicas == dict.fromkeys(STREAMS, 3)


ACCOUNTS = {
    "JetStream off": (
        "accounts { A { users: [{user: u, password: P}] } }",
        "start the server with --jetstream",
    ),
    "no right": (
        "authorization { users: [{user: u, password: P, permissions: {publish: ['x']}}] }",
        'permissions violation for publish to "$js.api.stream.info.data"',
    ),
    "small messages": ("max_payload: 64KB", "raise max_payload in the server's configuration"),
    "no room": (
        "accounts { A { jetstream: {max_streams: 1}, users: [{user: u, password: P}] } }",
        "raise max_streams of the account",
    ),
    "wrong password": (
        "authorization { users: [{user: u, password: other}] }",
        "the server refused the user 'u'",
    ),
    "TLS": ("tls { cert_file: 'TLS', key_file: 'TLS' }", "use --tls-ca FILE"),
}


def authority(folder: Path) -> Path:
    """The file of the authority that the server's certificate is from."""
    (folder / "server.pem").write_text(certificates().server)
    (folder / "ca.pem").write_text(certificates().authority)
    return folder / "ca.pem"


@pytest.mark.parametrize("case", ACCOUNTS)
@pytest.mark.slow
def test_each_refusal_of_a_server_names_the_way_out(capsys, tmp_path, monkeypatch, case):
    """What an account may not do, or a server does not have, is one line at once, without the password."""
    authority(tmp_path)
    config, words = ACCOUNTS[case]
    config = config.replace(": P", f": {PASSWORD}").replace("TLS", str(tmp_path / "server.pem"))
    monkeypatch.setenv("NATS_PASSWORD", PASSWORD)
    with NatsServer(tmp_path / "nats", config) as server:
        ended = init(capsys, server, "--user", "u")
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert words in ended.err
    assert PASSWORD not in ended.err


@pytest.mark.slow
def test_a_private_authority_is_trusted_when_it_is_named(capsys, tmp_path):
    """With --tls-ca the commands work over TLS."""
    ca = authority(tmp_path)
    tls = f"tls {{ cert_file: '{tmp_path / 'server.pem'}', key_file: '{tmp_path / 'server.pem'}' }}"
    with NatsServer(tmp_path / "nats", tls) as server:
        assert init(capsys, server, "--tls-ca", ca).code == 0


@pytest.mark.slow
def test_an_nkey_and_a_password_of_the_environment_are_accounts(capsys, tmp_path, monkeypatch):
    """Both ways of signing in work; the file and the variable hold the secrets, never the command line."""
    seed = nkeys.encode_seed(bytes(range(32)), nkeys.PREFIX_BYTE_USER)
    public = nkeys.from_seed(bytearray(seed)).public_key.decode()
    (tmp_path / "user.nk").touch(mode=0o644)
    (tmp_path / "user.nk").write_bytes(seed)
    users = f"authorization {{ users: [{{nkey: {public}}}, {{user: u, password: {PASSWORD}}}] }}"
    with NatsServer(tmp_path / "nats", users) as server:
        ended = init(capsys, server, "--nkey", tmp_path / "user.nk")
        assert ended.code == 0
        assert "user.nk: other users can read the secret in this file; run: chmod 600" in ended.err
        monkeypatch.setenv("NATS_PASSWORD", PASSWORD)
        assert init(capsys, server, "--user", "u").code == 0


@pytest.mark.slow
def test_a_credentials_file_is_an_account(capsys, tmp_path):
    """The file that an operator hands out signs in; one of another operator is refused with the way out."""
    ours, theirs = make_credentials(), make_credentials()
    for name, one in (("ours", ours), ("theirs", theirs)):
        (tmp_path / f"{name}.creds").touch(mode=0o600)
        (tmp_path / f"{name}.creds").write_text(one.file)
    with NatsServer(tmp_path / "nats", ours.config) as server:
        ended = init(capsys, server, "--creds", tmp_path / "ours.creds")
        assert (ended.code, ended.err) == (0, "")
        ended = init(capsys, server, "--creds", tmp_path / "theirs.creds")
    assert ended.code == 1
    assert "theirs.creds; check that the file belongs to an account of this server" in ended.err


@pytest.mark.parametrize("option", ["--creds", "--nkey"])
@pytest.mark.slow
def test_a_file_that_holds_no_key_is_told_without_quoting_it(capsys, tmp_path, option):
    """A wrong file is an error that names the option, and nothing of the file's text."""
    (tmp_path / "wrong").touch(mode=0o600)
    (tmp_path / "wrong").write_text("a-secret-in-a-wrong-file")
    with NatsServer(tmp_path / "nats", "authorization { users: [{user: u, password: p}] }") as server:
        ended = init(capsys, server, option, tmp_path / "wrong")
    assert ended.code == 1
    assert ended.err.count("\n") == 1
    assert str(tmp_path / "wrong") in ended.err
    assert "a-secret" not in ended.err


OPTIONS = {
    "no server": (["--nats", ","], "give the server's address"),
    "password": (["--nats", f"nats://u:{PASSWORD}@broker"], "environment variable NATS_PASSWORD"),
    "not an address": (["--nats", "http://broker"], "such as nats://HOST:4222"),
    "no password": (["--nats", "nats://broker", "--user", "u"], "NATS_PASSWORD"),
    "two accounts": (["--nats", "nats://broker", "--user", "u", "--creds", "f"], "--creds and --user cannot"),
    "no file": (
        ["--nats", "nats://broker", "--creds", "/nowhere"],
        "--creds /nowhere: does not exist; name the credentials file",
    ),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_wrong_connection_options_are_told_before_connecting(capsys, case):
    """One line names the option and the way out, and never shows a password."""
    arguments, words = OPTIONS[case]
    line = one_line(call(capsys, "cluster", "status", *arguments))
    assert words in line
    assert PASSWORD not in line


def test_a_server_that_is_not_there_is_told(capsys):
    """The address and what to start stand in one line."""
    ended = call(capsys, "cluster", "status", "--nats", "nats://127.0.0.1:1")
    assert ended.code == 1
    assert "nats://127.0.0.1:1: nothing listens there" in ended.err


@pytest.mark.slow
def test_commands_before_init_say_so(capsys, server):
    """A bucket that is missing names the command that makes it."""
    ended = call(capsys, "cluster", "status", "--nats", server.url)
    assert ended.code == 1
    assert "signal-client-oci cluster init" in ended.err


@pytest.mark.slow
def test_apply_writes_the_entries_of_the_host(tmp_path, server, cluster, settings):
    """Each instance is one entry of the contract's shape, its key read in; what is said of it holds no secret."""
    toml = write_instances(tmp_path, prod=settings[0], test=settings[1])
    text = toml.read_text().replace("[instances.test]", "[instances.test]\npoll_interval_minutes = 0.5")
    toml.write_text(text.replace("[instances.prod]", "[instances.prod]\nenabled = false"))
    ended = cluster("apply", toml)
    assert (ended.code, ended.err) == (0, "")
    assert [line.split() for line in ended.out.splitlines()[1:]] == [["prod", "added"], ["test", "added"]]
    assert entries(server) == {
        "oci-cloud.prod": (
            {
                "enabled": False,
                "integration_type": "oci-cloud",
                "poll_interval_minutes": 5,
                "credentials": settings[0],
            },
            1,
        ),
        "oci-cloud.test": (
            {
                "enabled": True,
                "integration_type": "oci-cloud",
                "poll_interval_minutes": 0.5,
                "credentials": settings[1],
            },
            2,
        ),
    }


@pytest.mark.slow
def test_apply_writes_only_what_differs_and_names_it(tmp_path, server, cluster, settings):
    """An unchanged entry is not written; a changed one is named by its fields; what others added to it is kept."""
    toml = write_instances(tmp_path, prod=settings[0], test=settings[1])
    cluster("apply", toml)
    old, _ = entries(server)["oci-cloud.test"]
    put(server, "INTEGRATIONS", oci_cloud__test=old | {"comment": "by the host"}, oci_cloud__other=old)
    write_instances(
        tmp_path, prod=settings[0], test=settings[1] | {"private_key": settings[2]["private_key"]}
    )
    (tmp_path / "oci.toml").write_text(
        toml.read_text().replace(settings[1]["fingerprint"], settings[2]["fingerprint"])
    )
    ended = cluster("apply", toml)
    assert [line.split() for line in ended.out.splitlines()[1:]] == [
        ["prod", "unchanged"],
        ["test", "changed", "fingerprint,", "private_key"],
    ]
    assert ended.err == "left as they are: other\n"
    assert settings[2]["fingerprint"] not in ended.out
    stored = entries(server)
    assert stored["oci-cloud.prod"][1] == 1
    assert stored["oci-cloud.test"][0]["comment"] == "by the host"
    assert stored["oci-cloud.test"][0]["credentials"]["private_key"] == settings[2]["private_key"]


@pytest.mark.slow
def test_nothing_is_written_when_one_instance_is_wrong(tmp_path, server, cluster, settings):
    """The fields and the ways out are shown for every instance, without a secret, and the bucket is as before."""
    other_key = settings[0] | {"private_key": settings[2]["private_key"]}
    toml = write_instances(tmp_path, good=settings[1], bad=settings[0] | {"region": "mars-1"}, key=other_key)
    ended = cluster("apply", toml)
    assert ended.code == 1
    assert "bad: the settings are wrong\n  region " in ended.err
    assert "key: the settings are wrong\n  fingerprint " in ended.err
    assert "PRIVATE KEY" not in ended.err
    assert put(server, "INTEGRATIONS", x=1) is None
    assert list(entries(server)) == ["x"]


@pytest.mark.slow
def test_instances_are_disabled_and_removed_by_name(tmp_path, server, cluster, settings):
    """Both need no file; an unknown name is refused before anything is done."""
    cluster("apply", write_instances(tmp_path, prod=settings[0], test=settings[1]))
    ended = cluster("apply", "--disable", "prod", "--remove", "gone")
    assert ended.code == 1
    assert "no instance 'gone'" in ended.err
    assert entries(server)["oci-cloud.prod"][0]["enabled"] is True
    ended = cluster("apply", "--disable", "prod", "--remove", "test")
    assert [line.split() for line in ended.out.splitlines()[1:]] == [
        ["prod", "disabled"],
        ["test", "removed"],
    ]
    [(key, (entry, _))] = entries(server).items()
    assert (key, entry["enabled"], entry["credentials"]) == ("oci-cloud.prod", False, settings[0])


@pytest.mark.slow
def test_contradictory_orders_are_refused(capsys, tmp_path, settings):
    """An instance cannot be written and removed by one command, and a command without work says so."""
    toml = write_instances(tmp_path, prod=settings[0])
    nowhere = ("--nats", "nats://127.0.0.1:1")
    assert "same instance" in one_line(call(capsys, "cluster", "apply", toml, "--remove", "prod", *nowhere))
    assert "nothing to do" in one_line(call(capsys, "cluster", "apply", *nowhere))


@pytest.mark.slow
def test_regions_are_named_when_nodes_share_them(tmp_path, cluster, settings):
    """One lease for each region needs the regions' names; `all` is refused with the field."""
    toml = write_instances(tmp_path, prod=settings[0] | {"additional_regions": ["all"]})
    toml.write_text(toml.read_text() + "\nshard_by_region = true\n")
    ended = cluster("apply", toml)
    assert ended.code == 1
    assert "shard_by_region  The regions have to be named" in ended.err


def ago(**span):
    """A time before now, as nodes write it."""
    return (
        (datetime.now(timezone.utc) - timedelta(**span)).isoformat(timespec="seconds").replace("+00:00", "Z")
    )


@pytest.fixture
def running(server, cluster):
    """Two nodes, one of which was killed long ago, and five instances in all states."""
    del cluster
    node = layout.NodeStatus("node-a", "s1", "0.1.0", ago(hours=3), ago(seconds=1), 30.0, shards=3)
    dead = layout.NodeStatus("node-b", "s2", "0.1.0", ago(hours=3), ago(hours=1), 0.0)
    put(server, "OCI_STATUS", node__node_a__s1=node_value(node), node__node_b__s2=node_value(dead))
    names = ("broken", "denied", "fine", "lonely", "new", "off")
    put(server, "INTEGRATIONS", **{f"oci_cloud__{name}": {} for name in names})
    for name in ("broken", "denied", "fine", "new"):
        put(server, "OCI_LEASES", **{name: node_value(layout.Lease(node.identity, 1, 30.0))})
    put(server, "OCI_LEASES", lonely=node_value(layout.Lease(dead.identity, 1, 30.0)))
    read = {"last_poll_finished_at": ago(minutes=2), "covered_until": ago(minutes=4)}
    remedy = "Add the statement `Allow group readers to read audit-events in tenancy`."
    statuses = {
        "broken": {"state": "failed", "code": "SETTINGS_INVALID", "error": "the settings are wrong"},
        "denied": {"state": "degraded", "code": "DENIED", "error": "may not read", "remedy": remedy},
        "fine": {"state": "ok", "fetched": {"audit": 1200, "logging": 34}, **read},
        "lonely": {"state": "ok", **read},
        "off": {"state": "disabled"},
        "gone": {"state": "failed", "error": "was removed"},
    }
    statuses["broken"]["field_errors"] = {"region": "mars-1 is not an OCI region."}
    for name, fields in statuses.items():
        put(server, "OCI_STATUS", **{f"instance__{name}": node_value(layout.TileStatus(name, **fields))})


def node_value(value):
    """A value as nodes write it."""
    return layout.to_value(value)


@pytest.mark.usefixtures("running")
@pytest.mark.slow
def test_status_shows_the_troubled_first_with_what_to_do(cluster):
    """Counts, lost nodes, owners, lags, errors and remedies; what was removed is not shown."""
    ended = cluster("status")
    assert ended.code == 1
    assert ended.out.splitlines()[0] == (
        "1 node (1 lost), 6 instances: 1 failed, 1 unowned, 1 degraded, 1 waiting, 1 ok, 1 disabled"
    )
    lines = [line.split() for line in ended.out.splitlines()]
    rows = [line for line in lines if len(line) > 2 and line[1] in layout_states()]
    assert [row[:2] for row in rows] == [
        ["node-a", "ok"],
        ["broken", "failed"],
        ["lonely", "unowned"],
        ["denied", "degraded"],
        ["new", "waiting"],
        ["fine", "ok"],
        ["off", "disabled"],
    ]
    fine = rows[5]
    assert (fine[2], fine[-3:]) == ("node-a", ["4", "min", "1,234"])
    assert "  region: mars-1 is not an OCI region.\n" in ended.out
    assert "\n    Allow group readers to read audit-events in tenancy\n" in ended.out
    assert "start a node: signal-client-oci node" in ended.out


def layout_states():
    """The states of instances and nodes that are alive."""
    return {"failed", "unowned", "degraded", "waiting", "ok", "disabled"}


@pytest.mark.usefixtures("running")
@pytest.mark.slow
def test_status_as_json_has_the_same(cluster):
    """A program gets nodes, counts and instances with owner and lag, in the same order."""
    told = json.loads(cluster("status", "--json").out)
    assert told["counts"] == dict.fromkeys(("failed", "unowned", "degraded", "waiting", "ok", "disabled"), 1)
    assert [(one["name"], one["alive"]) for one in told["nodes"]] == [("node-a", True), ("node-b", False)]
    fine = told["instances"][4]
    assert (fine["instance"], fine["owner"], fine["fetched"]["logging"]) == ("fine", "node-a", 34)
    assert 240 <= fine["lag_seconds"] < 300


@pytest.mark.slow
def test_status_of_a_healthy_cluster_is_0(server, cluster):
    """Without a trouble the exit code says so, and --strict asks for more."""
    node = layout.NodeStatus("node-a", "s1", "0.1.0", ago(hours=3), ago(seconds=1), 30.0)
    put(
        server,
        "OCI_STATUS",
        node__node_a__s1=node_value(node),
        instance__new=node_value(layout.TileStatus("new")),
    )
    put(server, "INTEGRATIONS", oci_cloud__new={})
    put(server, "OCI_LEASES", new=node_value(layout.Lease(node.identity, 1, 30.0)))
    assert cluster("status").code == 0
    assert cluster("status", "--strict").code == 1


@pytest.mark.slow
def test_an_instance_whose_delivery_waits_is_degraded(server, cluster):
    """A full stream is a trouble though the last poll was ok; the reason is shown."""
    node = layout.NodeStatus("node-a", "s1", "0.1.0", ago(hours=3), ago(seconds=1), 30.0)
    tile = layout.TileStatus("full", state="ok", back_pressure="the stream DATA is full")
    put(server, "OCI_STATUS", node__node_a__s1=node_value(node), instance__full=node_value(tile))
    put(server, "INTEGRATIONS", oci_cloud__full={})
    put(server, "OCI_LEASES", full=node_value(layout.Lease(node.identity, 1, 30.0)))
    ended = cluster("status", "--strict")
    assert ended.code == 1
    assert "full: degraded\n  the stream DATA is full\n" in ended.out


def test_help_lists_the_commands_of_a_cluster(capsys):
    """`cluster` alone shows what there is."""
    ended = call(capsys, "cluster")
    assert ended.code == 0
    assert all(f"\n  {name} " in ended.out for name in ("init", "apply", "status"))


@pytest.mark.parametrize("command", ["init", "apply", "status"])
def test_help_of_a_command_has_examples_and_exit_codes(capsys, command):
    """Lines to copy and every exit code, as plain text of 80 columns."""
    ended = call(capsys, "cluster", command, "--help")
    assert f"\n    signal-client-oci cluster {command} " in ended.out
    codes = ended.out[ended.out.index("  Exit codes:") :].splitlines()[1:]
    assert [line.split()[0] for line in codes if line.strip()] == ["0", "1", "2"]
    assert max(map(len, ended.out.splitlines())) <= 80


def test_the_commands_name_the_extra_that_they_need(capsys, monkeypatch):
    """Without the NATS client the way out is one line, before anything else is looked at."""
    monkeypatch.setattr("signal_client_oci.cli.cluster_options._NEEDED", ("no_such_package",))
    line = one_line(call(capsys, "cluster", "status", "--nats", "nats://broker"))
    assert "pip install 'signal-client-oci[cluster]'" in line
