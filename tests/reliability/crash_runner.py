"""Polls in child processes that are killed when told to; store and sink are the host's, on a real disk.

Run as `crash_runner.py DIRECTORY`. Python and the OCI SDK are imported once, every poll is a fork of that process,
which polled once itself, for nothing. Commands come as lines of JSON: `{"now": seconds, "settings": {...}, "delay":
seconds, "lines": count}`, with null for a poll that may end by itself. The answer to each is a line: `killed`,
`exit CODE`, or `hung` for one that was killed because it came to no end.
"""

import json
import os
import select
import signal
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

from signal_client_oci import plugin
from signal_client_oci.host import Host, JsonLinesSink, Plugins, StateDirectory
from signal_client_oci.host.instances import Instance

INSTANCE = "production"
BATCH = 7
HUNG = 60  # seconds after which a poll is given up


class Directory:
    """What a host keeps on disk, and which lines of artifacts belong to a batch whose checkpoint is stored."""

    def __init__(self, path):
        self.artifacts = path / "artifacts.jsonl"
        self._journal = path / "stored.txt"
        self._state = StateDirectory(path)
        self._sink = JsonLinesSink(self.artifacts)
        self._lines = self.artifacts.read_bytes().count(b"\n")
        self._batch_begins = self._lines

    def publish(self, instance, artifacts):
        """Write a batch in small parts, so that kills fall between them too."""
        for artifact in artifacts:
            self._sink.publish(instance, [artifact])
            self._lines += 1

    def load(self, instance):
        """Return the stored checkpoint."""
        return self._state.load(instance)

    def save(self, instance, checkpoint):
        """Store a checkpoint, then note which lines it covers."""
        self._state.save(instance, checkpoint)
        with self._journal.open("a", encoding="ascii") as journal:
            journal.write(f"{self._batch_begins} {self._lines}\n")
        self._batch_begins = self._lines


def main():
    """Fork a child for each command."""
    directory, warm = Path(sys.argv[1]), False
    for line in sys.stdin:
        command = json.loads(line)
        warm = warm or _warmed_up(command["settings"])
        sys.stdout.write(_run(directory, command) + "\n")
        sys.stdout.flush()


def _warmed_up(settings):
    """Poll once for nothing, so that no child has to import and compile what every poll needs."""
    return bool(list(plugin.signal_client_poll("oci-cloud", "warming up", settings, None, {})))


def _run(directory, command):
    """Let a child poll; kill it `delay` seconds after its poll began, or after it wrote so many lines."""
    artifacts = directory / "artifacts.jsonl"
    begin = artifacts.stat().st_size if artifacts.exists() else 0
    heard, told = os.pipe()
    child = os.fork()
    if not child:
        os.close(heard)
        _child(directory, command, told)
    os.close(told)
    os.read(heard, 1)
    end = time.monotonic() + HUNG
    while _lines_from(begin, artifacts) < command["lines"] and time.monotonic() < end:
        if select.select([heard], [], [], 0.001)[0]:
            break
    wait = end - time.monotonic() if command["delay"] is None else command["delay"]
    finished = bool(select.select([heard], [], [], max(wait, 0))[0])
    if not finished:
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(heard)
    if status != -signal.SIGKILL:
        return f"exit {status}"
    return "killed" if time.monotonic() < end else "hung"


def _lines_from(begin, path):
    """Count what was written since; the file is read only where it grew."""
    if not path.exists() or path.stat().st_size <= begin:
        return 0
    with path.open("rb") as file:
        file.seek(begin)
        return file.read().count(b"\n")


def _child(directory, command, told):
    """Poll once as a host does, and exit without any clean-up that a kill would not have either."""
    code = 1
    try:
        now = datetime.fromtimestamp(command["now"], timezone.utc)
        plugins = Plugins()
        plugins.register(plugin, "oci-cloud")
        kept = Directory(directory)
        host = Host(plugins, kept, kept, [Instance(INSTANCE, command["settings"])])
        os.write(told, b"r")
        result = host.poll_once(INSTANCE, {"now": lambda: now, "max_batch_artifacts": BATCH})
        code = 0 if result.report["status"] == "ok" else 3
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
