"""A polar model taken from one convention of its dipole sums to Perturbo's.

What a model holds is what is left after its own sums were subtracted. On the q mesh of the file
the difference of the two sums is added to it, so that short plus long range stays what it was
there; between the points of the mesh both interpolate, and differ slightly.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Complex, Float, Int

from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_points
from ephforge.core.realspace import ForceConstants, LongRange, Model, WannierCoupling
from ephforge.coupling.longrange import on_points
from ephforge.firstprinciples.perturbo import CONVENTION
from ephforge.firstprinciples.perturbo_cells import Mesh, images, pair_cells


def in_convention(model: Model, q_mesh: Mesh) -> Model:
    """The model with Perturbo's dipole sums on a q mesh.

    One that has these sums already only gets the mesh. Of another one, both Ewald parameters
    become 1.

    Raises:
      EphforgeError: the sums are Perturbo's with one q point along a direction, where they run
        over no G and are not periodic, and the mesh has several there.
    """
    old = model.long_range
    if old.convention == CONVENTION:
        if _open_directions(old.q_mesh) != _open_directions(q_mesh):
            raise EphforgeError(
                f"{model.name}: dipole sums on q mesh {old.q_mesh}, but the model needs {q_mesh}: "
                "expected one point along the same directions; shorten its range"
            )
        return replace(model, long_range=replace(old, q_mesh=q_mesh))
    new = LongRange(old.born, old.dielectric, q_mesh, old.lattice_unit, CONVENTION)
    # points nearest to Gamma: sums that are cut are symmetric there
    q_q3 = (mesh_points(q_mesh) + 0.5) % 1 - 0.5
    (phi_old, field_old), (phi_new, field_new) = (
        on_points(each, model.crystal, q_q3) for each in (old, new)
    )
    at_33 = model.crystal.cell / old.lattice_unit
    shifts = _Shifts(model)
    transform = _Transform(at_33, q_mesh, q_q3)
    return replace(
        model,
        force_constants=_with_phi(model.force_constants, phi_old - phi_new, shifts, transform),
        coupling=_with_field(model.coupling, field_old - field_new, shifts, transform),
        long_range=new,
    )


def _open_directions(mesh: Mesh) -> list[bool]:
    return [n > 1 for n in mesh]


class _Shifts:
    """Fractional centres of atoms and orbitals."""

    def __init__(self, model: Model):
        inverse = np.linalg.inv(model.crystal.cell)
        self.atom_s3 = model.crystal.positions @ inverse
        self.orbital_a3 = model.hopping.centres @ inverse


class _Transform:
    """Fourier coefficients of a function on the mesh, on the cells of a pair of centres."""

    def __init__(self, at_33, mesh: Mesh, q_q3: Float[np.ndarray, "q 3"]):
        self.at_33, self.found, self.q_q3 = at_33, images(at_33, mesh), q_q3

    def __call__(
        self, values: Complex[np.ndarray, "q *more"], shift_3: Float[np.ndarray, "3"]
    ) -> tuple[Int[np.ndarray, "r 3"], Complex[np.ndarray, "r *more"]]:
        cell_r3, ties_r = pair_cells(self.at_33, self.found, shift_3)
        phase_rq = np.exp(-2j * np.pi * cell_r3 @ self.q_q3.T)
        phase_rq /= len(self.q_q3) * ties_r[:, None]
        return cell_r3, np.tensordot(phase_rq, values, axes=1)


def _with_phi(lattice: ForceConstants, change_qsctd, shifts, transform) -> ForceConstants:
    count = len(shifts.atom_s3)
    found = {
        (s, t): transform(change_qsctd[:, s, :, t], shifts.atom_s3[t] - shifts.atom_s3[s])
        for s, t in np.ndindex(count, count)
    }
    cells, rows = _extended(lattice.cells, [cell_r3 for cell_r3, _ in found.values()])
    phi = np.zeros((len(cells), count, 3, count, 3))
    phi[: len(lattice.phi)] = lattice.phi
    for ((s, t), (_, value_rcd)), row_r in zip(found.items(), rows, strict=True):
        phi[row_r, s, :, t] += value_rcd.real
    return ForceConstants(cells, phi)


def _with_field(coupling: WannierCoupling, change_qsc, shifts, transform) -> WannierCoupling:
    """The field of a dipole wave is diagonal in the orbitals: it stands at Re = 0."""
    count, size = len(shifts.atom_s3), len(shifts.orbital_a3)
    found = {
        (s, a): transform(change_qsc[:, s], shifts.atom_s3[s] - shifts.orbital_a3[a])
        for s, a in np.ndindex(count, size)
    }
    cells_p, rows = _extended(coupling.phonon_cells, [cell_r3 for cell_r3, _ in found.values()])
    cells_e, home = _extended(coupling.electron_cells, [np.zeros((1, 3), dtype=np.int64)])
    old = coupling.g
    g = np.zeros((len(cells_p), count, 3, len(cells_e), size, size), dtype=np.complex128)
    g[: len(old), :, :, : old.shape[3]] = old
    for ((s, a), (_, value_rc)), row_r in zip(found.items(), rows, strict=True):
        g[row_r, s, :, home[0][0], a, a] += value_rc
    return WannierCoupling(cells_p, cells_e, g)


def _extended(cells: Int[np.ndarray, "r 3"], lists: list[Int[np.ndarray, "_ 3"]]):
    """The cells followed by new ones of the lists, and where those of each list stand."""
    number = {tuple(cell): r for r, cell in enumerate(cells.tolist())}
    rows = [
        np.array([number.setdefault(tuple(cell), len(number)) for cell in each.tolist()])
        for each in lists
    ]
    return np.array(list(number), dtype=np.int64), rows
