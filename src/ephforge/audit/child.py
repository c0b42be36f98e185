"""A function run in a process of its own: a library that crashes or hangs takes nobody with it."""

import multiprocessing
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ephforge.core.errors import EphforgeError


def in_child(seconds: float, function: Callable, path: Path, *arguments: Any) -> Any:
    """Result of `function(path, *arguments)`; all of it travels by pickle.

    Children are forked from one server that has imported what reads files, which costs the
    start-up of Python once and not for each call.

    Raises:
      EphforgeError: the function raised it, the process died, or it took longer than `seconds`.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ephforge.audit.validate"])
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_call, args=(theirs, function, path, *arguments), daemon=True)
    child.start()
    theirs.close()
    try:
        if not ours.poll(seconds):
            raise EphforgeError(f"{path}: not read after {seconds:g} s; damaged, or too slow")
        kind, result = ours.recv()
    except EOFError:
        child.join()
        raise EphforgeError(
            f"{path}: reading it crashed the library ({_end(child.exitcode)}); "
            "remove it and run again"
        ) from None
    finally:
        child.kill()
        child.join()
        ours.close()
    if kind == "error":
        raise EphforgeError(result)
    return result


def _call(pipe, function: Callable, *arguments: Any) -> None:
    try:
        pipe.send(("result", function(*arguments)))
    except EphforgeError as error:
        pipe.send(("error", str(error)))


def _end(status: int | None) -> str:
    if status is not None and status < 0:
        return signal.Signals(-status).name
    return f"exit status {status}"
