"""Small complex products with real and imaginary parts apart, against NumPy; steps kept apart."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ephforge.coupling import products
from ephforge.coupling.products import Parts, apart, parts, real_product, whole


def stack(generator, *shape):
    return jnp.asarray(generator.normal(size=shape) + 1j * generator.normal(size=shape))


@pytest.fixture
def generator():
    return np.random.default_rng(5)


# one matrix for a stack, leading axes of both, a sum too long to be unrolled
SHAPES = [((3, 4), (7, 4, 5)), ((2, 1, 3, 1), (6, 1, 5)), ((9, 3, 40), (9, 40, 2))]


@pytest.mark.parametrize("form", [products.products, products.unrolled, products.batched])
@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_products_are_those_of_numpy(form, left, right, generator):
    left, right = stack(generator, *left), stack(generator, *right)
    found = jax.jit(lambda x, y: whole(form((parts(x), parts(y)))))(left, right)
    np.testing.assert_allclose(found, left @ right, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("form", [products.products, products.unrolled, products.batched])
def test_products_of_several_pairs_are_added(form, generator):
    pairs = [(stack(generator, 3, n), stack(generator, 8, n, 5)) for n in (1, 4, 6)]
    found = whole(form(*((parts(x), parts(y)) for x, y in pairs)))
    np.testing.assert_allclose(found, sum(x @ y for x, y in pairs), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("terms", [1, 2, 7, 40])
def test_real_products(terms, generator):
    left, right = generator.normal(size=(4, 3, terms)), generator.normal(size=(terms, 6))
    np.testing.assert_allclose(
        real_product(jnp.asarray(left), jnp.asarray(right)), left @ right, rtol=1e-13, atol=1e-13
    )


def test_the_adjoint(generator):
    values = stack(generator, 2, 3, 4)
    np.testing.assert_array_equal(whole(parts(values).adjoint()), values.conj().swapaxes(-1, -2))


def test_a_step_apart_gives_what_it_gives_inside(generator):
    left, right = parts(stack(generator, 3, 3)), parts(stack(generator, 3, 3))

    @jax.jit
    def run(is_wanted):
        return apart(is_wanted, products.products, (left, right))

    expected = products.products((left, right))
    for found, value in zip(run(True), expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-13)
    assert not np.any(run(False).real)


def test_a_step_apart_stays_apart_on_a_cpu():
    """Elementwise steps are merged unless a branch, which is still there after XLA's passes, is
    between them."""
    right = Parts(jnp.ones((8, 4096)), jnp.ones((8, 4096)))
    matrix = Parts(jnp.ones((8, 8)), jnp.ones((8, 8)))

    def compiled(step):
        def twice(is_wanted, right):
            return products.products((matrix, step(is_wanted, products.products, (matrix, right))))

        return jax.jit(twice).lower(True, right).compile().as_text()

    inside = compiled(lambda _, function, *arguments: function(*arguments))
    assert "conditional(" not in inside
    assert "conditional(" in compiled(apart)
