"""What a case is said to need, against counting by hand."""

import numpy as np
import pytest

from ephforge.bench import count, models
from ephforge.coupling import batch, grid
from ephforge.phonons.modes import energies_at

LIMITS = grid.Limits(1e-4, 1e-3)


def evaluated(model):
    pairs = grid.mesh_pairs((2, 2, 2), (2, 1, 1))
    return batch.evaluate([model], pairs, LIMITS, len(model.hopping.site), 1)[0]


def test_elements_are_those_that_the_kernel_returns():
    found = evaluated(models.two_centre(2, 4))
    assert found.g_mnvkq.shape == (4, 4, 6, 8, 2)
    assert count.count(8, 2, 4, 6).elements == found.g_mnvkq.size
    # every element is there: no mode is soft, so none is masked to zero
    assert np.count_nonzero(found.g_mnvkq) == found.g_mnvkq.size


def test_flops_of_the_products_by_running_through_the_loops():
    n_k, n_q, orbitals, modes = 3, 2, 4, 6
    flops = 0
    for _ in range(n_k * n_q * modes):
        for _ in range(2):  # products
            flops += orbitals**2 * orbitals * 8
    needed = count.count(n_k, n_q, orbitals, modes)
    assert needed.flops == flops
    assert needed.fourier_flops == 0
    assert needed.bytes == 16 * needed.elements
    assert (needed.electron_problems, needed.phonon_problems) == (n_k, n_q)


def test_fourier_steps_by_running_through_the_loops():
    n_q, values, cells_p, cells_r = 3, 24, 7, 11
    k_mesh, residues = (4, 3, 5), (3, 2, 4)
    additions = n_q * cells_p * cells_r * values
    shape = residues
    for j, n in enumerate(k_mesh):
        shape = (*shape[:j], n, *shape[j + 1 :])
        # every number of the new shape is a sum over a direction of the old one
        additions += n_q * int(np.prod(shape)) * residues[j] * values
    found = count.fourier_flops(n_q, values, cells_p, cells_r, k_mesh, residues)
    assert found == 8 * additions
    assert count.count(2, n_q, 2, 6, found).fourier_flops == found


def test_single_precision_writes_half():
    whole, half = count.count(4, 2, 3, 6), count.count(4, 2, 3, 6, is_single=True)
    assert half._replace(bytes=2 * half.bytes) == whole


def test_the_floor_is_the_slower_of_products_and_writing_and_the_eigenproblems():
    needed = count.count(10, 10, 8, 6)
    rates = {
        "gemm_gflops": 1.0,
        "copy_gbytes": 1.0,
        "electron_problem_seconds": 1.0,
        "phonon_problem_seconds": 0.1,
    }
    products, writing = 128e-9 * needed.elements, 16e-9 * needed.elements
    assert count.floor_seconds(needed, rates) == pytest.approx(products + 11)
    assert count.floor_seconds(needed, rates | {"gemm_gflops": 100.0}) == pytest.approx(
        writing + 11
    )


@pytest.mark.parametrize("make", [models.two_centre, models.wannier])
def test_made_up_models_are_stable_and_symmetric(make):
    model = make(2, 4, 1.5)
    cells, minus = model.hopping.cells, model.hopping.cells[::-1]
    np.testing.assert_array_equal(cells, -minus)
    np.testing.assert_array_equal(model.hopping.energy, model.hopping.energy[::-1].swapaxes(1, 2))
    q = np.random.default_rng(1).uniform(size=(20, 3))
    assert energies_at(q, model.force_constants, model.crystal.masses).min() > 0.04


def test_a_two_centre_model_couples_k_and_k_plus_q_as_hermitian_partners():
    # |g_mn(k, q)| = |g_nm(k+q, -q)|: fails if the gradient is not that of a Hermitian H
    found = evaluated(models.two_centre(2, 4))
    pairs = grid.mesh_pairs((2, 2, 2), (2, 1, 1))
    final_k = pairs.final_qk[1]  # q = (1/2, 0, 0) = -q
    partner = found.g_mnvkq[..., 1][..., final_k].swapaxes(0, 1)
    np.testing.assert_allclose(found.g_mnvkq[..., 1], partner, rtol=1e-9, atol=1e-12)


def test_cells_are_those_of_a_face_centred_lattice():
    # origin, 12 nearest, 6 at sqrt 2, 24 at sqrt 3
    assert [len(models.cells_within(r)) for r in (0.0, 1.0, 1.42, 1.74)] == [1, 13, 19, 43]
