"""g(Re,Rp) of two-centre models in Loewdin's basis, against sums written out for eigenstates."""

import dataclasses

import numpy as np
import pytest
import scipy.linalg

from ephforge.core.kpoints import mesh_indices
from ephforge.core.realspace import (
    Crystal,
    ForceConstants,
    Hopping,
    Model,
    TwoCentreCoupling,
)
from ephforge.core.units import HBAR2_PER_DALTON, MEV
from ephforge.coupling.general_form import general_form
from ephforge.coupling.loewdin import orthonormal
from ephforge.coupling.maps import blocks
from ephforge.coverage.gauge import displacements, real_space_coupling, shortest

MESH = (3, 3, 3)
CELL = np.array([[3.0, 0, 0], [0.4, 3.3, 0], [0, -0.2, 2.8]])
POSITIONS = np.array([[0.0, 0, 0], [1.4, 1.7, 1.2]])
SITE = np.array([0, 0, 1])
CELLS = mesh_indices((3, 3, 3)) - 1
HOME = 13  # R = 0
COUNT = len(CELLS)


def hermitian(random, *axes, sign=1):
    """Random x[R, ..., a, b] with x(-R) = sign x(R)^T; `CELLS` run backwards for -R."""
    x = random.normal(size=(COUNT, *axes, 3, 3)) * np.exp(-np.abs(CELLS).sum(1)).reshape(
        -1, *[1] * (len(axes) + 2)
    )
    return (x + sign * np.swapaxes(x[::-1], -1, -2)) / 2


def model(overlap=False, field=False, moving=False):
    random = np.random.default_rng(3)
    gradient = hermitian(random, 3, sign=-1)
    gradient[HOME][:, SITE[:, None] == SITE] = 0
    hopping = Hopping(CELLS, hermitian(random), SITE, POSITIONS[SITE])
    extra = {}
    if overlap:
        s = 0.05 * hermitian(random)
        s[HOME] += np.eye(3)
        hopping = Hopping(CELLS, hopping.energy, SITE, POSITIONS[SITE], s)
    if moving:
        extra["basis_derivative"] = 0.1 * hermitian(random, 3, sign=-1)
    if field:
        x = random.normal(size=(COUNT, 2, 3, 3, 3)) * (SITE[:, None] == SITE)
        extra["crystal_field"] = x + np.swapaxes(x, -1, -2)
    crystal = Crystal(CELL, POSITIONS, np.array([6, 14]), np.array([12.0, 28.0]))
    phi = ForceConstants(CELLS[:1], np.zeros((1, 2, 3, 2, 3)))
    return Model("m", crystal, hopping, phi, TwoCentreCoupling(gradient, **extra))


def bloch(x_r, k):
    return np.tensordot(np.exp(2j * np.pi * CELLS @ k), x_r, axes=1)


def of_eigenstates(m, s, c, k, q):
    """c_m^+ { [s_b=s](A - E_m B)(k+q) - [s_a=s](A - E_n B)(k) + X(q) - ... } c_n, term by term."""
    h, x = m.hopping, m.coupling
    states = []
    for point in (k, k + q):
        overlap = np.eye(3) if h.overlap is None else bloch(h.overlap, point)
        states.append(scipy.linalg.eigh(bloch(h.energy, point), overlap))
    (e_n, c_n), (e_m, c_m) = states
    found = np.zeros((3, 3), complex)
    b = np.zeros_like(x.gradient) if x.basis_derivative is None else x.basis_derivative
    for i in range(3):
        for j in range(3):
            final = bloch(x.gradient[:, c] - e_m[i] * b[:, c], k + q) * (s == SITE)[None, :]
            initial = bloch(x.gradient[:, c] - e_n[j] * b[:, c], k) * (s == SITE)[:, None]
            matrix = final - initial
            if x.crystal_field is not None:
                matrix = matrix + bloch(x.crystal_field[:, s, c], q)
                matrix = matrix - x.crystal_field[:, :, c].sum((0, 1)) * (s == SITE)[:, None]
            found[i, j] = c_m[:, i].conj() @ matrix @ c_n[:, j]
    return found


@pytest.mark.parametrize(
    "kind",
    [{}, {"overlap": True}, {"overlap": True, "moving": True, "field": True}, {"moving": True}],
)
def test_eigenstates_of_the_orthonormal_basis_see_the_same_coupling(kind):
    m = model(**kind)
    k, q = np.array([1, 0, 2]) / 3, np.array([2, 1, 0]) / 3
    cells = mesh_indices(MESH)
    every = list(real_space_coupling(m, MESH, MESH, displacements(m)))
    for (s, c), g_prab in every:
        g = np.einsum(
            "p,r,prab->ab", np.exp(2j * np.pi * cells @ q), np.exp(2j * np.pi * cells @ k), g_prab
        )
        vectors = []
        for point in (k, k + q):
            overlap = np.eye(3)
            if m.hopping.overlap is not None:
                overlap = bloch(m.hopping.overlap, point)
            root = scipy.linalg.sqrtm(np.linalg.inv(overlap))
            vectors.append(np.linalg.eigh(root @ bloch(m.hopping.energy, point) @ root)[1])
        found = vectors[1].conj().T @ g @ vectors[0]
        assert np.allclose(np.abs(found), np.abs(of_eigenstates(m, s, c, k, q)), atol=1e-12)


def test_the_general_form_of_the_same_model_folds_to_the_same_numbers():
    m = model()
    wannier = Model(
        "w", m.crystal, m.hopping, m.force_constants, general_form(m.hopping, m.coupling, 2)
    )
    chosen = displacements(m)[1:4]
    pairs = zip(
        real_space_coupling(m, MESH, MESH, chosen),
        real_space_coupling(wannier, MESH, MESH, chosen),
        strict=True,
    )
    for (one, g), (other, expected) in pairs:
        assert one == other
        assert np.allclose(g, expected, atol=1e-13)


def test_shortest_images_agree_with_a_search_of_many():
    offset = np.random.default_rng(0).uniform(-2, 2, size=(4, 3))
    cells = mesh_indices((4, 4, 4))
    found = shortest(cells, (4, 4, 4), CELL, offset)
    images = 4 * (mesh_indices((7, 7, 7)) - 3)
    vectors = (cells[:, None] + images) @ CELL
    expected = np.linalg.norm(vectors[:, :, None] + offset, axis=-1).min(axis=1)
    assert np.allclose(found, expected)


@pytest.mark.parametrize("kind", [{}, {"overlap": True, "moving": True, "field": True}])
def test_the_kernel_has_the_same_strength(kind):
    """sum_mnv (2 E_v / hbar^2) |g_mnv|^2 = sum_sc ||g~_sc||^2 / M_s by completeness."""
    m = model(**kind)
    spring = np.einsum("st,cd->sctd", np.diag([3.0, 5.0]), np.eye(3))[None]
    m = dataclasses.replace(m, force_constants=ForceConstants(CELLS[HOME : HOME + 1], spring))
    options = {"k_mesh": MESH, "q_mesh": MESH, "bands": 3, "degeneracy": 1e-6, "soft_mode": 1.0}
    block = blocks([m], [{}], options | {"batch_size": 1}, keep_grid=True)[0].block
    weight_qv = 2 * block.frequencies / HBAR2_PER_DALTON
    found = np.einsum("qv,mnvkq->kq", weight_qv, (block.g_grid.astype(float) / MEV) ** 2)
    expected = 0.0
    for (s, _), g_prab in real_space_coupling(m, MESH, MESH, displacements(m)):
        boxed = g_prab.reshape(*MESH, *MESH, 3, 3)
        # e^{+i}: the inverse transform without its 1/N
        g_qk = np.fft.ifftn(boxed, axes=range(6), norm="forward").reshape(27, 27, 3, 3)
        expected = expected + np.sum(np.abs(g_qk) ** 2, axis=(2, 3)).T / m.crystal.masses[s]
    assert np.allclose(found, expected, rtol=1e-5)


def test_the_orthonormal_model_folds_to_the_same_numbers():
    """coupling.loewdin writes models of overlapping orbitals for other codes, at once."""
    m = model(overlap=True, moving=True, field=True)
    other = orthonormal(m, MESH)
    chosen = displacements(m)
    pairs = zip(
        real_space_coupling(m, MESH, MESH, chosen),
        real_space_coupling(other, MESH, MESH, chosen),
        strict=True,
    )
    for (one, g), (two, expected) in pairs:
        assert one == two
        assert np.allclose(g, expected, atol=1e-12)
