"""Reads the tables beside this file, once and when first needed."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ["Row", "table", "techniques_of"]

Row = dict[str, str]


@cache
def table(name: str) -> list[Row]:
    """Return one of the tables: a dict for each row, by the column names of its first line."""
    text = (files(__package__) / "tables" / f"{name}.tsv").read_text("utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    names = lines[0].split("\t")
    return [dict(zip(names, line.split("\t"), strict=True)) for line in lines[1:]]


def techniques_of(row: Row) -> list[str]:
    """Return the MITRE ATT&CK techniques of a table's row."""
    return [technique for technique in row.get("techniques", "").split(",") if technique]
