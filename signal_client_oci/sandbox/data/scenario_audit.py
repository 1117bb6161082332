"""Audit events of an invented company: the daily routine, and what a security team wants to see."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable

from signal_client_oci.sandbox.data.audit_events import SDK_USER_AGENT, AuditFields
from signal_client_oci.sandbox.data.demo_tenancy import DemoCompany

__all__ = ["NOTABLE", "ROUTINE", "ScenarioEvent", "invented_secrets"]

ScenarioEvent = tuple[str, str, AuditFields]
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


def _event(name: str, source: str, call: str, principal: str, resource: str) -> AuditFields:
    """Return the fields that most events have; `call` is method and path."""
    action, path = call.split()
    return {
        "event_name": name,
        "source": source,
        "action": action,
        "path": path,
        "principal_name": principal,
        "user_agent": _CONSOLE,
        "resource_name": resource,
        "message": f"{resource} {name} succeeded",
    }


def _get_instance(company: DemoCompany, chance: random.Random) -> ScenarioEvent:
    fields = AuditFields(
        event_name="GetInstance",
        source="ComputeApi",
        principal_name=chance.choice(_PEOPLE),
        resource_name=f"web-{chance.randrange(1, 9)}",
        ip_address=f"10.0.1.{chance.randrange(2, 250)}",
    )
    return company.home, company.web, fields


def _list_objects(company: DemoCompany, chance: random.Random) -> ScenarioEvent:
    fields = AuditFields(
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
    fields = AuditFields(
        event_name="ListVcns",
        source="VirtualNetworkApi",
        principal_name=chance.choice(_PEOPLE),
        user_agent=_TERRAFORM,
        path="/20160918/vcns",
        credentials=invented_secrets()["session_token"],
        request_headers=_with_secrets(),
    )
    return company.home, company.production, fields


def _sign_in(principal: str, result: str, message: str) -> AuditFields:
    call = "POST /v1/authentication/authenticate"
    fields = _event("InteractiveLogin", "IdentitySignOn", call, principal, "")
    return fields | {"resource_name": None, "payload": {"login_result": result}, "message": message}


def _login(company: DemoCompany, chance: random.Random) -> ScenarioEvent:
    person = chance.choice(_PEOPLE)
    fields = _sign_in(person, "SUCCESS", f"{person} signed in")
    return company.home, company.root, fields | {"ip_address": "198.51.100.23"}


def _failed_login(company: DemoCompany, chance: random.Random) -> ScenarioEvent:
    message = "InteractiveLogin failed with response 'BadRequest'"
    fields = _sign_in("administrator", "PASSWORD_INVALID", message) | {
        "user_agent": "python-requests/2.32",
        "ip_address": f"192.0.2.{chance.randrange(1, 250)}",
        "status": "400",
        "additional_details": {"login_input": "administrator"},
    }
    return company.home, company.root, fields


def _policy_change(company: DemoCompany, chance: random.Random) -> ScenarioEvent:
    person, call = chance.choice(_PEOPLE), "PUT /20160918/policies"
    fields = _event("UpdatePolicy", "identityControlPlane", call, person, "developers")
    before = {"statements": ["Allow group developers to read all-resources in compartment web"]}
    after = {"statements": ["Allow group developers to manage all-resources in tenancy"]}
    return company.home, company.root, fields | {"state_change": {"previous": before, "current": after}}


def _open_port(company: DemoCompany, chance: random.Random) -> ScenarioEvent:
    person, call = chance.choice(_PEOPLE), "PUT /20160918/securityLists"
    ports = {"destinationPortRange": {"min": 22, "max": 22}}
    rule = {"source": "0.0.0.0/0", "protocol": "6", "tcpOptions": ports}
    fields = _event("UpdateSecurityList", "VirtualNetworkApi", call, person, "public-subnet") | {
        "event_type": "com.oraclecloud.VirtualNetwork.UpdateSecurityList",
        "user_agent": _TERRAFORM,
        "state_change": {
            "previous": {"ingressSecurityRules": []},
            "current": {"ingressSecurityRules": [rule]},
        },
    }
    return company.home, company.production, fields


def _public_bucket(company: DemoCompany, chance: random.Random) -> ScenarioEvent:
    person, call = chance.choice(_PEOPLE), "POST /n/acme/b/exports"
    before, after = {"publicAccessType": "NoPublicAccess"}, {"publicAccessType": "ObjectRead"}
    fields = _event("UpdateBucket", "ObjectStorage", call, person, "exports") | {
        "event_type": "com.oraclecloud.objectstorage.updatebucket",
        "user_agent": SDK_USER_AGENT,
        "state_change": {"previous": before, "current": after},
        "additional_details": {"bucketName": "exports", "namespace": "acme"} | after,
    }
    return company.other, company.data, fields


def _terminated_instance(company: DemoCompany, chance: random.Random) -> ScenarioEvent:
    person, instance = chance.choice(_PEOPLE), f"web-{chance.randrange(1, 9)}"
    call = "DELETE /20160918/instances"
    fields = _event("TerminateInstance", "ComputeApi", call, person, instance) | {
        "event_type": "com.oraclecloud.ComputeApi.TerminateInstance.begin",
        "status": "204",
        "additional_details": {"shape": "VM.Standard.E5.Flex", "type": "CustomerVmi"},
        "message": "TerminateInstance succeeded",
    }
    return company.other, company.web, fields


def _new_key(company: DemoCompany, chance: random.Random) -> ScenarioEvent:
    person, call = chance.choice(_PEOPLE), "POST /20160918/users/apiKeys"
    fields = _event("UploadApiKey", "identityControlPlane", call, person, "backup-job")
    return company.home, company.root, fields


_EventMaker = Callable[[DemoCompany, random.Random], ScenarioEvent]

ROUTINE: tuple[_EventMaker, ...] = (_get_instance, _list_objects, _list_vcns)
"""What happens several times a minute."""

NOTABLE: tuple[_EventMaker, ...] = (
    _login,
    _failed_login,
    _policy_change,
    _open_port,
    _public_bucket,
    _terminated_instance,
    _new_key,
)
"""What happens now and then, in turn."""
