"""Log records of an invented company: network flows, a load balancer, an application, reads of a bucket."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime

from signal_client_oci.sandbox.data.log_records import FLOW_LOG, LogFields

__all__ = ["LOG_WRITERS"]

_OUTSIDE = ("203.0.113.9", "198.51.100.77", "192.0.2.201")
_PATHS = ("/", "/cart", "/login", "/api/v1/orders", "/wp-login.php", "/.env")


def _flow(time: datetime, chance: random.Random) -> LogFields:
    rejected = chance.random() < 0.25  # noqa: PLR2004  a share, used once
    second = int(time.timestamp())
    payload = {
        "action": "REJECT" if rejected else "ACCEPT",
        "bytesOut": chance.randrange(60, 90_000),
        "destinationAddress": f"10.0.1.{chance.randrange(2, 20)}",
        "destinationPort": chance.choice((22, 3389)) if rejected else chance.choice((80, 443, 1521)),
        "endTime": second + 1,
        "flowid": f"{chance.getrandbits(32):08x}",
        "packets": chance.randrange(1, 90),
        "protocol": 6,
        "protocolName": "TCP",
        "sourceAddress": chance.choice(_OUTSIDE),
        "sourcePort": chance.randrange(20_000, 65_000),
        "startTime": second,
        "status": "OK",
        "version": "2",
    }
    return LogFields(log_type=FLOW_LOG, payload=payload, record_id=f"{chance.getrandbits(8):08x}")


def _load_balancer(time: datetime, chance: random.Random) -> LogFields:
    status = chance.choice(("200", "200", "200", "302", "404", "502"))
    payload = {
        "backendAddr": f"10.0.1.{chance.randrange(2, 6)}:8080",
        "backendProcessingTime": "0.012",
        "backendStatusCode": status,
        "clientAddr": f"{chance.choice(_OUTSIDE)}:{chance.randrange(20_000, 65_000)}",
        "host": "shop.acme.example.test",
        "lbStatusCode": status,
        "listenerName": "https",
        "receivedBytes": str(chance.randrange(200, 4_000)),
        "request": f"GET https://shop.acme.example.test:443{chance.choice(_PATHS)} HTTP/1.1",
        "requestProcessingTime": "0.001",
        "sentBytes": str(chance.randrange(200, 90_000)),
        "sslCipher": "TLS_AES_256_GCM_SHA384",
        "sslProtocol": "TLSv1.3",
        "timestamp": time.isoformat(timespec="seconds"),
        "userAgent": "Mozilla/5.0",
    }
    return LogFields(log_type="com.oraclecloud.loadbalancer.access", payload=payload, source="shop-lb")


def _application(time: datetime, chance: random.Random) -> LogFields:
    level = chance.choice(("INFO", "INFO", "WARN", "ERROR"))
    payload = {
        "level": level,
        "message": f"order {chance.randrange(10_000)} {'failed' if level == 'ERROR' else 'stored'}",
        "tailed_path": "/var/log/shop/shop.log",
        "at": time.isoformat(timespec="milliseconds"),
    }
    return LogFields(
        log_type="com.oraclecloud.logging.custom.application",
        payload=payload,
        source=f"web-{chance.randrange(1, 9)}",
        subject="/var/log/shop/shop.log",
    )


def _bucket_read(_time: datetime, chance: random.Random) -> LogFields:
    payload = {
        "apiType": "native",
        "authenticationType": "anonymous",
        "bucketName": "exports",
        "clientIpAddress": chance.choice(_OUTSIDE),
        "namespaceName": "acme",
        "objectName": f"customers-{chance.randrange(1, 40)}.csv",
        "requestAction": "GET",
        "statusCode": 200,
    }
    return LogFields(log_type="com.oraclecloud.objectstorage.getobject", payload=payload, source="exports")


LOG_WRITERS: dict[str, tuple[Callable[[datetime, random.Random], LogFields], int]] = {
    "vcn-flow": (_flow, 5),
    "vcn-flow-standby": (_flow, 2),
    "load-balancer-access": (_load_balancer, 3),
    "shop-application": (_application, 2),
    "exports-read": (_bucket_read, 1),
}
"""Log name → (what it writes, how many records a minute)."""
