"""Runs a schedule until Ctrl-C; its only poll waits for `should_stop`, or hangs for ever."""

import signal
import sys
import threading

from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.host_fakes import Fake, instance, plugins_of, report

from signal_client_oci.host import Host, MemoryCheckpoints, MemorySink, Schedule

# a script's background job has Ctrl-C switched off, a terminal's program has not
signal.signal(signal.SIGINT, signal.default_int_handler)
hanging = sys.argv[1] == "hanging"


def tell(line):
    """One line for the parent process."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def poll(_name, _settings, _checkpoint, context):
    """Say that the poll runs, wait, report."""
    tell("polling")
    while hanging or not context["should_stop"]():
        threading.Event().wait(0.01)
    tell("stopped")
    yield report(checkpoint={"version": 1, "stopped": True})


checkpoints = MemoryCheckpoints()
host = Host(plugins_of(Fake(poll)), checkpoints, MemorySink(), [instance()])
still_running = Schedule(host).run(grace_seconds=0.2 if hanging else 10.0)
tell("still running: " + ", ".join(still_running) if still_running else f"stored: {checkpoints.load('one')}")
