"""What is kept does not depend on phases or on the basis of degenerate subspaces."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from analytic import springs, zincblende
from kernel_coupling import complex_g

from ephforge.coupling import two_centre
from ephforge.coupling.degeneracy import averaged, sharing
from ephforge.coupling.matrix_elements import displacements
from ephforge.electrons.bloch import bloch_sum
from ephforge.electrons.draw import draw
from ephforge.electrons.hopping import assemble
from ephforge.phonons.modes import dynamical_matrix, modes

TOLERANCE, SOFT = 1e-4, 1e-3  # eV
# (k, q) with degenerate bands at k and at k+q, and degenerate modes
PAIRS = [((0, 0, 0), (0, 0, 0)), ((0, 0, 0), (0, 0.5, 0.5)), ((0.5, 0.5, 0.5), (0, 0.5, 0.5))]


def scrambled(vectors, energies, generator):
    """Columns mixed by a random unitary matrix inside each group of equal energies."""
    same = np.asarray(sharing(energies, TOLERANCE)) > 0
    mixed = np.array(vectors)
    for first in sorted({int(np.argmax(row)) for row in same}):
        columns = np.flatnonzero(same[first])
        random = generator.normal(size=(2, len(columns), len(columns)))
        unitary, _ = np.linalg.qr(random[0] + 1j * random[1])
        mixed[:, columns] = mixed[:, columns] @ unitary
    return jnp.asarray(mixed)


@pytest.fixture(scope="module")
def material():
    crystal = zincblende()
    options = {"bases": ["sp3"], "overlap": 1.0, "crystal_field": 1.0, "spin_orbit": 0.0}
    options |= {"metals": 1.0, "semiconductors": 0.0}
    hopping, coupling = assemble(crystal, draw(np.random.default_rng(1), crystal, options))
    electrons = two_centre.electrons(hopping, coupling, 2)
    constants = springs(crystal, 5.0)
    lattice = tuple(jnp.asarray(x) for x in (constants.cells, constants.phi, crystal.masses))
    return jax.tree.map(jnp.asarray, electrons), lattice


def ends_of(electrons, k, generator):
    """Energies and ends of a point; in a random gauge when a generator is given."""
    at_k = two_centre.matrices(jnp.asarray(k, float), electrons)
    energy_n, vector_an, loewdin_an = two_centre.bands(at_k, True)
    with pytest.MonkeyPatch.context() as patch:
        if generator is not None:
            vector_an = scrambled(vector_an, energy_n, generator)
            patch.setattr(two_centre, "bands", lambda *_: (energy_n, vector_an, loewdin_an))
        return two_centre.ends(at_k, electrons.slot_so, len(energy_n), False)


def strengths(material, k, q, generator=None):
    """|g|^2 shared; in a random gauge when a generator is given."""
    electrons, lattice = material
    energy_v, polarisation_vd = modes(dynamical_matrix(jnp.asarray(q, float), *lattice))
    pair = [ends_of(electrons, p, generator) for p in (k, np.add(k, q))]
    if generator is not None:
        polarisation_vd = scrambled(polarisation_vd.T, energy_v, generator).T
    waves_vsc = displacements(energy_v, polarisation_vd, lattice[-1], SOFT)
    field = bloch_sum(jnp.asarray(q, float), electrons.cells_r3, electrons.field_rtcsoo)
    rigid = jnp.sum(electrons.field_rtcsoo, axis=(0, 1))
    wave = two_centre.wave(waves_vsc, field, rigid, None)
    g_vmn = complex_g(pair[0][1], pair[1][1], wave)
    shares = [sharing(e, TOLERANCE) for e in (energy_v, pair[1][0], pair[0][0])]
    return np.asarray(averaged(jnp.abs(g_vmn) ** 2, *shares)), np.abs(g_vmn) ** 2, shares


@pytest.mark.parametrize(("k", "q"), PAIRS)
def test_scrambling_changes_nothing(material, k, q):
    kept, bare, shares = strengths(material, k, q)
    assert all(np.count_nonzero(s) > len(s) for s in shares), "no degeneracy to scramble"
    again, bare_again, _ = strengths(material, k, q, np.random.default_rng(7))
    scale = kept.max()
    assert np.abs(bare_again - bare).max() > 1e-2 * scale, "the scrambling did nothing"
    np.testing.assert_allclose(again, kept, atol=1e-10 * scale)
    np.testing.assert_allclose(kept.sum(), bare.sum(), rtol=1e-12)


def test_groups_are_chains_of_neighbours():
    energy_n = jnp.array([0.0, 0.9, 1.8, 3.0, 3.5]) * TOLERANCE
    expected = np.zeros((5, 5))
    expected[:3, :3], expected[3:, 3:] = 1 / 3, 1 / 2
    np.testing.assert_allclose(sharing(energy_n, TOLERANCE), expected, atol=1e-15)


def test_soft_modes_couple_exactly_zero_with_finite_gradients():
    energy_v, mass_s = jnp.array([-0.01, 0.0, 0.02]), jnp.array([12.0])
    polarisation_vd = jnp.eye(3, dtype=complex)

    def total(energies):
        return jnp.sum(jnp.abs(displacements(energies, polarisation_vd, mass_s, SOFT)) ** 2)

    waves_vsc = displacements(energy_v, polarisation_vd, mass_s, SOFT)
    np.testing.assert_array_equal(waves_vsc[:2], 0)
    slope_v = jax.grad(total)(energy_v)
    np.testing.assert_array_equal(slope_v[:2], 0)
    assert np.isfinite(slope_v).all()
    assert slope_v[2] < 0


def test_zero_point_amplitude_of_carbon_in_si_units():
    hbar, dalton, charge = 1.054571817e-34, 1.66053906660e-27, 1.602176634e-19
    energy = 0.05
    amplitude = np.sqrt(hbar**2 / (2 * 12 * dalton * energy * charge)) * 1e10
    waves = displacements(jnp.full(3, energy), jnp.eye(3, dtype=complex), jnp.array([12.0]), SOFT)
    np.testing.assert_allclose(np.diag(waves[:, 0].real), amplitude, rtol=1e-9)


@pytest.mark.parametrize(("real", "full"), [(np.float32, "complex64"), (float, "complex128")])
def test_precision_follows_the_input(material, real, full):
    electrons, lattice = material
    electrons = jax.tree.map(lambda x: x if x.dtype == int else x.astype(real), electrons)
    at_k = two_centre.matrices(jnp.array([0.1, 0.2, 0.3], real), electrons)
    energy_n, ends = two_centre.ends(at_k, electrons.slot_so, 8, False)
    mass_s = lattice[-1].astype(real)
    energy_v, polarisation_vd = jnp.full(6, 0.03, real), jnp.eye(6, dtype=full)
    waves_vsc = displacements(energy_v, polarisation_vd, mass_s, SOFT)
    field = bloch_sum(jnp.zeros(3, real), electrons.cells_r3, electrons.field_rtcsoo)
    rigid = jnp.sum(electrons.field_rtcsoo, axis=(0, 1))
    g_vmn = complex_g(ends, ends, two_centre.wave(waves_vsc, field, rigid, None))
    share = sharing(energy_n, TOLERANCE)
    kept = averaged(jnp.abs(g_vmn) ** 2, sharing(energy_v, TOLERANCE), share, share)
    assert (g_vmn.dtype, g_vmn.shape) == (full, (6, 8, 8))
    assert (kept.dtype, kept.shape) == (real, (6, 8, 8))
