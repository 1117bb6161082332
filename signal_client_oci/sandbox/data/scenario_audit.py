"""Audit events of an invented company: the daily routine, and what a security team wants to see."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable

from signal_client_oci.sandbox.data.demo_tenancy import DemoCompany
from signal_client_oci.sandbox.emission import AuditEmission

__all__ = ["NOTABLE", "ROUTINE", "ScenarioEvent", "invented_secrets"]

ScenarioEvent = tuple[str, str, AuditEmission]
"""(region, compartment, fields) of one event."""

_PEOPLE = ("ada@acme.example.test", "grace@acme.example.test", "linus@acme.example.test")
_CONSOLE = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_TERRAFORM = "Oracle-GoSDK/65.98.0 (linux/amd64; terraform-provider-oci/7.4.0)"


def invented_secrets() -> dict[str, str]:
    """Return name → value of the credentials inside these events: invented, and in the shape of real ones.

    No artifact may hold any of them while secrets are redacted.
    """
    claims = base64.urlsafe_b64encode(b'{"sub":"ada","sandbox":"invented"}').decode().rstrip("=")
    token = f"eyJraWQiOiJzYW5kYm94In0.{claims}.c2FuZGJveC1pbnZlbnRlZC1zaWduYXR1cmU"
    return {
        "session_token": f"ST${token}",
        "obo_token": f"eyJvYm8iOiJzYW5kYm94In0.{claims}.c2FuZGJveC1vYm8",
        "signature": "c2FuZGJveC1pbnZlbnRlZC1yZXF1ZXN0LXNpZ25hdHVyZQ==",
        "inner_signature": "c2FuZGJveC1pbnZlbnRlZC1pbm5lci1zaWduYXR1cmU=",
    }


def _with_secrets() -> dict[str, list[str]]:
    secrets = invented_secrets()
    signed = 'Signature version="1",keyId="sandbox",algorithm="rsa-sha256",headers="date",signature="{}"'
    principal = {"tenantId": "sandbox", "authorization": signed.format(secrets["inner_signature"])}
    return {
        "Authorization": [signed.format(secrets["signature"])],
        "opc-obo-token": [secrets["obo_token"]],
        "opc-principal": [json.dumps(principal)],
    }


def _get_instance(company: DemoCompany, chance: random.Random) -> ScenarioEvent:
    fields = AuditEmission(
        event_name="GetInstance",
        source="ComputeApi",
        principal_name=chance.choice(_PEOPLE),
        resource_name=f"web-{chance.randrange(1, 9)}",
        ip_address=f"10.0.1.{chance.randrange(2, 250)}",
    )
    return company.home, company.web, fields


def _list_objects(company: DemoCompany, chance: random.Random) -> ScenarioEvent:
    fields = AuditEmission(
        event_name="GetBucket",
        source="ObjectStorage",
        principal_name="backup-job",
        auth_type="instance",
        path="/n/acme/b/archive",
        resource_name="archive",
        ip_address=f"10.0.3.{chance.randrange(2, 250)}",
    )
    return company.other, company.archive, fields


def _list_vcns(company: DemoCompany, chance: random.Random) -> ScenarioEvent:
    fields = AuditEmission(
        event_name="ListVcns",
        source="VirtualNetworkApi",
        principal_name=chance.choice(_PEOPLE),
        user_agent=_TERRAFORM,
        path="/20160918/vcns",
        credentials=invented_secrets()["session_token"],
        request_headers=_with_secrets(),
    )
    return company.home, company.production, fields


def _login(company: DemoCompany, chance: random.Random) -> ScenarioEvent:
    person = chance.choice(_PEOPLE)
    fields = AuditEmission(
        event_name="InteractiveLogin",
        source="IdentitySignOn",
        action="POST",
        path="/v1/authentication/authenticate",
        principal_name=person,
        user_agent=_CONSOLE,
        ip_address="198.51.100.23",
        payload={"login_result": "SUCCESS"},
        message=f"{person} signed in",
    )
    return company.home, company.root, fields


def _failed_login(company: DemoCompany, chance: random.Random) -> ScenarioEvent:
    fields = AuditEmission(
        event_name="InteractiveLogin",
        source="IdentitySignOn",
        action="POST",
        path="/v1/authentication/authenticate",
        principal_name="administrator",
        user_agent="python-requests/2.32",
        ip_address=f"192.0.2.{chance.randrange(1, 250)}",
        status="400",
        payload={"login_result": "PASSWORD_INVALID"},
        additional_details={"login_input": "administrator"},
        message="InteractiveLogin failed with response 'BadRequest'",
    )
    return company.home, company.root, fields


def _policy_change(company: DemoCompany, chance: random.Random) -> ScenarioEvent:
    fields = AuditEmission(
        event_name="UpdatePolicy",
        source="identityControlPlane",
        action="PUT",
        path="/20160918/policies",
        principal_name=chance.choice(_PEOPLE),
        user_agent=_CONSOLE,
        resource_name="developers",
        state_change={
            "previous": {"statements": ["Allow group developers to read all-resources in compartment web"]},
            "current": {"statements": ["Allow group developers to manage all-resources in tenancy"]},
        },
        message="developers UpdatePolicy succeeded",
    )
    return company.home, company.root, fields


def _open_port(company: DemoCompany, chance: random.Random) -> ScenarioEvent:
    rule = {
        "source": "0.0.0.0/0",
        "protocol": "6",
        "tcpOptions": {"destinationPortRange": {"min": 22, "max": 22}},
    }
    fields = AuditEmission(
        event_name="UpdateSecurityList",
        event_type="com.oraclecloud.VirtualNetwork.UpdateSecurityList",
        source="VirtualNetworkApi",
        action="PUT",
        path="/20160918/securityLists",
        principal_name=chance.choice(_PEOPLE),
        user_agent=_TERRAFORM,
        resource_name="public-subnet",
        state_change={"previous": {"ingressSecurityRules": []}, "current": {"ingressSecurityRules": [rule]}},
        message="public-subnet UpdateSecurityList succeeded",
    )
    return company.home, company.production, fields


def _public_bucket(company: DemoCompany, chance: random.Random) -> ScenarioEvent:
    fields = AuditEmission(
        event_name="UpdateBucket",
        event_type="com.oraclecloud.objectstorage.updatebucket",
        source="ObjectStorage",
        action="POST",
        path="/n/acme/b/exports",
        principal_name=chance.choice(_PEOPLE),
        resource_name="exports",
        state_change={
            "previous": {"publicAccessType": "NoPublicAccess"},
            "current": {"publicAccessType": "ObjectRead"},
        },
        additional_details={"bucketName": "exports", "namespace": "acme", "publicAccessType": "ObjectRead"},
        message="exports UpdateBucket succeeded",
    )
    return company.other, company.data, fields


def _terminated_instance(company: DemoCompany, chance: random.Random) -> ScenarioEvent:
    fields = AuditEmission(
        event_name="TerminateInstance",
        event_type="com.oraclecloud.ComputeApi.TerminateInstance.begin",
        source="ComputeApi",
        action="DELETE",
        path="/20160918/instances",
        principal_name=chance.choice(_PEOPLE),
        user_agent=_CONSOLE,
        resource_name=f"web-{chance.randrange(1, 9)}",
        status="204",
        additional_details={"shape": "VM.Standard.E5.Flex", "type": "CustomerVmi"},
        message="TerminateInstance succeeded",
    )
    return company.other, company.web, fields


def _new_key(company: DemoCompany, chance: random.Random) -> ScenarioEvent:
    fields = AuditEmission(
        event_name="UploadApiKey",
        source="identityControlPlane",
        action="POST",
        path="/20160918/users/apiKeys",
        principal_name=chance.choice(_PEOPLE),
        user_agent=_CONSOLE,
        resource_name="backup-job",
        message="backup-job UploadApiKey succeeded",
    )
    return company.home, company.root, fields


ROUTINE: tuple[Callable[[DemoCompany, random.Random], ScenarioEvent], ...] = (
    _get_instance,
    _list_objects,
    _list_vcns,
)
"""What happens several times a minute."""

NOTABLE: tuple[Callable[[DemoCompany, random.Random], ScenarioEvent], ...] = (
    _login,
    _failed_login,
    _policy_change,
    _open_port,
    _public_bucket,
    _terminated_instance,
    _new_key,
)
"""What happens now and then, in turn."""
