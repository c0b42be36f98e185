"""Overlap, crystal field, moving orbitals and spin: the kernel by independent routes.

Routes: eigenvalues of displaced supercells, rigid motion, chains with closed forms, and the
whole-matrix formula of tests/dense_coupling.py.
"""

from functools import cache

import dense_coupling
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from analytic import TRANSVERSE, springs, zincblende
from kernel_coupling import complex_g

from ephforge.core.kpoints import mesh_indices
from ephforge.core.realspace import (
    Crystal,
    ForceConstants,
    Hopping,
    LongRange,
    Model,
    TwoCentreCoupling,
)
from ephforge.core.units import COULOMB, HBAR2_PER_DALTON
from ephforge.coupling import longrange, two_centre
from ephforge.coupling.matrix_elements import displacements
from ephforge.coupling.points import at_points
from ephforge.electrons.draw import draw
from ephforge.electrons.hopping import assemble
from ephforge.phonons.modes import modes

OPTIONS = {"overlap": 1.0, "crystal_field": 1.0, "spin_orbit": 0.0}
OPTIONS |= {"metals": 1.0, "semiconductors": 0.0}
BORN, DIELECTRIC = 1.7, 3.2
K, Q = np.array([0.13, -0.4, 0.27]), np.array([0.31, 0.22, -0.08])


@cache
def drawn(basis: str = "sp3"):
    return draw(np.random.default_rng(2), zincblende(), OPTIONS | {"bases": [basis]})


@cache
def model(basis: str = "sp3") -> Model:
    crystal = zincblende()
    hopping, coupling = assemble(crystal, drawn(basis))
    assert coupling.crystal_field.any()
    assert coupling.basis_derivative.any()
    return Model("zincblende", crystal, hopping, springs(crystal, 5.0), coupling)


def kernel(material: Model, k, q, displacement_sc):
    """Energies at k and k+q, and g[m, n] of one wave, by the kernel."""
    n_atoms, size = len(material.crystal.masses), len(material.hopping.site)
    electrons = two_centre.electrons(material.hopping, material.coupling, n_atoms)
    electrons = jax.tree.map(jnp.asarray, electrons)
    field = rigid = None
    if electrons.field_rtcsoo is not None:
        field = two_centre.bloch_sum(jnp.asarray(q), electrons.cells_r3, electrons.field_rtcsoo)
        rigid = jnp.sum(electrons.field_rtcsoo, axis=(0, 1))
    wave = two_centre.wave(jnp.asarray(displacement_sc, complex)[None], field, rigid, None)
    (initial_n, initial), (final_m, final) = (
        two_centre.ends(
            two_centre.matrices(jnp.asarray(p), electrons), electrons.slot_so, size, False
        )
        for p in (k, k + q)
    )
    g_mn = np.asarray(complex_g(initial, final, wave))[0]
    return np.asarray(initial_n), np.asarray(final_m), g_mn, (initial, final)


def random_wave(seed: int = 0, count: int = 2):
    random = np.random.default_rng(seed)
    return random.normal(size=(count, 3)) + 1j * random.normal(size=(count, 3))


def supercell_bands(move_ls3, shape, twist_3, electrons):
    """Bands of H c = E S c of a displaced supercell at a wave vector of the supercell."""
    crystal = zincblende()
    index_l3 = mesh_indices(shape)
    positions = (index_l3 @ crystal.cell)[:, None] + crystal.positions + move_ls3
    count = len(index_l3)
    large = Crystal(
        crystal.cell * np.array(shape)[:, None],
        positions.reshape(-1, 3),
        np.tile(crystal.numbers, count),
        np.tile(crystal.masses, count),
    )
    hopping, coupling = assemble(large, electrons)
    whole = Model("", large, hopping, springs(large, 5.0), coupling)
    return dense_coupling.states(whole, twist_3)[0]


@pytest.mark.parametrize("basis", ["s", "sp3", "sp3d5"])
def test_kernel_agrees_with_whole_matrices(basis):
    material, wave_sc = model(basis), random_wave()
    initial_n, final_m, found, _ = kernel(material, K, Q, wave_sc)
    np.testing.assert_allclose(initial_n, dense_coupling.states(material, K)[0], atol=1e-11)
    np.testing.assert_allclose(final_m, dense_coupling.states(material, K + Q)[0], atol=1e-11)
    expected = dense_coupling.couplings(material, K, Q, wave_sc)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-10)


def test_bands_move_with_the_atoms_of_every_cell():
    """q = 0: the diagonal is the derivative of a band with the position of one atom."""
    electrons = drawn()
    for s, c in ((0, 0), (1, 2)):
        wave_sc = np.zeros((2, 3))
        wave_sc[s, c] = 1

        def slope(step, wave_sc=wave_sc):
            plus, minus = (
                supercell_bands(sign * step * wave_sc[None], (1, 1, 1), K, electrons)
                for sign in (1, -1)
            )
            return (plus - minus) / (2 * step)

        # the error of order step^2 is taken off
        expected = (4 * slope(5e-5) - slope(1e-4)) / 3
        _, _, g_mn, _ = kernel(model(), K, np.zeros(3), wave_sc)
        assert np.abs(expected).max() > 0.1
        np.testing.assert_allclose(np.diag(g_mn).real, expected, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(np.diag(g_mn).imag, 0, atol=1e-10)


def test_a_frozen_phonon_splits_bands_by_its_coupling():
    """E(-q/2) = E(q/2) folded on one point: Re(e e^{iq.l}) splits them by |g| of e."""
    shape, step, electrons = (3, 1, 1), 1e-4, drawn()
    q = np.array([1 / 3, 0, 0])
    k = -q / 2
    wave_sc = random_wave(1)
    wave_l = np.exp(2j * np.pi * mesh_indices(shape) @ q)
    move_ls3 = np.real(wave_l[:, None, None] * wave_sc)
    twist_3 = k * np.array(shape)
    at_rest = supercell_bands(0 * move_ls3, shape, twist_3, electrons)
    moved = supercell_bands(step * move_ls3, shape, twist_3, electrons)
    back = supercell_bands(-step * move_ls3, shape, twist_3, electrons)
    initial_n, final_m, g_mn, _ = kernel(model(), k, q, wave_sc)
    np.testing.assert_allclose(initial_n, final_m, atol=1e-10)
    checked = 0
    for n, energy in enumerate(initial_n):
        group = np.flatnonzero(np.abs(at_rest - energy) < 1e-6)
        if len(group) != 2 or np.abs(g_mn[n, n]) < 1e-2:
            continue
        split = [np.diff(bands[group])[0] / step for bands in (moved, back)]
        assert np.mean(split) == pytest.approx(np.abs(g_mn[n, n]), rel=1e-4)
        checked += 1
    assert checked >= 2


@pytest.mark.parametrize("basis", ["sp3", "sp3d5"])
def test_moving_the_whole_crystal_turns_states_with_it(basis):
    """sum_s <m|dH/du_s|n> = (E_n - E_m) c_m^+ B c_n: zero on the diagonal only."""
    material = model(basis)
    vectors = dense_coupling.states(material, K)[1]
    moving = dense_coupling.bloch(material, material.coupling.basis_derivative, K)
    for c in range(3):
        wave_sc = np.zeros((2, 3))
        wave_sc[:, c] = 1
        energy, _, g_mn, _ = kernel(material, K, np.zeros(3), wave_sc)
        turned = vectors.conj().T @ moving[c] @ vectors
        expected = (energy - energy[:, None]) * turned
        assert np.abs(expected).max() > 0.1
        np.testing.assert_allclose(np.abs(g_mn), np.abs(expected), atol=1e-10)
        np.testing.assert_allclose(np.diag(g_mn), 0, atol=1e-11)


def test_coupling_is_hermitian():
    wave_sc = random_wave(2)
    forward = kernel(model("sp3d5"), K, Q, wave_sc)[2]
    back = kernel(model("sp3d5"), K + Q, -Q, wave_sc.conj())[2]
    np.testing.assert_allclose(np.abs(back.T), np.abs(forward), atol=1e-10)


def test_spin_without_spin_orbit_is_two_copies():
    crystal, electrons = zincblende(), drawn()
    with_spin = electrons._replace(spin_orbit_xu=np.zeros_like(electrons.level_xu))
    hopping, coupling = assemble(crystal, with_spin)
    doubled = Model("", crystal, hopping, springs(crystal, 5.0), coupling)
    assert np.iscomplexobj(hopping.energy)
    one, two = (at_points(m, K[None], Q[None], 1e-3) for m in (model(), doubled))
    np.testing.assert_allclose(two.energy_k[0], np.repeat(one.energy_k[0], 2), atol=1e-11)
    size = one.g.shape[-1]
    pairs = np.abs(two.g[0, 0].reshape(-1, size, 2, size, 2)) ** 2
    # each pair of spins shares what one has: twice |g|^2 in the block of two by two
    expected = 2 * np.abs(one.g[0, 0]) ** 2
    np.testing.assert_allclose(pairs.sum(axis=(2, 4)), expected, atol=1e-12)


def test_spin_orbit_keeps_kramers_pairs_and_hermiticity():
    crystal, electrons = zincblende(), drawn()
    strong = electrons._replace(spin_orbit_xu=np.full_like(electrons.level_xu, 0.4))
    hopping, coupling = assemble(crystal, strong)
    material = Model("", crystal, hopping, springs(crystal, 5.0), coupling)
    wave_sc = random_wave(3)
    found = kernel(material, K, Q, wave_sc)[2]
    expected = dense_coupling.couplings(material, K, Q, wave_sc)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-10)
    back = kernel(material, K + Q, -Q, wave_sc.conj())[2]
    np.testing.assert_allclose(np.abs(back.T), np.abs(found), atol=1e-10)


def chain(energy_rab, overlap_rab, gradient_rab, basis_rab) -> Model:
    """Orbitals on one atom per cell along x, neighbours at -1, 0, 1; stiff across."""
    cells = np.array([[-1, 0, 0], [0, 0, 0], [1, 0, 0]])
    size = energy_rab.shape[-1]
    gradient, basis = np.zeros((3, 3, size, size)), np.zeros((3, 3, size, size))
    gradient[:, 0], basis[:, 0] = gradient_rab, basis_rab
    phi = np.zeros((3, 1, 3, 1, 3))
    phi[:, 0, 0, 0, 0] = [-3.0, 6.0, -3.0]
    phi[1, 0, [1, 2], 0, [1, 2]] = TRANSVERSE
    crystal = Crystal(np.diag([2.5, 10.0, 10.0]), np.zeros((1, 3)), np.array([6]), np.array([12.0]))
    site = np.zeros(size, int)
    hopping = Hopping(cells, energy_rab, site, np.zeros((size, 3)), overlap_rab)
    coupling = TwoCentreCoupling(gradient, None, basis)
    return Model("chain", crystal, hopping, ForceConstants(cells, phi), coupling)


def test_overlapping_chain_has_its_closed_form():
    """E = (e + 2 t c)/(1 + 2 s c), c = cos 2 pi k; moved bonds change t and s."""
    level, t, s, t_slope, s_slope = 0.7, -1.1, 0.15, 0.9, -0.2
    wide = np.ones((1, 1))
    material = chain(
        np.array([t, level, t])[:, None, None] * wide,
        np.array([s, 1, s])[:, None, None] * wide,
        np.array([-t_slope, 0, t_slope])[:, None, None] * wide,
        np.array([-s_slope, 0, s_slope])[:, None, None] * wide,
    )
    for k, q in ((0.1, 0.27), (-0.33, 0.5)):
        energy, norm = (
            lambda p: (level + 2 * t * np.cos(2 * np.pi * p)) / (1 + 2 * s * np.cos(2 * np.pi * p)),
            lambda p: 1 + 2 * s * np.cos(2 * np.pi * p),
        )
        sine, sine_q = np.sin(2 * np.pi * k), np.sin(2 * np.pi * (k + q))
        bare = t_slope * (sine_q - sine) - s_slope * (energy(k + q) * sine_q - energy(k) * sine)
        expected = 2j * bare / np.sqrt(norm(k) * norm(k + q))
        points = np.array([k, 0, 0]), np.array([q, 0, 0])
        found = kernel(material, *points, np.array([[1.0, 0, 0]]))
        assert found[0][0] == pytest.approx(energy(k))
        assert np.abs(found[2][0, 0]) == pytest.approx(np.abs(expected))


def test_orbitals_that_turn_as_they_move_couple_as_fixed_ones():
    """h(d) seen from orbitals turned by e^{b d i sigma}: the same physics, moved by k -> k +- b.

    Orbitals of an atom at x are those of fixed directions turned by b x, so that H(d) = h(d)
    R(b d) with a rotation R and <a| d/dx b> = b (0 -1; 1 0).  The bands are those of h at
    k +- b a / 2 pi, and so must be the couplings, though E_m, E_n and B all enter.
    """
    t, t_slope, b, length = -1.1, 0.9, 0.31, 2.5
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    angle = b * length
    rotation = {n: scipy.linalg.expm(n * angle * turn) for n in (-1, 0, 1)}
    energy = np.array([t * rotation[-1], 0 * turn, t * rotation[1]])
    gradient = np.array(
        [
            (n * t_slope * np.eye(2) + t * b * turn) @ rotation[n] if n else 0 * turn
            for n in (-1, 0, 1)
        ]
    )
    material = chain(energy, None, gradient, np.array([0 * turn, b * turn, 0 * turn]))
    k, q, shift = 0.083, 0.29, angle / (2 * np.pi)
    points = np.array([k, 0, 0]), np.array([q, 0, 0])
    initial_n, final_m, g_mn, _ = kernel(material, *points, np.array([[1.0, 0, 0]]))
    branches = np.array([k - shift, k + shift])
    band_k, band_kq = (2 * t * np.cos(2 * np.pi * p) for p in (branches, branches + q))
    expected = np.diag(
        2 * t_slope * np.abs(np.sin(2 * np.pi * (branches + q)) - np.sin(2 * np.pi * branches))
    )[np.argsort(band_kq)][:, np.argsort(band_k)]
    np.testing.assert_allclose(initial_n, np.sort(band_k), atol=1e-12)
    np.testing.assert_allclose(final_m, np.sort(band_kq), atol=1e-12)
    np.testing.assert_allclose(np.abs(g_mn), expected, atol=1e-12)


def polar_model(overlap: float) -> Model:
    """Ions of charge +-Z on the springs of zincblende, isotropic dielectric."""
    crystal = zincblende()
    options = OPTIONS | {"bases": ["sp3"], "overlap": overlap}
    hopping, coupling = assemble(crystal, draw(np.random.default_rng(5), crystal, options))
    born = np.array([BORN * np.eye(3), -BORN * np.eye(3)])
    long_range = LongRange(born, DIELECTRIC * np.eye(3), (4, 4, 4), 5.6, "ewald")
    return Model("", crystal, hopping, springs(crystal, 5.0), coupling, long_range)


@pytest.mark.parametrize("overlap", [0.0, 1.0])
def test_small_q_is_froehlichs_law(overlap):
    """The one longitudinal mode couples as (4 pi e^2 / V) sum_s (q.Z_s u_s) / (q.eps.q).

    Bands keep their character: <n,k+q|n,k> goes to 1 in an orthonormal basis, and so it does
    with overlap, where c^+ S^{1/2}(k+q) S^{1/2}(k) c is taken.
    """
    material = polar_model(overlap)
    crystal = material.crystal
    direction_3 = np.array([0.3, 0.1, -0.2])
    reciprocal_33 = 2 * np.pi * np.linalg.inv(crystal.cell).T
    products = []
    for scale in (0.02, 0.01):
        q_3 = scale * direction_3
        g_vn = np.abs(np.einsum("vnn->vn", at_points(material, K[None], q_3[None], 1e-4).g[0, 0]))
        wave_3 = q_3 @ reciprocal_33
        frequency_v = at_points(material, K[None], q_3[None], 1e-4).frequency_q[0]
        # the optical mode of two ions on cubic springs: opposite motion of equal momenta
        mass = 1 / np.sum(1 / crystal.masses)
        amplitude = np.sqrt(HBAR2_PER_DALTON / (2 * mass * frequency_v.max()))
        volume = abs(np.linalg.det(crystal.cell))
        expected = 4 * np.pi * COULOMB / volume * BORN * amplitude
        expected /= DIELECTRIC * np.linalg.norm(wave_3)
        np.testing.assert_allclose(g_vn[-1], expected, rtol=0.5 * scale / 0.02)
        products.append(g_vn[-1] / expected)
    # the rest is of order q: it halves with q
    rest = np.abs(np.array(products) - 1).max(axis=1)
    assert rest[1] < 0.6 * rest[0] or rest[1] < 1e-4


def test_dipoles_agree_with_whole_matrices():
    material = polar_model(1.0)
    found = at_points(material, K[None], Q[None], 1e-4)
    lattice = material.force_constants
    dynamical_dd = longrange.dynamical_matrix(
        jnp.asarray(Q),
        jnp.asarray(lattice.cells),
        jnp.asarray(lattice.phi),
        jnp.asarray(material.crystal.masses),
        longrange.dipole_sum(material.long_range, material.crystal),
    )
    energy_v, polarisation_vd = modes(dynamical_dd)
    waves_vsc = displacements(energy_v, polarisation_vd, jnp.asarray(material.crystal.masses), 1e-4)
    for v, wave_sc in enumerate(np.asarray(waves_vsc)):
        expected = dense_coupling.couplings(material, K, Q, wave_sc)
        np.testing.assert_allclose(np.abs(found.g[0, 0, v]), np.abs(expected), atol=1e-9)
