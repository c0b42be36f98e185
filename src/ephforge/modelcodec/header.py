"""What a compressed model says about itself, in few bytes: crystal, functions, symmetry, meshes.

Reader and writer are one list of fields; numbers are little-endian, arrays are doubles, whole
numbers take one byte where they fit.  The whole is packed by zlib.
"""

import struct
import zlib
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.errors import EphforgeError
from ephforge.core.realspace import Crystal, LongRange, Mesh
from ephforge.symmetry.group import SAME_CENTRE, Group, cartesian, images, products
from ephforge.symmetry.representation import Representation, by_centre, polished

_FINE = 1 << 14  # entries of D are multiples of 1 / 16384, then made a representation


class Header(NamedTuple):
    """Attributes as in core/realspace.py; generators of the group, with what they do to orbitals.

    Attributes:
      on_atoms: sites are atoms, not Wannier centres.
      rotation_g33, translation_g3, orbital_gab: of the generators; D as multiples of 1 / 16384.
      bounds: largest error of g, of bands (eV) and of phonons (eV), as asked for.
    """

    name: str
    crystal: Crystal
    k_mesh: Mesh
    q_mesh: Mesh
    centre_a3: Float[np.ndarray, "a 3"]
    atom_a: Int[np.ndarray, " a"]
    on_atoms: bool
    rotation_g33: Int[np.ndarray, "g 3 3"]
    translation_g3: Float[np.ndarray, "g 3"]
    orbital_gab: Int[np.ndarray, "g a a"]
    long_range: LongRange | None
    bounds: Float[np.ndarray, "3"]

    def representation(self) -> Representation:
        """All operations from the generators, with what they do."""
        crystal, found = self.crystal, _Operations(self)
        if self.on_atoms:
            carrier_x, site_a = np.unique(self.atom_a, return_inverse=True)
            point_x3 = crystal.positions[carrier_x]
        else:
            site_a, point_x3 = by_centre(self.centre_a3)
        group = found.group
        atoms, _ = images(group, crystal.cell, crystal.positions, crystal.numbers, np.inf)
        kind_x = np.bincount(site_a)
        sites, _ = images(group, crystal.cell, point_x3, kind_x, SAME_CENTRE)
        change_g = np.zeros(len(found.orbital_gab))
        return polished(Representation(group, atoms, site_a, sites, found.orbital_gab, change_g))


class _Operations:
    """The group that generators make, identity first, in order of products."""

    def __init__(self, header: Header):
        size = len(header.atom_a)
        rotation, translation = [np.eye(3, dtype=int)], [np.zeros(3)]
        orbital, known = [np.eye(size)], {_key(np.eye(3, dtype=int), np.zeros(3))}
        makers = list(
            zip(
                header.rotation_g33,
                header.translation_g3,
                _orthogonal(header.orbital_gab / _FINE),
                strict=True,
            )
        )
        for before in range(10**4):
            if before == len(rotation):
                break
            for own, moved, turned in makers:
                new = own @ rotation[before]
                shift = (own @ translation[before] + moved) % 1.0
                if _key(new, shift) not in known:
                    known.add(_key(new, shift))
                    rotation.append(new)
                    translation.append(shift)
                    orbital.append(turned @ orbital[before])
        whole = np.array(rotation)
        self.group = Group(whole, np.array(translation), cartesian(whole, header.crystal.cell))
        self.orbital_gab = _orthogonal(np.array(orbital))


def _orthogonal(matrix_gab):
    left, _, right = np.linalg.svd(matrix_gab)
    return left @ right


def _key(rotation_33, translation_3) -> tuple:
    place_3 = np.rint(translation_3 * 4096) % 4096
    return (*rotation_33.ravel().tolist(), *place_3.astype(int).tolist())


def generators(found: Representation) -> list[int]:
    """Numbers of few operations whose products are all."""
    after_gg = products(found.group)
    identity = int(np.flatnonzero(np.all(after_gg == np.arange(len(after_gg)), axis=1))[0])
    chosen, made = [], {identity}
    while len(made) < len(after_gg):
        sizes = []
        for g in range(len(after_gg)):
            sizes.append(0 if g in made else len(_closure(after_gg, [*chosen, g], identity)))
        chosen.append(int(np.argmax(sizes)))
        made = _closure(after_gg, chosen, identity)
    return chosen


def _closure(after_gg, chosen: list[int], identity: int) -> set[int]:
    made, new = {identity}, [identity]
    while new:
        new = list({int(after_gg[g, h]) for g in chosen for h in new} - made)
        made |= set(new)
    return made


def generating(found: Representation) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rotations, translations, and D as multiples of 1 / 16384 of the generators."""
    chosen = generators(found)
    orbital_gab = np.rint(found.orbital_gab[chosen] * _FINE).astype(int)
    return found.group.rotation_g33[chosen], found.group.translation_g3[chosen], orbital_gab


def pack(header: Header) -> bytes:
    """Bytes of a header."""
    crystal, polar = header.crystal, header.long_range
    parts = [_text(header.name), _text(polar.convention if polar else "")]
    sizes = (len(crystal.numbers), len(header.atom_a), len(header.rotation_g33))
    parts.append(struct.pack("<3H", *sizes))
    parts.append(struct.pack("<7B", *header.k_mesh, *header.q_mesh, header.on_atoms))
    parts.append(np.asarray(crystal.numbers, "<u1").tobytes())
    parts.append(np.asarray(header.atom_a, "<u2").tobytes())
    parts.append(np.asarray(header.rotation_g33, "<i1").tobytes())
    parts.append(np.asarray(header.orbital_gab, "<i2").tobytes())
    doubles = [crystal.cell, crystal.positions, crystal.masses, header.centre_a3]
    doubles += [header.translation_g3, header.bounds]
    if polar:
        parts.append(struct.pack("<3B", *polar.q_mesh))
        doubles += [polar.born, polar.dielectric, [polar.lattice_unit, *polar.ewald]]
    parts += [np.asarray(x, "<f8").tobytes() for x in doubles]
    return zlib.compress(b"".join(parts), 9)


def unpack(data: bytes) -> Header:
    """Inverse of `pack`."""
    reader = _Reader(zlib.decompress(data))
    name, convention = reader.text(), reader.text()
    n_s, n_a, n_g = reader.ints("<u2", 3).tolist()
    *meshes, on_atoms = (int(x) for x in reader.ints("<u1", 7))
    numbers, atom_a = reader.ints("<u1", n_s), reader.ints("<u2", n_a)
    rotation_g33 = reader.ints("<i1", n_g * 9).reshape(n_g, 3, 3)
    orbital_gab = reader.ints("<i2", n_g * n_a**2).reshape(n_g, n_a, n_a)
    polar_mesh = tuple(int(x) for x in reader.ints("<u1", 3)) if convention else None
    cell, positions = reader.doubles(3, 3), reader.doubles(n_s, 3)
    crystal = Crystal(cell, positions, numbers, reader.doubles(n_s))
    centre_a3, translation_g3 = reader.doubles(n_a, 3), reader.doubles(n_g, 3)
    bounds, polar = reader.doubles(3), None
    if convention:
        born, dielectric = reader.doubles(n_s, 3, 3), reader.doubles(3, 3)
        unit, *ewald = (float(x) for x in reader.doubles(3))
        polar = LongRange(born, dielectric, polar_mesh, unit, convention, tuple(ewald))
    return Header(
        name,
        crystal,
        tuple(meshes[:3]),
        tuple(meshes[3:]),
        centre_a3,
        atom_a,
        bool(on_atoms),
        rotation_g33,
        translation_g3,
        orbital_gab,
        polar,
        bounds,
    )


def _text(text: str) -> bytes:
    data = text.encode()
    if len(data) > 255:
        raise EphforgeError(f"name of {len(data)} bytes, expected at most 255; give a shorter one")
    return bytes([len(data)]) + data


class _Reader:
    """Takes what `pack` wrote, field after field."""

    def __init__(self, data: bytes):
        self.data, self.place = data, 0

    def _take(self, size: int) -> bytes:
        self.place += size
        return self.data[self.place - size : self.place]

    def text(self) -> str:
        return self._take(self._take(1)[0]).decode()

    def ints(self, kind: str, count: int) -> np.ndarray:
        size = int(count) * np.dtype(kind).itemsize
        return np.frombuffer(self._take(size), kind).astype(int)

    def doubles(self, *shape: int) -> np.ndarray:
        size = 8 * int(np.prod(shape))
        return np.frombuffer(self._take(size), "<f8").astype(float).reshape(shape)
