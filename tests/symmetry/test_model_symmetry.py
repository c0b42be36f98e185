"""Space group, time reversal and Hermiticity of models: representations, projection, reduction."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read
from ephforge.core.realspace import (
    Crystal,
    ForceConstants,
    Hopping,
    Model,
    TwoCentreCoupling,
    WannierCoupling,
    read_model,
)
from ephforge.core.symmetry import reciprocal_operations
from ephforge.coupling.general_form import general_form
from ephforge.coupling.points import at_points
from ephforge.symmetry.group import products
from ephforge.symmetry.symmetrise import reduced, symmetrised
from ephforge.threecentre.build import build

SHIPPED = Path(__file__).parents[2] / "resources/first_principles"


def shipped(name: str):
    contents = read(SHIPPED / f"{name}.nc", "model")
    meshes = [tuple(int(n) for n in contents.variables[f"g_{m}_mesh"]) for m in "kq"]
    return read_model(contents), meshes


def at_rest(crystal: Crystal) -> ForceConstants:
    n_s = len(crystal.positions)
    return ForceConstants(np.zeros((1, 3), int), np.zeros((1, n_s, 3, n_s, 3)))


def simple_cubic() -> Model:
    """One s orbital, hopping to six neighbours that changes along the bond."""
    crystal = Crystal(3.0 * np.eye(3), np.zeros((1, 3)), np.array([1]), np.ones(1))
    cells = np.concatenate([np.eye(3, dtype=int), -np.eye(3, dtype=int)])
    gradient = 0.7 * cells.astype(float)[:, :, None, None]
    hopping = Hopping(cells, -np.ones((6, 1, 1)), np.array([0]), np.zeros((1, 3)))
    coupling = general_form(hopping, TwoCentreCoupling(gradient), 1)
    home = np.vstack([cells, np.zeros((1, 3), int)])
    energy = np.concatenate([hopping.energy, np.zeros((1, 1, 1))])
    return Model(
        "sc", crystal, replace(hopping, cells=home, energy=energy), at_rest(crystal), coupling
    )


@pytest.mark.parametrize(("name", "order", "count"), [("si_2", 48, 568), ("alas_2", 24, 1136)])
def test_shipped_models_have_the_group_of_their_crystal(name, order, count):
    model, meshes = shipped(name)
    found = reduced(model, *meshes)
    own = found.representation
    assert len(own.change_g) == order
    assert own.change_g.max() < 1e-4
    assert len(found.coefficients[2]) == count
    assert found.moved["g"] < 1e-4
    after_gg = products(own.group)
    made = own.orbital_gab[:, None] @ own.orbital_gab
    expected = own.orbital_gab[after_gg]
    sign = np.sign(np.einsum("ghab,ghab->gh", made, expected))
    assert np.abs(made - sign[..., None, None] * expected).max() < 1e-10


def test_coefficients_are_isometric_and_entries_their_inverse():
    model, meshes = shipped("si_2")
    found = reduced(model, *meshes)
    drawn = [np.random.default_rng(1).normal(size=len(x)) for x in found.coefficients]
    values = found.reductions.values(*drawn, tuple(meshes))
    for one, other in zip(found.reductions.coefficients(values), drawn, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)
    for one, other in zip(drawn, values[2:], strict=True):
        np.testing.assert_allclose(np.linalg.norm(one), np.linalg.norm(other), rtol=1e-12)


def strength(model: Model, k, q) -> float:
    """Sum of omega |g|^2 over bands and modes: no gauge, and no phonons enter."""
    found = at_points(model, np.array([k]), np.array([q]), 1e-4)
    weight_v = found.frequency_q[0]
    return float(np.einsum("kvmn,v->", np.abs(found.g[0]) ** 2, weight_v))


def test_noise_is_made_symmetric():
    model, meshes = shipped("si_2")
    drawn = np.random.default_rng(0)
    coupling = model.coupling
    noise = 0.05 * np.abs(coupling.g).max() * drawn.normal(size=coupling.g.shape)
    noise *= coupling.g != 0
    noisy = replace(model, coupling=replace(coupling, g=coupling.g + 0.1 * noise))
    found = reduced(noisy, *meshes, 0.5)
    clean = symmetrised(noisy, found)
    assert len(found.representation.change_g) == 48
    crystal = model.crystal
    k, q = np.array([0.25, 0.5, 0.0]), np.array([0.0, 0.5, 0.0])
    there, before = strength(clean, k, q), strength(noisy, k, q)
    moved = []
    own = reciprocal_operations(crystal.cell, crystal.positions, crystal.numbers)
    for operation in own[3::12]:
        np.testing.assert_allclose(strength(clean, operation @ k, operation @ q), there, rtol=1e-9)
        moved.append(abs(strength(noisy, operation @ k, operation @ q) / before - 1))
    assert max(moved) > 1e-3
    # Hermiticity: (k+q, -q)
    np.testing.assert_allclose(strength(clean, k + q, -q), there, rtol=1e-9)
    assert found.moved["g"] > 0.01
    again = reduced(clean, *meshes, 0.5)
    assert again.moved["g"] < 1e-12


def test_an_operation_that_a_model_has_not_is_left_out():
    model, meshes = shipped("si_2")
    g = model.coupling.g.copy()
    g[:, 1] *= 1.5  # the two atoms, which inversion exchanges, are no longer alike
    other = replace(model, coupling=replace(model.coupling, g=g))
    assert len(reduced(other, *meshes).representation.change_g) == 24


def test_a_two_centre_model_turned_general_has_one_free_number():
    model = simple_cubic()
    found = reduced(model, (3, 3, 3), (3, 3, 3))
    assert len(found.representation.change_g) == 48
    large = np.abs(found.coefficients[2]) > 1e-12
    assert np.count_nonzero(large) == 1
    assert found.moved["g"] < 1e-14
    with pytest.raises(EphforgeError, match="two-centre"):
        reduced(
            replace(model, coupling=TwoCentreCoupling(np.zeros((7, 3, 1, 1)))), (3,) * 3, (3,) * 3
        )


def test_p_orbitals_turn_like_vectors():
    crystal = Crystal(
        2.0 * (np.ones((3, 3)) - np.eye(3)), np.zeros((1, 3)), np.array([1]), np.ones(1)
    )
    for seed in range(20):
        hopping, coupling, told = build(np.random.default_rng(seed), crystal, (2, 2, 2))
        if not told["hybrids"] and len(hopping.site) == 4:
            break
    found = reduced(Model("fcc", crystal, hopping, at_rest(crystal), coupling), (2,) * 3, (2,) * 3)
    own = found.representation
    assert len(own.change_g) == 48
    assert found.moved["g"] < 1e-10
    for turned, orbital in zip(own.group.cartesian_g33, own.orbital_gab, strict=True):
        np.testing.assert_allclose(np.abs(orbital[0, 0]), 1, atol=1e-8)
        np.testing.assert_allclose(orbital[1:, 1:] * orbital[0, 0], turned, atol=1e-8)


def test_complex_functions_are_refused():
    model, meshes = shipped("si_2")
    phase = np.exp(1j * np.arange(4))
    g = model.coupling.g * phase.conj()[:, None] * phase
    turned = replace(
        model,
        coupling=WannierCoupling(model.coupling.phonon_cells, model.coupling.electron_cells, g),
    )
    with pytest.raises(EphforgeError, match="imaginary"):
        reduced(turned, *meshes)
