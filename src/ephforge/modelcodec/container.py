"""The file: magic, version, lengths, header, templates, three streams, checksum of both."""

import hashlib
import struct
from typing import NamedTuple

import numpy as np

from ephforge.core.errors import EphforgeError
from ephforge.modelcodec.stream import Coded

MAGIC = b"EPHM"
VERSION = 1
_FIXED = struct.Struct("<4sBHHHHI")
_CHECK = 8  # bytes: half of the SHA-256 of what is written, half of that of the numbers
NAMES = ("hopping", "phi", "g")


class Container(NamedTuple):
    """What is written: the packed header, what templates give, and the three streams."""

    header: bytes
    mean: bytes
    hopping: Coded
    phi: Coded
    g: Coded


class Opened(NamedTuple):
    """What is read."""

    header: bytes
    mean: bytes
    streams: tuple[bytes, bytes, bytes]


def write(found: Container) -> bytes:
    """All bytes of the file."""
    coded = found[2:]
    lengths = (len(found.header), len(found.mean), *(len(one.data) for one in coded))
    fixed = _FIXED.pack(MAGIC, VERSION, *lengths)
    body = fixed + found.header + found.mean + b"".join(one.data for one in coded)
    return body + _checksum(body, [one.quantised.value_n for one in coded])


def read(data: bytes) -> Opened:
    """The parts of a file.

    Raises:
      EphforgeError: not such a file, another version, or not of the length it says.
    """
    if data[: len(MAGIC)] != MAGIC or len(data) < _FIXED.size:
        raise EphforgeError(
            "compressed model: does not begin as one does, expected a file of ephforge compress"
        )
    _, version, *lengths = _FIXED.unpack_from(data)
    if version != VERSION:
        raise EphforgeError(
            f"compressed model: version {version}, expected {VERSION}; take the ephforge that "
            "wrote it"
        )
    if len(data) != _FIXED.size + sum(lengths) + _CHECK:
        raise EphforgeError(
            f"compressed model: {len(data)} bytes, expected {_FIXED.size + sum(lengths) + _CHECK}; "
            "it is damaged, copy it again"
        )
    if hashlib.sha256(data[:-_CHECK]).digest()[: _CHECK // 2] != data[-_CHECK : -_CHECK // 2]:
        raise EphforgeError(
            "compressed model: does not match its checksum; it is damaged, copy it again"
        )
    place, parts = _FIXED.size, []
    for length in lengths:
        parts.append(data[place : place + length])
        place += length
    return Opened(parts[0], parts[1], tuple(parts[2:]))


def check(data: bytes, value_n: list[np.ndarray]) -> None:
    """Hold decoded numbers against the checksum.

    Raises:
      EphforgeError: they are not those that were written.
    """
    if _checksum(data[:-_CHECK], value_n) != data[-_CHECK:]:
        raise EphforgeError(
            "compressed model: decoded numbers do not match their checksum, as they did where it "
            "was written; report this with the file"
        )


def bits(data: bytes) -> dict[str, int]:
    """Of each part of a file and of the whole."""
    found = read(data)
    parts = {name: 8 * len(one) for name, one in zip(NAMES, found.streams, strict=True)}
    parts["g"] += 8 * len(found.mean)
    return parts | {"header": 8 * len(found.header), "file": 8 * len(data)}


def _checksum(body: bytes, value_n: list[np.ndarray]) -> bytes:
    numbers = hashlib.sha256()
    for values in value_n:
        numbers.update(np.asarray(values, "<i8").tobytes())
    half = _CHECK // 2
    return hashlib.sha256(body).digest()[:half] + numbers.digest()[:half]
