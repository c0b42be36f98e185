"""A check that was passed is not repeated; anything new is checked, and refused as at first."""

from typing import NamedTuple

import beartype
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
import shape_checks
from jaxtyping import Float, TypeCheckError

from ephforge.core import kpoints
from ephforge.model.sparse import Dictionary


@jaxtyping.jaxtyped(typechecker=beartype.beartype)
def scaled(
    x_nm: Float[np.ndarray, "n m"], w_m: Float[np.ndarray, " m"], cut: int = 0
) -> Float[np.ndarray, "n m"]:
    return (x_nm * w_m)[cut:]


@jaxtyping.jaxtyped(typechecker=beartype.beartype)
def total(found: list[Float[np.ndarray, " n"]], name: str | None = None) -> "int":
    return round(sum(x.sum() for x in found)) if name is None else name


@pytest.fixture(autouse=True)
def _accepted():
    """Right calls first: what follows differs from them in one thing each."""
    for _ in range(3):
        assert scaled(np.ones((2, 3)), np.ones(3)).shape == (2, 3)
        assert total([np.ones(4)]) == 4


@pytest.mark.parametrize(
    "arguments",
    [
        (np.ones((2, 3)), np.ones(2)),
        (np.ones((2, 3, 1)), np.ones(3)),
        (np.ones((2, 3), int), np.ones(3)),
        ([[1.0] * 3] * 2, np.ones(3)),
        (np.ones((2, 3)), np.ones(3), 0.0),
        (np.ones((2, 3)), np.ones(3), None),
    ],
)
def test_wrong_arguments_are_refused_after_right_ones(arguments):
    for _ in range(2):
        with pytest.raises(TypeCheckError, match="checking the parameters of"):
            scaled(*arguments)
        scaled(np.ones((2, 3)), np.ones(3))


def test_a_wrong_result_of_right_arguments_is_refused():
    """Shape, and type of what is named in quotes."""
    for _ in range(2):
        with pytest.raises(TypeCheckError, match="checking the return value of"):
            scaled(np.ones((2, 3)), np.ones(3), cut=1)
        with pytest.raises(TypeCheckError, match="checking the return value of"):
            total([np.ones(4)], name="four")
        assert scaled(np.ones((2, 3)), np.ones(3), cut=0).shape == (2, 3)
    with pytest.raises(TypeCheckError, match="checking the return value of"):
        scaled(np.ones((2, 3)), np.ones(3), 1)


@pytest.mark.parametrize("wrong", [np.ones((4, 1)), np.ones(4, int), "word", None])
def test_entries_of_a_list_are_looked_at(wrong):
    with pytest.raises(TypeCheckError):
        total([wrong])


@jaxtyping.jaxtyped(typechecker=beartype.beartype)
def traced(x_n: Float[jax.Array, " n"], y_n: Float[jax.Array, " n"]) -> Float[jax.Array, " n"]:
    return x_n + y_n


def test_what_jax_traces_is_looked_at():
    for n in (2, 3):
        assert jax.jit(traced)(jnp.ones(n), jnp.ones(n)).shape == (n,)
    with pytest.raises(TypeCheckError, match="checking the parameters of"):
        jax.jit(traced)(jnp.ones(2), jnp.ones(1))


class Shaped(NamedTuple):
    """Of which the shape is a function that is checked."""

    x: np.ndarray

    @property
    @jaxtyping.jaxtyped(typechecker=beartype.beartype)
    def shape(self) -> tuple[int, ...]:
        return self.x.shape


def test_what_is_no_array_may_have_a_shape():
    assert Shaped(np.ones(3)).shape == (3,)


def test_a_check_is_done_once_for_the_same_shapes():
    seen = []
    checked = shape_checks.checked_once(scaled.__wrapped__, lambda f: _counting(f, seen))
    for value in (1.0, 2.0, 3.0):
        checked(np.full((2, 3), value), np.ones(3))
    once = len(seen)
    assert once > 0
    checked(np.ones((4, 3)), np.ones(3))
    assert len(seen) == 2 * once


def _counting(function, seen):
    def call(*args, **kwargs):
        seen.append(1)
        return function(*args, **kwargs)

    return call


def test_ephforge_is_checked_like_this():
    """Functions, methods and dataclasses, in tests only."""
    for checked in (kpoints.mesh_points, Dictionary.decode, Dictionary.__init__):
        assert checked.__globals__["__name__"] == "shape_checks"
    with pytest.raises(TypeCheckError):
        kpoints.mesh_points("222")
