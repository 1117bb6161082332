"""The way to OCI: names, proxies, certificates, and what answers in OCI's place."""

from __future__ import annotations

from typing import Final

from signal_client_oci.errors.catalog.entry import COMES_AGAIN, CURL, CatalogEntry, Section

__all__ = ["NETWORK_SECTION"]

_BUNDLE: Final = "REQUESTS_CA_BUNDLE in the environment of the host"
_SHOW_CERTIFICATE: Final = (
    "`openssl s_client -connect <endpoint>:443 </dev/null` shows who issued the certificate."
)

_ENTRIES: Final[dict[str, CatalogEntry]] = {
    "DNS_FAILED": CatalogEntry(
        "the endpoint's name cannot be resolved",
        "Try `getent hosts <endpoint>` on the machine that runs the host.",
        "Check the DNS of that machine, the region and endpoint_template. Where only a proxy may go out, set "
        "`HTTPS_PROXY=http://<proxy>:<port>` in the environment of the host.",
    ),
    "PROXY_FAILED": CatalogEntry(
        "the proxy refuses or fails the connection",
        "HTTPS_PROXY and NO_PROXY in the environment of the host decide which proxy is used. Try "
        "`curl -v -x $HTTPS_PROXY https://<endpoint>`.",
        "Correct HTTPS_PROXY (`http://<proxy>:<port>`; SOCKS is not supported), let the proxy pass the OCI "
        "endpoints, or exempt them with `NO_PROXY=.oraclecloud.com`.",
    ),
    "PROXY_AUTHENTICATION": CatalogEntry(
        "the proxy wants a user name and password (407)",
        "Try `curl -v -x $HTTPS_PROXY https://<endpoint>`.",
        "Set `HTTPS_PROXY=http://<user>:<password>@<proxy>:<port>` in the environment of the host, with special "
        "characters percent-encoded, or let the proxy pass the OCI endpoints without.",
    ),
    "TLS_UNKNOWN_CA": CatalogEntry(
        "the endpoint's certificate comes from an authority that is not trusted",
        f"A proxy that inspects TLS presents a certificate of its own. {_SHOW_CERTIFICATE}",
        f"Save the authority's certificate (of the inspecting proxy, say) as PEM and name that file in {_BUNDLE} "
        "(SSL_CERT_FILE has no effect); a file for several must hold them all. Better still, exempt the OCI "
        "endpoints from inspection. Certificates are always verified: no setting, variable or value switches that off.",
    ),
    "TLS_WRONG_HOST": CatalogEntry(
        "the endpoint's certificate is of another host",
        f"Something else than OCI may answer at that address. {_SHOW_CERTIFICATE}",
        "Check endpoint_template, DNS and proxy; the name in the URL must be one of the certificate's.",
    ),
    "TLS_EXPIRED": CatalogEntry(
        "the endpoint's certificate has expired or is not valid yet",
        f"Compare `date -u` with a reliable clock first. {_SHOW_CERTIFICATE}",
        "Set the clock of the machine that runs the host; if it is right, the certificate of the proxy or gateway in "
        "between has to be renewed.",
    ),
    "TLS_FAILED": CatalogEntry(
        "no TLS connection comes about",
        f"{_SHOW_CERTIFICATE} `wrong version number` means that plain HTTP answers there.",
        "Check endpoint_template (scheme and port) and what answers on the way to OCI (proxy, firewall).",
    ),
    "CA_BUNDLE_UNREADABLE": CatalogEntry(
        "the file or folder of trusted certificates cannot be used, so nothing was sent",
        f"The message names the variable. {_BUNDLE} comes first, then CURL_CA_BUNDLE; an empty one counts as not set, "
        "and with neither the certificates of the package certifi count. Try "
        "`openssl storeutl -noout -certs $REQUESTS_CA_BUNDLE`.",
        "Let REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE, whichever the message names, hold the path of a file with "
        "certificates in PEM format (or of a folder that `openssl rehash` was run on) that the host's user can read, "
        "or unset it. Certificates are always verified: `0` or `false` would be the name of a file.",
    ),
    "FOREIGN_ENDPOINT": CatalogEntry(
        "the request would go to a host outside of the realm's domain, so it was not sent",
        "The OCI SDK takes regions and domains from OCI_REGION_METADATA, OCI_DEFAULT_REALM, "
        "OCI_DEVELOPER_TOOL_CONFIGURATION_FILE_PATH, `~/.oci/regions-config.json` and "
        "`~/.oci/developer-tool-configuration.json` too. Signed requests go to the domains that it ships and no other.",
        "Remove the declaration of that domain from the environment and from `~/.oci` of the host's user. For a realm "
        "that is newer than the installed package `oci`, upgrade that; for a private realm set endpoint_template.",
    ),
    "PLAIN_HTTP_REFUSED": CatalogEntry(
        "an endpoint without TLS (http://) leads to another machine, so nothing was sent",
        "Try `getent hosts localhost` on the machine that runs the host.",
        "Without TLS endpoint_template may only lead to the machine itself: correct the address of `localhost` in "
        "`/etc/hosts`, write `127.0.0.1`, or use https://.",
    ),
    "TIMEOUT": CatalogEntry(
        "the service did not answer in time",
        CURL,
        f"Check firewall and proxy between the host and the OCI endpoint. {COMES_AGAIN}",
    ),
    "UNREACHABLE": CatalogEntry(
        "the endpoint cannot be reached",
        CURL,
        "Check firewall and proxy between the host and the OCI endpoint, and endpoint_template if it is set.",
    ),
    "REDIRECTED": CatalogEntry(
        "the endpoint redirects, and a signed request is never sent elsewhere",
        f"A proxy's login page is the usual cause, or endpoint_template with http or a wrong path. {CURL}",
        "Let the host reach the OCI endpoint directly, set HTTPS_PROXY to a proxy that does not redirect, or correct "
        "endpoint_template.",
    ),
    "NOT_FROM_OCI": CatalogEntry(
        "something other than OCI answers at the endpoint: the error has neither OCI's code nor its request id",
        f"A proxy's block page or a gateway without such a path does that. {CURL}",
        "Check endpoint_template (its path must lead to the service named by `{service}` in the region named "
        "by `{region}`), the proxy and the firewall.",
    ),
    "RESPONSE_NOT_JSON": CatalogEntry(
        "the answer is not what the API sends, though its status says success",
        "A proxy or captive portal that answers in OCI's place sends HTML.",
        "Check what answers on the way to OCI (proxy, firewall, endpoint_template).",
    ),
    "RESPONSE_CUT_OFF": CatalogEntry(
        "the answer ended before its end",
        "A proxy with a size or time limit is the usual cause.",
        f"{COMES_AGAIN} If it stays, check the proxy on the way to OCI.",
    ),
    "RESPONSE_TOO_LARGE": CatalogEntry(
        "the answer is larger than what is taken at once",
        "A page is taken up to 50,000 records and 64 MiB, and asked for again in smaller slices beyond that; a page of "
        "one minute of one compartment up to 200,000 records and 128 MiB, a list of compartments up to 32 MiB.",
        "Check what answers on the way to OCI (proxy, gateway, endpoint_template). If OCI itself has so much in the "
        "minute that the message names, report the request id to Oracle and use Connector Hub for that compartment; "
        "for Logging, narrow logging_query. Nothing is skipped: the minute is asked for again by every poll.",
    ),
}

NETWORK_SECTION: Final = Section(
    "The way to OCI",
    "The endpoints are `identity.<region>.oci.oraclecloud.com`, `audit.<region>.oraclecloud.com`, "
    "`logging.<region>.oci.oraclecloud.com` and `cloudguard-cp-api.<region>.oci.oraclecloud.com` (in other realms with "
    "the realm's own domain), all on port 443.",
    _ENTRIES,
)
