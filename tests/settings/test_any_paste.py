"""Pastes made to keep a reader busy: each takes time in proportion to its length, because all instances wait."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from itertools import cycle, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signal_client_oci.settings import ocids, pem
from signal_client_oci.settings.api_key import normalise_fingerprint
from signal_client_oci.settings.config_preview import is_preview, line_of_preview
from signal_client_oci.settings.endpoint_template import read_endpoint_template
from signal_client_oci.settings.logging_query import logging_clause
from signal_client_oci.settings.ocids import read_ocid
from signal_client_oci.settings.pem import find_private_key
from signal_client_oci.settings.regions import canonical_region
from signal_client_oci.settings.values import (
    is_blank,
    read_names,
    read_secret,
    read_switch,
    read_text,
    read_whole_number,
)

# What the readers look for, and what their expressions repeat.
PIECES = [
    " ",
    "\t",
    "\n",
    "\r\n",
    "\u00a0",
    "\u200b",
    "\\",
    "\\u005c",
    "\\\\n",
    "-",
    "--",
    "\u2014",
    '"',
    "'",
    "=",
    ":",
    ".",
    "|",
    "/",
    "/*",
    "(",
    ">",
    ",",
    "0",
    "a",
    "A",
    "M",
    "MII",
    "\n MIIE",
    "\u00e9",
    "\U0001f511",
    "\ufdfa",
    "BEGIN",
    "BEGIN ",
    "END",
    "BEGIN RSA ",
    "BEGIN ENCRYPTED ENCRYPTED ",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\nMII",
    "-----END PRIVATE KEY-----",
    "PRIVATE ",
    "Proc-Type: 4,ENCRYPTED",
    "DEK-Info: ",
    "DEK-Info: AES-256-CBC,",
    "OCI_API_KEY",
    "key_file ",
    "ssh-rsa ",
    "sk-",
    "ocid1.",
    "ocid1.tenancy.oc1..",
    "md5:",
    "ab:",
    "where a = 1 ",
    "https://",
    "{region}",
    "[",
    "]",
    "#",
    "user",
    "user=",
    "user = ",
    "[DEFAULT]",
]
LENGTH = 30_000  # characters, of which an expression with two ways to share out a run makes 20 s
READERS = [
    find_private_key,
    normalise_fingerprint,
    lambda text: line_of_preview(text, "user"),
    lambda text: line_of_preview(f"user=a {text}", "user"),
    is_preview,
    lambda text: read_ocid(text, "tenancy_ocid"),
    canonical_region,
    read_endpoint_template,
    logging_clause,
    read_text,
    read_secret,
    is_blank,
    lambda text: read_names(text, 10**9, 10**9),
    read_switch,
    lambda text: read_whole_number(text, 0, 9),
]
LIMITS = {ocids: "MAX_OCID", pem: "MAX_PRIVATE_KEY"}


def read(text):
    """Read a text as every kind of field, each with errors of its own kind."""
    for reader in READERS:
        try:
            reader(text)
        except ValueError:
            continue


def read_pastes():
    """Read long runs of every piece, behind a word that begins something and before one."""
    for module, name in LIMITS.items():
        setattr(module, name, 10**9)  # the readers themselves are tried, not the limits before them
    for piece in PIECES:
        run = piece * (LENGTH // len(piece))
        for text in (f"BEGIN{run}b", f"{run}-----BEGIN PRIVATE KEY-----"):
            read(text)


@pytest.mark.deep
@pytest.mark.slow
def test_long_runs_of_anything_are_read_in_linear_time():
    """30,000 characters of anything that an expression repeats are read as every field in bounded CPU time."""
    seconds = 20  # all of it takes 3
    run = subprocess.run(
        [sys.executable, "-c", "import test_any_paste; test_any_paste.read_pastes()"],
        cwd=__file__.rsplit("/", 1)[0],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds)),
        timeout=600,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]


@pytest.mark.deep
@pytest.mark.slow
@given(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=6),
    st.lists(st.sampled_from(PIECES), max_size=3),
    st.lists(st.sampled_from(PIECES), max_size=3),
)
def test_any_adversarial_paste_is_read_at_once(repeated, before, after):
    """A text of the size of a key is read at once, whatever pieces it repeats and whatever surrounds them."""
    filling = islice(cycle(repeated), 20_000)
    text = ("".join([*before, *filling])[:19_900] + "".join(after))[:20_000]
    read("warm")
    began = time.thread_time()
    read(text)
    assert time.thread_time() - began < 2


@pytest.mark.parametrize("blank", [" ", "\t", "\n", "\\", "\u00a0"])
def test_what_is_looked_at_has_no_runs(blank):
    """White space and backslashes come as single ones before anything is looked for: no run is left to share out."""
    cleaned = pem._cleaned(f"BEGIN{blank * 5000}PRIVATE{blank * 5000}KEY\\\\\\\\n\\u005c\\u005cx")
    assert "\\" not in cleaned
    assert not any(pair in cleaned for pair in ("  ", "\n", "\t", "\u00a0"))
