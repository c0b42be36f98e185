"""How far a run of ph.x is, from what it has written so far.

ph.x solves for one irreducible representation after the other, which take about as long.
"""

import re

# formats of ph.x: (5x,"There are ",i4," irreducible representations"), "Representation #",i4
_ALL = re.compile(r"There are\s+(\d+) irreducible representations")
_NOW = re.compile(r"Representation #\s*(\d+) mode")


def pace(text: str, seconds: float) -> str:
    """What is done and, once something is, the time left; just the time for other programs.

    Args:
      text: output of the program.
      seconds: since it was started.
    """
    known, reached = _ALL.findall(text), _NOW.findall(text)
    past = f"{seconds / 60:.0f} min"
    if not known or not reached:
        return past
    count, done = int(known[-1]), int(reached[-1]) - 1
    told = f"{past}, representation {done + 1} of {count}"
    if not done:
        return told
    return f"{told}, about {seconds / 60 * (count - done) / done:.0f} min left"
