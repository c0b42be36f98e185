"""How a finished file gets its final name: a reader finds the old file, the new one, or none.

A file is written under a name of its own beside the final one, brought to disk, and renamed.
Whatever a killed process leaves behind is such a temporary file, never half a result; the next
writer of the same result on that machine removes it.
"""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ephforge.core.errors import EphforgeError

ENDING = ".part"
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
_FULL = 2**20  # bytes; less free space than this explains a library's "HDF error"


@contextmanager
def temporary_of(path: Path) -> Iterator[Path]:
    """A name to write under: of this process on this machine, beside the final name.

    What is left under it at the end is removed; what goes wrong with the disk is one line.

    Raises:
      EphforgeError: the disk is full, or the folder cannot be written to.
    """
    temporary = temporary_name(path)
    try:
        make_way(path)
        yield temporary
    except (OSError, RuntimeError) as error:  # RuntimeError is how netCDF4 tells of a full disk
        reason = _reason(path.parent, error)
        if reason is None:
            raise
        raise EphforgeError(
            f"{path}: cannot be written ({reason}); mend that and run again"
        ) from error
    finally:
        _remove(temporary)


def temporary_name(path: Path) -> Path:
    """Name of this process on this machine, beside the final name."""
    return path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}{ENDING}")


def make_way(path: Path) -> None:
    """Make the folder, and remove what processes of this machine that are no more left in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_left_behind(path, socket.gethostname())


def put_in_place(temporary: Path, path: Path) -> None:
    """Bring a closed file to disk, give it its final name, bring that to disk."""
    _sync(temporary)
    os.replace(temporary, path)
    _sync(path.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file of bytes under its final name, or nothing."""
    with temporary_of(path) as temporary:
        temporary.write_bytes(data)
        put_in_place(temporary, path)


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _reason(folder: Path, error: Exception) -> str | None:
    """What the disk has against a file, if it is the disk; netCDF4 tells little of it."""
    number = error.errno if isinstance(error, OSError) else None
    if number not in _OF_THE_DISK:
        with suppress(OSError):
            found = os.statvfs(folder)
            if found.f_flag & os.ST_RDONLY:
                number = errno.EROFS
            elif found.f_bavail * found.f_frsize < _FULL:
                number = errno.ENOSPC
    return None if number is None else os.strerror(number)


def _remove_left_behind(path: Path, host: str) -> None:
    """Temporary files of processes of this machine that are no more."""
    for left in path.parent.glob(f".{path.name}.{host}.*{ENDING}"):
        number = left.name.removesuffix(ENDING).rsplit(".", 1)[1]
        if number.isdigit() and int(number) != os.getpid() and not _is_alive(int(number)):
            _remove(left)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # of another user: alive
    return True


def _remove(path: Path) -> None:
    with suppress(OSError):  # a folder that cannot be written to has been told
        path.unlink(missing_ok=True)
