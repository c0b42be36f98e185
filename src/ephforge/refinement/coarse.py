"""A model's coupling on meshes, and the model that a coarser q mesh would have given.

Cells Rp count modulo a q mesh and cells Re modulo the k mesh: what a run on these meshes knows,
before anybody chooses images,

    g(q)[s,c,Re,a,b] = sum_Rp e^{2 pi i q.Rp} g[Rp,s,c,Re,a,b]      at the q of the mesh.

Folding a model onto every second q of its mesh repeats a run on the coarser mesh: DFPT at a q
does not know which other q are computed.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex, Float, Inexact, Int

from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_indices, mesh_points, point_number
from ephforge.core.netcdf import Contents
from ephforge.core.realspace import ForceConstants, Mesh, Model, WannierCoupling, read_model
from ephforge.core.supercell import FoldedCoupling, unfold
from ephforge.coupling import longrange
from ephforge.refinement import images


def of_run(path: str, contents: Contents) -> tuple[Model, tuple[Mesh, Mesh]]:
    """The model of a file of kind "model", and the coarse k and q mesh of its run.

    Raises:
      EphforgeError: the file does not say all that, or has a two-centre model.
    """
    try:
        model = read_model(contents)
        k_mesh, q_mesh = (
            tuple(map(int, contents.variables[name])) for name in ("g_k_mesh", "g_q_mesh")
        )
    except KeyError as error:
        raise EphforgeError(
            f"{path}: model file without {error}, expected one of an EPW run with its coarse "
            "meshes; make it again (docs/first_principles.md)"
        ) from None
    if not isinstance(model.coupling, WannierCoupling):
        raise EphforgeError(
            f"{path}: two-centre model, which is exact at every q; give a model of an EPW run"
        )
    return model, (k_mesh, q_mesh)


def to_cells(values_q: Inexact[np.ndarray, "q *x"], mesh: Mesh) -> Complex[np.ndarray, "q *x"]:
    """(1/N) sum_q e^{-2 pi i q.R} X(q): from the points of a mesh to the cells modulo it."""
    return _transformed(values_q, mesh, np.fft.fftn) / np.prod(mesh)


def to_points(values_p: Inexact[np.ndarray, "q *x"], mesh: Mesh) -> Complex[np.ndarray, "q *x"]:
    """Inverse of `to_cells`."""
    return _transformed(values_p, mesh, np.fft.ifftn) * np.prod(mesh)


def points_of(coarse: Mesh, fine: Mesh) -> Int[np.ndarray, " q"]:
    """Numbers of the points of a coarse mesh on a finer one.

    Raises:
      EphforgeError: the coarse mesh does not divide the fine one.
    """
    if any(n % m for n, m in zip(fine, coarse, strict=True)):
        raise EphforgeError(
            f"q mesh {tuple(coarse)} does not divide {tuple(fine)}, so that not all of its points "
            "are on it; ask for a multiple in each direction"
        )
    return point_number(mesh_indices(coarse) * (np.array(fine) // np.array(coarse)), fine)


def class_of(coarse: Mesh, fine: Mesh) -> Int[np.ndarray, " p"]:
    """The cell modulo the coarse mesh of each cell modulo the fine one."""
    return point_number(mesh_indices(fine), coarse)


def at_points(
    model: Model, k_mesh: Mesh, q_q3: Float[np.ndarray, "q 3"]
) -> Complex[np.ndarray, "q s 3 k a a"]:
    """g(q) of the module's equation, the dipole field included; eV/angstrom."""
    coupling = model.coupling
    classes = point_number(coupling.electron_cells, k_mesh)
    g_rpscab = np.moveaxis(coupling.g, 3, 0)
    folded = np.zeros((int(np.prod(k_mesh)), *g_rpscab.shape[1:]), dtype=complex)
    np.add.at(folded, classes, g_rpscab)
    phase_qp = np.exp(2j * np.pi * q_q3 @ coupling.phonon_cells.T)
    g_qscrab = np.tensordot(phase_qp, np.moveaxis(folded, 0, 3), 1)
    return with_field(g_qscrab, field(model, q_q3))


def dynamical(model: Model, q_q3: Float[np.ndarray, "q 3"]) -> Complex[np.ndarray, "q s 3 s 3"]:
    """sum_R e^{2 pi i q.R} Phi(R), the dipole part included; eV/angstrom^2."""
    found = model.force_constants
    short = np.tensordot(np.exp(2j * np.pi * q_q3 @ found.cells.T), found.phi, 1)
    return short + dipole_part(model, q_q3)


def dipole_part(model: Model, q_q3: Float[np.ndarray, "q 3"]) -> Complex[np.ndarray, "q s 3 s 3"]:
    """What dipoles add to the force constants at each q, eV/angstrom^2."""
    atoms = len(model.crystal.positions)
    if model.long_range is None:
        return np.zeros((len(q_q3), atoms, 3, atoms, 3), dtype=complex)
    return _each(longrange.force_constants, model, q_q3)


def field(model: Model, q_q3: Float[np.ndarray, "q 3"]) -> Complex[np.ndarray, "q s 3 a"]:
    """Dipole field that the model's convention adds to the diagonal; eV/angstrom."""
    shape = (len(q_q3), *model.crystal.positions.shape, len(model.hopping.site))
    if model.long_range is None:
        return np.zeros(shape, dtype=complex)
    return np.broadcast_to(_each(longrange.field, model, q_q3)[..., None], shape)


def with_field(
    g_qscrab: Complex[np.ndarray, "q s 3 k a a"], field_qsca: Complex[np.ndarray, "q s 3 a"]
) -> Complex[np.ndarray, "q s 3 k a a"]:
    """Add a field to the entries Re = 0, a = b."""
    found, a = g_qscrab.copy(), np.arange(g_qscrab.shape[-1])
    found[:, :, :, 0, a, a] += field_qsca
    return found


def as_run_on(model: Model, k_mesh: Mesh, q_mesh: Mesh) -> Model:
    """The model that EPW (use_ws = .true.) would have made from this q mesh alone.

    Args:
      k_mesh: coarse k mesh of the model.
      q_mesh: one that divides the q mesh of the model, so that its points are exact.
    """
    q_q3 = mesh_points(q_mesh)
    polar = model.long_range and replace(model.long_range, q_mesh=tuple(q_mesh))
    short = replace(model, long_range=polar)
    g_qscrab = with_field(at_points(model, k_mesh, q_q3), -field(short, q_q3))
    phi_qsctd = dynamical(model, q_q3) - dipole_part(short, q_q3)
    phonon, electron, n_psab, n_rab = images.epw_lists(model, k_mesh, q_mesh)
    folded = FoldedCoupling(to_cells(g_qscrab, q_mesh), n_psab, n_rab, q_mesh, k_mesh)
    return replace(
        short,
        force_constants=pair_centred(model, phi_qsctd, q_mesh),
        coupling=WannierCoupling(phonon, electron, unfold(folded, phonon, electron)),
    )


def pair_centred(
    model: Model, phi_qsctd: Complex[np.ndarray, "q s 3 s 3"], q_mesh: Mesh
) -> ForceConstants:
    """Phi(R) of the cells that put two atoms nearest to each other; equally near ones share."""
    cells_r3, weight_rst = images.atom_cells(model.crystal, q_mesh)
    phi = to_cells(phi_qsctd, q_mesh)[point_number(cells_r3, q_mesh)]
    phi = phi * weight_rst[:, :, None, :, None]
    return ForceConstants(cells_r3, np.ascontiguousarray(phi.real))


def _each(part, model: Model, q_q3):
    """One q after the other: with all at once, each number of q would be compiled anew."""
    dipoles = longrange.dipole_sum(model.long_range, model.crystal)
    part = jax.jit(part)
    return np.stack([np.asarray(part(jnp.asarray(q_3), dipoles)) for q_3 in q_q3])


def _transformed(values, mesh: Mesh, transform):
    shaped = np.asarray(values).reshape(*mesh, *values.shape[1:])
    return transform(shaped, axes=(0, 1, 2)).reshape(values.shape)
