"""Cloud Guard problems of an invented company, and how they change every ten minutes."""

from __future__ import annotations

from datetime import datetime

from signal_client_oci.sandbox.data.demo_tenancy import DemoCompany
from signal_client_oci.sandbox.data.problems import StoredProblemFields
from signal_client_oci.sandbox.tenancy import Tenancy

__all__ = ["CHANGE_MINUTES", "ScenarioProblems"]

CHANGE_MINUTES = 10


_BUCKET = StoredProblemFields(
    risk_level="CRITICAL",
    detector_rule_id="BUCKET_IS_PUBLIC",
    resource_id="acme/exports",
    resource_name="exports",
    resource_type="Bucket",
    labels=["CIS_OCI_V1.1_OBJECTSTORAGE", "ObjectStorage"],
    description="The bucket can be read by anyone without signing in.",
    recommendation="Make the bucket private unless its public access is sanctioned.",
    additional_details={"publicAccessType": "ObjectRead", "namespace": "acme"},
)
_SECURITY_LIST = StoredProblemFields(
    risk_level="HIGH",
    detector_rule_id="SECURITY_LISTS_OPEN_SOURCE",
    resource_name="public-subnet",
    resource_type="SecurityList",
    labels=["CIS_OCI_V1.1_NETWORK", "Network"],
    description="A security list admits the whole internet to port 22.",
    recommendation="Limit the source of the ingress rule to the addresses of your bastion.",
    additional_details={"openPorts": "tcp:22", "source": "0.0.0.0/0"},
)
_PASSWORD = StoredProblemFields(
    risk_level="MEDIUM",
    detector_rule_id="PASSWORD_TOO_OLD",
    resource_name="grace@acme.example.test",
    resource_type="User",
    labels=["CIS_OCI_V1.1_IAM", "IAM"],
    description="A user has not changed the password for more than 90 days.",
    recommendation="Let the user change the password and turn on multi-factor authentication.",
    additional_details={"passwordAgeInDays": "147"},
)
_API_KEY = StoredProblemFields(
    risk_level="LOW",
    detector_id="IAAS_ACTIVITY_DETECTOR",
    detector_rule_id="IAM_USER_UPLOADED_API_KEY",
    resource_name="backup-job",
    resource_type="User",
    labels=["IAM"],
    description="An API key was uploaded for a user.",
    recommendation="Confirm with the owner that the key is known, else delete it.",
)
_TAGS = StoredProblemFields(
    risk_level="MINOR",
    detector_rule_id="INSTANCE_WITHOUT_REQUIRED_TAGS",
    resource_name="web-3",
    resource_type="Instance",
    labels=["Compute"],
    description="An instance lacks the tags that the recipe requires.",
    recommendation="Add the tags cost-center and owner to the instance.",
)
_TURNS = (
    StoredProblemFields(),  # detected once more
    StoredProblemFields(risk_level="CRITICAL"),
    StoredProblemFields(lifecycle_detail="RESOLVED", comment="fixed"),
    StoredProblemFields(lifecycle_detail="OPEN", comment=None),
)


class ScenarioProblems:
    """The problems of one tenancy, opened at `begun`; `change` moves them on, one at a time."""

    def __init__(self, tenancy: Tenancy, company: DemoCompany, begun: datetime) -> None:
        self._tenancy = tenancy
        opened: StoredProblemFields = {"first_detected": begun, "last_detected": begun}
        self._ocids = [
            tenancy.add_problem(company.data, **(_BUCKET | opened | {"regions": [company.other]})),
            tenancy.add_problem(company.production, **(_SECURITY_LIST | opened)),
            tenancy.add_problem(company.root, **(_PASSWORD | opened)),
            tenancy.add_problem(company.root, **(_API_KEY | opened)),
            tenancy.add_problem(company.web, **(_TAGS | opened)),
        ]

    def change(self, number: int, time: datetime) -> None:
        """Make change `number` at `time`; each problem in turn goes through the whole of `_TURNS`."""
        ocid = self._ocids[number % len(self._ocids)]
        change = _TURNS[number // len(self._ocids) % len(_TURNS)]
        if change.get("lifecycle_detail") != "RESOLVED":
            change = change | {"last_detected": time}
        self._tenancy.update_problem(ocid, **(change | {"visible": time}))
