"""The connection to OCI: names, proxies, certificates, and responses that do not come from OCI."""

from __future__ import annotations

from typing import Final

from signal_client_oci.errors.catalog.entry import CURL, PERSISTS, RESUMES, CatalogEntry, Section

__all__ = ["NETWORK_SECTION"]

_BUNDLE: Final = "REQUESTS_CA_BUNDLE in the environment of the host"
_SHOW_CERTIFICATE: Final = (
    "`openssl s_client -connect <endpoint>:443 </dev/null` shows the issuer of the certificate."
)
_BETWEEN: Final = "between the host and the OCI endpoint"

_ENTRIES: Final[dict[str, CatalogEntry]] = {
    "DNS_FAILED": CatalogEntry(
        "the name of the endpoint cannot be resolved",
        "Run `getent hosts <endpoint>` on the machine that runs the host.",
        "Check the DNS configuration of that machine, the region and Endpoint Template. If only a proxy has access to "
        "the internet, set `HTTPS_PROXY=http://<proxy>:<port>` in the environment of the host.",
    ),
    "PROXY_FAILED": CatalogEntry(
        "the proxy rejected the connection or failed",
        "HTTPS_PROXY and NO_PROXY in the environment of the host determine the proxy. Run "
        "`curl -v -x $HTTPS_PROXY https://<endpoint>`.",
        "Correct HTTPS_PROXY (`http://<proxy>:<port>`; SOCKS is not supported), allow the OCI endpoints on the proxy, "
        "or exempt them with `NO_PROXY=.oraclecloud.com`.",
    ),
    "PROXY_AUTHENTICATION": CatalogEntry(
        "the proxy requires a user name and password (407)",
        "Run `curl -v -x $HTTPS_PROXY https://<endpoint>`.",
        "Set `HTTPS_PROXY=http://<user>:<password>@<proxy>:<port>` in the environment of the host, with special "
        "characters percent-encoded, or allow the OCI endpoints on the proxy without authentication.",
    ),
    "TLS_UNKNOWN_CA": CatalogEntry(
        "the certificate of the endpoint was issued by an authority that is not trusted",
        f"A proxy that inspects TLS presents its own certificate. {_SHOW_CERTIFICATE}",
        "Save the certificate of the authority (for example of the inspecting proxy) in PEM format and set "
        f"{_BUNDLE} to the path of that file (SSL_CERT_FILE has no effect). If several authorities are needed, the "
        "file must contain all of them. Preferably, exempt the OCI endpoints from inspection. Certificates are always "
        "verified: no setting, variable or value disables that.",
    ),
    "TLS_WRONG_HOST": CatalogEntry(
        "the certificate of the endpoint belongs to another host",
        f"The address may not lead to OCI. {_SHOW_CERTIFICATE}",
        "Check Endpoint Template, DNS and the proxy. The host name in the URL must be one of the names in the "
        "certificate.",
    ),
    "TLS_EXPIRED": CatalogEntry(
        "the certificate of the endpoint has expired or is not valid yet",
        f"First compare `date -u` with a reliable clock. {_SHOW_CERTIFICATE}",
        "Set the clock of the machine that runs the host. If the clock is correct, renew the certificate of the proxy "
        f"or gateway {_BETWEEN}.",
    ),
    "TLS_FAILED": CatalogEntry(
        "the TLS handshake failed",
        f"{_SHOW_CERTIFICATE} `wrong version number` means that the server uses plain HTTP.",
        f"Check Endpoint Template (scheme and port), and the proxy and the firewall {_BETWEEN}.",
    ),
    "CA_BUNDLE_UNREADABLE": CatalogEntry(
        "the file or folder of trusted certificates cannot be used, so no request was sent",
        f"The message names the variable. {_BUNDLE} is used first, then CURL_CA_BUNDLE; an empty variable counts as "
        "not set, and if neither is set, the certificates of the package certifi are used. Run "
        "`openssl storeutl -noout -certs $REQUESTS_CA_BUNDLE`.",
        "Set REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE, whichever the message names, to the path of a file with "
        "certificates in PEM format (or of a folder prepared with `openssl rehash`) that the user of the host can "
        "read, or unset it. Certificates are always verified: `0` or `false` would be taken as the name of a file.",
    ),
    "FOREIGN_ENDPOINT": CatalogEntry(
        "the request would go to a host outside the domain of the realm, so it was not sent",
        "The OCI SDK also reads regions and domains from OCI_REGION_METADATA, OCI_DEFAULT_REALM, "
        "OCI_DEVELOPER_TOOL_CONFIGURATION_FILE_PATH, `~/.oci/regions-config.json` and "
        "`~/.oci/developer-tool-configuration.json`. Signed requests are sent only to the domains that the SDK ships.",
        "Remove the declaration of that domain from the environment and from `~/.oci` of the user of the host. For a "
        "realm that is newer than the installed package `oci`, update the package. For a private realm, set "
        "Endpoint Template.",
    ),
    "PLAIN_HTTP_REFUSED": CatalogEntry(
        "an endpoint without TLS (http://) leads to another machine, so no request was sent",
        "Run `getent hosts localhost` on the machine that runs the host.",
        "Without TLS, Endpoint Template may only lead to the machine itself. Correct the address of `localhost` in "
        "`/etc/hosts`, use `127.0.0.1`, or use https://.",
    ),
    "TIMEOUT": CatalogEntry(
        "the service did not answer in time",
        CURL,
        f"Check the firewall and the proxy {_BETWEEN}. {RESUMES}",
    ),
    "UNREACHABLE": CatalogEntry(
        "the endpoint cannot be reached",
        CURL,
        f"Check the firewall and the proxy {_BETWEEN}, and Endpoint Template if it is set.",
    ),
    "REDIRECTED": CatalogEntry(
        "the endpoint sent a redirect, and a signed request is never sent elsewhere",
        "The usual causes are the login page of a proxy, or an Endpoint Template with http:// or a wrong path. "
        f"{CURL}",
        "Let the host connect to the OCI endpoint directly, set HTTPS_PROXY to a proxy that does not redirect, or "
        "correct Endpoint Template.",
    ),
    "NOT_FROM_OCI": CatalogEntry(
        "the response is not from OCI: the error has neither OCI's error code nor a request id",
        f"The usual causes are the block page of a proxy, or a gateway that does not know the path. {CURL}",
        "Check Endpoint Template (its path must lead to the service named by `{service}` in the region named "
        "by `{region}`), the proxy and the firewall.",
    ),
    "RESPONSE_NOT_JSON": CatalogEntry(
        "the response does not have the format of the API, although its status is success",
        "A proxy or captive portal that responds in place of OCI sends HTML.",
        f"Check the proxy, the firewall and Endpoint Template: something {_BETWEEN} may have sent the response.",
    ),
    "RESPONSE_CUT_OFF": CatalogEntry(
        "the response was truncated",
        "The usual cause is a proxy with a size or time limit.",
        f"{RESUMES} {PERSISTS} check the proxy {_BETWEEN}.",
    ),
    "RESPONSE_TOO_LARGE": CatalogEntry(
        "the response exceeds the size limit",
        "The limit of a page is 50,000 records and 64 MiB; beyond that it is requested again in smaller slices. The "
        "limit of a page of one minute of one compartment is 200,000 records and 128 MiB, and of a list of "
        "compartments 32 MiB.",
        f"Check the proxy, the gateway and Endpoint Template: something {_BETWEEN} may have sent the response. If OCI "
        "itself has that many records in the minute that the message names, report the request id to Oracle and use "
        "Connector Hub for that compartment; for Logging, narrow Logging Query. Nothing is skipped: every poll "
        "requests the minute again.",
    ),
}

NETWORK_SECTION: Final = Section(
    "The connection to OCI",
    "The endpoints are `identity.<region>.oci.oraclecloud.com`, `audit.<region>.oraclecloud.com`, "
    "`logging.<region>.oci.oraclecloud.com` and `cloudguard-cp-api.<region>.oci.oraclecloud.com` (in other realms with "
    "the domain of that realm), all on port 443.",
    _ENTRIES,
)
