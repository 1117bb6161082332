"""The systemd unit, the container file and their page say what the product accepts, and the same."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path, PurePosixPath

import pytest
import yaml
from support.command_lines import call, one_line

from signal_client_oci import __version__
from signal_client_oci.host import StateDirectory
from signal_client_oci.host.files.file_safety import StateError
from signal_client_oci.host.http.addresses import parse_address
from signal_client_oci.host.http.board import StatusBoard
from signal_client_oci.host.http.server import serve
from signal_client_oci.sandbox.data.keys import shared_private_key_pem

FOLDER = Path(__file__).parent.parent / "docs" / "service"
PAGE = FOLDER.with_suffix(".md").read_text(encoding="utf-8")
UNIT_FILE = FOLDER / "signal-client-oci.service"
UNIT = re.findall(r"^(\w+)=(.*)$", UNIT_FILE.read_text(encoding="utf-8"), re.MULTILINE)
BUILD, IMAGE = (FOLDER / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "").split("\nFROM ")[1:]
MANIFEST = yaml.safe_load(re.search(r"^```yaml\n(apiVersion.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[1])
POD = MANIFEST["spec"]["template"]["spec"]
CONFIG, STATE = "/etc/signal-client-oci", "/var/lib/signal-client-oci"
LOOPBACK = "127.0.0.1:9464"
INSTALL = "the unit is not verified: no systemd-analyze of systemd 250 or newer; `apt-get install systemd` installs it"


def of_unit(name):
    """The values of a directive of the unit."""
    return [value for key, value in UNIT if key == name]


def of_image(instruction):
    """What the last stage says with an instruction that it has once."""
    (found,) = re.findall(rf"^ *{instruction} +(.*)$", IMAGE, re.MULTILINE)
    return found


EXEC_START = of_unit("ExecStart")[0].split()
COMMANDS = {
    "unit": EXEC_START[1:],
    "image": json.loads(IMAGE.rpartition("\nCMD ")[2]),
    "pod": POD["containers"][0]["args"],
}


def _can_verify():
    program = shutil.which("systemd-analyze")
    return (
        program
        and "--offline"
        in subprocess.run([program, "--help"], capture_output=True, text=True, check=True, timeout=60).stdout
    )


@pytest.mark.parametrize("where", COMMANDS)
def test_the_command_and_the_instances_file_are_accepted(capsys, tmp_path, where):
    """Options, file and key of the command are read without an error or a warning, up to the switch of the instance."""
    command, file, *options = COMMANDS[where]
    text = (FOLDER / "oci.toml").read_text(encoding="utf-8")
    (tmp_path / "prod.pem").write_text(shared_private_key_pem(0))
    (tmp_path / "oci.toml").write_text(f"{text}enabled = false\n")
    for path in tmp_path.iterdir():
        path.chmod(0o600)
    told = one_line(call(capsys, command, tmp_path / PurePosixPath(file).name, *options))
    assert told == "signal-client-oci: every instance is disabled; set enabled = true for one\n"


def test_the_service_stops_and_starts_as_the_command_does():
    """More time to stop than the grace of `run`, a start after every failure, and every key file is handed over."""
    assert of_unit("KillSignal") == ["SIGTERM"] == [of_image("STOPSIGNAL")]
    assert 5 < int(of_unit("TimeoutStopSec")[0]) < 90
    assert of_unit("Restart") == ["on-failure"]
    assert not of_unit("RestartPreventExitStatus")
    keys = re.findall(r'^private_key_file = "(.*)"$', (FOLDER / "oci.toml").read_text(), re.MULTILINE)
    assert of_unit("LoadCredential") == [f"{name}:{CONFIG}/{name}" for name in ["oci.toml", *keys]]


def test_no_part_runs_as_root_or_can_write_elsewhere():
    """User, file system and privileges of unit, image and pod; the state is in the one place that can be written to."""
    assert of_unit("DynamicUser") == ["yes"]
    assert of_unit("ProtectSystem") == ["strict"]
    assert of_unit("NoNewPrivileges") == of_unit("MemoryDenyWriteExecute") == ["yes"]
    assert of_unit("CapabilityBoundingSet") == of_unit("AmbientCapabilities") == [""]
    assert not of_unit("User") + of_unit("ReadWritePaths")
    assert [f"/var/lib/{name}" for name in of_unit("StateDirectory")] == [STATE] == [of_image("VOLUME")]
    user = of_image("USER")
    assert re.fullmatch(r"([1-9]\d+):\1", user)
    number = int(user.partition(":")[0])
    context = POD["securityContext"]
    assert [context[name] for name in ("runAsUser", "runAsGroup", "fsGroup")] == [number] * 3
    for container in (*POD["initContainers"], *POD["containers"]):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    assert f'"-m", "0700", "-o", "{number}", "-g", "{number}", "{STATE}"' in of_image("RUN")


def test_the_image_holds_nothing_but_the_product():
    """Only the package and what it is built from is copied, every command is in exec form, and the labels are true."""
    assert re.findall(r"^COPY (.*)$", BUILD, re.MULTILINE) == [
        "pyproject.toml README.md LICENSE /src/",
        "signal_client_oci /src/signal_client_oci",
    ]
    assert of_image("COPY") == "--from=build /opt/signal-client-oci /opt/signal-client-oci"
    assert not re.findall(
        r"^(?:ADD|ARG|SHELL|(?:RUN|CMD|ENTRYPOINT) [^\[]).*$", f"{BUILD}\n{IMAGE}", re.MULTILINE
    )
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', IMAGE))
    assert (labels["version"], labels["licenses"]) == (__version__, "Apache-2.0")
    assert json.loads(of_image("ENTRYPOINT")) == EXEC_START[:1]


@pytest.mark.slow
def test_the_health_check_follows_the_health_of_the_server():
    """The image's own check succeeds while the server of `--http` answers, and fails once it does not."""
    _python, isolated, option, code = json.loads(
        IMAGE.partition("\nHEALTHCHECK")[2].partition("CMD ")[2].splitlines()[0]
    )
    assert LOOPBACK in code
    with closing(serve(StatusBoard(), parse_address("127.0.0.1:0"))) as server:
        check = [sys.executable, isolated, option, code.replace(LOOPBACK, str(server.address))]
        alive = subprocess.run(check, check=False, capture_output=True, timeout=30)
    dead = subprocess.run(check, check=False, capture_output=True, timeout=30)
    assert (alive.returncode, alive.stderr) == (0, b"")
    assert dead.returncode != 0


def test_the_page_shows_what_the_files_say():
    """The instances file stands in the page as it is; paths, user and port are those of the files."""
    assert f"```toml\n{(FOLDER / 'oci.toml').read_text(encoding='utf-8')}```\n" in PAGE
    for said in (
        f"dst={CONFIG},readonly",
        f"dst={STATE}\n"[:-1],
        f"-o {of_image('USER').partition(':')[0]} ",
        LOOPBACK,
    ):
        assert said in PAGE
    for command in COMMANDS.values():
        assert PurePosixPath(command[1]).name == "oci.toml"
        assert command[command.index("--directory") + 1].startswith(STATE)
    mounts = {one["mountPath"] for one in POD["containers"][0]["volumeMounts"]}
    assert mounts == {CONFIG, STATE}


def test_volumes_are_refused_and_made_usable_as_the_page_says(tmp_path):
    """A directory below one of `fsGroup` can be used; opened to the group it cannot, until the init step has run."""
    volume = tmp_path / "volume"
    volume.mkdir()
    volume.chmod(0o2775)
    state = volume / "state"
    with StateDirectory(state) as store:
        store.save("prod", {"version": 1})
    for path in (state, *state.rglob("*")):
        path.chmod(0o2770 if path.is_dir() else 0o660)
    assert _refusal(state) in PAGE
    init = POD["initContainers"][0]["command"]
    assert init[-1] == COMMANDS["pod"][COMMANDS["pod"].index("--directory") + 1]
    subprocess.run([*init[:-1], state], check=True, timeout=60)
    with StateDirectory(state) as store:
        assert store.load("prod") == {"version": 1}
    volume.chmod(0o777)
    assert _refusal(state) in PAGE


def _refusal(directory):
    """What is wrong with a directory, as the page quotes it: without its path and the way out."""
    with pytest.raises(StateError) as refused, StateDirectory(directory):
        pass
    return str(refused.value).partition(": ")[2].partition(";")[0].partition(" (it is")[0]


@pytest.mark.skipif(not _can_verify(), reason=INSTALL)
@pytest.mark.slow
def test_systemd_accepts_the_unit_and_finds_it_confined(tmp_path):
    """No directive is unknown or wrong, and the exposure is at most what the page states, and half a point."""
    unit = tmp_path / UNIT_FILE.name
    # the program has to exist where it is verified
    unit.write_text(UNIT_FILE.read_text().replace(EXEC_START[0], sys.executable))
    verified = subprocess.run(
        ["systemd-analyze", "verify", unit],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    stated = float(re.search(r"rates the unit (\d\.\d)", PAGE)[1])
    rated = subprocess.run(
        [
            "systemd-analyze",
            "security",
            "--offline=true",
            "--no-pager",
            f"--threshold={stated * 10 + 5:.0f}",
            unit,
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert rated.returncode == 0, rated.stdout[-200:] + rated.stderr
