"""The last bytes of a file: SHA-256 of all bytes before them.

A library that takes damaged bytes apart may crash or hang, so they are compared before it sees
them.  HDF5 reads a file to the length that it has noted in it, so that what follows disturbs no
reader.  A file without a trailer (an older one, one that another program has rewritten, one that
came in slabs) is judged by the checksum of its contents alone (checksum.py).
"""

import hashlib
from pathlib import Path

_MARK = b"\nephforge SHA-256"
_LENGTH = len(_MARK) + hashlib.sha256().digest_size
_BLOCK = 2**20  # bytes read at a time


def append(path: Path) -> None:
    """Add a trailer to a closed file."""
    digest = _digest(path, path.stat().st_size)
    with path.open("ab") as file:
        file.write(_MARK + digest)


def is_damaged(path: Path) -> bool:
    """Whether there is a trailer that the bytes before it do not fit."""
    length = path.stat().st_size - _LENGTH
    if length < 0:
        return False
    with path.open("rb") as file:
        file.seek(length)
        trailer = file.read()
    return trailer.startswith(_MARK) and trailer != _MARK + _digest(path, length)


def _digest(path: Path, length: int) -> bytes:
    """SHA-256 of so many bytes from the start."""
    running = hashlib.sha256()
    with path.open("rb") as file:
        while length > 0 and (block := file.read(min(length, _BLOCK))):
            running.update(block)
            length -= len(block)
    return running.digest()
