"""A cluster on a screen: nodes, instances with their owners, and below them what is wrong."""

from __future__ import annotations

from typing import Final

from rich.text import Text

from signal_client_oci.cli.output.findings import print_remedy
from signal_client_oci.cli.output.poll_report import format_minute
from signal_client_oci.cli.output.safe_text import printable
from signal_client_oci.cli.output.screen import Screen, word
from signal_client_oci.errors.quantities import counted
from signal_client_oci.host.nats.cluster_status import ClusterStatus, NodeLine, ShardLine

__all__ = ["format_age", "print_cluster_status"]

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))
_NO_NODE: Final = "no live node polls it; start a node: signal-client-oci node"
_INCOMPLETE: Final = (
    "This account may not read the configuration: instances that no node has reported on are not shown."
)
_INDENT: Final = 2


def print_cluster_status(screen: Screen, status: ClusterStatus) -> None:
    """Print everything, the troubled instances first."""
    screen.print(Text(printable(_heading(status)), style="bold"))
    if status.nodes:
        screen.blank()
        _print_nodes(screen, status.nodes)
    if status.instances:
        screen.blank()
        _print_instances(screen, status.instances)
    for line in status.instances:
        _print_trouble(screen, line)
    if not status.is_complete:
        screen.blank()
        screen.print(_INCOMPLETE)


def format_age(seconds: float | None) -> str:
    """Return a span of time in one unit, rounded down; `-` for None."""
    if seconds is None:
        return "-"
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def _heading(status: ClusterStatus) -> str:
    alive = sum(one.is_alive for one in status.nodes)
    lost = len(status.nodes) - alive
    nodes = counted(alive, "node") + (f" ({lost} lost)" if lost else "")
    states = ", ".join(f"{count} {state}" for state, count in status.counts.items())
    instances = counted(len(status.instances), "instance")
    return f"{nodes}, {instances}{f': {states}' if states else ''}"


def _print_nodes(screen: Screen, nodes: tuple[NodeLine, ...]) -> None:
    table = screen.table("Node", "State", "Owns", "Seen", "Since", "Version", "Problem", numbers=("Owns",))
    for node in nodes:
        one = node.status
        state = "lost" if not node.is_alive else "degraded" if one.problem else "ok"
        table.add_row(
            printable(one.name),
            word(state),
            f"{one.shards:,}" if node.is_alive else "-",
            f"{format_age(node.seconds_ago)} ago",
            format_minute(one.started_at),
            printable(one.version),
            printable(one.problem if node.is_alive else ""),
        )
    screen.print(table)


def _print_instances(screen: Screen, instances: tuple[ShardLine, ...]) -> None:
    headers = ("Instance", "State", "Node", "Last poll", "Lag", "New", "Error")
    table = screen.table(*headers, numbers=("Lag", "New"), last_folds=False)
    for one in instances:
        status = one.status
        table.add_row(
            printable(one.shard.label),
            word(one.state),
            printable(one.owner or "-"),
            format_minute(status.last_poll_finished_at),
            format_age(one.lag_seconds),
            f"{sum(status.fetched.values()):,}",
            printable(status.code or status.back_pressure),
        )
    screen.print(table)


def _print_trouble(screen: Screen, line: ShardLine) -> None:
    """Print what is wrong with one instance and the remedy; nothing where nothing is."""
    status = line.status
    told = {
        status.error: status.remedy,
        status.back_pressure: "",
        **{f"{field}: {text}": "" for field, text in status.field_errors.items()},
        (_NO_NODE if line.state == "unowned" else ""): "",
    }
    told.pop("", None)
    if not told:
        return
    screen.blank()
    screen.print(Text.assemble((f"{printable(line.shard.label)}: ", "bold"), word(line.state)))
    for problem, remedy in told.items():
        screen.print(screen.indented(Text(printable(problem), overflow="fold"), _INDENT))
        if remedy:
            print_remedy(screen, remedy, _INDENT)
