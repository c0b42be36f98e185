"""The screened potential against finite differences of self-consistent crystals."""

from dataclasses import replace

import numpy as np
import pytest
from three_centre_cases import compound, metal, semiconductor

from ephforge.core.kpoints import mesh_points, negation_index, sum_index
from ephforge.core.realspace import Crystal
from ephforge.threecentre import elements, ground, screening
from ephforge.threecentre.ground import Ground, Matter
from ephforge.threecentre.ions import Ions
from ephforge.threecentre.orbitals import Functions

STEP = 2e-4  # angstrom


def moved(matter: Matter, shifts) -> Ground:
    """Ground state with the atoms shifted (angstrom)."""
    crystal = replace(matter.crystal, positions=matter.crystal.positions + shifts)
    return ground.solve(matter._replace(crystal=crystal))


def potential_change(matter: Matter, pattern) -> tuple[np.ndarray, np.ndarray]:
    """Waves and dV(G) / du by central differences."""
    plus, minus = (moved(matter, sign * STEP * np.asarray(pattern)) for sign in (1, -1))
    return plus.index_g3, (plus.potential_g - minus.potential_g) / (2 * STEP)


def low_crystal() -> Crystal:
    """Two unlike atoms on a lattice without symmetry, so that the Fermi energy moves."""
    cell = np.array([[2.9, 0.1, 0.0], [0.3, 3.1, 0.2], [0.1, -0.2, 3.3]])
    return Crystal(cell, np.array([[0, 0, 0], [1.3, 1.6, 1.9]]), np.array([1, 2]), np.ones(2))


@pytest.mark.parametrize("matter", [compound(), metal(low_crystal(), (1.0, 3.0))])
def test_at_q_zero_the_potential_of_a_moved_atom(matter):
    found = screening.answer(matter, ground.solve(matter), 0)
    index_g3, change_g = potential_change(matter, [[0, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(found.index_g3, index_g3)
    scale = np.abs(change_g).max()
    np.testing.assert_allclose(found.field_scg[1, 1], change_g, atol=3e-6 * scale)


@pytest.mark.parametrize("kind", ["semiconductor", "metal"])
def test_at_the_zone_boundary_against_a_doubled_cell(kind):
    if kind == "semiconductor":
        matter = semiconductor(waves=9.0)
    else:
        matter = metal(low_crystal(), (1.0, 3.0), waves=9.0)
    crystal, ions = matter.crystal, matter.ions
    found = screening.answer(matter, ground.solve(matter), 1)  # q = (0, 0, 1/2)
    double = Crystal(
        crystal.cell * np.array([[1], [1], [2]]),
        np.vstack([crystal.positions, crystal.positions + crystal.cell[2]]),
        np.tile(crystal.numbers, 2),
        np.ones(4),
    )
    large = matter._replace(
        crystal=double, ions=Ions(*(np.tile(part, 2) for part in ions)), mesh=(2, 2, 1)
    )
    pattern = np.zeros((4, 3))
    pattern[1, 0], pattern[3, 0] = 1, -1
    index_g3, change_g = potential_change(large, pattern)
    at = {tuple(index): value for index, value in zip(index_g3, change_g, strict=True)}
    # a wave q + G of the cell is the wave (G1, G2, 2 G3 + 1) of the doubled one
    expected = np.array([at[(a, b, 2 * c + 1)] for a, b, c in found.index_g3.tolist()])
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found.field_scg[1, 0], expected, atol=3e-6 * scale)


def test_the_space_group_gives_what_solving_gives():
    matter = compound(mesh=(3, 3, 3), waves=9.0)
    rest = ground.solve(matter)
    stars = elements.stars(matter)
    turned = [q for q, (source, _) in enumerate(stars) if source != q]
    assert len(turned) > 15
    for q in turned[::5]:
        source, operation = stars[q]
        direct = screening.answer(matter, rest, q)
        there = elements.turn(matter, screening.answer(matter, rest, source), source, q, operation)
        order = {tuple(index): n for n, index in enumerate(there.index_g3.tolist())}
        place = [order[tuple(index)] for index in direct.index_g3.tolist()]
        np.testing.assert_allclose(there.field_scg[..., place], direct.field_scg, atol=1e-7)


def test_a_moved_crystal_and_hermiticity_between_states():
    """sum_s <m|dV_s|n> = (E_m - E_n) <m|d/dr|n>, and g_mn(k, q) = g_nm(k+q, -q)*."""
    matter = compound()
    rest = ground.solve(matter)
    states = Functions([c[:, :6] for c in rest.state_kgn], np.zeros((8, 6, 6)), np.zeros((6, 3)))
    first = elements.elements(matter, rest, states, screening.answer(matter, rest, 0), 0)
    for k, k_3 in enumerate(mesh_points(matter.mesh)):
        wave_g3 = (rest.index_kg3[k] + k_3) @ matter.waves.reciprocal_33
        state_gm, energy_m = states.coefficient_kga[k], rest.energy_kn[k][:6]
        slope = np.einsum("gm,gc,gn->cmn", state_gm.conj(), 1j * wave_g3, state_gm)
        expected = (energy_m[:, None] - energy_m[None]) * slope
        np.testing.assert_allclose(first[:, :, k].sum(0), expected, atol=1e-6)

    q = 3
    minus, final = negation_index(matter.mesh)[q], sum_index(matter.mesh, matter.mesh)[:, q]
    there = elements.elements(matter, rest, states, screening.answer(matter, rest, q), q)
    back = elements.elements(
        matter, rest, states, screening.answer(matter, rest, int(minus)), int(minus)
    )
    np.testing.assert_allclose(
        there, back[:, :, final].conj().swapaxes(-1, -2), atol=1e-9 * np.abs(there).max()
    )
