"""Tab in a shell completes commands, once the script that the program prints is read."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("ephforge")
TYPED = """
source <("$0" --show-completion bash)
COMP_WORDS=(ephforge "$1") COMP_CWORD=1
_ephforge_completion "$0"
echo "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on this machine")
@pytest.mark.parametrize(
    ("typed", "offered"), [("superr", "superresolve"), ("co", "couple compress cost"), ("x", "")]
)
def test_bash(typed, offered):
    # the shell is told by the word; elsewhere typer looks at the parent process
    words = ["bash", "-c", TYPED, str(PROGRAM), typed]
    run = subprocess.run(words, capture_output=True, text=True, check=True, env=os.environ)
    assert run.stdout == f"{offered}\n"
    assert run.stderr == ""
