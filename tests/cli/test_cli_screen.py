"""What is written for people: safe text, plain pipes, colours only where they are wanted, periods and times."""

from __future__ import annotations

from datetime import datetime, timezone
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text
from support.command_lines import on_terminal

from signal_client_oci.cli.output.one_line_errors import CommandError
from signal_client_oci.cli.output.safe_text import printable, shortened
from signal_client_oci.cli.output.screen import Screen
from signal_client_oci.cli.since import lookback_minutes

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=timezone.utc)


@given(st.text())
@pytest.mark.slow
def test_shown_text_is_one_line_that_a_terminal_only_prints(text):
    """Whatever a name holds, what is shown is printable, and nothing of it is lost."""
    assert printable(text).isprintable()
    assert len(printable(text)) >= len(text)


@pytest.mark.parametrize("text", ["plain", "Grüße", "日本", "a [bold]b[/bold]"])
def test_printable_text_stays_as_it_is(text):
    """Names in any alphabet are shown as they are."""
    assert printable(text) == text


@given(st.text(), st.integers(min_value=4, max_value=50))
@pytest.mark.slow
def test_shortened_text_keeps_to_its_length(text, most):
    """A long name cannot push the rest off the screen."""
    assert len(shortened(text, most)) <= most


def test_a_pipe_gets_lines_whole_and_without_trailing_blanks():
    """No width that nobody has breaks a line, markup is text, and nothing is padded."""
    stream = StringIO()
    screen = Screen(stream)
    table = screen.table("Name", "Text")
    table.add_row("[red]a", Text("word " * 200))
    screen.print(table, "[bold]" + "x" * 500)
    lines = stream.getvalue().splitlines()
    assert lines[1] == "[red]a  " + ("word " * 200).rstrip()
    assert lines[2] == "[bold]" + "x" * 500


@pytest.mark.slow
def test_a_terminal_gets_colours_and_lines_of_its_width():
    """Output is fitted, and emphasised."""
    written = on_terminal("explain", "STOPPED", columns=60).out
    assert "\x1b[1m" in written
    assert max(len(line) for line in written.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()) <= 60


@pytest.mark.slow
def test_no_color_leaves_plain_text():
    """With NO_COLOR, a terminal gets no escape sequence at all."""
    assert "\x1b" not in on_terminal("explain", "STOPPED", NO_COLOR="1").out


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("90m", 90),
        ("90 min", 90),
        ("2h", 120),
        ("3D", 4320),
        ("14d", 20160),
        ("2026-03-02T08:30Z", 30),
        ("2026-03-02T09:30+01:00", 30),
        ("2026-03-02 08:59:30", 1),
        ("2026-03-01", 33 * 60),
    ],
)
def test_since_reads_periods_and_times(text, minutes):
    """A time is rounded up to the minute, and without an offset it is UTC."""
    assert lookback_minutes(text, NOW) == minutes


@pytest.mark.parametrize(
    "text", ["", "2", "2w", "-2h", "0m", "soon", "2026-13-01", "2027-01-01", "15d", "0001-01-01"]
)
def test_since_refuses_the_rest_in_one_line(text):
    """What is no period, lies ahead or too far back is a fault."""
    with pytest.raises(CommandError) as caught:
        lookback_minutes(text, NOW)
    assert "\n" not in str(caught.value)
