"""Amounts of memory on the command line, and what this process has of it."""

import os
import re
import resource
import sys
from pathlib import Path

import typer

_UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12}


def parsed(option: str, text: str) -> int:
    """Bytes of a text such as "500MB" or "1.5 GB".

    Args:
      option: for the message.

    Raises:
      BadParameter: not a positive number with MB, GB or TB.
    """
    found = re.fullmatch(r"(\d+\.?\d*|\.\d+) *(MB|GB|TB)", text.strip(), re.IGNORECASE)
    if found is None or float(found[1]) == 0:
        raise typer.BadParameter(f"{option} {text}: expected a size as 500MB or 1.5GB")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def resident() -> int:
    """Bytes of memory that this process takes; where that is not known, the most it ever took."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
