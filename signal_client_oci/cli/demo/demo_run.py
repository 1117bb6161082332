"""The demo, scene by scene, and its verification of what arrived."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.text import Text

from signal_client_oci.cli.commands.check import print_validation
from signal_client_oci.cli.demo.demo_steps import DemoStep, DemoTenancy
from signal_client_oci.cli.demo.demo_verification import Comparison, compare
from signal_client_oci.cli.output.demo_views import (
    print_artifact,
    print_comparison,
    print_entry,
    print_form,
    print_kinds,
)
from signal_client_oci.cli.output.poll_report import print_report
from signal_client_oci.cli.output.progress import counting
from signal_client_oci.cli.output.safe_text import printable
from signal_client_oci.cli.output.screen import Screen
from signal_client_oci.contract import CONNECTOR, Artifact, Context
from signal_client_oci.host import Host
from signal_client_oci.sandbox.data.scenario_audit import invented_secrets

__all__ = ["STEPS", "DemoShow"]

STEPS: Final = (
    DemoStep(0, "the first poll looks back an hour"),
    DemoStep(
        minutes=5,
        story="one event arrives 10 minutes late; Cloud Guard is not due",
        reads_problems=False,
        happens=DemoTenancy.show_late_event,
    ),
    DemoStep(
        minutes=30,
        story="a new compartment, changed Cloud Guard problems",
        happens=DemoTenancy.add_compartment,
    ),
)
_BATCH: Final = 100
_DEADLINE_SECONDS: Final = 30.0


class DemoShow:
    """Runs the demo on `screen`; `artifacts` is the file that `host` appends to."""

    def __init__(self, screen: Screen, demo: DemoTenancy, host: Host, artifacts: Path) -> None:
        self._screen = screen
        self._demo = demo
        self._host = host
        self._file = artifacts
        self._instance = demo.instance()

    def run(self) -> bool:
        """Show all scenes; return whether everything was as expected."""
        screen = self._screen
        screen.print("A sandbox in this process simulates Oracle Cloud: no account, no network.")
        screen.heading("1. The host's list of integrations")
        print_entry(screen, self._host.plugins.connector(CONNECTOR))
        screen.heading("2. Its form")
        print_form(screen, self._host.schema(CONNECTOR))
        screen.heading("3. Testing the connection")
        validated = self._validate()
        polled = [self._poll(number, step) for number, step in enumerate(STEPS, 1)]
        artifacts = read_artifacts(self._file)
        self._show_artifacts(artifacts)
        return self._verify(artifacts, passed=validated and all(polled))

    def _validate(self) -> bool:
        with self._screen.waiting("testing the connection"):
            validation = self._host.validate(self._instance.name)
        print_validation(self._screen, validation, self._instance)
        return validation["status"] == "ok"

    def _poll(self, number: int, step: DemoStep) -> bool:
        self._demo.pass_time(step)
        now = self._demo.clock()
        self._screen.heading(f"{number + 3}. Poll {number}, {now:%H:%M}: {step.story}")
        context = Context(
            now=self._demo.clock, max_batch_artifacts=_BATCH, deadline_seconds=_DEADLINE_SECONDS
        )
        with counting(self._screen, self._instance.name) as on_progress:
            result = self._host.poll_once(self._instance.name, context, on_progress)
        print_report(self._screen, result)
        return result.report["status"] == "ok"

    def _show_artifacts(self, artifacts: Sequence[Artifact]) -> None:
        screen = self._screen
        screen.heading(f"{len(STEPS) + 4}. What arrived, in {self._file}")
        print_kinds(screen, artifacts)
        if artifacts:
            screen.heading("One of them, shortened")
            print_artifact(screen, most_severe_event(artifacts))

    def _verify(self, artifacts: Sequence[Artifact], *, passed: bool) -> bool:
        screen = self._screen
        screen.heading("Emitted by the sandbox, and delivered")
        comparisons = compare(self._demo.expected(), artifacts)
        print_comparison(screen, comparisons)
        leaked = leaked_secrets(self._file)
        verdict = verdict_on(comparisons, leaked, passed=passed)
        screen.blank()
        if verdict is None:
            screen.print(
                Text("Every record arrived exactly once, and no secret with it.", style="bold green")
            )
        else:
            screen.print(Text(f"The demo failed: {printable(verdict)}", style="bold red"))
        screen.print(Text(f"Artifacts: {printable(self._file)}", overflow="fold"))
        return verdict is None


def verdict_on(comparisons: Sequence[Comparison], leaked: Sequence[str], *, passed: bool) -> str | None:
    """Return what went wrong, None if nothing did."""
    if empty := [one.source for one in comparisons if not one.emitted]:
        return f"the sandbox emitted nothing of {', '.join(empty)}"
    if wrong := [one.source for one in comparisons if not one.agrees]:
        return f"what was delivered of {', '.join(wrong)} is not what was emitted"
    if leaked:
        return f"secrets reached the artifacts: {', '.join(leaked)}"
    return None if passed else "the connection test or a poll was not ok"


def leaked_secrets(file: Path) -> list[str]:
    """Return the names of the invented secrets that are in the file."""
    text = file.read_text(encoding="ascii")
    return [name for name, secret in invented_secrets().items() if secret in text]


def read_artifacts(file: Path) -> list[Artifact]:
    """Return the artifacts that the host wrote."""
    return [json.loads(line) for line in file.read_text(encoding="ascii").splitlines()]


def most_severe_event(artifacts: Sequence[Artifact]) -> Artifact:
    """Return the artifact of an Audit event that is most severe, the first of its kind."""
    audit = [one for one in artifacts if one["metadata"]["streamName"] == "oci_cloud_audit"]
    return min(audit or artifacts, key=lambda one: int(str(one["metadata"]["severityCode"])))
