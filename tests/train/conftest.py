"""Compiled steps are shared among the tests of this folder: most of their time is compilation."""

import jax
import pytest

import ephforge.core  # noqa: F401  settles JAX before it compiles anything


@pytest.fixture(autouse=True, scope="package")
def compilation_cache(tmp_path_factory):
    """A compilation cache for these tests only."""
    settings = {
        "jax_compilation_cache_dir": str(tmp_path_factory.mktemp("compiled")),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
    }
    before = {name: getattr(jax.config, name) for name in settings}
    for name, value in settings.items():
        jax.config.update(name, value)
    yield
    for name, value in before.items():
        jax.config.update(name, value)
