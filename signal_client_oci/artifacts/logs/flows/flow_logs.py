"""Maps VCN flow records field by field, whatever they lack; `usual_flow` maps those that lack nothing in less time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from signal_client_oci.artifacts.addresses import MAX_PORT, one_ip
from signal_client_oci.artifacts.logs.fields import Flow
from signal_client_oci.artifacts.sanitize import set_fields
from signal_client_oci.artifacts.times import utc_text_of_second

if TYPE_CHECKING:
    from signal_client_oci.artifacts.envelope import Metadata
    from signal_client_oci.artifacts.logs.fields import Fields, LogOracle

__all__ = [
    "CLIENT",
    "FROM_CLIENT",
    "FROM_SERVER",
    "SERVER",
    "FlowNames",
    "Pair",
    "flow",
    "is_reply",
    "known_flow",
    "set_end",
    "shown",
    "word_for_action",
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
_EMPTY_STATUSES: Final = ("NODATA", "SKIPDATA")
_VERDICTS: Final = {"ACCEPT": "accepted", "REJECT": "rejected"}


class FlowNames(NamedTuple):
    """The metadata names of a flow's ends and of what it carried."""

    source_ip: str
    source_port: str
    destination_ip: str
    destination_port: str
    bytes: str
    packets: str


FROM_CLIENT: Final = FlowNames(*CLIENT, *SERVER, "clientBytes", "clientPackets")
FROM_SERVER: Final = FlowNames(*SERVER, *CLIENT, "serverBytes", "serverPackets")


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
    names = FROM_SERVER if is_reply(data.source_port, data.destination_port) else FROM_CLIENT
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


def is_reply(source_port: int | None, destination_port: int | None) -> bool:
    """Return whether a flow is the way back of another, which began at its destination."""
    return (destination_port or 0) >= _FIRST_CLIENT_PORT and _is_from_service(source_port)


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
    if data.status in _EMPTY_STATUSES:
        return f"no flow was recorded: {data.status}"
    message = f"{protocol or 'traffic'} {route} {word_for_action(data.action or '')}"
    if data.packets is None or data.bytes_out is None:
        return message
    return f"{message}, {data.packets} packets, {data.bytes_out} bytes"


def word_for_action(action: str) -> str:
    """Return in a word whether a flow was let through."""
    return _VERDICTS.get(action.upper(), "seen")


def set_end(metadata: Metadata, names: Pair, address: str | None, port: int | None) -> str:
    """Set one end of a connection in metadata under its two names, and return it as text: `10.0.0.1:60830`."""
    ip = one_ip(address)
    if ip:
        metadata[names[0]] = ip
    if port is None or not 0 <= port <= MAX_PORT:
        return ip or "?"
    metadata[names[1]] = port
    return f"{shown(ip or '?')}:{port}"


def shown(ip: str) -> str:
    """Return an address as it is shown before a port."""
    return f"[{ip}]" if ":" in ip else ip
