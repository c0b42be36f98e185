"""The file of a compressed block: magic, version, lengths, header, energies, codes, checksum.

The header is zlib-compressed JSON: name, labels, crystal, meshes, numbers of bands and modes,
fingerprint of the autoencoder, and which kind of payload follows.  Bands and phonon energies
of one point of each star stand beside it, so that a reconstructed file is a whole block; they
are no part of the payload, which is the code of |g| alone.
"""

import hashlib
import json
import struct
import zlib
from typing import NamedTuple

import numpy as np

from ephforge.core.blocks import Block
from ephforge.core.errors import EphforgeError
from ephforge.core.realspace import Crystal
from ephforge.core.symmetry import Orbits, pair_orbits, reciprocal_operations

MAGIC = b"EPHG"
VERSION = 4
_FIXED = struct.Struct("<4sBIIII")
_CHECK = 8  # bytes of SHA-256


class Packed(NamedTuple):
    """A compressed block.

    Attributes:
      block: the geometry, with |g| zero and energies as they were stored.
      autoencoder: fingerprint of its file.
      residual_on: "" (no residual), "orbits" or "grid".
      bound: meV; the largest error of any element, 0 where none was asked for.
      code, residual: bytes of the autoencoder, and of what it misses.
    """

    block: Block
    autoencoder: str
    residual_on: str
    bound: float
    code: bytes
    residual: bytes

    @property
    def payload_bits(self) -> int:
        """Of all that tells |g| once the geometry is known."""
        return 8 * (len(self.code) + len(self.residual))


def pack(packed: Packed) -> bytes:
    """All bytes of the file."""
    header = zlib.compress(json.dumps(_header(packed), separators=(",", ":")).encode(), 9)
    side = zlib.compress(_energies(packed.block), 9)
    parts = (header, side, packed.code, packed.residual)
    body = _FIXED.pack(MAGIC, VERSION, *map(len, parts)) + b"".join(parts)
    return body + hashlib.sha256(body).digest()[:_CHECK]


def unpack(data: bytes, source: str) -> Packed:
    """Inverse of `pack`.

    Raises:
      EphforgeError: not such a file, another version, or damaged.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise EphforgeError(
            f"{source}: does not begin as compressed maps do, expected a file of ephforge compress"
        )
    if len(data) > len(MAGIC) and data[len(MAGIC)] != VERSION:
        raise EphforgeError(
            f"{source}: version {data[len(MAGIC)]}, expected {VERSION}; take the ephforge that "
            "wrote it"
        )
    body = data[:-_CHECK]
    if len(data) < _FIXED.size + _CHECK or hashlib.sha256(body).digest()[:_CHECK] != data[-_CHECK:]:
        raise EphforgeError(
            f"{source}: damaged, its contents do not match its checksum; copy it again"
        )
    place, parts = _FIXED.size, []
    for length in _FIXED.unpack_from(data)[2:]:
        parts.append(body[place : place + length])
        place += length
    header = json.loads(zlib.decompress(parts[0]))
    block = _block(header, zlib.decompress(parts[1]))
    return Packed(
        block,
        header["autoencoder"],
        header["residual_on"],
        header["bound"],
        *parts[2:],
    )


def empty_block(name: str, labels: dict, crystal: Crystal, meshes, channels) -> Block:
    """A block of the geometry whose |g| and energies are zero; channels: bands and modes."""
    operations = reciprocal_operations(crystal.cell, crystal.positions, crystal.numbers)
    orbits, (bands, modes) = pair_orbits(operations, *meshes), channels
    n_k, n_q = orbits.orbit_kq.shape
    g_mnvo = np.zeros((bands, bands, modes, len(orbits.size_o)), np.float32)
    energies, frequencies = np.zeros((n_k, bands)), np.zeros((n_q, modes))
    return Block(name, labels, g_mnvo, None, energies, frequencies, orbits, *meshes, crystal)


def _header(packed: Packed) -> dict:
    block, crystal = packed.block, packed.block.crystal
    return {
        "name": block.name,
        "labels": block.labels,
        "crystal": {key: np.asarray(value).tolist() for key, value in vars(crystal).items()},
        "k_mesh": list(block.k_mesh),
        "q_mesh": list(block.q_mesh),
        "bands": len(block.g),
        "modes": block.g.shape[2],
        "autoencoder": packed.autoencoder,
        "residual_on": packed.residual_on,
        "bound": packed.bound,
    }


def _block(header: dict, side: bytes) -> Block:
    crystal = Crystal(**{key: np.array(value) for key, value in header["crystal"].items()})
    meshes = tuple(header["k_mesh"]), tuple(header["q_mesh"])
    channels = header["bands"], header["modes"]
    block = empty_block(header["name"], header["labels"], crystal, meshes, channels)
    (_, star_k, n_k), (_, star_q, _) = _stars(block.orbits)
    numbers = np.frombuffer(side, "<f4").astype(float)
    split = n_k * channels[0]
    block.energies[:] = numbers[:split].reshape(n_k, -1)[star_k]
    block.frequencies[:] = numbers[split:].reshape(-1, channels[1])[star_q]
    return block


def _energies(block: Block) -> bytes:
    """Of the first point of each star, single precision: bands, then phonons, eV."""
    (first_k, _, _), (first_q, _, _) = _stars(block.orbits)
    parts = (block.energies[first_k], block.frequencies[first_q])
    return b"".join(np.asarray(part, "<f4").tobytes() for part in parts)


def _stars(orbits: Orbits):
    """First point of each star of k and of q, star of each point, number of stars."""
    found = []
    for star in (orbits.orbit_kq[:, 0], orbits.orbit_kq[0]):
        _, first, number = np.unique(star, return_index=True, return_inverse=True)
        found.append((first, number, len(first)))
    return found
