"""Random input: what readers make of it is a result or one line, never anything else.

Examples are the same in every run.  Binary files are read in a child, since a broken one may
crash the HDF5 library.
"""

import shutil
from contextlib import contextmanager
from pathlib import Path

import bad_input
import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from ephforge.audit.child import in_child
from ephforge.cli.lists import read_points
from ephforge.cli.main import app
from ephforge.config import Config, ConfigError, load
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import Contents, Variable, fingerprint, read, write
from ephforge.core.records import read_record
from ephforge.firstprinciples.epw_files import read_crystal, read_data
from ephforge.firstprinciples.perturbo import read_perturbo

REPEATABLE = {
    "derandomize": True,
    "database": None,
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
SECTIONS = {
    name: list(field.annotation.model_fields) for name, field in Config.model_fields.items()
}
PLACES = st.sampled_from([(name, key) for name, keys in SECTIONS.items() for key in keys])


@settings(max_examples=300, **REPEATABLE)
@given(st.dictionaries(PLACES, VALUES, min_size=1, max_size=3))
def test_any_value_of_an_option_is_taken_or_refused(tmp_path, changes):
    values: dict = {}
    for (section, key), value in changes.items():
        values.setdefault(section, {})[key] = value
    path = tmp_path / "my.yaml"
    path.write_text(yaml.safe_dump(values))
    with refusal_allowed(path):
        assert isinstance(load(path), Config)


@settings(max_examples=200, **REPEATABLE)
@given(st.text(max_size=200) | st.builds(lambda v: yaml.safe_dump(v), VALUES))
def test_any_text_as_a_configuration(tmp_path, text):
    path = tmp_path / "my.yaml"
    path.write_text(text, encoding="utf-8", errors="replace")
    with refusal_allowed(path):
        assert isinstance(load(path), Config)


@settings(max_examples=100, **REPEATABLE)
@given(st.binary(max_size=200))
def test_any_bytes_as_text_files(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    for reader in (load, read_points, read_record, read_crystal):
        with refusal_allowed(path):
            reader(path)


@st.composite
def damages(draw):
    """Some bytes are others, and perhaps the end is missing."""
    places = draw(
        st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6)
    )
    return places, draw(st.just(1.0) | st.floats(0, 1))


def damaged(content: bytes, damage) -> bytes:
    places, share = damage
    changed = bytearray(content)
    for place, value in places:
        changed[int(place * len(changed))] = value
    return bytes(changed[: int(share * len(changed))])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A small shard, an EPW run and a Perturbo file."""
    folder = tmp_path_factory.mktemp("whole")
    x = Variable(np.random.default_rng(0).normal(size=300), ("n",), "eV", "numbers")
    names = Variable(np.array(["fcc", "bcc"]), ("m",), "1", "names")
    groups = {f"{i:06d}": ({"x": x}, {"status": "accepted"}) for i in range(3)}
    write(folder / "shard.nc", "lattice", {"names": names}, {"seed": 7}, groups)
    bad_input.unpack(folder / "run")
    shutil.copy(bad_input.MODEL, folder / "model.nc")
    words = ["export-perturbo", str(folder / "model.nc"), "-o", str(folder / "epr.h5")]
    assert CliRunner().invoke(app, words).exit_code == 0
    return folder


def prints_of(contents: Contents) -> list[bytes]:
    """Fingerprints of the root and of the groups of a file that was accepted."""
    return [fingerprint(contents), *map(fingerprint, contents.groups.values())]


@contextmanager
def refusal_allowed(path: Path):
    """One line about the file; anything else is a failure."""
    try:
        yield
    except (EphforgeError, ConfigError) as error:
        if "\n" in str(error) or path.name not in str(error):
            raise AssertionError(f"not one line on {path.name}: {error}") from error


@settings(max_examples=60, **REPEATABLE)
@given(damages())
def test_a_damaged_shard_is_refused_or_is_the_same(whole, tmp_path, damage):
    path = tmp_path / "shard.nc"
    path.write_bytes(damaged((whole / "shard.nc").read_bytes(), damage))
    with refusal_allowed(path):
        found = in_child(20.0, read, path, "lattice")
        assert prints_of(found) == prints_of(read(whole / "shard.nc", "lattice"))


@settings(max_examples=40, **REPEATABLE)
@given(damages())
def test_a_damaged_perturbo_file_is_refused_or_read(whole, tmp_path, damage):
    path = tmp_path / "epr.h5"
    path.write_bytes(damaged((whole / "epr.h5").read_bytes(), damage))
    with refusal_allowed(path):
        in_child(20.0, read_perturbo, path)


@settings(max_examples=60, **REPEATABLE)
@given(st.sampled_from(["crystal.fmt", "epwdata.fmt"]), damages())
def test_a_damaged_epw_text_is_refused_or_read(whole, tmp_path, name, damage):
    content = (whole / "run" / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(damaged(content, damage))
    assume(path.read_bytes() != content)
    with refusal_allowed(path):
        crystal = read_crystal(path if name == "crystal.fmt" else whole / "run/crystal.fmt")
        if name == "epwdata.fmt":
            read_data(path, crystal)
