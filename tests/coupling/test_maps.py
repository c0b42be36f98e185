"""Blocks: symmetry orbits, batches, padding, both couplings, and what the window cuts."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from analytic import as_wannier, fcc, hopping_law, springs, zincblende

from ephforge.core.blocks import on_grid
from ephforge.core.realspace import ForceConstants, Hopping, Model, TwoCentreCoupling
from ephforge.coupling import batch, grid, maps
from ephforge.coupling.batch import evaluate
from ephforge.electrons.draw import draw
from ephforge.electrons.hopping import assemble

MESH = (2, 2, 2)
OPTIONS = {
    "k_mesh": MESH,
    "q_mesh": MESH,
    "bands": 4,
    "degeneracy": 0.1,
    "soft_mode": 1.0,
    "batch_size": 2,
}
LABELS = {"prototype": "p", "potential": "q", "basis": "b", "family": "p/q/b"}
LIMITS = grid.Limits(1e-4, 1e-3)


@cache
def material(crystal_name: str, orbitals: int, seed: int = 0) -> Model:
    crystal = {"zincblende": zincblende, "fcc": fcc}[crystal_name](5.0 + 0.1 * seed)
    hopping, coupling = assemble(crystal, hopping_law(crystal, 4.5, orbitals))
    return Model(f"{crystal_name}{seed}", crystal, hopping, springs(crystal, 5.0), coupling)


def strengths(models, mesh=MESH, bands=8, batch_size=1):
    return evaluate(models, grid.mesh_pairs(mesh, mesh), LIMITS, bands, batch_size)


def test_strength_is_constant_on_symmetry_orbits():
    options = OPTIONS | {"k_mesh": (4, 4, 4), "bands": 8}
    ((block, asymmetry, _),) = maps.blocks([material("zincblende", 4)], [LABELS], options, True)
    assert block.orbits.orbit_kq.max() + 1 < block.orbits.orbit_kq.size / 10
    assert asymmetry < 1e-8


def test_a_distorted_crystal_is_found_asymmetric():
    model = material("zincblende", 4)
    gradient = model.coupling.gradient.copy()
    gradient[:, 0] *= 1.01
    bent = Model(
        "bent",
        *(getattr(model, x) for x in ("crystal", "hopping", "force_constants")),
        TwoCentreCoupling(gradient),
    )
    ((_, asymmetry, _),) = maps.blocks([bent], [LABELS], OPTIONS, False)
    assert asymmetry > 1e-3


def test_orbit_value_is_the_root_mean_square():
    ((block, _, _),) = maps.blocks([material("fcc", 4)], [LABELS], OPTIONS, True)
    noise = np.random.default_rng(0).uniform(size=on_grid(block).shape)
    g_mnvo, asymmetry = maps.reduce_to_orbits(noise, block.orbits, maps.wedge(block.orbits, True))
    for o in range(g_mnvo.shape[-1]):
        members = noise[..., block.orbits.orbit_kq == o]
        np.testing.assert_allclose(g_mnvo[..., o], np.sqrt(np.mean(members**2, axis=-1)))
    spread = noise - g_mnvo[..., block.orbits.orbit_kq]
    assert asymmetry == pytest.approx(np.linalg.norm(spread) / np.linalg.norm(noise))


def test_material_does_not_depend_on_its_batch():
    models = [material("zincblende", 1, seed) for seed in range(3)]
    models.insert(1, material("fcc", 1))
    alone = [strengths([model])[0] for model in models]
    for together in (strengths(models, batch_size=2), strengths(models, batch_size=4)):
        for one, other in zip(alone, together, strict=True):
            for x, y in zip(one, other, strict=True):
                np.testing.assert_allclose(x, y, atol=1e-13)


def test_material_does_not_depend_on_padding():
    model = material("zincblende", 4)
    hopping, constants = model.hopping, model.force_constants
    extra = 70

    def longer(values):
        return np.concatenate([values, np.zeros((extra, *values.shape[1:]), values.dtype)])

    padded = Model(
        model.name,
        model.crystal,
        Hopping(longer(hopping.cells), longer(hopping.energy), hopping.site, hopping.centres),
        ForceConstants(longer(constants.cells), longer(constants.phi)),
        TwoCentreCoupling(longer(model.coupling.gradient)),
    )
    for x, y in zip(strengths([model])[0], strengths([padded])[0], strict=True):
        np.testing.assert_allclose(x, y, atol=1e-13)


@pytest.mark.parametrize("name", ["zincblende", "fcc"])
def test_general_coupling_gives_the_same_strengths(name):
    model = material(name, 1)
    for x, y in zip(strengths([model])[0], strengths([as_wannier(model)])[0], strict=True):
        np.testing.assert_allclose(x, y, atol=1e-12)


def test_window_is_cut_after_sharing():
    model = material("zincblende", 4)
    (whole,), (cut,) = strengths([model], bands=8), strengths([model], bands=3)
    np.testing.assert_allclose(cut.g_mnvkq, whole.g_mnvkq[:3, :3], atol=1e-14)
    assert abs(np.diff(whole.energy_pn[0])).min() < 1e-9, "the window should cut a degeneracy"


def test_block_holds_what_the_basis_has():
    options = OPTIONS | {"k_mesh": (4, 4, 4)}
    blocks = maps.blocks(
        [material("fcc", 1), material("zincblende", 4)], [LABELS] * 2, options, False
    )
    for (block, *_), bands, n_modes in zip(blocks, (1, 4), (3, 6), strict=True):
        n_orbits = len(block.orbits.size_o)
        assert block.g.shape == (bands, bands, n_modes, n_orbits)
        assert block.g.dtype == np.float32
        assert block.energies.shape == (64, bands)
        assert block.frequencies.shape == (8, n_modes)
        assert block.g_grid is None
        np.testing.assert_array_equal(block.g[:, :, :3, block.orbits.orbit_kq[0, 0]], 0)
        assert 1 < block.g.max() < 1e3  # meV


@cache
def overlapping(basis: str) -> Model:
    """Overlap, crystal field and moving orbitals, as drawn."""
    crystal = zincblende()
    options = {"bases": [basis], "overlap": 1.0, "crystal_field": 1.0, "spin_orbit": 0.0}
    options |= {"metals": 1.0, "semiconductors": 0.0}
    hopping, coupling = assemble(crystal, draw(np.random.default_rng(3), crystal, options))
    return Model(basis, crystal, hopping, springs(crystal, 5.0), coupling)


@pytest.mark.parametrize("mesh", [(4, 4, 4), (4, 2, 2)])
def test_the_wedge_of_q_gives_what_all_q_give(mesh):
    options = OPTIONS | {"k_mesh": (4, 4, 4), "q_mesh": mesh}
    models = [overlapping("sp3"), material("fcc", 4), material("zincblende", 1)]
    whole, wedge = (maps.blocks(models, [LABELS] * 3, options, full) for full in (True, False))
    for (all_q, *_), (few_q, asymmetry, _) in zip(whole, wedge, strict=True):
        assert asymmetry < 1e-9
        np.testing.assert_allclose(few_q.g, all_q.g, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(few_q.frequencies, all_q.frequencies, atol=1e-9)
        np.testing.assert_allclose(few_q.energies, all_q.energies, atol=1e-12)
    pairs = grid.mesh_pairs((4, 4, 4), mesh)
    (all_q,) = evaluate([models[0]], pairs, LIMITS, 4, 1)
    orbits = whole[0][0].orbits
    chosen = maps.wedge(orbits, False)
    assert len(chosen.computed_q) < len(pairs.q_q3)
    few = evaluate([models[0]], grid.mesh_pairs((4, 4, 4), mesh, chosen.computed_q), LIMITS, 4, 1)[
        0
    ]
    np.testing.assert_array_equal(few.g_mnvkq, all_q.g_mnvkq[..., chosen.computed_q])
    full_o, _ = maps.reduce_to_orbits(all_q.g_mnvkq, orbits, maps.wedge(orbits, True))
    few_o, _ = maps.reduce_to_orbits(few.g_mnvkq, orbits, chosen)
    np.testing.assert_allclose(few_o, full_o, atol=1e-10 * full_o.max())


def test_a_bent_material_is_found_out_by_the_wedge_too():
    model = material("zincblende", 4)
    gradient = model.coupling.gradient.copy()
    gradient[:, 0] *= 1.01
    bent = replace(model, coupling=TwoCentreCoupling(gradient))
    ((_, asymmetry, _),) = maps.blocks([bent], [LABELS], OPTIONS | {"k_mesh": (4, 4, 4)}, False)
    assert asymmetry > 1e-4


def test_one_q_of_every_class_and_one_more():
    ((block, _, _),) = maps.blocks([material("fcc", 1)], [LABELS], OPTIONS, False)
    chosen = maps.wedge(block.orbits, False)
    assert len(chosen.computed_q) == chosen.count + 1
    # every orbit has pairs there
    inside = block.orbits.orbit_kq[:, chosen.computed_q[: chosen.count]]
    np.testing.assert_array_equal(np.unique(inside), np.arange(len(block.orbits.size_o)))
    image = chosen.computed_q[-1]
    assert chosen.computed_q[chosen.place_q[image]] != image
    np.testing.assert_array_equal(
        chosen.place_q[chosen.computed_q[: chosen.count]], np.arange(chosen.count)
    )


def test_a_group_longer_than_the_margin_is_computed_with_more_bands():
    """Six copies of one band: a window of one band has five more to share with."""
    model = material("fcc", 1)
    copies = np.eye(6)
    hopping, coupling = model.hopping, model.coupling
    site = np.zeros(6, int)
    many = replace(
        model,
        hopping=Hopping(
            hopping.cells, hopping.energy * copies, site, np.repeat(hopping.centres, 6, axis=0)
        ),
        coupling=TwoCentreCoupling(coupling.gradient * copies),
    )
    (one,), (six,), (all_bands,) = (
        strengths([m], bands=bands) for m, bands in ((model, 1), (many, 1), (many, 6))
    )
    np.testing.assert_allclose(six.g_mnvkq, all_bands.g_mnvkq[:1, :1], atol=1e-14)
    np.testing.assert_allclose(6 * six.g_mnvkq**2, one.g_mnvkq**2, atol=1e-14)


def test_numbers_are_bitwise_those_of_a_batch_of_one():
    models = [overlapping("sp3"), material("zincblende", 1), overlapping("s"), material("fcc", 4)]
    together = strengths(models, batch_size=4)
    for model, found in zip(models, together, strict=True):
        for x, y in zip(strengths([model])[0], found, strict=True):
            np.testing.assert_array_equal(x, y)


def test_several_together_as_on_an_accelerator(monkeypatch):
    models = [material("zincblende", 4, seed) for seed in range(3)]
    alone = strengths(models, bands=2)
    monkeypatch.setattr(batch, "_together", lambda *_: 2)
    for one, other in zip(alone, strengths(models, bands=2), strict=True):
        for x, y in zip(one, other, strict=True):
            np.testing.assert_allclose(x, y, atol=1e-13)
