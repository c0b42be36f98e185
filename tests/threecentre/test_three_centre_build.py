"""Whole materials: what holds for each kind, and how like real far tails the family's are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits
from three_centre_cases import compound, diamond, metal

from ephforge.core import netcdf
from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_indices, mesh_points, point_number
from ephforge.core.realspace import Crystal, Model, WannierCoupling, read_model
from ephforge.threecentre import cells, draw, elements, ground, ions, orbitals
from ephforge.threecentre.build import build, make
from ephforge.threecentre.plane_waves import sphere
from ephforge.threecentre.screening import Answer

REAL = Path(__file__).parents[2] / "resources/first_principles"
MESH = (4, 4, 4)


def rocksalt() -> Crystal:
    cell = 2.7 * (np.ones((3, 3)) - np.eye(3))
    return Crystal(cell, np.array([[0, 0, 0], [2.7, 2.7, 2.7]]), np.array([3, 9]), np.ones(2))


def cubic() -> Crystal:
    cell = 2.0 * (np.ones((3, 3)) - np.eye(3))
    return Crystal(cell, np.zeros((1, 3)), np.array([13]), np.ones(1))


def home_diagonal(coupling: WannierCoupling, order) -> np.ndarray:
    """g[Rp modulo the mesh, s, c, a] of m = n = a, Re = 0; orbitals in the given order."""
    home = np.flatnonzero(np.all(coupling.electron_cells == 0, axis=1))[0]
    there = np.einsum("pscaa->psca", coupling.g[:, :, :, home].real)[..., order]
    folded = np.zeros((64, *there.shape[1:]))
    np.add.at(folded, point_number(coupling.phonon_cells, MESH), there)
    return folded


def far_entries(real: Model) -> np.ndarray:
    """[Rp, s, a] where the nearest image of atom s is further than 1.2 |a1| from centre a."""
    steps = np.stack(np.meshgrid(*[np.arange(-6, 7)] * 3, indexing="ij"), -1).reshape(-1, 3)
    vectors = (steps @ real.crystal.cell)[:, None, None] + real.crystal.positions[:, None]
    distance = np.full((64, 2, 4), np.inf)
    lengths = np.linalg.norm(vectors - real.hopping.centres, axis=-1)
    np.minimum.at(distance, point_number(steps, MESH), lengths)
    return distance > 1.2 * np.linalg.norm(real.crystal.cell[0])


def tail_cosine(real: Model, hopping, coupling: WannierCoupling) -> float:
    """Cosine of the far parts; bonds are matched by their directions from the first atom."""
    directions = [
        c / np.linalg.norm(c, axis=1)[:, None] for c in (real.hopping.centres, hopping.centres)
    ]
    order = np.argmax(directions[0] @ directions[1].T, axis=1)
    ours = home_diagonal(coupling, order)
    theirs = home_diagonal(real.coupling, np.arange(4))
    is_far = np.moveaxis(np.broadcast_to(far_entries(real)[..., None], (64, 2, 4, 3)), -1, 2)
    x, y = ours[is_far], theirs[is_far]
    return float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))


@pytest.mark.parametrize("name", ["si_4", "c_4"])
def test_far_tails_are_like_those_of_silicon_and_diamond(name):
    """No number of the family was fitted to them; without screening nothing is alike."""
    real = read_model(netcdf.read(REAL / f"{name}.nc", "model"))
    assert tail_cosine(real, real.hopping, real.coupling) == pytest.approx(1)
    hopping, coupling, found = build(np.random.default_rng(5), real.crystal, MESH)
    assert tail_cosine(real, hopping, coupling) > 0.95
    plan = draw.draw(np.random.default_rng(5), real.crystal, MESH)
    rest = ground.solve(plan.matter)
    functions = orbitals.project(plan.matter, rest, plan.trial, rest.occupation_kn)
    assert rest.gap == pytest.approx(found["gap"])
    bare = bare_coupling(plan, rest, functions)
    assert abs(tail_cosine(real, hopping, bare)) < 0.4


def bare_coupling(plan, rest, functions) -> WannierCoupling:
    """The coupling to ions that no electrons screen."""
    matter = plan.matter
    g = []
    for q, q_3 in enumerate(mesh_points(MESH)):
        index = sphere(matter.waves, q_3, 2 * matter.cutoff)
        waves = (index + q_3) @ matter.waves.reciprocal_33
        field = Answer(index, ions.displaced(waves, matter.ions, matter.crystal))
        g.append(elements.elements(matter, rest, functions, field, q))
    return cells.models(
        matter.crystal, MESH, functions.centre_a3, functions.energy_kab, np.array(g)
    )[1]


@pytest.mark.parametrize("crystal", [diamond(), diamond((5, 6)), rocksalt(), cubic()])
def test_a_material_is_real_hermitian_and_moves_with_its_crystal(crystal):
    mesh = (2, 2, 2)
    hopping, coupling, found = build(np.random.default_rng(3), crystal, mesh)
    assert found["electrons_of"] == draw.kind(crystal)
    assert np.abs(coupling.g.imag).max() < 1e-10
    assert np.abs(hopping.energy.imag).max() < 1e-10
    k_points = mesh_points(mesh)
    phase_kr = np.exp(2j * np.pi * k_points @ hopping.cells.T)
    energy_kab = np.einsum("kr,rab->kab", phase_kr, hopping.energy)
    np.testing.assert_allclose(energy_kab, energy_kab.conj().swapaxes(1, 2), atol=1e-9)
    g = np.einsum(
        "qp,kr,pscrab->qkscab",
        np.exp(2j * np.pi * k_points @ coupling.phonon_cells.T),
        phase_kr,
        coupling.g,
        optimize=True,
    )
    scale = np.abs(g).max()
    for q in range(8):  # on this mesh -q is q, and k + q is the sum modulo 2
        final = point_number(mesh_indices(mesh) + mesh_indices(mesh)[q], mesh)
        np.testing.assert_allclose(
            g[q], g[q][final].conj().swapaxes(-1, -2), atol=1e-8 * scale, err_msg=f"q {q}"
        )
    # a rigid shift does not change energies to first order, where the functions span bands
    if found["kind"] == "semiconductor":
        for k in range(8):
            _, c = np.linalg.eigh(energy_kab[k])
            shift = np.einsum("an,scab,bn->cn", c.conj(), g[0, k], c)
            assert np.abs(shift).max() < 1e-6


def test_functions_and_real_space_give_back_bands_and_elements():
    matter = compound(mesh=(2, 2, 2))
    rest = ground.solve(matter)
    trial = orbitals.Trial(
        matter.crystal.positions[0] + draw.neighbours(matter.crystal).vector_b3[:4] / 2,
        np.full(4, -1),
        0.7,
        np.eye(4),
    )
    functions = orbitals.project(matter, rest, trial, rest.occupation_kn)
    for k in range(8):
        np.testing.assert_allclose(
            np.linalg.eigvalsh(functions.energy_kab[k]), rest.energy_kn[k][:4], atol=1e-9
        )
    # three electrons sit on the first atom, five on the second, and the bonds lean to it
    toward = functions.centre_a3 - trial.centre_a3
    bond = matter.crystal.positions[0] - 2 * trial.centre_a3
    assert np.all(np.einsum("ac,ac->a", toward, bond) * -1 > 0.01)
    dependent = trial._replace(centre_a3=np.zeros((4, 3)))
    with pytest.raises(EphforgeError, match="dependent"):
        orbitals.project(matter, rest, dependent, rest.occupation_kn)


def test_trial_functions_are_normalised_and_orthogonal():
    """By quadrature over Fourier space, on one atom."""
    step = np.arange(-8, 8.01, 0.25)
    waves = np.stack(np.meshgrid(step, step, step, indexing="ij"), -1).reshape(-1, 3)
    for mixed in (False, True):
        trial = draw._shells(cubic(), np.array([0]), 0.8, mixed)
        values = orbitals.transform(waves, trial)
        products = values.conj().T @ values
        np.testing.assert_allclose(products / products[0, 0].real, np.eye(4), atol=1e-9)


def test_the_same_generator_gives_the_same_bits():
    first = build(np.random.default_rng(8), diamond(), (2, 2, 2))
    with threadpool_limits(2):  # what a user's environment may ask for
        second = build(np.random.default_rng(8), diamond(), (2, 2, 2))
    np.testing.assert_array_equal(first[1].g, second[1].g)
    np.testing.assert_array_equal(first[0].energy, second[0].energy)
    assert first[2] == second[2]


def test_what_the_family_refuses():
    vacuum = replace(diamond(), cell=diamond().cell * 2)
    assert not draw.supports(vacuum)
    with pytest.raises(EphforgeError, match="vacuum"):
        build(np.random.default_rng(0), vacuum, (2, 2, 2))
    plan = draw.draw(np.random.default_rng(0), diamond(), (2, 2, 2))
    # cores as large as that leave no gap
    wide = plan.matter.ions._replace(core_s=np.full(2, 0.9))
    with pytest.raises(EphforgeError, match="gap"):
        make(plan._replace(matter=plan.matter._replace(ions=wide)))


def test_kinds_of_crystals():
    assert draw.kind(diamond()) == "bonds"
    assert draw.kind(rocksalt()) == "ions"
    assert draw.kind(cubic()) == "metal"
    assert draw.neighbours(cubic()).count_s.tolist() == [12]
    assert metal(cubic(), (3.0,)).electrons == 3
