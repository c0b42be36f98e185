"""Run the code blocks of a page of docs/, in order, as a reader would."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
# commands of ephforge run in one process: starting Python takes longer than most of them
_PREAMBLE = """
import subprocess
from ephforge.cli.main import app
def ephforge(words):
    try:
        app(words)
    except SystemExit as end:
        assert not end.code, (words, end.code)
"""
_BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run_blocks(page: str, folder: Path, until: str | None = None) -> str:
    """Output of the blocks marked bash and python, before the heading `until` if given.

    Python blocks share what they define, and run where they stand among the commands; the first
    that fails fails all.
    """
    text = (ROOT / "docs" / page).read_text()
    if until is not None:
        text, heading, _ = text.partition(f"\n## {until}\n")
        assert heading, f"{page}: no heading {until}"
    blocks = _BLOCK.findall(text)
    assert blocks, page
    script = [_as_python(language, code) for language, code in blocks]
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "MPLBACKEND": "Agg",
    }
    run = subprocess.run(
        [sys.executable, "-c", "\n".join([_PREAMBLE, *script])],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def _as_python(language: str, code: str) -> str:
    if language == "python":
        return code
    return "\n".join(
        f"ephforge({shlex.split(line, comments=True)[1:]!r})"
        if line.startswith("ephforge ")
        else f"subprocess.run(['bash', '-ec', {line!r}], check=True)"
        for line in code.splitlines()
        if line.strip()
    )
