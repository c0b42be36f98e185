"""Elements at band edges against plain sums; numbers decided with them in mind."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ephforge.cli.main import app
from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_indices
from ephforge.core.netcdf import read
from ephforge.core.realspace import read_model
from ephforge.modelcodec import edges
from ephforge.modelcodec.encode import Bounds, compress, model_header
from ephforge.modelcodec.parts import parts
from ephforge.modelcodec.prior import Prior
from ephforge.modelcodec.quantise import PRICE, WEIGHT, cost, decided_together, within
from ephforge.symmetry.coarse import coarse

SHIPPED = Path(__file__).parents[2] / "resources/first_principles"
K, Q = (4, 4, 4), (2, 2, 2)
BOUNDS = Bounds(0.05, 0.01, 2e-4, None)


@pytest.fixture(scope="module", params=["alas_2", "si_2"])
def reduced(request):
    model = read_model(read(SHIPPED / f"{request.param}.nc", "model"))
    values = coarse(model, K, Q)
    header = model_header(model, values, BOUNDS)
    return model, header, parts(header).reductions, values


@pytest.mark.parametrize("filled", [1, 4])
def test_rows_are_elements_within_the_edges(reduced, filled):
    model, header, how, _ = reduced
    row_xn = edges.rows(header, model.hopping, how.g, how.place_xi, filled)
    coefficient_n = np.random.default_rng(0).normal(size=how.g.size)
    nothing = [np.zeros(how.hopping.size), np.zeros(how.phi.size)]
    g_psrcab = how.values(*nothing, coefficient_n, (K, Q)).g_psrcab
    cells_p3, cells_r3, hopping = mesh_indices(Q), mesh_indices(K), model.hopping
    total = 0.0
    for k_3, bands in edges.edges(hopping, K, filled):
        for q_3 in cells_p3 / 2:  # all q of this mesh but 0 are X or L, and as near as 1.2 of L
            wave_pr = np.exp(2j * np.pi * ((cells_p3 @ q_3)[:, None] + cells_r3 @ k_3))
            ket, bra = (
                np.linalg.eigh(
                    np.tensordot(np.exp(2j * np.pi * hopping.cells @ point_3), hopping.energy, 1)
                )[1][:, bands]
                for point_3 in (k_3, k_3 + q_3)
            )
            g_scab = np.einsum("pr,psrcab->scab", wave_pr, g_psrcab)
            total += np.sum(np.abs(bra.conj().T @ g_scab @ ket) ** 2)
    np.testing.assert_allclose(np.sum((row_xn @ coefficient_n) ** 2), total / 512, rtol=1e-8)


def test_edges_are_the_highest_full_and_the_lowest_empty_states(reduced):
    model = reduced[0]
    ((k_3, bands),) = edges.edges(model.hopping, K, 4)
    np.testing.assert_array_equal(k_3, 0)
    np.testing.assert_array_equal(bands, [1, 2, 3])
    with pytest.raises(EphforgeError, match="5 full bands"):
        edges.edges(model.hopping, K, 5)


def test_numbers_decided_together_cost_less_in_all():
    drawn = np.random.default_rng(1)
    target_n, weighed_xn = drawn.normal(size=400), drawn.normal(size=(5, 400)) / 20
    features_nf = np.full((400, 1), 1024)
    found, prior = within(target_n, features_nf, Prior(np.array([0])), 4.0)
    class_n = prior.classes(features_nf, found.step)
    together = decided_together(target_n, class_n, found, weighed_xn)

    def price(one) -> float:
        step, error_n = 2.0 ** (one.step / 64), one.numbers() - target_n
        weighed = np.sum(error_n**2) + WEIGHT * np.sum((weighed_xn @ error_n) ** 2)
        return weighed / step**2 + PRICE * cost(one.value_n, class_n)

    assert price(together) < price(found)
    for n in range(0, 400, 7):  # no single change is better
        for change in (-1, 1):
            value_n = together.value_n.copy()
            value_n[n] += change
            assert price(together._replace(value_n=value_n)) > price(together) - 1e-9


@pytest.mark.parametrize("reduced", ["si_2"], indirect=True)
def test_the_edges_of_a_compressed_model_are_better(reduced):
    model, header, how, values = reduced
    row_xn = edges.rows(header, model.hopping, how.g, how.place_xi, 4)
    own_n = how.coefficients(values)[2]
    errors = []
    for filled in (None, 4):
        found = compress(model, K, Q, BOUNDS, filled)
        assert found.errors["coupling"] <= BOUNDS.coupling
        again_n = how.coefficients(coarse(found.model, K, Q))[2]
        errors.append(np.linalg.norm(row_xn @ (again_n - own_n)))
    assert errors[1] < 0.8 * errors[0]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--model", "--filled", "5"], "5 full bands: the model has 4, expected 1 to 4"),
        (["--budget", "0.001", "--filled", "4"], "--filled: is of models, expected with --model"),
    ],
)
def test_full_bands_that_make_no_sense_are_told(tmp_path, words, told):
    result = CliRunner().invoke(
        app, ["compress", str(SHIPPED / "si_2.nc"), *words, "-o", str(tmp_path / "x.eph")]
    )
    assert result.exit_code == 1
    assert told in result.stderr
    assert not list(tmp_path.iterdir())
