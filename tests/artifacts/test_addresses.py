"""Addresses and ports are read as records write them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signal_client_oci.artifacts.addresses import endpoint, one_ip, port_number


@pytest.mark.parametrize(
    ("text", "ip", "port"),
    [
        ("10.0.0.1:443", "10.0.0.1", 443),
        ("[2001:db8::1]:443", "2001:db8::1", 443),
        ("2001:db8::1", "2001:db8::1", None),
        ("10.0.0.1", "10.0.0.1", None),
        ("10.0.0.1:8080, 10.0.0.2:8081", "10.0.0.2", 8081),
        ("10.0.0.1:http", "10.0.0.1", None),
        ("web:443", None, None),
        ("-", None, None),
        (None, None, None),
        ("1" * 10_000, None, None),
    ],
)
def test_endpoints(text, ip, port):
    """An address and its port are read from one text."""
    assert endpoint(text) == (ip, port)


@settings(deadline=None)
@given(st.text())
@pytest.mark.slow
def test_any_text_may_stand_for_an_address(text):
    """Nothing raises."""
    assert one_ip(text) in (None, text.strip())
    endpoint(text)


@pytest.mark.parametrize(
    ("value", "port"),
    [(443, 443), ("443", 443), (0, 0), (65536, None), ("-1", None), (True, None), (1.0, None), ("٤٤٣", None)],
)
def test_ports(value, port):
    """A port is a whole number of sixteen bits, as number or text."""
    assert port_number(value) == port
