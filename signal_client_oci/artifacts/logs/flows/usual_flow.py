"""Maps the usual flow record, in which nothing is missing, in less time than the general way takes.

Flows are by far the most frequent records. A usual one is decoded in one go, into fields that must all be there, and
written into a form that is prepared for its like. Any other is left to the general way, which would make the same of
both.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

import msgspec

from signal_client_oci.artifacts.addresses import MAX_PORT, one_ip
from signal_client_oci.artifacts.envelope import build_clean_artifact, bytes_identity
from signal_client_oci.artifacts.lenient_decode import DECODE_ERRORS
from signal_client_oci.artifacts.logs.fields import AUDIT_GROUPS, Count, KnownFlow, LogOracle, Text
from signal_client_oci.artifacts.logs.flows.flow_logs import (
    FROM_CLIENT,
    FROM_SERVER,
    FlowNames,
    is_reply,
    shown,
    word_for_action,
)
from signal_client_oci.artifacts.logs.general_record import GeneralRecord
from signal_client_oci.artifacts.logs.mapping import place_metadata, row_of
from signal_client_oci.artifacts.sanitize import Told, is_clean, non_empty
from signal_client_oci.artifacts.times import utc_text_of_epoch, utc_text_of_second

if TYPE_CHECKING:
    from signal_client_oci.artifacts.envelope import MappedRecord, Metadata, Origin

__all__ = ["UsualFlowRecord", "read_usual_flow"]

_Port = Annotated[int, msgspec.Meta(ge=0, le=MAX_PORT)]


class _Oracle(LogOracle, gc=False, kw_only=True):
    ingestedtime: Told
    vnicocid: Told
    vnicsubnetocid: Told


class _Flow(KnownFlow, rename="camel", gc=False, kw_only=True, forbid_unknown_fields=True):
    action: Literal["ACCEPT", "REJECT"]
    bytes_out: Count
    destination_address: str
    destination_port: _Port
    end_time: Count
    flowid: Told
    packets: Count
    protocol: Count
    protocol_name: str
    source_address: str
    source_port: _Port
    start_time: Count
    status: Literal["OK"]


class _Content(msgspec.Struct, gc=False, kw_only=True):
    """The envelope, with the members of `LogContent`, so that one of a wrong type is none of a usual flow."""

    id: Told
    time: Text = None
    type: Text = None
    source: Text = None
    subject: Text = None
    oracle: _Oracle
    data: _Flow


class _Log(msgspec.Struct, rename="camel", gc=False):
    datetime: int
    log_content: _Content


_decode: Final = msgspec.json.Decoder(_Log).decode


class UsualFlowRecord(msgspec.Struct, frozen=True, gc=False):
    """A usual flow, not mapped yet; attributes as those of `GeneralRecord`."""

    text: bytes
    origin: Origin
    id: str
    compartment: str | None
    log: _Log
    minute: ClassVar[None] = None
    from_audit: ClassVar[bool] = False

    def __repr__(self) -> str:
        """Return its id alone: the text may hold a secret."""
        return f"<{type(self).__name__} {self.id}>"

    def to_artifact(self, *, harmless: bool = False) -> MappedRecord:
        """Return the record's artifact; `harmless` says that its text is known to hold no secret."""
        text, origin = self.text, self.origin
        timestamp = utc_text_of_epoch(self.log.datetime)
        metadata = _metadata(self.log.log_content, origin) if timestamp and is_clean(text) else None
        if timestamp is None or metadata is None:
            return GeneralRecord(text, origin).to_artifact(harmless=harmless)
        redact = origin.redact and not harmless
        return build_clean_artifact(self.id, timestamp, metadata, text, redact=redact)


def read_usual_flow(text: bytes, origin: Origin) -> UsualFlowRecord | None:
    """Return a record that is a usual flow, None for any other."""
    try:
        log = _decode(text)
    except DECODE_ERRORS:
        return None
    oracle = log.log_content.oracle
    if oracle.loggroupid in AUDIT_GROUPS:
        return None
    identity = bytes_identity("log", origin.tenancy_ocid, origin.region, text)
    return UsualFlowRecord(text, origin, identity, oracle.compartmentid or None, log)


def _metadata(content: _Content, origin: Origin) -> Metadata | None:
    """Map a clean record; None where something is missing all the same."""
    flow, oracle = content.data, content.oracle
    start, end = utc_text_of_second(flow.start_time), utc_text_of_second(flow.end_time)
    source, destination = _address(flow.source_address), _address(flow.destination_address)
    form = _form(
        origin,
        content.type,
        content.source,
        content.subject,
        oracle.loggroupid,
        oracle.logid,
        oracle.compartmentid,
        is_reply(flow.source_port, flow.destination_port),
        flow.action,
        flow.protocol_name,
    )
    if not (start and end and source and destination and form):
        return None
    vnic, subnet, flow_id = oracle.vnicocid, oracle.vnicsubnetocid, flow.flowid
    if vnic.isspace() or subnet.isspace() or flow_id.isspace():
        return None
    if content.id.isspace() or oracle.ingestedtime.isspace():
        return None
    source_ip, source_port, destination_ip, destination_port, carried_bytes, carried_packets = form.names
    metadata = form.metadata.copy()
    metadata["senderHost"] = metadata["oci.vnicId"] = vnic
    metadata["oci.subnetId"] = subnet
    metadata["startTimeUTC"], metadata["endTimeUTC"] = start, end
    metadata[source_ip], metadata[source_port] = source.ip, flow.source_port
    metadata[destination_ip], metadata[destination_port] = destination.ip, flow.destination_port
    metadata[carried_bytes] = metadata["totalBytes"] = flow.bytes_out
    metadata[carried_packets] = flow.packets
    metadata["message"] = (
        f"{flow.protocol_name} {source.shown}:{flow.source_port} -> {destination.shown}:{flow.destination_port} "
        f"{form.verdict}, {flow.packets} packets, {flow.bytes_out} bytes"
    )
    metadata["oci.flowId"] = flow_id
    metadata["oci.recordId"], metadata["oci.ingestedTime"] = content.id, oracle.ingestedtime
    return metadata


class _Form(msgspec.Struct, frozen=True, gc=False):
    """What flows of one log share that go the same way and fare alike.

    `metadata` has all the names of a flow in their order, and the values that are shared; whoever uses it copies it.
    `names` are those of its ends, `verdict` says in a word whether it was let through.
    """

    metadata: Metadata
    names: FlowNames
    verdict: str


@lru_cache(maxsize=4096)
def _form(  # noqa: PLR0913  (positional, because the cache is asked for every record)
    origin: Origin,
    log_type: str | None,
    log_source: str | None,
    subject: str | None,
    group: str | None,
    log: str | None,
    compartment: str | None,
    goes_back: bool,  # noqa: FBT001
    action: str,
    protocol: str,
) -> _Form | None:
    """Return the form of flows; None where something of it is missing."""
    if row_of(log_type)["mapping"] != "flow":
        return None
    if protocol == "-" or not non_empty(protocol):
        return None
    names = FROM_SERVER if goes_back else FROM_CLIENT
    order = (
        *("senderHost", "oci.vnicId", "oci.subnetId", "startTimeUTC", "endTimeUTC"),
        *(*names[:-1], "totalBytes", names.packets, "action", "protocol", "message"),
        *("oci.flowId", "oci.status", "oci.recordId", "oci.ingestedTime"),
    )
    place = place_metadata(origin, log_type, log_source, subject, group, log, compartment)
    shared = {"action": action, "protocol": protocol, "oci.status": "OK"}
    return _Form(place | dict.fromkeys(order, "") | shared, names, word_for_action(action))


class _Address(msgspec.Struct, frozen=True, gc=False):
    """An address, and as it is shown before a port: `[2001:db8::1]`."""

    ip: str
    shown: str


@lru_cache(maxsize=4096)
def _address(text: str) -> _Address | None:
    """Return an address of a clean record, None where the text is not one; remembered, because addresses recur."""
    ip = one_ip(text)
    return _Address(ip, shown(ip)) if ip else None
