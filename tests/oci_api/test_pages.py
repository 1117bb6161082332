"""Pages are cut into the exact texts of their records, and what is no page is refused."""

from __future__ import annotations

import json
import tracemalloc
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signal_client_oci.artifacts import json_scan
from signal_client_oci.oci_api.pages import decoding
from signal_client_oci.oci_api.pages.bounds import Bounds, PageError, PageTooLargeError
from signal_client_oci.oci_api.pages.splitting import (
    decoded_rows,
    split_list_events,
    split_problems,
    split_search_results,
)

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
DEEP = b"[" * 100_000 + b"]" * 100_000


def in_list(*texts: bytes) -> bytes:
    """Write a ListEvents body."""
    return b"[" + b",".join(texts) + b"]"


def in_results(*texts: bytes) -> bytes:
    """Write a SearchLogs body."""
    return (
        b'{"results":['
        + b",".join(b'{"data":' + text + b"}" for text in texts)
        + b'],"summary":{"resultCount":1}}'
    )


def in_items(*texts: bytes) -> bytes:
    """Write a ListProblems body."""
    return b'{"items": [' + b", ".join(texts) + b"]}"


WAYS = [(split_list_events, in_list), (split_search_results, in_results), (split_problems, in_items)]
WAY = pytest.mark.parametrize(("split", "page_of"), WAYS, ids=["audit", "logging", "cloud_guard"])


@pytest.mark.slow
@WAY
@settings(deadline=None)
@given(values=st.lists(JSON_VALUES, max_size=5), indent=st.sampled_from([None, 1]))
@pytest.mark.sampled(3)
def test_texts_are_the_services_own(split, page_of, values, indent):
    """Whatever JSON the records are, their texts come back byte for byte and in order."""
    texts = [json.dumps(value, indent=indent).encode() for value in values]
    assert split(page_of(*texts)) == texts


POISON = [
    b'{"a":"raw \x01 control"}',
    b'{"a":"broken \xff\xfe UTF-8"}',
    b'{"a":"lone \\ud800 surrogate"}',
    b'{"a":NaN,"b":[Infinity]}',
    b'{"a":bare words, "b":1}',
    b'{"a":' + DEEP + b"}",
    b'{"a":[1}',
    b'{"a":1}{"b":2}',
    b'{"a":"' + b"\\n" * 5000 + b'\x01"}',
    b'{"a" 1}',
]


@pytest.mark.slow
@WAY
@pytest.mark.parametrize("bad", POISON, ids=range(len(POISON)))
def test_a_bad_record_does_not_block_its_page(split, page_of, bad):
    """A record that is no JSON is cut out exactly, and its neighbours with it."""
    good = [b'{"n": 1, "s": "]},{"}', b'{"n":2}']
    assert split(page_of(good[0], bad, good[1])) == [good[0], bad, good[1]]


@WAY
def test_records_that_are_no_objects_are_records(split, page_of):
    """Null, numbers and texts in place of a record are handed on."""
    texts = [b"null", b"5", b'"x"', b"true", b"[]"]
    assert split(page_of(*texts)) == texts


@WAY
def test_an_empty_page_has_no_records(split, page_of):
    """A page without records is no error, with white space and a byte order mark too."""
    assert split(page_of()) == []
    assert split(b"\xef\xbb\xbf" + page_of(b"1") + b" \r\n") == [b"1"]
    assert split_list_events(b" [ ] ") == []


REFUSED = [
    (b"", "an empty body"),
    (b" \n ", "an empty body"),
    (b"<!DOCTYPE html><html><body>Sign in</body></html>", "an HTML page"),
    (b"\n<HTML>", "an HTML page"),
    (b"<?xml version='1.0'?><Error/>", "an XML or HTML document"),
    (b"upstream connect error", "not JSON"),
    (b"\x1f\x8b\x08\x00", "not JSON"),
    (b"\xff\xfe[\x001\x00]\x00", "not JSON"),
    (b'"text"', "a JSON string where"),
    (b"17", "a JSON scalar where"),
    (b"null", "a JSON null where"),
]


@WAY
@pytest.mark.parametrize(("body", "reason"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_page_is_refused(split, page_of, body, reason):
    """A body that is something else is never taken for an empty page, and the reason does not quote it."""
    del page_of
    with pytest.raises(PageError) as refused:
        split(body)
    assert refused.value.reason.startswith(reason)
    assert refused.value.reason.isprintable()
    assert len(refused.value.reason) < 80


@WAY
@settings(deadline=None)
@given(data=st.data())
@pytest.mark.slow
def test_a_page_that_is_cut_off_is_refused(split, page_of, data):
    """Cut anywhere before its end, a page is an error and never a shorter page."""
    page = page_of(b'{"a":"x\\"]}","b":[1,{"c":2}]}', b'{"d":"\x01"}', b"{}")
    cut = page[: data.draw(st.integers(0, len(page) - 1))]
    with pytest.raises(PageError) as refused:
        split(cut)
    assert refused.value.kind == ("truncated" if cut.strip() else "unexpected")


@pytest.mark.parametrize(
    ("split", "body", "reason"),
    [
        (split_list_events, b"{}", "a JSON object where a list was expected"),
        (split_list_events, b'{"code":"TooManyRequests"}', "a JSON object where a list was expected"),
        (split_search_results, b"[]", "a JSON list where an object was expected"),
        (split_search_results, b"{}", "a JSON object without `results`"),
        (split_search_results, b'{"results":null}', "a JSON object whose `results` is not a list"),
        (split_search_results, b'{"results":{}}', "a JSON object whose `results` is not a list"),
        (split_search_results, b'{"results":[],"results":[]}', "a JSON object with more than one `results`"),
        (split_problems, b'{"items":null}', "a JSON object whose `items` is not a list"),
        (split_problems, b'{"results":[]}', "a JSON object without `items`"),
        (split_problems, b'{"items":[],"items":[]}', "a JSON object with more than one `items`"),
        (split_list_events, b"[1] [2]", "a JSON page with something after its end"),
        (split_search_results, b'{"results":[]}x', "a JSON page with something after its end"),
        (split_list_events, b"[1,]", "not JSON"),
        (split_list_events, b"[,1]", "not JSON"),
        (split_list_events, b"[Not authorized]", "not JSON"),
    ],
)
def test_the_reason_says_what_came(split, body, reason):
    """The reason names the shape that came in place of the one that was due."""
    with pytest.raises(PageError) as refused:
        split(body)
    assert refused.value.reason == reason


def test_a_search_item_without_data_is_returned_whole():
    """An item of another shape is a record of its own; null data stays null."""
    body = b'{"results":[{"data":{"results":1}},{"x":"\x01"},{"data":null},7]}'
    assert split_search_results(body) == [b'{"results":1}', b'{"x":"\x01"}', b"null", b"7"]


# --- how much a page may hold -------------------------------------------------------------------------------------


@WAY
@pytest.mark.parametrize("text", [b"{}", b"0", b'"x"', b"[]", b'{"a":{"b":[1,2]}}'])
@pytest.mark.parametrize("bad", [b"", b'{"a":\x01}'], ids=["sound", "with a bad one"])
def test_a_page_holds_as_many_records_as_it_may(split, page_of, text, bad):
    """As many as the bounds allow are cut, one more is refused, by whichever way they are cut."""
    texts = [text] * (99 if bad else 100) + [bad] * bool(bad)
    assert split(page_of(*texts), Bounds(100, 1 << 20)) == texts
    with pytest.raises(PageTooLargeError) as refused:
        split(page_of(*texts, text), Bounds(100, 1 << 20))
    assert (refused.value.reason, refused.value.kind) == ("of more than 100 records", "too_large")


@WAY
def test_a_page_is_as_large_as_it_may_be(split, page_of):
    """A body beyond its bytes is refused before it is looked at."""
    page = page_of(b"{}")
    assert split(page, Bounds(9, len(page))) == [b"{}"]
    with pytest.raises(PageTooLargeError):
        split(page, Bounds(9, len(page) - 1))


@pytest.mark.deep
@pytest.mark.slow
@WAY
@pytest.mark.parametrize("text", [b"{}", b"0", b'{"a":"0123456789"}'], ids=["objects", "numbers", "short"])
def test_many_records_are_refused_without_being_made(split, page_of, text):
    """Counting a body of tiny records takes less memory than the body, whatever the records are."""
    page = page_of(*[text] * 400_000)
    tracemalloc.start()
    with pytest.raises(PageTooLargeError):
        split(page)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * len(page) + (8 << 20)


EVENTS = st.recursive(
    st.integers() | st.text('{}[],:" ax\\') | st.just('},{"eventType":1'),
    lambda inner: (
        st.lists(st.fixed_dictionaries({"eventType": inner}), max_size=3) | st.lists(inner, max_size=3)
    ),
    max_leaves=8,
).map(lambda value: json.dumps({"eventType": value}, separators=(",", ":")).encode())


BEFORE_AND_AFTER = [(b"", b""), (b'"fields":[{"n":1}],', b""), (b"", b',"summary":{"items":[{"data":1}]}')]


@pytest.mark.slow
@WAY
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(EVENTS, max_size=12),
    odd=st.none() | st.sampled_from([b"null", b'{"a":1}', b'{"a":\x01}']),
    around=st.sampled_from(BEFORE_AND_AFTER),
)
def test_a_page_that_is_cut_in_parts_gives_the_same_texts(monkeypatch, split, page_of, texts, odd, around):
    """Wherever its parts end: records whose own lists begin as they do, and strings that look like the end of one."""
    begins = b'{"data":{"eventType":' if split is split_search_results else b'{"eventType":'
    monkeypatch.setattr(decoding, "_PART_BYTES", 40 + len(begins))
    monkeypatch.setattr(decoding, "_BEGINNING", len(begins))
    texts = [*texts, *[odd] * (odd is not None), *texts]
    page = page_of(*texts).replace(b'{"items": [', b'{"items":[')
    if page.startswith(b"{"):
        page = b"{" + around[0] + page[1:-1] + around[1] + b"}"
    if around[1] and split is split_problems:
        page = page.replace(b'"summary":{"items"', b'"summary":{"list"')
    assert split(page) == texts


@pytest.mark.parametrize("count", [1, 2000])
@pytest.mark.parametrize(("split", "key"), [(split_search_results, b"results"), (split_problems, b"items")])
def test_a_list_that_stands_twice_is_refused_however_long(split, key, count):
    """Neither of two lists under one key is taken for the other, wherever a part ends."""
    records = b",".join([b'{"data":{"a":"' + b"x" * 100 + b'"}}'] * count)
    for first, second in ((records, b""), (b"", records), (records, records)):
        with pytest.raises(PageError, match="more than one"):
            split(b'{"%b":[%b],"%b":[%b]}' % (key, first, key, second))


@pytest.mark.parametrize("count", [1, 2000])
@pytest.mark.parametrize(
    ("page", "found"),
    [
        (rb'{"s":{"results":[%b]},"\u0072esults":[{"data":3}]}', [b"3"]),
        (rb'{"a\"results":[%b],"\u0072esults":[{"data":3}]}', [b"3"]),
        (rb'{"results":[%b],"\u0072esults":[]}', None),
        (rb'{"\u0072esults":[{"data":3}],"results":[%b]}', None),
        (rb'{"results":[1],"a\"results":[%b]}', [b"1"]),
    ],
)
def test_a_key_with_an_escape_is_the_same_key(page, found, count):
    """However a page spells the key of its list, and a longer key that ends like it, no other list is taken for it."""
    page %= b",".join([b'{"data":{"a":"' + b"x" * 100 + b'"}}'] * count)
    if found is None:
        with pytest.raises(PageError, match="more than one"):
            split_search_results(page)
    else:
        assert split_search_results(page) == found


@pytest.mark.parametrize(("split", "key"), [(split_search_results, "results"), (split_problems, "items")])
def test_each_letter_of_a_key_may_be_an_escape(split, key):
    """A second list is seen whichever letter of its key is spelled so, in either case; other escapes mean nothing."""
    for at, letter in enumerate(key):
        for escape in (f"\\u{ord(letter):04x}", f"\\u00{ord(letter):02X}"):
            other = key[:at] + escape + key[at + 1 :]
            with pytest.raises(PageError, match="more than one"):
                split(f'{{"{key}":[{{"data":1}}],"{other}":[{{"data":2}}]}}'.encode())
    kind = decoding.SEARCH_PAGE if key == "results" else decoding.PROBLEMS_PAGE
    page = rb'{"%b":[{"data":{"a":"\u007f\u003c\u0041"}}]}' % key.encode()
    assert len(decoding.decoded_texts(page, kind, Bounds(5, 1 << 20)) or ()) == 1


@pytest.mark.parametrize("count", [1, 2000, 60_000])
def test_a_list_within_something_else_is_not_the_pages_own(count):
    """A list under the same key, but further inside, is not taken for that of the page."""
    inner = b",".join([b'{"data":{"a":"' + b"x" * 100 + b'"}}'] * count)
    page = b'{"summary":{"results":[%b]}%b}'
    assert split_search_results(page % (inner, b',"results":[{"data":3}]')) == [b"3"]
    with pytest.raises(PageError, match="without `results`"):
        split_search_results(page % (inner, b""))


def test_the_parts_of_a_list_are_bounded(monkeypatch):
    """A large event with many tiny ones behind it is no part: what cannot be cut is counted first."""
    monkeypatch.setattr(decoding, "_LIST", None)  # nothing may be made of it
    large = b'{"a":"' + b"x" * 600_000 + b'"}'
    with pytest.raises(PageTooLargeError):
        split_list_events(in_list(large, *[b"{}"] * 400_000))


def test_tiny_elements_are_counted_before_more_is_made_of_them(monkeypatch):
    """Of a page of tiny elements one part is made, and no more until it is known that they are few enough."""
    real, parts = decoding._LIST, []
    monkeypatch.setattr(
        decoding, "_LIST", SimpleNamespace(decode=lambda page: parts.append(page) or real.decode(page))
    )
    with pytest.raises(PageTooLargeError):
        split_list_events(in_list(*[b"{}"] * 400_000))
    assert len(parts) == 1
    assert split_list_events(in_list(*[b"{}"] * 30_000)) == [b"{}"] * 30_000


def test_the_deadline_is_asked_between_the_parts_of_a_list():
    """What the check raises ends the cutting before the next part."""
    text, asked = b'{"eventType":"' + b"x" * 1000 + b'"}', []

    def check() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise _EndedError

    with pytest.raises(_EndedError):
        split_list_events(in_list(*[text] * 1000), Bounds(5000, 1 << 22, check))


def test_scanning_a_page_has_an_end(monkeypatch):
    """A page that is nothing but brackets is given up after so many steps, whoever waits for it."""
    monkeypatch.setattr(json_scan, "_MAX_TOKENS", 1 << 14)
    assert split_list_events(in_list(b"[" * 1000 + b"]" * 1000 + b"x")) != []
    with pytest.raises(PageTooLargeError):
        split_list_events(in_list(b"[" * 100_000 + b"]" * 100_000 + b"x"))


@pytest.mark.slow
def test_rows_are_counted_too():
    """A list of small objects is decoded when it is short enough, and refused when it is not or is none."""
    decoder = msgspec.json.Decoder(list[dict[str, int]])
    assert decoded_rows(b'[{"a":1}]', decoder) == [{"a": 1}]
    with pytest.raises(PageTooLargeError):
        decoded_rows(in_list(*[b'{"a":1}'] * 20_001), decoder)
    with pytest.raises(PageTooLargeError):
        decoded_rows(in_list(*[b"{}"] * 400_000), decoder)
    for body in (b"{}", b"[1]", b"", b"<html>", b'["' + b"x" * 600_000 + b'"]'):
        with pytest.raises(PageError):
            decoded_rows(body, decoder)


class _EndedError(Exception):
    """Nobody waits any more."""


def test_cutting_that_takes_long_can_be_ended():
    """A page that has to be scanned asks now and then whether anybody still waits for it."""
    asked = []

    def check():
        asked.append(1)
        if len(asked) == 3:
            raise _EndedError

    with pytest.raises(_EndedError):
        split_list_events(in_list(b"[" * 1_000_000), Bounds(100, 1 << 30, check))
