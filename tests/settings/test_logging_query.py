"""The operator's part of a Logging query: it filters, and can do nothing else."""

import re

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from signal_client_oci.settings.logging_query import logging_clause


@pytest.mark.parametrize(
    ("query", "clause"),
    [
        ("", ""),
        (" \n ", ""),
        ("-- nothing but a comment", ""),
        ("where type = 'x'", "where type = 'x'"),
        ("| where type = 'x'", "where type = 'x'"),
        ("WHERE type = 'x'", "where type = 'x'"),
        (
            "where type = 'x'\n  and\r\n\tdata.\"first name\" = 'a'",
            "where type = 'x' and data.\"first name\" = 'a'",
        ),
        ("where a = 'x' | where b = 'y'", "where a = 'x' | where b = 'y'"),
        ("where a='x'|where (b=1 or c in [1,2])", "where a='x' | where (b=1 or c in [1,2])"),
        ("where a = 'it\\'s | sort' and b = 2", "where a = 'it\\'s | sort' and b = 2"),
        ('where "a | ""b""" = \'--\'', 'where "a | ""b""" = \'--\''),
        ("where a = 'x' -- why | count\n and b = 'y'", "where a = 'x' and b = 'y'"),
        ("where a = 'x' /* | count\n */ and b = 'y'", "where a = 'x' and b = 'y'"),
        ("where a = - /**/ - 1", "where a = - - 1"),
        ("where a/2 >= 1.5e10 and b != 3h", "where a/2 >= 1.5e10 and b != 3h"),
        ("where logContent = '*ERROR*' and data.isPar", "where logContent = '*ERROR*' and data.isPar"),
        ('where data."opc-request-id" = $id', 'where data."opc-request-id" = $id'),
        (
            "where data.search = 'x' and \"search\" = 'search'",
            "where data.search = 'x' and \"search\" = 'search'",
        ),
        ("type='x'", "where type='x'"),
        ("data.isPar", "where data.isPar"),
        ("| (type = 'x') and (source = 'y')", "where (type = 'x') and (source = 'y')"),
        ("where a = 1 | not (b = 2) or c > 3", "where a = 1 | where not (b = 2) or c > 3"),
        ("\"data\".\"a.b\" in ('x', 'y')", "where \"data\".\"a.b\" in ('x', 'y')"),
        ('"opc-request-id" != null', 'where "opc-request-id" != null'),
        ("contains_ci(data.message, 'x')", "where contains_ci(data.message, 'x')"),
        ("'x' = type", "where 'x' = type"),
        ("extend upper(type) as kind | where kind = 'X'", "extend upper(type) as kind | where kind = 'X'"),
        ("where a = 'Größe 中文'", "where a = 'Größe 中文'"),
        ("where a = 'C:\\temp' and b = 'x\\\\y'", "where a = 'C:\\temp' and b = 'x\\\\y'"),
    ],
)
def test_normal_form(query, clause):
    """Filters become one line without leading pipe, comments and line ends; what is in quotes stays."""
    assert logging_clause(query) == clause
    assert logging_clause(clause) == clause


_KEY_BODY = "MIIEvQIBADAN+AoIBAQC/" + "a1b+" * 11  # a line of a key, all of whose signs are operators


@pytest.mark.parametrize(
    "query",
    [
        f"-----BEGIN PRIVATE KEY-----\n{_KEY_BODY}\n{_KEY_BODY}==\n-----END PRIVATE KEY-----",
        f"-----BEGIN RSA PRIVATE KEY----- {_KEY_BODY} -----END RSA PRIVATE KEY-----",
        f"{_KEY_BODY}\n{_KEY_BODY}",
        f"where {_KEY_BODY}",
        f"where a = '-----BEGIN PRIVATE KEY-----{_KEY_BODY}'",
    ],
    ids=["whole", "one line", "without header", "behind where", "in quotes"],
)
def test_a_private_key_is_no_query(query):
    """A key that was pasted here is never sent, although a third of all keys read as a sum of fields."""
    with pytest.raises(ValueError, match=r"contains a private key: paste that into Private Key\.$"):
        logging_clause(query)


@pytest.mark.parametrize("quote", ["'", '"'])
def test_long_names_in_quotes_are_no_key(quote):
    """A digest, or a field whose name is as long, is filtered for as any other."""
    clause = f"where {quote}{'0f' * 40}{quote} = 'PRIVATE KEY'"
    assert logging_clause(clause) == clause


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("'x'", "Each stage must be a condition"),
        ("3", "Each stage must be a condition"),
        ("= 3", "Each stage must be a condition"),
        ("not", "Each stage must be a condition"),
        ("data.", "Each stage must be a condition"),
        (', "ocid1.compartment.oc1..other" | where a = 1', "Each stage must be a condition"),
        ('"ocid1.compartment.oc1..other"', "Each stage must be a condition"),
        ('"ocid1.compartment.oc1..one" "ocid1.compartment.oc1..other"', "Each stage must be a condition"),
        ("where a = 1 | take 3", "Each stage must be a condition"),
        ("fork by type", "Each stage must be a condition"),
        ('search "ocid1.tenancy.oc1..x" | where a = 1', "adds the search part itself"),
        ('where a = 1 | search "x"', "adds the search part itself"),
        ('where a = 1 and search "x"', "double quotes"),
        ("where (search = 1)", "double quotes"),
        ("a = 1 and search = 2", "double quotes"),
        ("search = 1", "adds the search part itself"),
        ("where a = 1 | sort by datetime desc", "sorts by time itself"),
        ("| SORT by b", "sorts by time itself"),
        ("top 3 by datetime", "would be lost"),
        ("where a = 1 | limit 20", "would be lost"),
        ("dedup type", "would be lost"),
        ("count", "Totals"),
        ("where a = 1 | summarize count() by type", "Totals"),
        ("select type", "could not be identified"),
        ("extend 'x' as datetime", "must not replace datetime"),
        ("extend 'x' as \"logContent\" | where a = 1", "must not replace"),
        ("where", "where has no condition"),
        ("where a = 1 | extend", "extend has no condition"),
        ("where a = 1 |", "nothing between"),
        ("|", "nothing between"),
        ("where a = 1 || where b = 1", "nothing between"),
        ("where a = 'x", "not closed"),
        ("where a = 'x\n'", "not closed"),
        ('where "a = 1', "not closed"),
        ('where "a\\" = 1', "not closed"),
        ("where a = 'x\\' | sort by b", "not closed"),
        ("where a = 'x\\\\' | search \"y\" and b = '", "ambiguous"),
        ("where a = 1 /* and b = 2", "comment (/*) is not closed"),
        ("where (a = 1", "never closed"),
        ("where a = 1)", "no matching"),
        ("where (a = [1)]", "no matching"),
        ("where (a = 1 | where b = 2)", "inside brackets"),
        ('where a = 1; search "x"', "The character ; is not allowed"),
        ("where a // b", "The character / is not allowed"),
        ("where a = `b`", "The character ` is not allowed"),
        ("where a = {b}", "The character { is not allowed"),
        ("where a = 1 # b", "The character # is not allowed"),
        ("where größe = 1", "is not allowed outside quotes"),
        ("where a = \u2018x\u2019", "curly quotes"),
        ("where a = 'x\x00'", "U+0000"),
        ("where a = 'x'\x1b", "U+001B"),
        ("where a = 'x\u202e'", "U+202E"),
        ("where a = 'x' --\u2028 and b = 1", "U+2028"),
    ],
)
def test_refused(query, said):
    """Everything that is not supported is rejected with the reason and what to do."""
    with pytest.raises(ValueError, match=re.escape(said)):
        logging_clause(query)


def _stage_names(query, text):
    """Split a whole query at its pipes, with `text` as the pattern of a text in single quotes."""
    bare = re.sub(rf"{text}|\"(?:[^\"]|\"\")*\"", "Q", query)
    assert "--" not in bare
    assert "/*" not in bare
    assert not re.search("['\"]", bare)
    return [stage.split()[0] for stage in bare.split("|")]


_PIECES = [
    "where ",
    "a = ",
    "'x'",
    "'",
    '"',
    "\\'",
    "\\",
    "\\\\",
    "|",
    " | ",
    "search ",
    '"ocid"',
    "sort by b",
    "--",
    "\n",
]
_PIECES += [
    "/*",
    "*/",
    "(",
    ")",
    "and ",
    "b",
    ".",
    "/",
    "-",
    "extend ",
    " as ",
    "datetime",
    ";",
    " ",
    "\u2028",
    "''",
    '""',
]


@pytest.mark.slow
@hypothesis_settings(max_examples=300)
@given(
    st.sampled_from(["where a = ", "a = ", ""]), st.lists(st.sampled_from(_PIECES), max_size=14).map("".join)
)
def test_no_clause_leaves_its_place(start, rest):
    """However the service reads a backslash, an accepted clause is filters between the scope and the sort."""
    query = start + rest
    try:
        clause = logging_clause(query)
    except ValueError:
        return
    whole = " | ".join(filter(None, ['search "ocid1.tenancy.oc1..t"', clause, "sort by datetime asc"]))
    for text in (r"'(?:[^'\\]|\\.)*'", r"'(?:[^'\\]|\\(?!')|\\')*'", r"'(?:[^'\\]|\\[^'\\]|\\'|\\\\)*'"):
        first, *stages, last = _stage_names(whole, text)
        assert (first, last) == ("search", "sort")
        assert set(stages) <= {"where", "extend"}
    assert logging_clause(clause) == clause


@hypothesis_settings(deadline=None)
@given(st.text(max_size=80))
@pytest.mark.slow
def test_any_text_is_a_clause_or_refused(query):
    """Whatever is typed, the outcome is a clause or a `ValueError` of one sentence or two."""
    try:
        clause = logging_clause(query)
    except ValueError as error:
        clause = ""
        assert str(error).endswith(".")  # noqa: PT017
    assert "\n" not in clause
