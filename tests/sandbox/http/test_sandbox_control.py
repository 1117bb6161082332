"""Who may steer a sandbox: programs on this machine, and no web page that a browser on it shows."""

import http.client
import json
import os
import socket
import stat
import subprocess
import sys

import pytest

from signal_client_oci.sandbox import Sandbox
from signal_client_oci.sandbox.__main__ import _write as write_settings

COMMAND = json.dumps({"do": "set", "latency": 7.5})


@pytest.fixture
def steered(clock):
    """A sandbox with control."""
    with Sandbox(clock=clock, controlled=True) as sandbox:
        yield sandbox


def sent(sandbox, *headers, method="POST", target="/_control", body=COMMAND):
    """Status and body of the answer to a request with exactly these headers, over a socket of its own."""
    lines = [f"{method} {target} HTTP/1.1", f"Content-Length: {len(body)}", "Connection: close", *headers]
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=5) as sock:
        sock.sendall("\r\n".join([*lines, "", body]).encode())
        answer = http.client.HTTPResponse(sock)
        answer.begin()
        return answer.status, answer.read().decode()


def own(sandbox):
    """The header of a program that asks for the sandbox's own address."""
    return f"Host: 127.0.0.1:{sandbox.port}"


@pytest.mark.parametrize("host", ["127.0.0.1:{}", "localhost:{}", "LocalHost:{}", "[::1]:{}"])
def test_a_program_that_names_loopback_is_obeyed(steered, host):
    """Each name of the machine itself, with the right port."""
    assert sent(steered, f"Host: {host.format(steered.port)}") == (200, "{}")
    assert steered.latency == 7.5


HOSTS = [
    "evil.example:{}",
    "evil.example",
    "127.0.0.1",
    "127.0.0.1:1",
    "127.0.0.1:0{}",
    "localhost.:{}",
    "127.0.0.1.evil.example:{}",
    "localhost.evil.example:{}",
    "evil.example@127.0.0.1:{}",
    "127.0.0.1:{}@evil.example",
    "192.0.2.1:{}",
    "0.0.0.0:{}",
    "[::]:{}",
    "2130706433:{}",
    "127.0.0.1:{}, evil.example",
    "",
]


@pytest.mark.parametrize("host", HOSTS)
def test_another_host_is_refused_before_anything_is_done(steered, host):
    """A name that was made to lead to loopback (DNS rebinding) is answered with 403, and nothing has changed."""
    status, body = sent(steered, f"Host: {host.format(steered.port)}")
    assert status == 403
    assert "send Host: 127.0.0.1:" in json.loads(body)["error"]
    assert steered.latency == 0


def test_no_host_and_two_hosts_are_refused(steered):
    """Neither leaving the name out nor giving a good one beside another helps."""
    assert sent(steered)[0] == 403
    assert sent(steered, own(steered), "Host: evil.example")[0] == 403
    assert sent(steered, "Host: evil.example", own(steered))[0] == 403
    assert steered.latency == 0


FOREIGN = [
    "Origin: https://evil.example",
    "Origin: http://evil.example:{}",
    "Origin: null",
    "Origin: ",
    "Origin: http://localhost:1",
    "Origin: http://localhost",
    "Origin: https://127.0.0.1:{}",
    "Origin: http://127.0.0.1:{}.evil.example",
    "Origin: 127.0.0.1:{}",
    "Sec-Fetch-Site: cross-site",
    "Sec-Fetch-Site: same-site",
    "Sec-Fetch-Site: anything",
]


@pytest.mark.parametrize("header", FOREIGN)
def test_a_web_page_of_another_site_is_refused_before_anything_is_done(steered, header):
    """Whatever a browser tells of the page that sent the command, only the sandbox's own origin passes."""
    status, body = sent(steered, own(steered), header.format(steered.port))
    assert (status, steered.latency) == (403, 0)
    assert json.loads(body)["error"].endswith("; send the command without a browser")


def test_the_own_origin_passes(steered):
    """As a page of the sandbox's own would send it, or a person who types the address."""
    port = steered.port
    for more in (
        [f"Origin: http://127.0.0.1:{port}", "Sec-Fetch-Site: same-origin"],
        [f"Origin: http://localhost:{port}"],
        ["Sec-Fetch-Site: none"],
    ):
        steered.latency = 0.0
        assert sent(steered, own(steered), *more)[0] == 200
        assert steered.latency == 7.5


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS"])
def test_a_command_is_sent_with_post(steered, method):
    """An image or a link of a page that no header gives away cannot steer, and no preflight is answered kindly."""
    assert sent(steered, own(steered), method=method)[0] == 403
    assert steered.latency == 0


def test_an_absolute_target_does_not_lead_around_the_host(steered):
    """A request as proxies send it is no command at all."""
    assert sent(steered, own(steered), target=f"http://evil.example:{steered.port}/_control")[0] == 401
    assert steered.latency == 0


def test_only_this_address_listens(steered):
    """The neighbouring loopback address, where a listener on all addresses would answer, refuses connections."""
    with pytest.raises(OSError, match=r".+"):
        socket.create_connection(("127.0.0.2", steered.port), timeout=2)
    with socket.create_connection(("127.0.0.1", steered.port), timeout=2) as sock:
        assert sock.getpeername()[0] == "127.0.0.1"


# --- the file of settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["link", "pipe", "directory", "no directory"])
def test_settings_are_written_to_a_file_of_their_own_alone(tmp_path, kind):
    """Private keys go through no link and into no pipe, and nothing was replaced."""
    victim, file = tmp_path / "victim", tmp_path / "settings.json"
    victim.write_text("keep me")
    if kind == "link":
        file.symlink_to(victim)
    elif kind == "pipe":
        os.mkfifo(file)
    elif kind == "directory":
        file.mkdir()
    else:
        file = tmp_path / "missing" / "settings.json"
    before = file.lstat().st_mode if kind != "no directory" else None
    with pytest.raises(OSError, match=r"regular file|No such file"):
        write_settings(str(file), {"private_key": "secret"})
    assert victim.read_text() == "keep me"
    assert before is None or file.lstat().st_mode == before


@pytest.mark.slow
def test_a_place_that_takes_no_settings_is_one_line(tmp_path):
    """The process ends with status 1 and says which option to change."""
    command = [
        sys.executable,
        "-m",
        "signal_client_oci.sandbox",
        "--empty",
        "--print-settings",
        str(tmp_path),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    told = f"--print-settings '{tmp_path}': is not a regular file; name a new file, or - for the output\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", told)


def test_settings_replace_a_file_that_others_could_read(tmp_path):
    """A file that stood there keeps neither its contents nor its mode, and nobody's rest is written to."""
    file, rest = tmp_path / "settings.json", tmp_path / f"settings.json.{os.getpid()}"
    file.write_text("old")
    file.chmod(0o666)
    write_settings(str(file), {"port": 1})
    assert json.loads(file.read_text()) == {"port": 1}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    rest.symlink_to(file)
    with pytest.raises(FileExistsError):
        write_settings(str(file), {"port": 2})
    assert json.loads(file.read_text()) == {"port": 1}
