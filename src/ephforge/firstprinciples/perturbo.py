"""Reader of Perturbo's epr.h5: one HDF5 file of qe2pert.x becomes a Model.

Experimental: the layout is that of Perturbo's published sources, but no published file and no
run of perturbo.x has been compared with it (docs/first_principles.md, "Perturbo").
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float, Int

from ephforge.core.realspace import (
    Crystal,
    ForceConstants,
    Hopping,
    LongRange,
    Model,
    WannierCoupling,
)
from ephforge.core.units import BOHR, DALTON_IN_RYDBERG_MASSES, RYDBERG
from ephforge.firstprinciples.elements import MASSES
from ephforge.firstprinciples.perturbo_cells import images, pair_cells
from ephforge.firstprinciples.perturbo_fields import Fields
from ephforge.firstprinciples.rydberg import nearest_atom

CONVENTION = "perturbo"
BORN_SUM = 0.1  # sum of |Z|, units of e, above which files without `lpolar` are polar
AGREEMENT = 1e-4  # relative, between volume and bg as stored and as they follow from `at`
NUMBERS = "ephforge/atomic_numbers"  # only in files of ephforge: Perturbo's name no element


class Basic(NamedTuple):
    """Group basic_data: lengths in alat but alat itself (bohr), Rydberg masses.

    Attributes:
      at_33: lattice vectors, rows. tau_s3: Cartesian. centre_a3: fractional.
      long_range: None in a material that is not polar.
    """

    at_33: Float[np.ndarray, "3 3"]
    alat: float
    tau_s3: Float[np.ndarray, "s 3"]
    mass_s: Float[np.ndarray, " s"]
    centre_a3: Float[np.ndarray, "a 3"]
    k_mesh: tuple[int, int, int]
    q_mesh: tuple[int, int, int]
    long_range: LongRange | None


def read_perturbo(path: str | Path) -> Model:
    """Model of one material, in double precision. Experimental.

    Elements are those of the nearest standard mass, as the file does not name them, unless
    ephforge wrote it. Cells where everything vanishes are left out.

    Raises:
      EphforgeError: absent, damaged, incomplete, or a kind of file that is not supported
        (spinors, two-dimensional Coulomb interaction, TDEP force constants).
    """
    with Fields(Path(path)) as fields:
        basic = _basic(fields)
        crystal = Crystal(
            basic.at_33 * basic.alat * BOHR,
            basic.tau_s3 * basic.alat * BOHR,
            _numbers(fields, basic.mass_s / DALTON_IN_RYDBERG_MASSES),
            basic.mass_s / DALTON_IN_RYDBERG_MASSES,
        )
        centres = basic.centre_a3 @ crystal.cell
        cells_r3, energy = _hopping(fields, basic)
        site = nearest_atom(centres, crystal)
        hopping = Hopping(cells_r3, energy * RYDBERG, site, centres)
        name = Path(path).stem.removesuffix("_epr")
        return Model(
            name,
            crystal,
            hopping,
            _force_constants(fields, basic),
            _coupling(fields, basic),
            basic.long_range,
        )


def _basic(fields: Fields) -> Basic:
    for flag in ("spinor", "tdep"):
        if fields.flag(flag, False):
            raise fields.error(flag, "is set", "0", "only scalar DFPT runs can be read")
    n_atoms, n_orbitals = fields.count("nat"), fields.count("num_wann")
    at_33, alat = fields.read("basic_data/at", (3, 3)), fields.number("alat")
    _check_cell(fields, at_33, alat)
    mass_s = fields.read("basic_data/mass", (n_atoms,))
    if not np.all(mass_s > 0):
        raise fields.error("mass", f"has {mass_s.min():g}", "positive masses")
    q_mesh = fields.mesh("qc_dim")
    return Basic(
        at_33,
        alat,
        fields.read("basic_data/tau", (n_atoms, 3)),
        mass_s,
        fields.read("basic_data/wannier_center_cryst", (n_orbitals, 3)),
        fields.mesh("kc_dim"),
        q_mesh,
        _long_range(fields, n_atoms, q_mesh, alat),
    )


def _check_cell(fields: Fields, at_33: Float[np.ndarray, "3 3"], alat: float) -> None:
    volume = abs(np.linalg.det(at_33)) * alat**3
    if not (alat > 0 and volume > 0):
        raise fields.error("at", "spans no volume", "three independent lattice vectors")
    stored = fields.number("volume")
    if abs(stored - volume) > AGREEMENT * volume:
        raise fields.error("volume", f"is {stored:.6g}", f"{volume:.6g} bohr^3, from at and alat")
    reciprocal_33 = np.linalg.inv(at_33).T
    largest = np.abs(reciprocal_33).max()
    if np.abs(fields.read("basic_data/bg", (3, 3)) - reciprocal_33).max() > AGREEMENT * largest:
        raise fields.error("bg", "does not belong to at", "the reciprocal vectors of at")


def _long_range(fields: Fields, n_atoms: int, q_mesh, alat: float) -> LongRange | None:
    """Born charges are stored [atom, displacement, field], as Fortran's (field, displ., atom)."""
    born = fields.read("basic_data/zstar", (n_atoms, 3, 3)) if fields.has("zstar") else None
    seems_polar = born is not None and bool(np.abs(born).sum() > BORN_SUM)
    polar = fields.flag("lpolar", seems_polar)
    if not polar:
        return None
    if born is None or not np.any(np.abs(born) > 0):
        raise fields.error("zstar", "has no Born charges", "some, since lpolar is set")
    if fields.flag("system_2d", False):
        raise fields.error("system_2d", "is set", "0 in a polar material", "2D is not supported")
    dielectric = fields.read("basic_data/epsil", (3, 3)).T
    symmetric = (dielectric + dielectric.T) / 2
    if np.linalg.eigvalsh(symmetric).min() <= 0:
        raise fields.error("epsil", "is not positive", "the high-frequency dielectric tensor")
    ewald = (fields.number("loto_alpha", 1.0), fields.number("polar_alpha", 1.0))
    if min(ewald) < 1e-12:
        raise fields.error("polar_alpha and loto_alpha", f"are {ewald[1]:g}, {ewald[0]:g}", "> 0")
    return LongRange(born.swapaxes(1, 2), dielectric, q_mesh, alat * BOHR, CONVENTION, ewald)


def _numbers(fields: Fields, mass_s: Float[np.ndarray, " s"]) -> Int[np.ndarray, " s"]:
    if fields.has("/" + NUMBERS):
        return fields.read(NUMBERS, mass_s.shape).astype(np.int64)
    return 1 + np.argmin(np.abs(np.array(MASSES) - mass_s[:, None]), axis=1)


def _hopping(fields: Fields, basic: Basic):
    """H(R), Ry: the stored triangle a <= b, and the other one from Hermiticity."""
    found, size = images(basic.at_33, basic.k_mesh), len(basic.centre_a3)
    values = {}
    for b in range(size):
        for a in range(b + 1):
            number = b * (b + 1) // 2 + a + 1
            shift_3 = basic.centre_a3[b] - basic.centre_a3[a]
            cell_r3, _ = pair_cells(basic.at_33, found, shift_3)
            parts = [
                fields.read(f"electron_wannier/hopping_{part}{number}", (len(cell_r3),))
                for part in "ri"
            ]
            values[a, b] = cell_r3, parts[0] + 1j * parts[1]
            if a != b:
                values[b, a] = -cell_r3, values[a, b][1].conj()
    cells_r3, index = _union([cell_r3 for cell_r3, _ in values.values()])
    energy = np.zeros((len(cells_r3), size, size), dtype=complex)
    for ((a, b), (_, value_r)), rows in zip(values.items(), index, strict=True):
        energy[rows, a, b] = value_r
    kept = np.any(energy != 0, axis=(1, 2))
    return cells_r3[kept], energy[kept]


def _force_constants(fields: Fields, basic: Basic) -> ForceConstants:
    """Phi(R): the stored triangle s <= t, and the other one from symmetry."""
    found, count = images(basic.at_33, basic.q_mesh), len(basic.tau_s3)
    tau_s3 = basic.tau_s3 @ np.linalg.inv(basic.at_33)
    values = {}
    for t in range(count):
        for s in range(t + 1):
            name = f"force_constant/ifc{t * (t + 1) // 2 + s + 1}"
            cell_r3, _ = pair_cells(basic.at_33, found, tau_s3[t] - tau_s3[s])
            # Fortran's (c, d, R)
            value_rcd = fields.read(name, (len(cell_r3), 3, 3)).swapaxes(1, 2)
            values[s, t] = cell_r3, value_rcd
            if s != t:
                values[t, s] = -cell_r3, value_rcd.swapaxes(1, 2)
    cells_r3, index = _union([cell_r3 for cell_r3, _ in values.values()])
    phi = np.zeros((len(cells_r3), count, 3, count, 3))
    for ((s, t), (_, value_rcd)), rows in zip(values.items(), index, strict=True):
        phi[rows, s, :, t] = value_rcd
    kept = np.any(phi != 0, axis=(1, 2, 3, 4))
    return ForceConstants(cells_r3[kept], phi[kept] * (RYDBERG / BOHR**2))


def _coupling(fields: Fields, basic: Basic) -> WannierCoupling:
    """g(Rp, Re): dataset ep_hop_*_{s}_{n}_{m} holds [Rp, Re, c] of <m,0| dV/du_sc(Rp) |n,Re>."""
    size, count = len(basic.centre_a3), len(basic.tau_s3)
    tau_s3 = basic.tau_s3 @ np.linalg.inv(basic.at_33)
    found_k, found_q = images(basic.at_33, basic.k_mesh), images(basic.at_33, basic.q_mesh)
    centre, at_33 = basic.centre_a3, basic.at_33
    pairs = [(m, n) for m in range(size) for n in range(size)]
    cells_e = [pair_cells(at_33, found_k, centre[n] - centre[m])[0] for m, n in pairs]
    atoms = [(m, s) for m in range(size) for s in range(count)]
    cells_p = [pair_cells(at_33, found_q, tau_s3[s] - centre[m])[0] for m, s in atoms]
    union_e3, index_e = _union(cells_e)
    union_p3, index_p = _union(cells_p)
    g: Complex[np.ndarray, "p s 3 r a a"] = np.zeros(
        (len(union_p3), count, 3, len(union_e3), size, size), dtype=complex
    )
    for (m, n), rows_e in zip(pairs, index_e, strict=True):
        for s in range(count):
            rows_p = index_p[m * count + s]
            name = f"eph_matrix_wannier/ep_hop_{{}}_{s + 1}_{n + 1}_{m + 1}"
            shape = (len(rows_p), len(rows_e), 3)
            real, imaginary = (fields.read(name.format(part), shape) for part in "ri")
            block_pec = real + 1j * imaginary
            g[rows_p[:, None], s, :, rows_e[None, :], m, n] = block_pec * (RYDBERG / BOHR)
    kept_p = np.any(g != 0, axis=(1, 2, 3, 4, 5))
    kept_e = np.any(g != 0, axis=(0, 1, 2, 4, 5))
    kept = np.ascontiguousarray(g[kept_p][:, :, :, kept_e])
    return WannierCoupling(union_p3[kept_p], union_e3[kept_e], kept)


def _union(lists: list[Int[np.ndarray, "_ 3"]]):
    """One list of cells in order of first appearance, and where those of each list stand."""
    number: dict[tuple, int] = {}
    index = [
        np.array([number.setdefault(tuple(cell), len(number)) for cell in cells.tolist()])
        for cells in lists
    ]
    return np.array(list(number), dtype=np.int64), index
