"""Maps logs of the Network Firewall and of the private DNS resolver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from signal_client_oci.artifacts.envelope import set_severity
from signal_client_oci.artifacts.logs.flows.flow_logs import CLIENT, SERVER, Pair, set_end
from signal_client_oci.artifacts.sanitize import set_fields
from signal_client_oci.artifacts.severity import severity_of_word

if TYPE_CHECKING:
    from signal_client_oci.artifacts.envelope import Metadata
    from signal_client_oci.artifacts.logs.fields import Fields, LogOracle

__all__ = ["dns", "firewall"]

# threat categories of the firewall that mean one ATT&CK technique; the others, such as spyware, may mean several
_ATTACKS: Final = {
    "brute-force": ["T1110"],
    "code-execution": ["T1190"],
    "overflow": ["T1190"],
    "sql-injection": ["T1190"],
}
_STOPPED: Final = ("deny", "drop", "reset", "block", "reject")


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
        set_end(metadata, names, data.text(address), data.number(port))
        for names, (address, port) in ((CLIENT, client), (SERVER, server))
    )
    return " -> ".join(ends)
