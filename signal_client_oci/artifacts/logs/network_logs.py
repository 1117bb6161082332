"""Maps logs of the network: VCN flows, the Network Firewall, the private DNS resolver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from signal_client_oci.artifacts.addresses import MAX_PORT, one_ip
from signal_client_oci.artifacts.envelope import set_severity
from signal_client_oci.artifacts.logs.fields import Flow
from signal_client_oci.artifacts.sanitize import is_told, sanitize, set_fields
from signal_client_oci.artifacts.severity import severity_of_word
from signal_client_oci.artifacts.times import utc_text_of_second

if TYPE_CHECKING:
    from signal_client_oci.artifacts.envelope import Metadata
    from signal_client_oci.artifacts.logs.fields import Fields, LogOracle, UsualFlow

__all__ = ["FlowNames", "dns", "firewall", "flow", "flow_form", "flow_names", "known_flow", "usual_flow"]

# IANA protocol numbers that flow logs show without a name
_PROTOCOLS: Final = {1: "ICMP", 6: "TCP", 17: "UDP", 47: "GRE", 50: "ESP", 58: "ICMPv6", 132: "SCTP"}

Pair = tuple[str, str]
# the metadata names of the address and the port of either end
_CLIENT: Final = ("clientIP", "clientPort")
_SERVER: Final = ("serverIP", "serverPort")


class FlowNames(NamedTuple):
    """The metadata names of a flow's ends and of what it carried."""

    source_ip: str
    source_port: str
    destination_ip: str
    destination_port: str
    bytes: str
    packets: str


_FROM_CLIENT: Final = FlowNames(*_CLIENT, *_SERVER, "clientBytes", "clientPackets")
_FROM_SERVER: Final = FlowNames(*_SERVER, *_CLIENT, "serverBytes", "serverPackets")

# the statuses of a flow record without a flow
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
_EMPTY: Final = ("NODATA", "SKIPDATA")
# threat categories of the firewall that mean one ATT&CK technique; the others, such as spyware, may mean several
_ATTACKS: Final = {
    "brute-force": ["T1110"],
    "code-execution": ["T1190"],
    "overflow": ["T1190"],
    "sql-injection": ["T1190"],
}
_STOPPED: Final = ("deny", "drop", "reset", "block", "reject")
_VERDICTS: Final = {"ACCEPT": "accepted", "REJECT": "rejected"}


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
    source = _end(metadata, names[:2], data.source_address, data.source_port)
    destination = _end(metadata, names[2:4], data.destination_address, data.destination_port)
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


def flow_form(place: Metadata, names: FlowNames, action: str, protocol: str, status: str) -> Metadata | None:
    """Return what flows of one kind share, with all names in their order; None where any of it is missing.

    `place` is what the records of their log share, `names` are those of the flow (`flow_names`).
    """
    if (
        "senderHost" not in place
        or "-" in {action, protocol}
        or not all(map(sanitize, (action, protocol, status)))
    ):
        return None
    order = (
        "startTimeUTC",
        "endTimeUTC",
        *names[:-1],
        "totalBytes",
        names.packets,
        "action",
        "protocol",
        "message",
    )
    own = dict.fromkeys((*order, "oci.flowId", "oci.status", "oci.recordId", "oci.ingestedTime"), "")
    return place | own | {"action": action, "protocol": protocol, "oci.status": status}


def usual_flow(
    data: UsualFlow, names: FlowNames, form: Metadata, record_id: str | None, ingested: str | None
) -> Metadata | None:
    """Map a flow of a clean record in which nothing is missing as `known_flow` does; None for any other.

    `form` is what flows of its kind share (`flow_form`), `record_id` and `ingested` are Logging's own id and time.
    """
    start, end = utc_text_of_second(data.start_time), utc_text_of_second(data.end_time)
    source, destination, flow_id = one_ip(data.source_address), one_ip(data.destination_address), data.flowid
    if not (start and end and source and destination and is_told(record_id) and is_told(ingested)):
        return None
    if not is_told(flow_id) or flow_id == "-":
        return None
    metadata = form.copy()
    metadata["startTimeUTC"], metadata["endTimeUTC"] = start, end
    metadata[names.source_ip], metadata[names.source_port] = source, data.source_port
    metadata[names.destination_ip], metadata[names.destination_port] = destination, data.destination_port
    metadata[names.bytes] = metadata["totalBytes"] = data.bytes_out
    metadata[names.packets] = data.packets
    route = f"{_joined(source, data.source_port)} -> {_joined(destination, data.destination_port)}"
    metadata["message"] = _flow_message(data, data.protocol_name, route)
    metadata["oci.flowId"] = flow_id
    metadata["oci.recordId"], metadata["oci.ingestedTime"] = record_id, ingested
    return metadata


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
    verdict = _VERDICTS.get((data.action or "").upper(), "seen")
    message = f"{protocol or 'traffic'} {route} {verdict}"
    if data.packets is None or data.bytes_out is None:
        return message
    return f"{message}, {data.packets} packets, {data.bytes_out} bytes"


def firewall(data: Fields, oracle: LogOracle, metadata: Metadata) -> None:
    """Map a Network Firewall record: a connection, or a threat found in one, with the rule that decided."""
    route = _connection(data, metadata, ("src", "sport"), ("dst", "dport"))
    sent, received = data.number("bytes_sent"), data.number("bytes_received")
    for name, count in (
        ("clientBytes", sent),
        ("serverBytes", received),
        ("totalBytes", data.number("bytes")),
        ("clientPackets", data.number("pkts_sent")),
        ("serverPackets", data.number("pkts_received")),
    ):
        if count is not None:
            metadata[name] = count
    threat = data.text("threatid", "threat_id", "threat_name")
    category = data.text("threat_category", "category", "thr_category")
    if threat and "scan" in (category or "").lower():
        set_severity(metadata, "medium", "service_discovery", ["T1046"])
    elif threat:
        severity = severity_of_word(data.text("severity")) or "medium"
        set_severity(metadata, severity, "malicious_behavior", _ATTACKS.get((category or "").lower()))
    action, protocol = data.text("action"), data.text("proto")
    if not threat and (action or "").lower().startswith(_STOPPED):
        # a rule that keeps ordinary traffic out takes no action against an attack
        action = "refused"
    decided = f"{(protocol or 'traffic').upper()} {route} {action or 'seen'}"
    firewall_id = data.text("firewall-id", "firewall_id") or oracle.resourceid
    set_fields(
        metadata,
        (
            ("action", action),
            ("protocol", protocol and protocol.upper()),
            ("application", data.text("app")),
            ("userName", data.text("srcuser")),
            ("ruleName", threat or data.text("rule", "rule_name")),
            ("ruleCategory", category),
            ("senderHost", " ".join(part for part in (firewall_id, threat) if part)),
            ("fileName", data.text("filename", "misc")),
            ("message", f"{decided}: {threat}" if threat else decided),
            ("oci.firewallRule", data.text("rule", "rule_name")),
            ("oci.deviceName", data.text("device_name")),
            ("oci.sourceLocation", data.text("srcloc")),
            ("oci.destinationLocation", data.text("dstloc")),
        ),
    )


def dns(data: Fields, oracle: LogOracle, metadata: Metadata) -> None:
    """Map an answer of the private DNS resolver: who asked for which name, and the answer."""
    _connection(data, metadata, ("sourceAddress", "sourcePort"), ("destinationAddress", "destinationPort"))
    name, kind = data.text("qname") or "", data.text("qtype") or ""
    asked, answer = f"{kind} {name.rstrip('.')}".strip(), data.text("answer")
    code, protocol = data.text("rcodeName", "rcode"), data.text("protocol")
    resolver = oracle.resourceid or str(metadata.get("oci.source", ""))
    message = f"{metadata.get('clientIP', 'somebody')} asked for {asked or 'nothing'}: {code or 'no code'}"
    set_fields(
        metadata,
        (
            ("fqdn", name.rstrip(".")),
            ("action", f"query {asked}".strip()),
            ("protocol", protocol and protocol.upper()),
            ("senderHost", resolver if code in {None, "NOERROR"} else f"{resolver}: {code}"),
            ("message", f"{message} ({answer})" if answer else message),
            ("oci.status", code),
            ("oci.dnsAnswer", answer),
            ("oci.dnsPath", data.text("path")),
        ),
    )


def _connection(data: Fields, metadata: Metadata, client: Pair, server: Pair) -> str:
    """Set the two ends of a connection in metadata, and return them as text: `10.0.0.1:60830 -> 192.0.2.1:443`."""
    ends = (
        _end(metadata, names, data.text(address), data.number(port))
        for names, (address, port) in ((_CLIENT, client), (_SERVER, server))
    )
    return " -> ".join(ends)


def _end(metadata: Metadata, names: Pair, address: str | None, port: int | None) -> str:
    """Set one end of a connection in metadata under its two names, and return it as text."""
    ip = one_ip(address)
    if ip:
        metadata[names[0]] = ip
    if port is None or not 0 <= port <= MAX_PORT:
        return ip or "?"
    metadata[names[1]] = port
    return _joined(ip or "?", port)


def _joined(ip: str, port: int) -> str:
    """Return one end of a connection as text: `10.0.0.1:60830`, `[2001:db8::1]:443`."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
