"""Plain values of a form: a value with one possible meaning is read, any other is rejected with a message."""

import math

import pytest
from pydantic import SecretStr

from signal_client_oci.settings.values import (
    is_blank,
    read_choice,
    read_names,
    read_secret,
    read_switch,
    read_text,
    read_whole_number,
)


@pytest.mark.parametrize("value", [None, "", " \t\n", "\u00a0\u200b\ufeff", SecretStr(" ")])
def test_blank(value):
    """None and texts of nothing but space count as left empty."""
    assert is_blank(value)


@pytest.mark.parametrize("value", [0, False, [], "x", SecretStr("x")])
def test_not_blank(value):
    """Everything else is an answer."""
    assert not is_blank(value)


@pytest.mark.parametrize("text", ["a b", " a b\n", "\ufeffa b\u200b\u00a0", "\u2060\ta b\r\n"])
def test_text_is_stripped(text):
    """White space and zero-width characters go from both ends and stay inside."""
    assert read_text(text) == "a b"


@pytest.mark.parametrize(
    ("value", "kind"), [(5, "a number"), (True, "true or false"), ([], "a list"), ({}, "an object")]
)
def test_text_of_another_type(value, kind):
    """A value that is not text is rejected with its type."""
    with pytest.raises(ValueError, match=f"text in quotes, not {kind}"):
        read_text(value)


def test_text_that_cannot_be_encoded():
    """Half of a surrogate pair, which JSON can carry, is refused."""
    with pytest.raises(ValueError, match="broken characters"):
        read_text("a\ud800b")


@pytest.mark.parametrize("value", [" x ", " x \r\n", SecretStr("\n x ")])
def test_secret_keeps_its_spaces(value):
    """A secret loses line ends around it, but not its spaces."""
    assert read_secret(value) == " x "


@pytest.mark.parametrize(
    ("value", "read"), [(True, True), ("true", True), (" False ", False), (False, False)]
)
def test_switch(value, read):
    """True and false are read, also as words."""
    assert read_switch(value) is read


@pytest.mark.parametrize("value", ["yes", "on", "1", 1, 0, 1.0, [], {}, "tru"])
def test_switch_of_no_clear_meaning(value):
    """Nothing else switches anything."""
    with pytest.raises(ValueError, match="must be true or false"):
        read_switch(value)


@pytest.mark.parametrize("value", [5, 5.0, "5", " +5\n", "005"])
def test_whole_number(value):
    """A number is read from its digits too."""
    number = read_whole_number(value, 0, 10)
    assert number == 5
    assert type(number) is int


@pytest.mark.parametrize(
    "value", [True, "5.0", "five", "5 6", "", 5.5, math.nan, math.inf, [5], "9" * 5000, "\u0665"]
)
def test_no_whole_number(value):
    """A value that is not a whole number is rejected with the bounds."""
    with pytest.raises(ValueError, match="whole number from 0 to 10"):
        read_whole_number(value, 0, 10)


@pytest.mark.parametrize(
    ("value", "inside"), [(0, True), (10, True), (-1, False), (11, False), (10**30, False)]
)
def test_bounds_are_inclusive(value, inside):
    """Both bounds belong to the range."""
    if inside:
        assert read_whole_number(value, 0, 10) == value
    else:
        with pytest.raises(ValueError, match="at least 0 and at most 10"):
            read_whole_number(value, 0, 10)


@pytest.mark.parametrize("value", [["a", " b "], "a, b", "a;b", "\na\r\nb\n", ("a", "", "b"), ",a,,b"])
def test_names(value):
    """A list, or one text with commas, semicolons or lines, gives the same names; blanks are passed over."""
    assert read_names(value, 9, 9) == ["a", "b"]


@pytest.mark.parametrize("value", [5, {}, [5], [None], True])
def test_no_names(value):
    """Anything else is refused with an example."""
    with pytest.raises(ValueError, match="eu-frankfurt-1"):
        read_names(value, 9, 9)


def test_too_many_names():
    """A list without end is not worked through."""
    with pytest.raises(ValueError, match="1000 entries"):
        read_names(["a"] * 1000, 200, 9)


def test_a_long_name():
    """An entry that is too long is rejected without being quoted, in a list and in a text."""
    for value in (["a", "b" * 10], "a," + "b" * 10):
        with pytest.raises(ValueError, match="more than 9 characters") as caught:
            read_names(value, 5, 9)
        assert "bb" not in str(caught.value)


def test_choice():
    """A word is taken in any case, and refused with all the choices."""
    assert read_choice("high", ("HIGH", "LOW")) == "HIGH"
    with pytest.raises(ValueError, match="one of HIGH, LOW"):
        read_choice("severe", ("HIGH", "LOW"))
