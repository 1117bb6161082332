"""The command line: its commands, help and options."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from signal_client_oci.cli.commands import (
    check,
    cluster_apply,
    cluster_init,
    cluster_status,
    demo,
    explain,
    node,
    policy,
    poll,
    run,
    schema,
)
from signal_client_oci.cli.output.one_line_errors import OneLineGroup
from signal_client_oci.cli.program import PROGRAM

__all__ = ["app"]

_HELP: Final = """
Collects Audit events, log records and Cloud Guard problems of Oracle Cloud (OCI).

This command line runs the connector without Conductor: see what it does, check a configuration, poll a tenancy once,
or keep polling.
"""
_EXAMPLES: Final = """\b
Examples:
  signal-client-oci demo                     the whole job, against a simulated tenancy
  signal-client-oci policy --group readers   the IAM statements that it needs
  signal-client-oci check --profile DEFAULT  test the connection
  signal-client-oci poll oci.toml --since 2h > artifacts.jsonl
  signal-client-oci run oci.toml             poll every instance, until Ctrl-C

\b
An instances file (oci.toml) has a table for each tenancy:
  [instances.prod]
  tenancy_ocid = "ocid1.tenancy.oc1..aaaa"
  user_ocid = "ocid1.user.oc1..aaaa"
  fingerprint = "12:34:56:78:90:ab:cd:ef:12:34:56:78:90:ab:cd:ef"
  region = "us-ashburn-1"
  private_key_file = "~/.oci/oci_api_key.pem"
and any other setting of the form (signal-client-oci schema). Instead of
private_key_file, private_key_env can name an environment variable.
"""
_CLUSTER_EXAMPLES: Final = """\b
Examples:
  signal-client-oci cluster init --nats nats://broker:4222 --appliance edge-1
  signal-client-oci cluster apply oci.toml --nats nats://broker:4222
  signal-client-oci node --nats nats://broker:4222 --appliance edge-1
  signal-client-oci cluster status --nats nats://broker:4222
"""

app = typer.Typer(
    cls=OneLineGroup,
    name=PROGRAM,
    help=_HELP,
    epilog=_EXAMPLES,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,  # a traceback that shows local variables could show a key
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:  # noqa: FBT001  typer's callback
    if value:
        from importlib.metadata import version  # noqa: PLC0415  rarely needed
        from platform import python_version  # noqa: PLC0415  rarely needed

        from signal_client_oci import __version__  # noqa: PLC0415  rarely needed

        typer.echo(f"{PROGRAM} {__version__} (oci {version('oci')}, Python {python_version()})")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _begin(
    context: typer.Context,
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    del version
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


for _module in (demo, check, policy, poll, run, node, schema, explain):
    app.command(_module.__name__.rsplit(".")[-1], epilog=_module.EXAMPLES)(_module.command)

_cluster = typer.Typer(
    name="cluster",
    help="Set up and watch a cluster of nodes on NATS JetStream.",
    epilog=_CLUSTER_EXAMPLES,
    rich_markup_mode=None,
)


@_cluster.callback(invoke_without_command=True)
def _begin_cluster(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


for _module in (cluster_init, cluster_apply, cluster_status):
    _cluster.command(_module.__name__.rpartition("_")[2], epilog=_module.EXAMPLES)(_module.command)
app.add_typer(_cluster)
