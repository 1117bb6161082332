"""`policy`: the IAM statements that the connector needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Final

import typer

from signal_client_oci.cli.options import Chosen, InstanceOption, JsonOption, SourceChoice, SourceOption
from signal_client_oci.cli.output.one_line_errors import CommandError
from signal_client_oci.cli.output.screen import Screen
from signal_client_oci.cli.policy_subject import Subject
from signal_client_oci.errors.policies import GROUP_PLACEHOLDER, Service
from signal_client_oci.host.instances import Instance
from signal_client_oci.settings.parsing import read_alone
from signal_client_oci.settings.schema import AUDIT_MODES
from signal_client_oci.settings.values import is_blank, read_choice, read_switch, read_text

__all__ = ["EXAMPLES", "command"]

EXAMPLES: Final = """\b
Examples:
  signal-client-oci policy --group signal-readers
  signal-client-oci policy --domain Default --group signal-readers
  signal-client-oci policy --user ocid1.user.oc1..aaaa --source audit
  signal-client-oci policy --source audit --audit-mode search
  signal-client-oci policy oci.toml --group readers --terraform > policy.tf

Add the statements to a policy of the root compartment.
"""
_VARIABLE: Final = """\
variable "tenancy_ocid" {
  type        = string
  description = "The OCID of the tenancy, which is that of its root compartment."
}

"""
_TERRAFORM: Final = """\
resource "oci_identity_policy" "signal_client_oci" {{
  compartment_id = {tenancy}
  name           = "signal-client-oci"
  description    = "Lets signal-client-oci read what it collects."
  statements = [
{lines}
  ]
}}
"""

_FileArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="FILE",
        help="TOML file with instances; its enabled sources are used. Without it: all sources.",
        show_default=False,
    ),
]
_GroupOption = Annotated[
    str | None, typer.Option("--group", metavar="NAME", help="The API user's group, as NAME or DOMAIN/NAME.")
]
_DomainOption = Annotated[
    str | None,
    typer.Option(
        "--domain", metavar="NAME", help="The group's identity domain, if it is not the default one."
    ),
]
_GroupOcidOption = Annotated[
    str | None,
    typer.Option(
        "--group-ocid", metavar="OCID", help="The group by its OCID, which stays when the group is renamed."
    ),
]
_UserOption = Annotated[
    str | None,
    typer.Option(
        "--user", metavar="OCID", help="A single user instead of a group (any-user with a condition)."
    ),
]
_AuditModeOption = Annotated[
    str | None,
    typer.Option(
        "--audit-mode",
        metavar="MODE",
        help="How Audit is read: events or search, which needs more. Default: as the instance says, else events.",
    ),
]
_TerraformOption = Annotated[
    bool, typer.Option("--terraform", help="Print a Terraform resource oci_identity_policy.")
]


def command(  # noqa: PLR0913  one parameter for each option
    file: _FileArgument = None,
    *,
    instance: InstanceOption = None,
    sources: SourceOption = None,
    group: _GroupOption = None,
    domain: _DomainOption = None,
    group_ocid: _GroupOcidOption = None,
    user: _UserOption = None,
    audit_mode: _AuditModeOption = None,
    terraform: _TerraformOption = False,
    as_json: JsonOption = False,
) -> None:
    """Print the IAM policy statements that the sources need."""
    if terraform and as_json:
        raise CommandError("--terraform and --json cannot be combined; use one of them")
    if instance and not file:
        raise CommandError("--instance needs the FILE that has the instance")
    notes = Screen.err()
    subject = Subject(group, domain, group_ocid, user)
    chosen = Chosen(file).one(instance, notes) if file else None
    lines = subject.statements(_services(chosen, sources, _audit_mode(chosen, audit_mode)))
    if as_json:
        typer.echo(json.dumps(lines, indent=2))
    elif terraform:
        typer.echo(_resource(lines, chosen), nl=False)
    else:
        typer.echo("\n".join(lines))
    if subject.is_open:
        notes.print(f"replace {GROUP_PLACEHOLDER} with the name of the group, or give it with --group")


def _services(
    instance: Instance | None, sources: list[SourceChoice] | None, audit_mode: str
) -> list[Service]:
    """Return the services that need statements, in the order of the sources."""
    wanted = sources or [source for source in SourceChoice if _is_on(instance, f"{source.value}_enabled")]
    if not wanted:
        raise CommandError("every source is disabled; name one with --source")
    services: list[Service] = [source.value for source in SourceChoice if source in wanted]
    searched: Service = "audit_search"
    if audit_mode == "search":
        services = [searched if service == "audit" else service for service in services]
    return [*services, "identity"]


def _audit_mode(instance: Instance | None, option: str | None) -> str:
    """Return how Audit is read, parsed alone."""
    given = option if option is not None or instance is None else instance.settings.get("audit_mode")
    try:
        return "events" if is_blank(given) else read_choice(read_text(given), AUDIT_MODES)
    except ValueError as error:
        raise CommandError(f"{'--audit-mode' if option else 'audit_mode'}: {error}") from None


def _is_on(instance: Instance | None, switch: str) -> bool:
    """Return one switch, parsed alone, because parsing all settings would load the SDK."""
    value = None if instance is None else instance.settings.get(switch)
    try:
        return is_blank(value) or read_switch(value)
    except ValueError as error:
        raise CommandError(f"{switch}: {error}") from None


def _resource(lines: list[str], instance: Instance | None) -> str:
    """Return the Terraform resource, for the instance's tenancy or that of a variable."""
    tenancy = "var.tenancy_ocid" if instance is None else _hcl(_tenancy(instance))
    resource = _TERRAFORM.format(tenancy=tenancy, lines="\n".join(f"    {_hcl(line)}," for line in lines))
    return resource if instance else _VARIABLE + resource


def _tenancy(instance: Instance) -> str:
    """Return the tenancy of an instance, read alone for the same reason as its switches."""
    try:
        return str(read_alone("tenancy_ocid", instance.settings))
    except ValueError as error:
        raise CommandError(f"tenancy_ocid: {error}") from None


def _hcl(text: str) -> str:
    """Return a Terraform string; an unescaped `${` or `%{` would be a template."""
    return json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")
