"""Maps VCN flow records.

Flows are by far the most frequent records, and in nearly all of them nothing is missing. Those are written into a form
that is prepared for their like (`flow_form`, `usual_flow`), all others field by field (`known_flow`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from signal_client_oci.artifacts.addresses import MAX_PORT, one_ip
from signal_client_oci.artifacts.logs.fields import Flow
from signal_client_oci.artifacts.sanitize import are_told, set_fields
from signal_client_oci.artifacts.times import utc_text_of_second

if TYPE_CHECKING:
    from signal_client_oci.artifacts.envelope import Metadata
    from signal_client_oci.artifacts.logs.fields import Fields, LogOracle, UsualFlow

__all__ = [
    "CLIENT",
    "SERVER",
    "FlowForm",
    "FlowNames",
    "Pair",
    "flow",
    "flow_form",
    "flow_names",
    "known_flow",
    "set_end",
    "usual_flow",
]

Pair = tuple[str, str]
# the metadata names of the address and the port of either end
CLIENT: Final = ("clientIP", "clientPort")
SERVER: Final = ("serverIP", "serverPort")

# IANA protocol numbers that flow logs show without a name
_PROTOCOLS: Final = {1: "ICMP", 6: "TCP", 17: "UDP", 47: "GRE", 50: "ESP", 58: "ICMPv6", 132: "SCTP"}

# ports that systems give to clients begin here; those below 1024, and these, are offered by servers
_FIRST_CLIENT_PORT: Final = 32768
_FIRST_FREE_PORT: Final = 1024
_SERVICE_PORTS: Final = frozenset(
    {
        1433,
        1521,
        1522,
        2049,
        3128,
        3260,
        3306,
        3389,
        5432,
        6379,
        6443,
        8000,
        8080,
        8443,
        9092,
        9200,
        10250,
        27017,
    }
)
# the statuses of a flow record without a flow
_EMPTY: Final = ("NODATA", "SKIPDATA")
_VERDICTS: Final = {"ACCEPT": "accepted", "REJECT": "rejected"}


class FlowNames(NamedTuple):
    """The metadata names of a flow's ends and of what it carried."""

    source_ip: str
    source_port: str
    destination_ip: str
    destination_port: str
    bytes: str
    packets: str


_FROM_CLIENT: Final = FlowNames(*CLIENT, *SERVER, "clientBytes", "clientPackets")
_FROM_SERVER: Final = FlowNames(*SERVER, *CLIENT, "serverBytes", "serverPackets")


def flow(data: Fields, oracle: LogOracle, metadata: Metadata) -> None:  # noqa: ARG001  (as all mappings)
    """Map a VCN flow record: addresses, ports, protocol, volume, accepted or rejected, from when to when."""
    known_flow(
        Flow(
            action=data.text("action"),
            bytes_out=data.number("bytesOut", "bytes"),
            destination_address=data.text("destinationAddress"),
            destination_port=data.number("destinationPort"),
            end_time=data.number("endTime"),
            flowid=data.text("flowid"),
            packets=data.number("packets"),
            protocol=data.number("protocol"),
            protocol_name=data.text("protocolName"),
            source_address=data.text("sourceAddress"),
            source_port=data.number("sourcePort"),
            start_time=data.number("startTime"),
            status=data.text("status"),
        ),
        metadata,
    )


def known_flow(data: Flow, metadata: Metadata, *, clean: bool = False) -> None:
    """Map the decoded data of a flow record; `clean` as for `set_fields`."""
    if data.start_time is not None and (moment := utc_text_of_second(data.start_time)):
        metadata["startTimeUTC"] = moment
    if data.end_time is not None and (moment := utc_text_of_second(data.end_time)):
        metadata["endTimeUTC"] = moment
    names = flow_names(data)
    source = set_end(metadata, names[:2], data.source_address, data.source_port)
    destination = set_end(metadata, names[2:4], data.destination_address, data.destination_port)
    if data.bytes_out is not None:
        metadata[names.bytes] = metadata["totalBytes"] = data.bytes_out
    if data.packets is not None:
        metadata[names.packets] = data.packets
    protocol = _protocol(data)
    set_fields(
        metadata,
        (
            ("action", data.action if data.action != "-" else None),
            ("protocol", protocol),
            ("message", _flow_message(data, protocol, f"{source} -> {destination}")),
            ("oci.flowId", data.flowid if data.flowid != "-" else None),
            ("oci.status", data.status),
        ),
        clean=clean,
    )


class FlowForm(msgspec.Struct, frozen=True, gc=False):
    """What flows of one log share that go the same way and fare alike.

    `metadata` has all the names of a flow in their order, and the values that are shared; whoever uses it copies it.
    `names` are those of its ends, `verdict` says in a word whether it was let through.
    """

    metadata: Metadata
    names: FlowNames
    verdict: str


def flow_form(place: Metadata, names: FlowNames, action: str, protocol: str, status: str) -> FlowForm | None:
    """Return the form of flows; None where something of it is missing, or they are records without a flow.

    `place` is what the records of the log share, `names` are those of the flows (`flow_names`).
    """
    if "-" in {action, protocol} or status in _EMPTY:
        return None
    if not (action and protocol and status and are_told(action, protocol, status)):
        return None
    order = (
        *("senderHost", "oci.vnicId", "oci.subnetId", "startTimeUTC", "endTimeUTC"),
        *(*names[:-1], "totalBytes", names.packets, "action", "protocol", "message"),
        *("oci.flowId", "oci.status", "oci.recordId", "oci.ingestedTime"),
    )
    shared = {"action": action, "protocol": protocol, "oci.status": status}
    return FlowForm(place | dict.fromkeys(order, "") | shared, names, _verdict(action))


def usual_flow(data: UsualFlow, oracle: LogOracle, record_id: str | None, form: FlowForm) -> Metadata | None:
    """Map a flow of a clean record in which nothing is missing as `known_flow` does; None for any other.

    `oracle` and `record_id` are of the envelope that Logging puts around it.
    """
    start, end = utc_text_of_second(data.start_time), utc_text_of_second(data.end_time)
    source, destination = _address(data.source_address), _address(data.destination_address)
    vnic, subnet, ingested, flow_id = oracle.vnicocid, oracle.vnicsubnetocid, oracle.ingestedtime, data.flowid
    if not (start and end and source and destination):
        return None
    if not (vnic and subnet and record_id and ingested and flow_id) or flow_id == "-":
        return None
    if not are_told(vnic, subnet, record_id, ingested, flow_id):
        return None
    source_ip, source_port, destination_ip, destination_port, carried_bytes, carried_packets = form.names
    metadata = form.metadata.copy()
    metadata["senderHost"] = metadata["oci.vnicId"] = vnic
    metadata["oci.subnetId"] = subnet
    metadata["startTimeUTC"], metadata["endTimeUTC"] = start, end
    metadata[source_ip], metadata[source_port] = source.ip, data.source_port
    metadata[destination_ip], metadata[destination_port] = destination.ip, data.destination_port
    metadata[carried_bytes] = metadata["totalBytes"] = data.bytes_out
    metadata[carried_packets] = data.packets
    route = f"{source.shown}:{data.source_port} -> {destination.shown}:{data.destination_port}"
    volume = f"{data.packets} packets, {data.bytes_out} bytes"
    metadata["message"] = f"{data.protocol_name} {route} {form.verdict}, {volume}"
    metadata["oci.flowId"] = flow_id
    metadata["oci.recordId"], metadata["oci.ingestedTime"] = record_id, ingested
    return metadata


class _Address(msgspec.Struct, frozen=True, gc=False):
    """An address, and as it is shown before a port: `[2001:db8::1]`."""

    ip: str
    shown: str


@lru_cache(maxsize=4096)
def _address(text: str) -> _Address | None:
    """Return an address of a clean record, None where the text is not one; remembered, because addresses recur."""
    ip = one_ip(text)
    return _Address(ip, _shown(ip)) if ip else None


def flow_names(data: Flow) -> FlowNames:
    """Return the metadata names of a flow's ends and of what it carried: a way back begins at the server."""
    is_reply = (data.destination_port or 0) >= _FIRST_CLIENT_PORT and _is_from_service(data.source_port)
    return _FROM_SERVER if is_reply else _FROM_CLIENT


def _is_from_service(port: int | None) -> bool:
    """Return whether a port is a service's: with a port that clients are given at the other end, it is a way back."""
    return port is not None and (port in _SERVICE_PORTS or 0 < port < _FIRST_FREE_PORT)


def _protocol(data: Flow) -> str | None:
    """Return the name of a flow's protocol, its number when it has none."""
    if data.protocol_name and data.protocol_name != "-":
        return data.protocol_name
    return None if data.protocol is None else _PROTOCOLS.get(data.protocol, str(data.protocol))


def _flow_message(data: Flow, protocol: str | None, route: str) -> str:
    """Return a flow as a sentence: "TCP 10.0.0.1:60830 -> 192.0.2.1:443 accepted, 5 packets, 840 bytes"."""
    if data.status in _EMPTY:
        return f"no flow was recorded: {data.status}"
    message = f"{protocol or 'traffic'} {route} {_verdict(data.action or '')}"
    if data.packets is None or data.bytes_out is None:
        return message
    return f"{message}, {data.packets} packets, {data.bytes_out} bytes"


def _verdict(action: str) -> str:
    return _VERDICTS.get(action.upper(), "seen")


def set_end(metadata: Metadata, names: Pair, address: str | None, port: int | None) -> str:
    """Set one end of a connection in metadata under its two names, and return it as text: `10.0.0.1:60830`."""
    ip = one_ip(address)
    if ip:
        metadata[names[0]] = ip
    if port is None or not 0 <= port <= MAX_PORT:
        return ip or "?"
    metadata[names[1]] = port
    return f"{_shown(ip or '?')}:{port}"


def _shown(ip: str) -> str:
    """Return an address as it is shown before a port."""
    return f"[{ip}]" if ":" in ip else ip
