"""What an imported model must agree with: EPW's printed numbers, Kohn-Sham bands, stability."""

from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_points
from ephforge.core.realspace import Model
from ephforge.core.units import MEV
from ephforge.coupling import longrange
from ephforge.electrons.bloch import bloch_sum, eigenpairs
from ephforge.espresso.outputs import wannier_spreads
from ephforge.firstprinciples.reference import Reference, deviations
from ephforge.phonons.modes import modes

G_TOLERANCE = 1e-6  # relative, |g| > 1 meV, from EPW's double-precision files
ENERGY_TOLERANCE = 6e-5  # eV; EPW prints four decimals
FREQUENCY_TOLERANCE = 1e-6  # meV
MESH_TOLERANCE = 2.0  # meV; Wannier against Kohn-Sham bands where both are exact
DENSER = 2  # stability is judged on a q mesh this much denser than the coarse one


class KohnSham(NamedTuple):
    """Numbers straight from pw.x and ph.x: fractional points, eV, meV."""

    k: Float[np.ndarray, "k 3"]
    bands: Float[np.ndarray, "k n"]
    q: Float[np.ndarray, "q 3"]
    omega: Float[np.ndarray, "q v"]


def against_epw(model: Model, reference: Reference) -> dict[str, float]:
    """Deviations from EPW's own table of |g|, of the model as read in double precision.

    Raises:
      EphforgeError: larger than EPW's print accuracy.
    """
    found = deviations(reference, model)
    limits = (ENERGY_TOLERANCE, FREQUENCY_TOLERANCE, G_TOLERANCE)
    names = ("bands, eV", "phonon energies, meV", "|g|, relative")
    for name, value, limit in zip(names, found, limits, strict=True):
        if not value <= limit:
            raise EphforgeError(
                f"{model.name}: model: {name}: {value:.1e} from what EPW printed, allowed "
                f"{limit:.0e}; the files of the wannier and check steps do not belong together"
            )
    return {"epw_bands_ev": found[0], "epw_omega_mev": found[1], "epw_g_relative": found[2]}


def against_bands(model: Model, kohn_sham: KohnSham, options: dict) -> dict[str, float]:
    """Largest difference of Wannier and Kohn-Sham bands, on the coarse mesh and off it, meV.

    On the mesh the two agree if the Wannier functions span the bands; between its points the
    difference is the interpolation error of the mesh.

    Args:
      options: entry of the table; above wannier.frozen_max nothing is compared.

    Raises:
      EphforgeError: more than MESH_TOLERANCE on the mesh, or wannier.band_tolerance off it.
    """
    wannier = options["wannier"]
    energy = np.asarray(_bands(jnp.asarray(kohn_sham.k), *_hopping(model)))
    first = wannier["excluded"]
    exact = kohn_sham.bands[:, first : first + energy.shape[1]]
    top = np.inf if wannier["frozen_max"] is None else wannier["frozen_max"]
    difference_kn = np.where(exact < top, MEV * np.abs(energy - exact), 0.0)
    steps = kohn_sham.k * np.array(options["k_mesh"])
    on_mesh = np.all(np.abs(steps - np.round(steps)) < 1e-6, axis=1)
    on, off = float(difference_kn[on_mesh].max()), float(difference_kn.max())
    for worst, limit, where in (
        (on, MESH_TOLERANCE, "on the coarse mesh; change windows or projections"),
        (off, wannier["band_tolerance"], "on the path; take a denser k_mesh"),
    ):
        if not worst <= limit:
            raise EphforgeError(
                f"{model.name}: model: Wannier bands {worst:.1f} meV from Kohn-Sham bands, "
                f"allowed {limit} meV {where}"
            )
    return {"bands_on_mesh_mev": on, "bands_on_path_mev": off}


def against_spread(name: str, output: Path, options: dict) -> dict[str, list[float]]:
    """Spreads of the Wannier functions, angstrom^2.

    Raises:
      EphforgeError: one is above wannier.largest_spread.
    """
    spreads = wannier_spreads(output)
    allowed = options["wannier"]["largest_spread"]
    if spreads.max() > allowed:
        raise EphforgeError(
            f"{name}: wannier: a spread of {spreads.max():.2f} angstrom^2, allowed {allowed}; "
            f"change projections or windows; see {output}"
        )
    return {"wannier_spreads_angstrom2": spreads.tolist()}


def against_softness(model: Model, options: dict) -> dict[str, float]:
    """Lowest phonon energy (meV, imaginary negative) on a denser mesh than the coarse one.

    Raises:
      EphforgeError: more imaginary than soft_modes.
    """
    mesh = tuple(DENSER * n for n in options["q_mesh"])
    lowest = float(MEV * phonon_energies(model, mesh_points(mesh)).min())
    if not lowest >= -options["soft_modes"]:
        raise EphforgeError(
            f"{model.name}: model: imaginary mode of {lowest:.2f} meV on the {mesh} q mesh, "
            f"allowed -{options['soft_modes']}; check cutoff, k mesh and structure"
        )
    return {"lowest_mode_mev": lowest}


def phonon_energies(model: Model, q: Float[np.ndarray, "q 3"]) -> Float[np.ndarray, "q v"]:
    """hbar omega in eV at any q."""
    constants = model.force_constants
    dipoles = None
    if model.long_range is not None:
        dipoles = longrange.dipole_sum(model.long_range, model.crystal)
    arrays = (constants.cells, constants.phi, model.crystal.masses)
    return np.asarray(_phonons(jnp.asarray(q), tuple(map(jnp.asarray, arrays)), dipoles))


def _hopping(model: Model):
    return jnp.asarray(model.hopping.cells), jnp.asarray(model.hopping.energy, dtype=complex)


@jax.jit
def _bands(k, cells, energy):
    return jax.vmap(lambda k_3: eigenpairs(bloch_sum(k_3, cells, energy))[0])(k)


@jax.jit
def _phonons(q, arrays, dipoles):
    def one(q_3):
        return modes(longrange.dynamical_matrix(q_3, *arrays, dipoles))[0]

    return jax.lax.map(one, q)
