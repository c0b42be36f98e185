"""The tables of docs/file_formats.md, read back."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs/file_formats.md"
# kinds whose arrays are named after methods or parts of the network, which the page says in words
NAMED_ELSEWHERE = ("train", "examples")
_ROW = re.compile(r"^\| `([\w.]+)` \| ([^|]*) \| ([^|]*) \| ([^|]*) \|")


def documented_arrays() -> dict[str, dict[str, tuple[tuple[str, ...], str]]]:
    """Kind of a file -> array -> axes and unit."""
    found: dict[str, dict] = {}
    kind = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            kind = line.removeprefix("## ")
            found[kind] = {}
        elif row := _ROW.match(line):
            axes = tuple(axis for axis in row[2].split(", ") if axis)
            found[kind][row[1]] = (axes, row[3])
    return found
