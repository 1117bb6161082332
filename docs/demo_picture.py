"""Draws docs/demo.svg anew from a real run of the demo on a terminal: python docs/demo_picture.py.

It shows some of the demo's scenes as they were written; three dots stand for the others.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
from collections.abc import Iterator
from html import unescape
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "demo.svg"
SCENES = ("4. Poll 1", "5. Poll 2", "Emitted by the sandbox")
COLUMNS = 78
COLUMN_WIDTH = 12.2  # of the export's font, in its own units
THEME = TerminalTheme(
    (22, 27, 34),
    (230, 237, 243),
    [
        (72, 79, 88),
        (255, 123, 114),
        (63, 185, 80),
        (210, 153, 34),
        (88, 166, 255),
        (188, 140, 255),
        (57, 197, 207),
        (177, 186, 196),
    ],
)
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace"
LEFT_OUT = "..."
_TEXT = re.compile(r'<text [^>]*?x="([\d.]+)" y="([\d.]+)"[^>]*clip-path[^>]*>(.*?)</text>')


def draw(output: str) -> str:
    """Return the picture of what the demo wrote to a terminal, with its control sequences."""
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, legacy_windows=False
    )
    console.print(Text.assemble(("$ ", "bold green"), ("signal-client-oci demo", "bold")))
    for scene in scenes(output):
        console.print(Text(LEFT_OUT, style="dim"))
        console.print(Text.from_ansi("\n".join(scene)))
    console.print()  # the export cuts into its last line
    picture = console.export_svg(title="signal-client-oci demo", theme=THEME, unique_id="demo")
    without_fonts = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    return without_fonts.replace("Fira Code, monospace", FONTS)


def scenes(output: str) -> Iterator[list[str]]:
    """Yield the lines of each scene of the picture, without the progress that a terminal has overwritten."""
    lines = [_as_left(line) for line in output.replace("\r\n", "\n").split("\n") if "\x1b[?25l" not in line]
    shown: list[str] | None = None
    for line in [*lines, ""]:
        words = Text.from_ansi(line).plain
        if re.match(r"\d\. |Emitted|One of|Artifacts:", words):
            if shown:
                yield shown
            shown = [] if words.startswith(SCENES) else None
        if shown is not None and (words.strip() or shown):
            shown.append(line)
    if shown:
        yield shown


def _as_left(line: str) -> str:
    """Return what a terminal shows of a line at the end: what was written after it was last erased."""
    return line.rpartition("\x1b[2K")[2]


def lines_of(picture: str) -> list[str]:
    """Return the lines of text in a picture."""
    lines: dict[float, str] = {}
    for x, y, text in _TEXT.findall(picture):
        column = round(float(x) / COLUMN_WIDTH)
        lines[float(y)] = lines.get(float(y), "").ljust(column) + unescape(text).replace("\xa0", " ")
    return [line for _, line in sorted(lines.items())]


def main() -> None:
    """Run the demo and write the picture."""
    sys.path.insert(0, str(ROOT / "tests"))
    from support.command_lines import on_terminal  # noqa: PLC0415  the tests' terminal

    with tempfile.TemporaryDirectory() as folder:
        ended = on_terminal("demo", "--directory", Path(folder) / "demo", columns=COLUMNS)
    if ended.code:
        sys.exit(ended.out)
    PICTURE.write_text(draw(ended.out), encoding="utf-8")


if __name__ == "__main__":
    main()
