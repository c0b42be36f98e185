"""Every kind of file is good as it is written, and each damage is told in a line of its own."""

import dataclasses
import json
import shutil

import netCDF4
import numpy as np
import pytest
from learning_files import PROTOTYPES, provenance
from material_blocks import make_block
from typer.testing import CliRunner

from ephforge.cli.main import app
from ephforge.core import netcdf
from ephforge.core.blocks import block_variables, on_grid
from ephforge.core.checksum import Checksum
from ephforge.core.netcdf import Variable, write
from ephforge.core.realspace import (
    Crystal,
    ForceConstants,
    Hopping,
    LongRange,
    Model,
    TwoCentreCoupling,
    crystal_variables,
    force_constant_variables,
    long_range_variables,
    model_variables,
)
from ephforge.dataset.stage import run
from ephforge.trust.calibration import Calibration
from ephforge.trust.cloud import Cloud
from ephforge.trust.conformal import Regression, scores
from ephforge.trust.linear_probe import LinearProbe
from ephforge.trust.storage import calibration_groups

MESHES = {"k_mesh": (2, 2, 2), "q_mesh": (2, 2, 2)}
OPTIONS = {
    "validation_fraction": 0.2,
    "test_fraction": 0.2,
    "largest_orbits": 450,
    "largest_modes": 12,
}
FACTS = provenance("coupling", {"bands": 2}) | {"wall_seconds": 1.0}
BEFORE = {"lattice_options": {"strain": 0.0}, "lattice_code": "a", "lattice_wall_seconds": 2.0}
NEIGHBOURS = np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0]])
CRYSTAL = Crystal(
    4.0 * np.eye(3), np.array([[0.0, 0, 0], [2, 2, 2]]), np.array([55, 17]), np.ones(2)
)
POLAR = LongRange(
    np.stack([np.eye(3), -np.eye(3)]), 3.0 * np.eye(3), (2, 2, 2), 4.0, "ewald", (1.0, 1.0)
)


def springs():
    """Two atoms bound to each other and to their images along the first vector."""
    phi = np.zeros((3, 2, 3, 2, 3))
    for c in range(3):
        phi[0, 0, c, 0, c] = phi[0, 1, c, 1, c] = 5.0
        phi[0, 0, c, 1, c] = phi[0, 1, c, 0, c] = -3.0
        phi[1:, [0, 1], c, [0, 1], c] = -1.0
    return ForceConstants(NEIGHBOURS, phi)


def made(prototype, i, **settings):
    """A block as the stages make them: single precision, modes in rising order."""
    block = make_block(prototype, i, **MESHES, **settings)
    g, frequencies = block.g.astype("f4"), np.sort(block.frequencies, axis=1)
    return dataclasses.replace(block, g=g, frequencies=frequencies)


def material(i):
    """Variables and attributes of material i of a coupling shard; number 5 is rejected."""
    block = made(PROTOTYPES[i % 4], i)
    labels = block.labels | {"status": "accepted", "reason": ""}
    if i == 5:
        return {}, block.labels | {"status": "rejected", "reason": "imaginary modes"}
    variables, attributes = block_variables(block)
    return variables, attributes | labels


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A good file of every kind."""
    folder = tmp_path_factory.mktemp("whole")
    labels = {"prototype": "cscl", "potential": "morse", "parameters": {"depth": 1.0}}
    born, convention = long_range_variables(POLAR)
    arrays = crystal_variables(CRYSTAL) | force_constant_variables(springs()) | born
    rejected = labels | {"status": "rejected", "reason": "no forces"}
    seeded = FACTS | {"seed": 1}
    write(
        folder / "000000-000002.nc",
        "lattice",
        {},
        seeded | {"first": 0, "last": 2},
        {
            "000000": (arrays, labels | convention | {"status": "accepted", "reason": ""}),
            "000001": ({}, rejected),
        },
    )
    shard = folder / "coupling" / "000000-000008.nc"
    write(shard, "coupling", {}, seeded | BEFORE, {f"{i:06d}": material(i) for i in range(8)})
    card = (str(folder / "card.json"), str(folder / "card.md"))
    facts = provenance("dataset", OPTIONS)
    run(str(shard), str(folder / "dataset.nc"), *card, OPTIONS, 1, facts)
    real = made("diamond", 3, family="first-principles")
    variables, attributes = block_variables(real)
    grid = Variable(
        on_grid(real).astype("f4"),
        ("final_band", "initial_band", "mode", "k", "q"),
        "meV",
        "as computed",
    )
    write(folder / "real.nc", "firstprinciples", variables | {"g_grid": grid}, FACTS | attributes)
    write(folder / "model.nc", "model", *_model())
    weights = {
        "encoder.kernel": Variable(np.ones((2, 3), "f4"), ("length_2", "length_3"), "1", "w")
    }
    tables = {"even": ({"1-3": Variable(np.eye(2), ("length_2", "length_2"), "1", "moment")}, {})}
    write(folder / "autoencoder.nc", "train", weights, FACTS | {"shape": {"bands": 1}}, tables)
    about = {"source": {"compressed": "real.eph", "autoencoder": "a", "bound_meV": 0.1}}
    write(folder / "maps.nc", "maps", variables, attributes | about)
    found, groups = calibration_groups(_calibration())
    found |= FACTS | {"held_out": {"materials": 4}}
    write(folder / "calibration.nc", "calibration", {}, found, groups)
    return folder


def _calibration():
    """Three training materials of two features, one component; two held-out families."""
    cloud = Cloud(np.ones(2), np.ones((2, 1)), np.zeros((3, 1), "f4"), list("abc"), list("fgf"))
    known = scores([1.0, 2.0, 3.0], ["h", "i", "h"])
    probe = LinearProbe(["fcc", "bcc"], np.ones(2), np.ones((2, 2)), np.zeros(2), 0.5)
    fit = Regression(np.ones(3), np.zeros(3), -1.0, known, known)
    return Calibration("a", cloud, known, {"basis": probe}, ((1, 1, 1), (2, 2, 2)), fit)


def _model():
    energy = np.zeros((3, 2, 2))
    energy[0] = [[1.0, 0.5], [0.5, 2.0]]
    energy[1], energy[2] = [[0.1, 0.2], [0.3, 0.1]], [[0.1, 0.3], [0.2, 0.1]]
    hopping = Hopping(NEIGHBOURS, energy, np.array([0, 1]), CRYSTAL.positions)
    coupling = TwoCentreCoupling(np.zeros((3, 3, 2, 2)))
    return model_variables(Model("made", CRYSTAL, hopping, springs(), coupling, POLAR))


def validate(*paths):
    return CliRunner().invoke(app, ["validate", *map(str, paths)])


FILES = {
    "lattice": "000000-000002.nc",
    "coupling": "coupling/000000-000008.nc",
    "dataset": "dataset.nc",
    "real": "real.nc",
    "model": "model.nc",
    "train": "autoencoder.nc",
    "maps": "maps.nc",
    "calibration": "calibration.nc",
}


@pytest.mark.parametrize("kind", FILES)
def test_good_files_are_good(whole, kind):
    result = validate(whole / FILES[kind])
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"{FILES[kind]}: good" in result.output


def test_a_folder_is_searched(whole):
    result = validate(whole)
    assert result.exit_code == 0
    assert result.output.count(": good") == len(FILES)


def seal(path):
    """Checksum of the damaged contents: what is found then is not found by the checksum."""
    checksum = Checksum()
    with netCDF4.Dataset(path, "a") as file:
        file.set_auto_mask(False)
        for _ in netcdf._parts(file, checksum):
            pass
        file.checksum = checksum.hexdigest()


def put(where, at, value):
    """Damage: one value of an array of the first material, or of the root."""

    def damage(file):
        group = file["000000"] if "000000" in file.groups else file
        group[where][at] = value

    return damage


def within(group, where, at, value):
    """Damage: one value of an array of a group."""

    def damage(file):
        file[group][where][at] = value

    return damage


def multiply(where, factor):
    def damage(file):
        group = file["000000"] if "000000" in file.groups else file
        group[where][...] = group[where][...] * factor

    return damage


def attribute(where, name, value):
    """Damage: an attribute of the root (""), a group or an array; taken away if value is None."""

    def damage(file):
        holder = file[where] if where else file
        if value is None:
            holder.delncattr(name)
        else:
            holder.setncattr(name, value)

    return damage


def retype(file):
    group = file["000000"]
    old = group["masses"]
    group.renameVariable("masses", "old_masses")
    new = group.createVariable("masses", "f4", ("atom",))
    new.setncatts({"units": "dalton", "long_name": "masses", "is_complex": 0})
    new[...] = old[...]


def labels(**changed):
    def damage(file):
        found = json.loads(file["000000"].labels) | changed
        file["000000"].labels = json.dumps(found)

    return damage


def swap(where):
    """Damage: bands or modes of the first point in falling order."""

    def damage(file):
        first = file["000000"][where][0]
        file["000000"][where][0] = np.sort(first)[::-1] + 0.1 * np.arange(len(first))[::-1]

    return damage


def split_a_family(file):
    families, splits = file["family"][...], file["split"][...]
    first = np.flatnonzero(families == families[0])
    splits[first[-1]] = "test" if splits[first[0]] == "train" else "train"
    file["split"][...] = splits


# name -> file, damage, what the line says
DAMAGES = {
    "no units": ("coupling", attribute("000000/g", "units", None), "000000: g: no units"),
    "other units": ("coupling", attribute("000000/g", "units", "eV"), "g: unit 'eV'"),
    "no long_name": ("coupling", attribute("000001/energies", "long_name", None), "energies: no"),
    "empty long_name": ("model", attribute("phi", "long_name", ""), "phi: no long_name"),
    "not a number": ("coupling", put("g", (0, 0, 0, 0), np.nan), "g: 1 values are not finite"),
    "infinite": ("lattice", put("phi", (0, 0, 0, 0, 0), np.inf), "phi: 1 values are not finite"),
    "negative |g|": ("coupling", put("g", (0, 0, 0, 0), -1.0), "g: value -1 meV, expected 0 to"),
    "huge phonon": ("coupling", put("frequencies", (0, -1), 9.0), "frequencies: value 9 eV"),
    "mass of nothing": ("lattice", put("masses", 0, 0.0), "masses: value 0 dalton"),
    "no element": ("lattice", put("numbers", 0, 0), "numbers: value 0 1, expected 1 to 118"),
    "type": ("lattice", retype, "masses: type float32, expected float64"),
    "foreign array": ("lattice", retype, "old_masses: not an array of this kind"),
    "bands fall": ("coupling", swap("energies"), "energies: bands are not in rising order"),
    "modes fall": ("coupling", swap("frequencies"), "frequencies: modes are not in rising"),
    "orbit moved": ("coupling", put("orbit", (3, 5), 1), "the crystal's symmetry"),
    "orbit skipped": ("coupling", multiply("orbit", 0), "orbit: numbers are not 0 to"),
    "orbit size": ("coupling", put("orbit_size", 0, 7), "orbit_size: does not follow"),
    "partner": ("coupling", put("orbit_partner", 0, 1), "orbit_partner: does not follow"),
    "not hermitian": ("coupling", put("g", (0, 1, 0, 0), 900.0), "g: not hermitian by"),
    "no coupling": ("coupling", multiply("g", 0), "g: zero everywhere"),
    "mesh": ("coupling", attribute("000000", "k_mesh", "[4, 4, 4]"), "orbit: shape"),
    "flat cell": ("coupling", multiply("cell", 0), "cell: the vectors span no volume"),
    "atoms meet": ("lattice", put("positions", 1, 0.0), "positions: atoms 0 angstrom apart"),
    "sum rule": ("lattice", put("phi", (0, 0, 0, 0, 0), 9.0), "phi: sum rule broken"),
    "phi skewed": ("lattice", put("phi", (1, 0, 0, 1, 0), 1.0), "phi: not hermitian by"),
    "charged": ("lattice", put("born", (0, 0, 0), 2.0), "born: charges add up to 1 e"),
    "dielectric": ("lattice", multiply("dielectric", 0.1), "dielectric: eigenvalue 0.3"),
    "status": ("coupling", attribute("000000", "status", "fine"), "status: 'fine', expected"),
    "reason": ("coupling", attribute("000000", "reason", "odd"), "reason: 'odd', an accepted"),
    "no reason": ("coupling", attribute("000005", "reason", ""), "000005: attribute reason: empty"),
    "other name": ("coupling", attribute("000000", "name", "000009"), "name: '000009'"),
    "labels differ": ("coupling", labels(prototype="bcc"), "prototype 'bcc', elsewhere 'fcc'"),
    "family": ("coupling", labels(family="a/b/c"), "family 'a/b/c'"),
    "no labels": ("coupling", attribute("000000", "labels", None), "attribute labels: missing"),
    "no seed": ("coupling", attribute("", "seed", None), "attribute seed: missing"),
    "no code": ("lattice", attribute("", "code", None), "attribute code: missing"),
    "options": ("lattice", attribute("", "options", "none"), "attribute options: 'none', expected"),
    "no versions": ("train", attribute("", "versions", None), "attribute versions: missing"),
    "split family": ("dataset", split_a_family, "split: family"),
    "split unknown": ("dataset", put("split", 0, "exam"), "split: 'exam', expected one of"),
    "wrong label": ("dataset", put("basis", 0, "sp9"), "000000: basis 'sp9', in"),
    "wrong gap": ("dataset", put("gap", 0, 7.5), "000000: gap 7.5, in"),
    "doubled name": ("dataset", put("name", 1, "000000"), "name: not in order"),
    "shard number": ("dataset", put("shard", 0, 4), "shard: number 4 of 1 files"),
    "fingerprint": ("dataset", multiply("fingerprint", 0), "not the one that the dataset was made"),
    "grid": ("real", multiply("g_grid", 1.1), "g: not the root mean square of g_grid"),
    "not a number in grid": ("real", put("g_grid", (0, 0, 0, 0, 0), np.nan), "g_grid: 1 values"),
    "hopping": ("model", put("hopping", (1, 0, 1), 5.0), "hopping: not hermitian by 4.8"),
    "orbital nowhere": ("model", put("orbital_site", 0, 7), "orbital_site: atom 7 is not there"),
    "coupling form": ("model", attribute("", "coupling", "other"), "coupling: 'other', expected"),
    "coupling lost": ("model", attribute("", "coupling", "wannier"), "g or g_folded: missing"),
    "maps of no meshes": ("maps", attribute("", "q_mesh", None), "attribute q_mesh: missing"),
    "maps from nowhere": ("maps", attribute("", "source", None), "attribute source: missing"),
    "negative in maps": ("maps", put("g", (0, 0, 0, 0), -1.0), "g: value -1 meV, expected 0 to"),
    "orbits of maps": ("maps", put("orbit_size", 0, 7), "orbit_size: does not follow"),
    "calibration of nothing": (
        "calibration", attribute("", "autoencoder", None), "attribute autoencoder: missing",
    ),
    "meshes of a calibration": (
        "calibration", attribute("", "q_meshes", '{"coarse": [2, 2, 2], "fine": [3, 3, 3]}'),
        "q_meshes: {'coarse': [2, 2, 2], 'fine': [3, 3, 3]}, expected",
    ),
    "materials of the cloud": (
        "calibration", attribute("cloud", "names", '["a"]'), "attribute names: 1, expected 3",
    ),
    "not a number in the cloud": (
        "calibration", within("cloud", "place", (0, 0), np.nan), "cloud: place: 1 values are not",
    ),
    "classes of a probe": (
        "calibration", attribute("probe_basis", "classes", '["fcc"]'),
        "probe_basis: weight: shape (2, 2), expected (1, 2)",
    ),
    "accuracy of a probe": (
        "calibration", attribute("probe_basis", "accuracy", 1.5), "accuracy: 1.5, expected 0 to 1",
    ),
    "scores fall": (
        "calibration", within("novelty", "score", 0, 9.0), "novelty: score: not in rising order",
    ),
    "weights of scores": (
        "calibration", within("refinement", "above_weight", 0, 0.1), "above_weight: sum 0.6, exp",
    ),
    "foreign group": ("calibration", lambda file: file.createGroup("more"), "more: not a group"),
    "probe without accuracy": (
        "calibration", attribute("probe_basis", "accuracy", None), "accuracy: expected float",
    ),
    "weights": ("train", put("encoder.kernel", (0, 0), np.nan), "encoder.kernel: 1 values"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage_is_told_in_one_line(whole, tmp_path, name):
    kind, damage, expected = DAMAGES[name]
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    path = tmp_path / FILES[kind]
    with netCDF4.Dataset(path, "a") as file:
        file.set_auto_mask(False)
        damage(file)
    seal(path)
    result = validate(path)
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert all(line.startswith(f"ephforge: error: {path}: ") for line in lines)
    assert any(expected in line for line in lines), lines
    assert "a mistake in ephforge" not in result.stderr


def test_an_array_that_is_lost(whole, tmp_path):
    variables, attributes = _model()
    del variables["phi"]
    write(tmp_path / "model.nc", "model", variables, attributes)
    result = validate(tmp_path / "model.nc")
    assert result.exit_code == 1
    assert "model.nc: phi: missing" in result.stderr


def test_a_calibration_without_its_cloud(tmp_path):
    found, groups = calibration_groups(_calibration())
    del groups["cloud"]
    facts = FACTS | {"held_out": {}}
    write(tmp_path / "calibration.nc", "calibration", {}, found | facts, groups)
    result = validate(tmp_path / "calibration.nc")
    assert result.exit_code == 1
    assert "calibration.nc: cloud: missing" in result.stderr


def unsealed(file):
    file["phi"][0, 0, 0, 0, 0] = 5.0001


def unfinished(file):
    file.completed = 0


def foreign(file):
    file.kind = "other"


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (unsealed, "do not match its checksum"),
        (unfinished, "unfinished or damaged"),
        (foreign, "kind 'other', expected one of"),
    ],
)
def test_a_file_that_is_not_whole(whole, tmp_path, damage, expected):
    path = tmp_path / "model.nc"
    shutil.copy(whole / "model.nc", path)
    with netCDF4.Dataset(path, "a") as file:
        damage(file)
    result = validate(path)
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert expected in result.stderr


@pytest.mark.parametrize("content", [b"", b"junk", None])
def test_what_is_no_file_of_ephforge(whole, tmp_path, content):
    path = tmp_path / "model.nc"
    whole_bytes = (whole / "model.nc").read_bytes()
    path.write_bytes(whole_bytes[: len(whole_bytes) // 2] if content is None else content)
    result = validate(path, tmp_path / "none.nc")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 2
    assert "2 of 2 files" in result.stdout


def test_a_shard_that_is_not_what_its_name_says(whole, tmp_path):
    shutil.copy(whole / FILES["coupling"], tmp_path / "000000-000009.nc")
    result = validate(tmp_path / "000000-000009.nc")
    assert "000008: missing" in result.stderr


def test_a_dataset_without_its_shard(whole, tmp_path):
    shutil.copy(whole / "dataset.nc", tmp_path)
    result = validate(tmp_path / "dataset.nc")
    assert result.exit_code == 1
    assert "000000-000008.nc: no such file" in result.stderr


def test_many_faults_are_cut_short(whole, tmp_path):
    path = tmp_path / "000000-000008.nc"
    shutil.copy(whole / FILES["coupling"], path)
    with netCDF4.Dataset(path, "a") as file:
        for group in file.groups.values():
            for variable in group.variables.values():
                variable.units = "furlong"
    seal(path)
    result = validate(path)
    assert result.stderr.count("\n") == 21
    assert "more than 20 faults" in result.stderr
