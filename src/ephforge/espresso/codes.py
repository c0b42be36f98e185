"""Run pw.x, ph.x or epw.x in a scratch folder and say clearly what went wrong.

A scratch folder lives beside the results, so that a job that is killed finds its restart
files again; what a step yields is moved out of it only when the outcome has been checked.
"""

import logging
import os
import shlex
import shutil
import subprocess
import time
from pathlib import Path

from ephforge.core.errors import EphforgeError
from ephforge.espresso.pace import pace

log = logging.getLogger(__name__)

DONE = "JOB DONE."
EPW_DONE = "Total program execution"
_EVERY = 300.0  # seconds between lines of the log that say how far a program is
# hangs for ever if it is launched as several processes that are not told to be pools of their own
ALONE = "epw.x"


def run_code(program: str, folder: Path, step: str, launcher: str) -> Path:
    """Run `program < step.in > step.out` in `folder`; return the output file.

    pw.x and ph.x are started by the launcher, epw.x by itself.

    Raises:
      EphforgeError: the program is not installed, stopped, or did not reach its end.
    """
    launched = [] if program == ALONE else shlex.split(launcher)
    command = [*launched, program, "-in", f"{step}.in"]
    output = folder / f"{step}.out"
    environment = os.environ | {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    (folder / "CRASH").unlink(missing_ok=True)
    log.info("%s: %s", folder, " ".join(command))
    try:
        status = _watched(command, folder, output, environment)
    except FileNotFoundError:
        raise EphforgeError(
            f"{command[0]}: no such program; install Quantum ESPRESSO with EPW "
            "(Debian: quantum-espresso; conda: envs/espresso.yaml)"
        ) from None
    text = output.read_text(errors="replace")
    if status or (DONE not in text and EPW_DONE not in text):
        raise EphforgeError(f"{step}: {program} stopped ({_reason(folder, text)}); see {output}")
    return output


def _watched(command: list[str], folder: Path, output: Path, environment: dict[str, str]) -> int:
    """Exit status; while the program runs, the log says now and then how far it is."""
    start = time.monotonic()
    with (
        output.open("w") as stream,
        subprocess.Popen(
            command, cwd=folder, stdout=stream, stderr=subprocess.STDOUT, env=environment
        ) as process,
    ):
        try:
            while True:
                try:
                    return process.wait(_EVERY)
                except subprocess.TimeoutExpired:
                    text = output.read_text(errors="replace")
                    log.info("%s: %s", output.name, pace(text, time.monotonic() - start))
        except BaseException:
            process.kill()
            raise


def _reason(folder: Path, text: str) -> str:
    """The line of a code's error box, or the last line of its output."""
    crash = folder / "CRASH"
    lines = (crash.read_text(errors="replace") if crash.is_file() else text).splitlines()
    inside = [line.strip() for line in lines if line.strip(" %-")]
    if crash.is_file() and len(inside) > 1:
        return " ".join(inside[-2:])
    return inside[-1] if inside else "no output"


def fresh(folder: Path) -> Path:
    """An empty folder of that name."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def deliver(source: Path, target: str | Path) -> None:
    """Move a finished file or folder to its final name at once."""
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        shutil.rmtree(target)
    partial = target.with_name(f".{target.name}.part")
    if partial.is_dir():
        shutil.rmtree(partial)
    shutil.move(source, partial)
    os.replace(partial, target)
