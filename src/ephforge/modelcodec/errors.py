"""What compression did to bands, phonons, g and |g|, measured on the models as users have them."""

import numpy as np
from jaxtyping import Float

from ephforge.core.kpoints import mesh_points
from ephforge.core.realspace import ForceConstants, Hopping, Mesh, Model
from ephforge.core.units import HBAR2_PER_DALTON
from ephforge.coupling.grid import Limits
from ephforge.coupling.longrange import on_points
from ephforge.coupling.points import Meshes, magnitudes
from ephforge.symmetry.coarse import coarse_coupling

_DENSER = 2  # bands and phonons are compared on meshes so many times the coarse ones
_LIMITS = Limits(degeneracy=1e-3, soft_mode=1e-3)


def bands(hopping: Hopping, mesh: Mesh) -> Float[np.ndarray, "k n"]:
    """Energies on a denser mesh, eV."""
    k_k3 = mesh_points(tuple(_DENSER * n for n in mesh))
    phase_kr = np.exp(2j * np.pi * k_k3 @ hopping.cells.T)
    return np.linalg.eigvalsh(np.tensordot(phase_kr, hopping.energy, axes=1))


class Phonons:
    """Phonon energies of one crystal on a denser mesh; its dipole part is summed once."""

    def __init__(self, model: Model, mesh: Mesh):
        self._q_q3 = mesh_points(tuple(_DENSER * n for n in mesh))
        mass_d = np.repeat(model.crystal.masses, 3)
        self._root_dd = np.sqrt(mass_d[:, None] * mass_d)
        self._polar = 0.0
        if model.long_range is not None:
            self._polar = on_points(model.long_range, model.crystal, self._q_q3)[0]

    def __call__(self, found: ForceConstants) -> Float[np.ndarray, "q v"]:
        """Energies, eV; negative where imaginary."""
        phase_qr = np.exp(2j * np.pi * self._q_q3 @ found.cells.T)
        matrix_qsctd = np.tensordot(phase_qr, found.phi, axes=1) + self._polar
        size = len(self._root_dd)
        matrix_qdd = matrix_qsctd.reshape(-1, size, size) / self._root_dd
        matrix_qdd = (matrix_qdd + matrix_qdd.conj().swapaxes(1, 2)) / 2
        square_qv = HBAR2_PER_DALTON * np.linalg.eigvalsh(matrix_qdd)
        return np.sign(square_qv) * np.sqrt(np.abs(square_qv))


def coupling(before: Model, after: Model, meshes: tuple[Mesh, Mesh]) -> float:
    """||g - g'|| / ||g|| of complex g on the coarse meshes, gauge and all."""
    old, new = (coarse_coupling(model.coupling, *meshes) for model in (before, after))
    return float(np.linalg.norm(new - old) / np.linalg.norm(old))


def magnitude(before: Model, after: Model, meshes: tuple[Mesh, Mesh]) -> float:
    """The same of |g| averaged over degenerate states, in modes, each with its own H and Phi."""
    olds, news = (magnitudes(model, Meshes(*meshes), _LIMITS) for model in (before, after))
    square, total = 0.0, 0.0
    for old, new in zip(olds, news, strict=True):
        square += float(np.sum((new.magnitude - old.magnitude) ** 2))
        total += float(np.sum(old.magnitude**2))
    return (square / total) ** 0.5
