"""Writer of Perturbo's epr.h5, so that a model of ours can be handed to users of Perturbo.

Experimental: see perturbo.py. A file holds, for each pair of centres, the cells of a
Wigner-Seitz supercell and no others; the smallest supercell that holds the model is chosen.
"""

import os
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float, Inexact, Int

from ephforge.core.errors import EphforgeError
from ephforge.core.realspace import Model, TwoCentreCoupling
from ephforge.core.units import BOHR, DALTON_IN_RYDBERG_MASSES, RYDBERG
from ephforge.coupling.general_form import general_form
from ephforge.firstprinciples.perturbo import NUMBERS
from ephforge.firstprinciples.perturbo_cells import (
    LARGEST_MESH,
    Images,
    Mesh,
    Pair,
    images,
    pair_cells,
    smallest_mesh,
)
from ephforge.firstprinciples.perturbo_polar import in_convention

ASYMMETRY = 1e-8  # of the largest element, by which H and Phi may miss their symmetry
LARGEST_FILE = 8e9  # bytes


def write_perturbo(model: Model, path: str | Path) -> None:
    """Write a whole file or nothing. Experimental.

    A two-centre coupling is written in its general form. Of H and Phi the Hermitian and the
    symmetric part are written, which is what every diagonalisation uses. The dipole part of
    another convention is exchanged for Perturbo's, short plus long range unchanged on the
    file's q mesh (`perturbo_polar.in_convention`). The only symmetry declared is identity.

    Raises:
      EphforgeError: the model reaches beyond the largest supercell, is not Hermitian, or would
        make a file of more than `LARGEST_FILE` bytes.
    """
    model = _prepared(model)
    k_mesh, q_mesh = _meshes(model)
    if model.long_range is not None:
        model = in_convention(model, q_mesh)
    _check_size(model, k_mesh, q_mesh)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with h5py.File(temporary, "w") as file:
            _write_basic(file, model, k_mesh, q_mesh)
            _write_hopping(file, model, k_mesh)
            _write_force_constants(file, model, q_mesh)
            _write_coupling(file, model, k_mesh, q_mesh)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def lattice_unit(model: Model) -> float:
    """Length that the file calls alat, angstrom."""
    if model.long_range is not None:
        return model.long_range.lattice_unit
    return float(np.linalg.norm(model.crystal.cell[0]))


def _prepared(model: Model) -> Model:
    """The model in general form, H and Phi with their exact symmetry."""
    hopping, lattice, coupling = model.hopping, model.force_constants, model.coupling
    if isinstance(coupling, TwoCentreCoupling):
        coupling = general_form(hopping, coupling, len(model.crystal.masses))
    cells, energy = _symmetric(model.name, "H(R)", hopping.cells, hopping.energy)
    size = 3 * len(model.crystal.masses)
    phi_cells, phi = _symmetric(
        model.name, "Phi(R)", lattice.cells, lattice.phi.real.reshape(-1, size, size)
    )
    return replace(
        model,
        hopping=replace(hopping, cells=cells, energy=energy),
        force_constants=replace(
            lattice, cells=phi_cells, phi=phi.reshape(-1, size // 3, 3, size // 3, 3)
        ),
        coupling=coupling,
    )


def _symmetric(
    name: str,
    what: str,
    cells: Int[np.ndarray, "R 3"],
    values: Inexact[np.ndarray, "R a a"],
) -> tuple[Int[np.ndarray, "Q 3"], Inexact[np.ndarray, "Q a a"]]:
    """The part with M(-R) = M(R)^dagger, on cells that come with their opposites."""
    number = {tuple(cell): r for r, cell in enumerate(cells.tolist())}
    for cell in (-cells).tolist():
        number.setdefault(tuple(cell), len(number))
    full_cells = np.array(list(number), dtype=np.int64)
    full = np.zeros((len(number), *values.shape[1:]), dtype=values.dtype)
    full[: len(values)] = values
    opposite = full[[number[tuple(cell)] for cell in (-full_cells).tolist()]]
    opposite = opposite.conj().swapaxes(1, 2)
    if np.abs(full - opposite).max() > ASYMMETRY * np.abs(full).max():
        raise EphforgeError(
            f"{name}: {what} differs from the adjoint of that of -R by "
            f"{np.abs(full - opposite).max():.2g}, expected a Hermitian model; check its source"
        )
    return full_cells, (full + opposite) / 2


def _meshes(model: Model) -> tuple[Mesh, Mesh]:
    """k and q mesh of the smallest supercells that hold the model."""
    at_33 = model.crystal.cell / lattice_unit(model)
    preferred = model.long_range.q_mesh if model.long_range is not None else None
    found = []
    for pairs, coarse in ((_electron_pairs(model), None), (_phonon_pairs(model), preferred)):
        mesh, beyond = smallest_mesh(at_33, pairs, coarse)
        if mesh is None:
            raise EphforgeError(
                f"{model.name}: {beyond} lies outside the Wigner-Seitz supercell of {LARGEST_MESH} "
                "cells in each direction, the largest for a Perturbo file; shorten its range"
            )
        found.append(mesh)
    return found[0], found[1]


def _electron_pairs(model: Model) -> list[Pair]:
    """Where H (upper triangle) and g have elements, for each pair of orbitals."""
    centre_a3 = _fractional(model, model.hopping.centres)
    hop_rab, g = model.hopping.energy != 0, model.coupling.g != 0
    g_rab = np.any(g, axis=(0, 1, 2))
    pairs = []
    for a, b in np.ndindex(*hop_rab.shape[1:]):
        cells = model.coupling.electron_cells[g_rab[:, a, b]]
        if a <= b:
            cells = np.vstack([cells, model.hopping.cells[hop_rab[:, a, b]]])
        pairs.append(Pair(f"orbitals {a}, {b}", centre_a3[b] - centre_a3[a], cells))
    return pairs


def _phonon_pairs(model: Model) -> list[Pair]:
    """Where Phi has elements, for each pair of atoms, and g, for each orbital and atom."""
    tau_s3 = _fractional(model, model.crystal.positions)
    centre_a3 = _fractional(model, model.hopping.centres)
    lattice_cells = model.force_constants.cells
    phi_rst = np.any(model.force_constants.phi != 0, axis=(2, 4))
    g_psa = np.any(model.coupling.g != 0, axis=(2, 3, 5))
    pairs = [
        Pair(f"atoms {s}, {t}", tau_s3[t] - tau_s3[s], lattice_cells[phi_rst[:, s, t]])
        for s, t in np.ndindex(*phi_rst.shape[1:])
        if s <= t
    ]
    return pairs + [
        Pair(
            f"orbital {a}, atom {s}",
            tau_s3[s] - centre_a3[a],
            model.coupling.phonon_cells[g_psa[:, s, a]],
        )
        for s, a in np.ndindex(*g_psa.shape[1:])
    ]


def _fractional(model: Model, cartesian: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    return cartesian @ np.linalg.inv(model.crystal.cell)


def _check_size(model: Model, k_mesh: Mesh, q_mesh: Mesh) -> None:
    """Every list is at least as long as its mesh has points."""
    size, count = len(model.hopping.centres), len(model.crystal.masses)
    total = float(np.prod(k_mesh)) * float(np.prod(q_mesh)) * size**2 * 3 * count * 16
    if total > LARGEST_FILE:
        raise EphforgeError(
            f"{model.name}: the couplings would take {total / 1e9:.1f} GB (supercells {k_mesh}, "
            f"{q_mesh}), at most {LARGEST_FILE / 1e9:g} GB are written; shorten the model's range"
        )


def _write_basic(file: h5py.File, model: Model, k_mesh: Mesh, q_mesh: Mesh) -> None:
    crystal, polar, unit = model.crystal, model.long_range, lattice_unit(model)
    count = len(crystal.masses)
    at_33 = crystal.cell / unit
    born = np.zeros((count, 3, 3)) if polar is None else polar.born.swapaxes(1, 2)
    ewald = (1.0, 1.0) if polar is None else polar.ewald
    whole = {
        "num_wann": len(model.hopping.centres),
        "nat": count,
        "kc_dim": k_mesh,
        "qc_dim": q_mesh,
        "nsym": 1,
        "symop": np.eye(3)[None],
        "spinor": 0,
        "lpolar": int(polar is not None),
        "system_2d": 0,
    }
    real = {
        "volume": abs(np.linalg.det(crystal.cell)) / BOHR**3,
        "epsil": np.eye(3) if polar is None else polar.dielectric.T,
        "alat": unit / BOHR,
        "at": at_33,
        "bg": np.linalg.inv(at_33).T,
        "loto_alpha": ewald[0],
        "polar_alpha": ewald[1],
        "mass": crystal.masses * DALTON_IN_RYDBERG_MASSES,
        "zstar": born,
        "tau": crystal.positions / unit,
        "wannier_center": model.hopping.centres / unit,
        "wannier_center_cryst": _fractional(model, model.hopping.centres),
    }
    group = file.create_group("basic_data")
    for name, value in whole.items():
        group[name] = np.asarray(value, dtype=np.int32)
    for name, value in real.items():
        group[name] = np.asarray(value, dtype=np.float64)
    file[NUMBERS] = crystal.numbers.astype(np.int32)


def _write_hopping(file: h5py.File, model: Model, k_mesh: Mesh) -> None:
    energy = model.hopping.energy / RYDBERG
    centre_a3 = _fractional(model, model.hopping.centres)
    pick = _Picker(model, k_mesh, model.hopping.cells)
    for b in range(len(centre_a3)):
        for a in range(b + 1):
            value_r = pick(energy[:, a, b], centre_a3[b] - centre_a3[a])
            for part, values in (("r", value_r.real), ("i", value_r.imag)):
                file[f"electron_wannier/hopping_{part}{b * (b + 1) // 2 + a + 1}"] = values


def _write_force_constants(file: h5py.File, model: Model, q_mesh: Mesh) -> None:
    phi = model.force_constants.phi / (RYDBERG / BOHR**2)
    tau_s3 = _fractional(model, model.crystal.positions)
    pick = _Picker(model, q_mesh, model.force_constants.cells)
    for t in range(len(tau_s3)):
        for s in range(t + 1):
            value_rcd = pick(phi[:, s, :, t], tau_s3[t] - tau_s3[s])
            name = f"force_constant/ifc{t * (t + 1) // 2 + s + 1}"
            file[name] = np.ascontiguousarray(value_rcd.swapaxes(1, 2))


def _write_coupling(file: h5py.File, model: Model, k_mesh: Mesh, q_mesh: Mesh) -> None:
    coupling = model.coupling
    centre_a3 = _fractional(model, model.hopping.centres)
    tau_s3 = _fractional(model, model.crystal.positions)
    pick_p = _Picker(model, q_mesh, coupling.phonon_cells)
    pick_e = _Picker(model, k_mesh, coupling.electron_cells)
    for s, n, m in np.ndindex(len(tau_s3), len(centre_a3), len(centre_a3)):
        block_pcr = coupling.g[:, s, :, :, m, n].astype(np.complex128) / (RYDBERG / BOHR)
        block_pcr = pick_p(block_pcr, tau_s3[s] - centre_a3[m])
        block_rpc = pick_e(np.moveaxis(block_pcr, 2, 0), centre_a3[n] - centre_a3[m])
        block_prc = np.moveaxis(block_rpc, 0, 1)
        for part, values in (("r", block_prc.real), ("i", block_prc.imag)):
            name = f"eph_matrix_wannier/ep_hop_{part}_{s + 1}_{n + 1}_{m + 1}"
            file[name] = np.ascontiguousarray(values)


class _Picker:
    """Brings values on a model's cells (first axis) to the list of a pair of centres."""

    def __init__(self, model: Model, mesh: Mesh, cells: Int[np.ndarray, "R 3"]):
        self.at_33 = model.crystal.cell / lattice_unit(model)
        self.found: Images = images(self.at_33, mesh)
        self.number = {tuple(cell): r for r, cell in enumerate(cells.tolist())}
        self.empty = len(cells)

    def __call__(self, values: np.ndarray, shift_3: Float[np.ndarray, "3"]) -> np.ndarray:
        cell_r3, _ = pair_cells(self.at_33, self.found, shift_3)
        rows = [self.number.get(tuple(cell), self.empty) for cell in cell_r3.tolist()]
        padded = np.concatenate([values, np.zeros((1, *values.shape[1:]), values.dtype)])
        return padded[rows]
