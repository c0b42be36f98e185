"""Perturbo's files: sums taken by hand, round trips, and damages.

epr_by_hand.py is the oracle for the layout; there is no file of qe2pert.x here to compare with.
"""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from analytic import Chain, hopping_law, springs, zincblende
from epr_by_hand import (
    ALAT,
    AT,
    CENTRES,
    Q_MESH,
    TAU,
    cells_of_pair,
    sums_by_hand,
    write_by_hand,
)

from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_points
from ephforge.core.netcdf import read
from ephforge.core.realspace import (
    ForceConstants,
    LongRange,
    Model,
    TwoCentreCoupling,
    model_variables,
    read_model,
)
from ephforge.coupling.general_form import general_form
from ephforge.coupling.longrange import on_points
from ephforge.coupling.points import at_points
from ephforge.electrons.hopping import assemble
from ephforge.firstprinciples import perturbo_write
from ephforge.firstprinciples.perturbo import read_perturbo
from ephforge.firstprinciples.perturbo_cells import images, pair_cells
from ephforge.firstprinciples.perturbo_polar import in_convention
from ephforge.firstprinciples.perturbo_write import write_perturbo

BOHR, RYDBERG = 0.529177210903, 13.605693122994  # CODATA 2018: angstrom, eV
SHIPPED = Path(__file__).parents[2] / "resources" / "first_principles"
FCC = np.array([[-0.5, 0, 0.5], [0, 0.5, 0.5], [-0.5, 0.5, 0]])
K = np.array([[0.12, -0.31, 0.44], [0.05, 0.27, -0.18]])
Q = np.array([[0.23, 0.36, -0.11], [-0.42, 0.17, 0.29]])
EXACT = 1e-12


def waves(point, cells):
    """e^{2 pi i k.R} for one k or several, and all R: [..., R]."""
    return np.exp(2j * np.pi * point @ cells.T)


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory):
    path = tmp_path_factory.mktemp("perturbo") / "x_epr.h5"
    write_by_hand(path)
    return path


@pytest.mark.parametrize("at", [FCC, AT], ids=["fcc", "triclinic"])
@pytest.mark.parametrize("mesh", [(4, 4, 4), (1, 2, 5)])
@pytest.mark.parametrize("shift", [(0, 0, 0), (0.25, -0.75, 0.25), (0.1, 0.33, 1.02)])
def test_cells_of_a_pair_in_perturbos_order(at, mesh, shift):
    cells, ties = pair_cells(at, images(at, mesh), np.array(shift, float))
    np.testing.assert_array_equal(cells, cells_of_pair(at, mesh, np.array(shift)))
    assert np.sum(1 / ties) == pytest.approx(np.prod(mesh))


def test_reader_gives_the_sums_that_perturbo_takes(by_hand):
    compare_sums(read_perturbo(by_hand), by_hand)


def test_writer_gives_perturbo_the_sums_of_the_model(tmp_path):
    path, model = tmp_path / "made_epr.h5", synthetic(1)
    write_perturbo(model, path)
    coupling = general_form(model.hopping, model.coupling, len(model.crystal.masses))
    compare_sums(replace(model, coupling=coupling), path)


def compare_sums(model: Model, path):
    """H(k), force constants at q and dV/du of a model with those taken from a file by hand."""
    lattice, coupling = model.force_constants, model.coupling
    for k, q in zip(K, Q, strict=True):
        h, phi, g = sums_by_hand(path, k, q)
        own = np.tensordot(waves(k, model.hopping.cells), model.hopping.energy, 1)
        np.testing.assert_allclose((own + own.conj().T) / 2, h * RYDBERG, atol=1e-11)
        own = np.tensordot(waves(q, lattice.cells), lattice.phi, 1)
        np.testing.assert_allclose(own, phi * RYDBERG / BOHR**2, atol=1e-11)
        wave_p, wave_e = waves(q, coupling.phonon_cells), waves(k, coupling.electron_cells)
        own = np.einsum("p,e,pscemn->scmn", wave_p, wave_e, coupling.g)
        assert np.abs(own).max() > 0.1
        np.testing.assert_allclose(own, g * RYDBERG / BOHR, atol=1e-11)


def test_reader_converts_crystal_and_dipoles(by_hand):
    model = read_perturbo(by_hand)
    assert model.name == "x"
    np.testing.assert_allclose(model.crystal.cell, AT * ALAT * BOHR)
    np.testing.assert_allclose(model.crystal.positions, TAU * ALAT * BOHR)
    np.testing.assert_allclose(model.hopping.centres, CENTRES @ AT * ALAT * BOHR)
    assert model.crystal.masses == pytest.approx([28.085, 74.92], rel=1e-6)
    assert model.crystal.numbers.tolist() == [14, 33]  # of the nearest standard mass
    polar = model.long_range
    with h5py.File(by_hand) as file:
        # Fortran's zstar(field, displacement, atom), reversed
        np.testing.assert_array_equal(polar.born[0, 0, 2], file["basic_data/zstar"][0, 2, 0])
    assert (polar.convention, polar.q_mesh, polar.ewald) == ("perturbo", Q_MESH, (1.0, 0.8))
    assert polar.lattice_unit == pytest.approx(ALAT * BOHR)
    variables, attributes = model_variables(model)
    assert attributes["long_range_ewald"] == [1.0, 0.8]
    assert variables["born"].data is polar.born


def synthetic(orbitals: int) -> Model:
    crystal = zincblende()
    hopping, coupling = assemble(crystal, hopping_law(crystal, 4.5, orbitals))
    return Model("zincblende", crystal, hopping, springs(crystal, 5.0), coupling)


def shipped(name: str) -> Model:
    return read_model(read(SHIPPED / f"{name}.nc", "model"))


MODELS = {
    "s orbitals": lambda by_hand: synthetic(1),
    "s and p orbitals": lambda by_hand: synthetic(4),
    "chain": lambda by_hand: Chain().model(),
    "si_2": lambda by_hand: shipped("si_2"),
    "polar": read_perturbo,
}


@pytest.mark.parametrize("name", MODELS)
def test_round_trip(name, by_hand, tmp_path):
    path = tmp_path / "back_epr.h5"
    model = MODELS[name](by_hand)
    write_perturbo(model, path)
    back = read_perturbo(path)
    assert back.crystal.numbers.tolist() == model.crystal.numbers.tolist()
    assert back.hopping.site.tolist() == model.hopping.site.tolist()
    np.testing.assert_allclose(back.crystal.positions, model.crystal.positions, atol=EXACT)
    coupling = model.coupling
    if isinstance(coupling, TwoCentreCoupling):
        coupling = general_form(model.hopping, coupling, len(model.crystal.masses))
    general = replace(model, coupling=replace(coupling, g=coupling.g.astype(complex)))
    for ours, theirs in zip(elements(general), elements(back), strict=True):
        largest = max(np.abs(value).max() for value in ours.values())
        for key in ours.keys() | theirs.keys():
            assert np.abs(ours.get(key, 0) - theirs.get(key, 0)).max() < EXACT * largest
    expected, found = (at_points(each, K, Q, soft_mode=1e-3) for each in (general, back))
    for one, other in zip(expected, found, strict=True):
        size = np.abs(one)
        assert size.max() > 1e-3
        assert np.abs(size - np.abs(other)).max() < EXACT * size.max()


def elements(model: Model) -> list[dict]:
    """H, Phi and g by cell, of H the Hermitian part: files hold no other."""
    hopping, lattice, coupling = model.hopping, model.force_constants, model.coupling
    h = dict(zip(map(tuple, hopping.cells.tolist()), hopping.energy, strict=True))
    zero = np.zeros_like(hopping.energy[0])
    opposite = {tuple(-np.array(cell)): value.conj().T for cell, value in h.items()}
    h = {
        key: (h.get(key, zero) + opposite.get(key, zero)) / 2 for key in h.keys() | opposite.keys()
    }
    phi = dict(zip(map(tuple, lattice.cells.tolist()), lattice.phi, strict=True))
    phi = {cell: value for cell, value in phi.items() if np.any(value)}
    g = {
        (tuple(cell_p), tuple(cell_e)): coupling.g[p, :, :, e]
        for p, cell_p in enumerate(coupling.phonon_cells.tolist())
        for e, cell_e in enumerate(coupling.electron_cells.tolist())
    }
    return [h, phi, g]


def test_meshes_are_the_smallest_that_hold_the_model(tmp_path):
    """EPW's Wigner-Seitz cells about the same centres return; those of g need one cell more."""
    write_perturbo(shipped("si_2"), tmp_path / "si_epr.h5")
    write_perturbo(Chain().model(), tmp_path / "chain_epr.h5")
    with h5py.File(tmp_path / "si_epr.h5") as file:
        assert file["basic_data/kc_dim"][()].tolist() == [4, 4, 4]
        assert file["basic_data/qc_dim"][()].tolist() == [3, 3, 3]
    with h5py.File(tmp_path / "chain_epr.h5") as file:
        assert file["basic_data/kc_dim"][()].tolist() == [2, 1, 1]
        assert file["basic_data/symop"].shape == (1, 3, 3)


@pytest.fixture(scope="module")
def alas(tmp_path_factory):
    """AlAs, whose short range is what EPW's dipole sums leave, and the same from Perturbo's."""
    path = tmp_path_factory.mktemp("perturbo") / "alas_epr.h5"
    write_perturbo(shipped("alas_4"), path)
    return shipped("alas_4"), read_perturbo(path)


def totals(model: Model, k, q_q3):
    """Short plus long range at one k and some q: force constants, dV/du between orbitals."""
    phi, field = on_points(model.long_range, model.crystal, q_q3)
    lattice, coupling = model.force_constants, model.coupling
    phi = phi + np.tensordot(waves(q_q3, lattice.cells), lattice.phi, 1)
    wave_p, wave_e = waves(q_q3, coupling.phonon_cells), waves(k, coupling.electron_cells)
    g = np.tensordot(wave_p, coupling.g.astype(complex), 1)
    g = np.einsum("e,qscemn->qscmn", wave_e, g)
    return phi, g + field[..., None, None] * np.eye(g.shape[-1])


def test_polar_model_of_epw_keeps_its_totals_on_the_mesh(alas):
    assert (alas[0].long_range.convention, alas[1].long_range.convention) == ("epw-5.3", "perturbo")
    mesh = alas[1].long_range.q_mesh
    points = ((mesh_points(mesh) + 0.5) % 1 - 0.5)[[0, 1, 7, 31]]
    (phi, g), (other_phi, other_g) = (totals(model, K[0], points) for model in alas)
    assert np.abs(phi - other_phi).max() < 1e-12 * np.abs(phi).max()
    assert np.abs(g - other_g).max() < 1e-12 * np.abs(g).max()
    # short and long range have changed: at Gamma Perturbo's field is zero
    assert np.abs(alas[0].coupling.g[0] - alas[1].coupling.g[0]).max() > 1e-4


def test_polar_model_of_epw_interpolates_as_before(alas):
    """Between the points of the mesh the two conventions differ a little."""
    one, other = (at_points(model, K, Q, soft_mode=1e-3) for model in alas)
    assert np.abs(one.frequency_q - other.frequency_q).max() < 1e-9
    largest = np.abs(one.g).max()
    assert 1e-8 * largest < np.abs(np.abs(one.g) - np.abs(other.g)).max() < 3e-5 * largest


def test_a_mesh_that_opens_a_direction_is_refused(by_hand):
    """qc_dim (2, 1, 2) has no sum over G along the second direction, (2, 2, 2) would have one."""
    model = read_perturbo(by_hand)
    with pytest.raises(EphforgeError, match=r"\(2, 1, 2\), but the model needs \(2, 2, 2\)"):
        in_convention(model, (2, 2, 2))
    longer = in_convention(model, (4, 1, 2))
    assert longer.coupling is model.coupling
    assert longer.long_range.q_mesh == (4, 1, 2)


def far_hopping() -> Model:
    model = Chain().model()
    cells = model.hopping.cells * 7
    phi = ForceConstants(model.force_constants.cells, model.force_constants.phi)
    return replace(model, hopping=replace(model.hopping, cells=cells), force_constants=phi)


def one_way_hopping() -> Model:
    model = Chain().model()
    energy = model.hopping.energy.copy()
    energy[0] *= 1.01
    return replace(model, hopping=replace(model.hopping, energy=energy))


def of_unknown_convention() -> Model:
    polar = LongRange(np.eye(3)[None], np.eye(3), (2, 1, 1), 3.0, "mine")
    return replace(Chain().model(), long_range=polar)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (far_hopping, "at cell .* lies outside the Wigner-Seitz supercell of 12"),
        (one_way_hopping, r"H\(R\) differs from the adjoint"),
        (of_unknown_convention, "'mine': unknown convention"),
    ],
)
def test_models_that_do_not_fit_are_refused(make, message, tmp_path):
    path = tmp_path / "no_epr.h5"
    with pytest.raises(EphforgeError, match=message) as caught:
        write_perturbo(make(), path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_would_be_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(perturbo_write, "LARGEST_FILE", 100.0)
    with pytest.raises(EphforgeError, match=r"would take .* GB"):
        write_perturbo(Chain().model(), tmp_path / "no_epr.h5")
