"""Progress of a command: a bar on a terminal, plain lines now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

_EVERY = 10.0  # seconds between plain lines; what is done sooner says nothing


@contextmanager
def progress(name: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """Give a function that counts what is done; rate and time left go to the standard error."""
    if sys.stderr.isatty():
        with tqdm(total=total, unit=unit, desc=name) as bar:
            yield bar.update
    else:
        yield _Lines(name, total, unit)


class _Lines:
    """Counts, and tells a line at most every `_EVERY` seconds."""

    def __init__(self, name: str, total: int, unit: str):
        self._name, self._total, self._unit = name, total, unit
        self._done, self._start = 0, time.monotonic()
        self._told = self._start

    def __call__(self, count: int) -> None:
        self._done += count
        now = time.monotonic()
        if now - self._told < _EVERY or self._done >= self._total:
            return
        self._told = now
        rate = self._done / (now - self._start)
        print(
            f"{self._name}: {self._done} of {self._total} {self._unit}, {rate:.3g} a second, "
            f"{(self._total - self._done) / rate:.0f} s left",
            file=sys.stderr,
            flush=True,
        )
