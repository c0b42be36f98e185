"""Bars of tqdm off a terminal: lines with the time left, and nothing else is touched."""

import io
import subprocess
import sys

from ephforge.plain_lines import PlainLines

BAR = """
import os, sys, time
from ephforge.plain_lines import FORMAT, PlainLines
os.environ.update(FORMAT)
sys.stderr = PlainLines(sys.stderr)
from tqdm import tqdm
bar = tqdm(total=4, unit="step", mininterval=0, miniters=1)
for i in range(4):
    time.sleep(0.02)
    bar.update()
bar.set_postfix(train=0.5)
bar.close()
print("done", file=sys.stderr)
"""


def test_every_state_of_a_bar_is_a_line():
    run = subprocess.run([sys.executable, "-c", BAR], capture_output=True, text=True, check=True)
    assert "\r" not in run.stderr
    lines = run.stderr.splitlines()
    assert all(lines)
    assert lines[-1] == "done"
    assert lines[-2].startswith("4 of 4, ")
    assert lines[-2].endswith("00:00 left, train=0.5")
    assert [line[:6] for line in lines[:4]] == ["0 of 4", "1 of 4", "2 of 4", "3 of 4"]


def test_other_text_is_as_it_was():
    stream = io.StringIO()
    lines = PlainLines(stream)
    for text in ("a\n", "\n", "b", "\n", "\rstate  ", "\n", "\n", "c\n"):
        assert lines.write(text) == len(text)
    assert lines.getvalue() == "a\n\nb\nstate\n\nc\n"
