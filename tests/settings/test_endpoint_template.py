"""Endpoint templates: a signed request goes to the host that stands in the template, over TLS, or nowhere."""

import ipaddress
import re
from urllib.parse import urlsplit

import oci
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from signal_client_oci.settings.endpoint_template import SERVICES, endpoint_url, read_endpoint_template

_REST = "/{region}/{service}"


@pytest.mark.parametrize(
    ("template", "url"),
    [
        ("http://127.0.0.1:8080" + _REST, "http://127.0.0.1:8080/us-ashburn-1/audit"),
        ("http://127.8.9.1" + _REST + "/", "http://127.8.9.1/us-ashburn-1/audit"),
        ("HTTP://localhost:1" + _REST, "http://localhost:1/us-ashburn-1/audit"),
        ("https://gateway.example.com" + _REST, "https://gateway.example.com/us-ashburn-1/audit"),
        ("https://{service}.{region}.example.com", "https://audit.us-ashburn-1.example.com"),
        ("https://10.0.0.1:8443/a/~b" + _REST, "https://10.0.0.1:8443/a/~b/us-ashburn-1/audit"),
    ],
)
def test_accepted(template, url):
    """TLS to any host, and plain HTTP to the machine itself; the SDK takes the same URLs."""
    filled = endpoint_url(read_endpoint_template(template), "audit", "us-ashburn-1")
    assert filled == url
    parts = urlsplit(filled)
    assert oci.base_client.BaseClient._is_valid_endpoint_hostname(parts.hostname)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("http://evil.example.com" + _REST, "Without TLS"),
        ("http://127.0.0.1.evil.com" + _REST, "Without TLS"),
        ("http://localhost.evil.com" + _REST, "Without TLS"),
        ("http://127.1" + _REST, "Without TLS"),
        ("http://2130706433" + _REST, "Without TLS"),
        ("http://128.0.0.1" + _REST, "Without TLS"),
        ("http://0.0.0.0" + _REST, "Without TLS"),
        ("http://127.0.0.{region}/{service}", "Without TLS"),
        ("http://{region}/{service}", "Without TLS"),
        ("http://{service}localhost/{region}", "Without TLS"),
        ("http://[::1]:8080" + _REST, "use 127.0.0.1"),
        ("https://[::1]" + _REST, "use 127.0.0.1"),
        ("https://[::1" + _REST, "not a URL"),
        ("ftp://127.0.0.1" + _REST, "begin with https://"),
        ("//127.0.0.1" + _REST, "begin with https://"),
        ("127.0.0.1:80" + _REST, "begin with https://"),
        ("https://user@host" + _REST, "user name"),
        ("https://user:pw@host" + _REST, "user name"),
        ("http://127.0.0.1@evil.com" + _REST, "user name"),
        ("https://{region}@evil.com/{service}", "user name"),
        ("https://host:99999" + _REST, "port"),
        ("https://host:" + _REST, "port"),
        ("https://host:{region}/{service}", "port"),
        ("https://host:8{service}/{region}", "port"),
        ("https:///x" + _REST, "host can contain"),
        ("https://ho%73t" + _REST, "host can contain"),
        ("https://host..com" + _REST, "host can contain"),
        ("https://host" + _REST + "?x=1", "query"),
        ("https://host?{region}{service}", "query"),
        ("https://host" + _REST + "#x", "fragment"),
        ("https://host" + _REST + "?", "query"),
        ("https://host/../x" + _REST, "path"),
        ("https://host/a//b" + _REST, "path"),
        ("https://host/%2e%2e" + _REST, "path"),
        ("https://host" + _REST + ";x", "path"),
        ("https://host/{region}", "{service}"),
        ("https://host/{service}", "{region}"),
        ("https://host/{region}/{service}/{realm}", "no other braces"),
        ("https://host/{{region}}/{service}", "no other braces"),
        ("https://host/{region}/{service}/{", "no other braces"),
        ("https://host/{region} /{service}", "spaces"),
        ("https://host/\n" + _REST, "spaces"),
        ("https://host\\@evil.com" + _REST, "backslashes"),
        ("https://h\u00f6st" + _REST, "non-ASCII"),
    ],
)
def test_refused(template, said):
    """Everything that could send a signed request astray is refused with a reason and an example."""
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        read_endpoint_template(template)
    assert str(caught.value).endswith("Example: https://oci-gateway.example.com/{region}/{service}.")


@pytest.mark.parametrize(
    ("service", "region"),
    [("objectstorage", "us-ashburn-1"), ("audit", "a.b"), ("audit", "a/b"), ("audit", "")],
)
def test_only_known_values_are_filled_in(service, region):
    """No service or region can be filled in that would change the host."""
    with pytest.raises(ValueError, match=r"service|region"):
        endpoint_url("https://host/{region}/{service}", service, region)


_PIECES = [
    "http://",
    "https://",
    "127.0.0.1",
    "localhost",
    "evil.com",
    "@",
    ":",
    "8080",
    "/",
    "{region}",
    "{service}",
]
_PIECES += ["?", "#", "\\", "[::1]", "..", ".", "%40", " ", "{", "}", ";", "//"]


@hypothesis_settings(deadline=None)
@given(st.lists(st.sampled_from(_PIECES), max_size=9).map("".join))
@pytest.mark.slow
def test_what_passes_stays_with_its_host(template):
    """With plain HTTP every URL that a template can give is on loopback, and none leaves the host as written."""
    try:
        accepted = read_endpoint_template(template)
    except ValueError:
        return
    for service in SERVICES:
        parts = urlsplit(endpoint_url(accepted, service, "us-ashburn-1"))
        assert parts.username is None
        assert not parts.query
        assert not parts.fragment
        if parts.scheme == "http":
            assert parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname).is_loopback
        else:
            assert parts.scheme == "https"
