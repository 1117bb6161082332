"""The TLS settings of every connection to OCI. The trusted authorities can be set; verification cannot be disabled.

The environment may name the trusted authorities: `REQUESTS_CA_BUNDLE`, else `CURL_CA_BUNDLE`, else those that come with
the OCI SDK (package certifi). An empty or blank variable counts as not set. Any other value is a path that must lead to
certificates: a typing error never falls back to other authorities, and no value means "do not verify".

`SSLKEYLOGFILE`, with which `ssl.create_default_context` and urllib3 write the keys of every session to a file, has no
effect, because contexts are built here from scratch. That file and a recording of the traffic would be enough to read
records and replay signed requests; to inspect the traffic, name the authority of an inspecting proxy instead.
"""

from __future__ import annotations

import os
import re
import ssl
import stat
import sys
import threading
from functools import lru_cache
from typing import Final

from signal_client_oci.errors.failure import Failure

__all__ = ["CA_VARIABLES", "tls_context"]

CA_VARIABLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""The variables that may name the trusted authorities; only the first that is set counts."""

_HASHED: Final = re.compile(r"[0-9a-f]{8}\.[0-9]+")  # what OpenSSL looks for in a folder
_lock = threading.Lock()


def tls_context(shipped: str) -> ssl.SSLContext:
    """Return TLS settings that verify the server's certificate and name against the trusted authorities.

    Parsing a bundle takes tens of milliseconds, so one that did not change is parsed once a process.

    Args:
        shipped: Path of the bundle that counts where the environment names none.

    Raises:
        Failure: CA_BUNDLE_UNREADABLE, which names the variable and the reason.
    """
    named = ((name, os.environ.get(name, "").strip()) for name in CA_VARIABLES)
    source, path = next(
        ((name, path) for name, path in named if path), ("the bundle of package certifi", shipped)
    )
    try:
        status = os.stat(path)  # noqa: PTH116  (the path goes on to OpenSSL as it is)
        with _lock:
            return _context(path, (status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns))
    except ssl.SSLError:
        why = "the file holds no certificate in PEM format"
    except OSError as error:
        why = os.strerror(error.errno).lower() if error.errno else type(error).__name__
    except ValueError as error:
        why = str(error)
    raise Failure("CA_BUNDLE_UNREADABLE", detail=f"{source}: {why}")


@lru_cache(maxsize=4)
def _context(path: str, status: tuple[int, ...]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # requires a certificate and checks the host's name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET
    if sys.version_info >= (3, 13):  # as `ssl.create_default_context` does from there on
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    if stat.S_ISDIR(status[0]):
        if not any(map(_HASHED.fullmatch, os.listdir(path))):  # noqa: PTH208  (see above)
            raise ValueError("the folder holds no certificate under its hash; run `openssl rehash` on it")
        context.load_verify_locations(capath=path)
        return context
    if not stat.S_ISREG(status[0]):
        raise ValueError("neither a file nor a folder")
    context.load_verify_locations(cafile=path)
    if not context.cert_store_stats()["x509"]:
        raise ValueError("the file holds no certificate in PEM format")
    return context
