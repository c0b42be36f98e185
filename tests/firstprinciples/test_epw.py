"""The EPW reader against the |g| that EPW printed, and against files that are wrong.

data/si_2ws holds the files of an EPW 5.3.1 run of silicon (4x4x4 k, 2x2x2 q); the largest
are packed with xz, and unpacked here.
"""

import lzma
import shutil
from pathlib import Path

import numpy as np
import pytest

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read
from ephforge.core.realspace import read_model
from ephforge.firstprinciples.epw import read_epw
from ephforge.firstprinciples.reference import deviations, read_printed
from ephforge.phonons.sum_rules import acoustic_sum

DATA = Path(__file__).parent / "data" / "si_2ws"
SHIPPED = Path(__file__).parents[2] / "resources" / "first_principles"
K_MESH, Q_MESH = (4, 4, 4), (2, 2, 2)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("epw")
    for path in DATA.iterdir():
        if path.suffix == ".xz":
            (folder / path.stem).write_bytes(lzma.decompress(path.read_bytes()))
        else:
            shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="module")
def silicon(unpacked):
    return read_epw(unpacked, "si", ["Si"], K_MESH, Q_MESH)


@pytest.fixture
def files(unpacked, tmp_path):
    return Path(shutil.copytree(unpacked, tmp_path / "files"))


def _points(path):
    return np.loadtxt(path, skiprows=1)[:, :3]


def _printed(folder):
    return read_printed(folder / "epw2.out", _points(folder / "qf.txt"), _points(folder / "kf.txt"))


def _refusal(folder, species=("Si",), k_mesh=K_MESH, q_mesh=Q_MESH, prefix="si"):
    with pytest.raises(EphforgeError) as caught:
        read_epw(folder, prefix, list(species), k_mesh, q_mesh)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_double_precision_reader_reproduces_what_epw_printed(unpacked, silicon):
    # |g| and omega are printed with ten digits, bands with four decimals
    found = deviations(_printed(unpacked), silicon)
    assert found.relative_g < 1e-8
    assert found.frequencies < 1e-9
    assert found.bands < 0.51e-4


def test_reader_agrees_with_the_shipped_single_precision_model(silicon):
    shipped = read_model(read(SHIPPED / "si_2ws.nc", "model"))
    assert np.array_equal(shipped.hopping.cells, silicon.hopping.cells)
    assert np.array_equal(shipped.coupling.phonon_cells, silicon.coupling.phonon_cells)
    largest = np.abs(silicon.coupling.g).max()
    assert np.abs(shipped.coupling.g - silicon.coupling.g).max() < 1e-6 * largest
    np.testing.assert_allclose(shipped.hopping.energy, silicon.hopping.energy, atol=1e-12)
    np.testing.assert_allclose(shipped.force_constants.phi, silicon.force_constants.phi, atol=1e-12)
    assert shipped.crystal.numbers.tolist() == [14, 14]


def test_epw_has_imposed_the_acoustic_sum_rule(silicon):
    assert np.abs(acoustic_sum(silicon.force_constants)).max() < 1e-12


def test_truncated_couplings(files):
    path = files / "si.epmatwp"
    path.write_bytes(path.read_bytes()[:-160])
    message = _refusal(files)
    assert str(path) in message
    assert "4764512 bytes, expected 4764672" in message
    assert "copy it again" in message


def test_truncated_data_file(files):
    path = files / "epwdata.fmt"
    path.write_text("\n".join(path.read_text().splitlines()[:-3]) + "\n")
    message = _refusal(files)
    assert str(path) in message
    assert "3153 numbers" in message
    assert "expected 3156" in message


def test_garbled_data_file(files):
    path = files / "epwdata.fmt"
    path.write_text(path.read_text().replace("(4.054", "(4.x54", 1))
    assert "not a number (re,im)" in _refusal(files)


def test_wrong_mesh(files):
    message = _refusal(files, q_mesh=(4, 4, 4))
    assert "(141, 25, 22)" in message
    assert "(141, 123, 108)" in message
    assert "give the meshes of the run" in message


def test_data_of_another_run(files):
    path = files / "epwdata.fmt"
    lines = path.read_text().splitlines()
    lines[1] = "8 141 6 25 22"
    path.write_text("\n".join(lines))
    assert "8 bands and 6 modes, but crystal.fmt has 4 Wannier centres and 2 atoms" in _refusal(
        files
    )


def test_absent_or_wrong_files(files):
    assert "no such file" in _refusal(files, prefix="ge")
    assert "1 species, 2 symbols given" in _refusal(files, species=("Si", "C"))
    assert "not a chemical symbol" in _refusal(files, species=("Xx",))
    (files / "crystal.fmt").write_text("nonsense\n" * 20)
    assert "not a crystal.fmt" in _refusal(files)
    (files / "crystal.fmt").unlink()
    assert "cannot be read" in _refusal(files)


def test_cut_table(files):
    path = files / "epw2.out"
    path.write_text("\n".join(path.read_text().splitlines()[:900]))
    with pytest.raises(EphforgeError, match=r"epw2\.out: .* expected a full table of 4 q and 3 k"):
        _printed(files)
