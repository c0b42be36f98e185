"""Progress bars of tqdm where no terminal shows them: a line for each state, none overwritten.

This file imports fast: no jax.
"""

from io import TextIOBase

# the variable from which tqdm takes it, and what was done, rate, time left
FORMAT = {"TQDM_BAR_FORMAT": "{desc}{n_fmt} of {total_fmt}, {rate_fmt}, {remaining} left{postfix}"}


class PlainLines:
    """A stream whose states of a bar, written over each other by carriage returns, are lines."""

    def __init__(self, stream: TextIOBase):
        self._stream = stream
        self._after_bar = False

    def write(self, text: str) -> int:
        """As that of the stream; the line feed that ends a bar is left out, its line has one."""
        is_bar, ends_bar = "\r" in text, self._after_bar and text == "\n"
        if is_bar:
            states = [state.strip() for state in text.split("\r")]
            self._stream.write("".join(f"{state}\n" for state in states if state))
        elif not ends_bar:
            self._stream.write(text)
        self._after_bar = is_bar
        return len(text)

    def __getattr__(self, name: str):
        return getattr(self._stream, name)
