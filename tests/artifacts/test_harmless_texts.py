"""Several texts are asked of at once whether they may hold secrets, as strictly as each by itself."""

from __future__ import annotations

import pytest
from support.example_records import NAMES, example
from support.example_records import text_of as text_of_example
from support.masking_records import records, text_of

from signal_client_oci.artifacts.secrets.harmless_texts import HarmlessTexts
from signal_client_oci.artifacts.secrets.hints import may_contain_secret

PLAIN = [b'{"resourceName":"web-%d","status":"200"}' % number for number in range(64)]


def _asked(texts):
    return HarmlessTexts(are_masked=True).has(texts)


@pytest.mark.parametrize("place", [0, 31, 63])
def test_what_is_suspicious_alone_is_suspicious_among_others(place):
    """No text that may hold a secret is called harmless, wherever among harmless ones it stands."""
    texts = [text_of(entry) for name in ("secrets", "evidence") for entry in records(name)]
    texts += [text_of_example(example(name)["record"]) for name in NAMES]
    texts += [
        b"",
        b"-p hunter2",
        b'"password":',
        b'{"password":["a",',
        b'{"a":"password is',
        b"\xff{}",
        b"{" * 70_000,
    ]
    suspicious = [text for text in texts if may_contain_secret(text)]
    assert len(suspicious) > len(texts) // 2
    missed = [text for text in suspicious if _asked([*PLAIN[:place], text, *PLAIN[place:63]])]
    assert missed == []


def test_harmless_texts_are_told_until_the_first_suspicious():
    """Blocks without secrets are called harmless, and nothing is told of a page from its first suspicious one on."""
    harmless = HarmlessTexts(are_masked=True)
    suspicious = [*PLAIN[:7], b'{"password":"hunter2"}']
    assert harmless.has(PLAIN[:16])
    assert harmless.has(PLAIN)
    assert harmless.has(PLAIN)
    assert not harmless.has(suspicious)
    assert not harmless.has(suspicious)
    assert not harmless.has(PLAIN[:1])


def test_nothing_is_told_where_nothing_is_masked():
    """Where secrets stay, no text is called harmless, and none is looked at."""
    assert not HarmlessTexts(are_masked=False).has([None])


def test_only_objects_are_asked_of_together():
    """Where a text begins or ends with anything but a brace, and where there is none, nothing is called harmless."""
    assert _asked([b'{"a":1}'])
    assert not any(_asked([text, b"{}"]) for text in (b"[]", b'{"a":1', b"17", b"", b' {"a":1}'))
    assert not _asked([])


def test_a_block_of_the_largest_size_is_asked_of_together():
    """As many bytes as a turn puts into a block are not too many, and twice as many are."""
    text = b'{"a":"%b"}' % (b"x" * (4096 - len(b'{"a":""}')))
    assert _asked([text] * 16)
    assert not _asked([text] * 32)
