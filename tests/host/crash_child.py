"""Polls two instances into a state directory, telling of every batch, until it is killed or done."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.host_fakes import Fake, counting, instance, plugins_of

from signal_client_oci.host import Host, JsonLinesSink, StateDirectory

directory, total = Path(sys.argv[1]), int(sys.argv[2])
with StateDirectory(directory) as state, JsonLinesSink(directory / "artifacts.jsonl") as sink:
    host = Host(plugins_of(Fake(counting(total, 5))), state, sink, [instance("one"), instance("two")])
    for name in ("one", "two"):
        host.poll_once(
            name, on_progress=lambda progress: sys.stdout.write(f"{progress}\n") and sys.stdout.flush()
        )
