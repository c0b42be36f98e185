"""Wrong input of every kind: how it comes about, and what the one line of the answer holds.

Three tables for three ways in: a configuration through Snakemake, a file through the command
that reads it, and words on the command line.
"""

import lzma
import shutil
from pathlib import Path

import h5py
import netCDF4
import numpy as np

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "resources/first_principles/si_2.nc"
EPW = ROOT / "tests/firstprinciples/data/si_2_zone"

# text of a configuration file -> what the line names; the exit status is 1 for all
CONFIGURATIONS = {
    "list": ("- train\n", "must be given as JSON or YAML with keys"),
    "word": ("train\n", "must be given as JSON or YAML with keys"),
    "open bracket": ("train: [\n", "not valid JSON or YAML"),
    "tab": ("train:\n\tsteps: 3\n", "not mix whitespace and tab"),
    "unknown section": ("trian: {}\n", "unknown key 'trian'"),
    "unknown key": ("train: {lerning_rate: 0.1}\n", "unknown key 'train.lerning_rate'"),
    "section is a number": ("train: 5\n", "train = 5"),
    "section is nothing": ("train:\n", "train = None"),
    "word for a number": ("train: {steps: many}\n", "train.steps = 'many'"),
    "half a step": ("train: {steps: 1.5}\n", "train.steps = 1.5"),
    "steps below 1": ("train: {steps: 0}\n", "train.steps = 0"),
    "batch of nothing": ("train: {batch_size: 0}\n", "train.batch_size = 0"),
    "no features": ("train: {features: -1}\n", "train.features = -1"),
    "learning rate zero": ("train: {learning_rate: 0}\n", "train.learning_rate = 0"),
    "learning rate nan": ("train: {learning_rate: .nan}\n", "train.learning_rate = nan"),
    "learning rate infinite": ("train: {learning_rate: .inf}\n", "train.learning_rate = inf"),
    "share above one": ("train: {masked_fraction: 1.5}\n", "train.masked_fraction = 1.5"),
    "no materials": ("campaign: {materials: 0}\n", "campaign.materials = 0"),
    "shard of nothing": ("campaign: {shard_size: 0}\n", "campaign.shard_size = 0"),
    "shards do not fit": ("campaign: {materials: 61, shard_size: 60}\n", "materials = 61"),
    "negative seed": ("campaign: {seed: -1}\n", "campaign.seed = -1"),
    "no such potential": ("lattice: {potentials: [emtt]}\n", "lattice.potentials.0 = 'emtt'"),
    "no potentials": ("lattice: {potentials: []}\n", "lattice.potentials = []"),
    "no such type": ("lattice: {prototypes: [fccc]}\n", "lattice.prototypes.0 = 'fccc'"),
    "negative strain": ("lattice: {strain: -0.1}\n", "lattice.strain = -0.1"),
    "no such basis": ("coupling: {bases: [sp9]}\n", "coupling.bases.0 = 'sp9'"),
    "mesh of two": ("coupling: {k_mesh: [4, 4]}\n", "coupling.k_mesh"),
    "mesh of halves": ("coupling: {k_mesh: [4, 4, 0.5]}\n", "coupling.k_mesh.2 = 0.5"),
    "meshes at odds": ("coupling: {k_mesh: [6, 6, 6]}\n", "k_mesh (6, 6, 6)"),
    "coarse mesh": ("superresolve: {coarse_q_mesh: [3, 3, 3]}\n", "coarse_q_mesh (3, 3, 3)"),
    "path for a name": ("firstprinciples: {materials: [../x]}\n", "materials.0 = '../x'"),
    "absent model": ("firstprinciples: {materials: [xx_9]}\n", "xx_9"),
    "nothing to train on": ("dataset: {test_fraction: 0.95}\n", "test_fraction"),
    "no budgets": ("compress: {budgets: []}\n", "compress.budgets = []"),
    "budget above all": ("compress: {budgets: [2.0]}\n", "compress.budgets.0 = 2.0"),
    "one fold": ("classify: {folds: 1}\n", "classify.folds = 1"),
    "no title": ("report: {title: ''}\n", "report.title = ''"),
}


def numbers(name, change):
    """Damage: an array of a NetCDF file."""

    def damage(path):
        with netCDF4.Dataset(path, "a") as file:
            values = file[name][...]
            change(values)
            file[name][...] = values

    return damage


def attribute(name, value):
    """Damage: an attribute of the root of a NetCDF file."""

    def damage(path):
        with netCDF4.Dataset(path, "a") as file:
            file.delncattr(name) if value is None else file.setncattr(name, value)

    return damage


def content(change):
    """Damage: the bytes of a file."""
    return lambda path: path.write_bytes(change(path.read_bytes()))


def flip(share):
    """Damage: one byte, so far into the file."""

    def change(whole):
        changed = bytearray(whole)
        changed[int(share * len(whole))] ^= 0xFF
        return bytes(changed)

    return content(change)


def hdf5(change):
    """Damage: what h5py does to a file."""

    def damage(path):
        with h5py.File(path, "a") as file:
            change(file)

    return damage


def put(name, value):
    """Damage: a dataset of an HDF5 file."""

    def change(file):
        del file[name]
        file[name] = value

    return hdf5(change)


def text(old, new):
    """Damage: the first place where a text file says so."""

    def damage(path):
        found = path.read_text()
        assert old in found
        path.write_text(found.replace(old, new, 1))

    return damage


def within(name, damage):
    """Damage: to a file of the folder."""
    return lambda folder: damage(folder / name)


def unpack(folder):
    """The files of an EPW run, of silicon on 2x2x2 meshes."""
    folder.mkdir()
    for name in ("crystal.fmt", "epwdata.fmt", "si.epmatwp"):
        if (EPW / name).exists():
            shutil.copy(EPW / name, folder)
        else:
            packed = (EPW / f"{name}.xz").read_bytes()
            (folder / name).write_bytes(lzma.decompress(packed))


def nan(values):
    values.flat[0] = np.nan


def double(values):
    values *= 2


COUPLE = (
    "couple",
    "model.nc",
    "-o",
    "out.nc",
    *["--k-grid", "1", "1", "1", "--q-grid", "1", "1", "1"],
)
VALIDATE = ("validate", "model.nc")
IMPORT_EPW = ("import-epw", "run", "-o", "out.nc")
IMPORT_PERTURBO = ("import-perturbo", "epr.h5", "-o", "out.nc")

# what is damaged, how, the command that reads it, what its line holds; the exit status is 1
FILES = {
    "model empty": ("model.nc", content(lambda b: b""), COUPLE, "not a readable NetCDF-4 file"),
    "model junk": ("model.nc", content(lambda b: b"junk"), COUPLE, "not a readable NetCDF-4"),
    "model cut": ("model.nc", content(lambda b: b[: len(b) // 2]), COUPLE, "model.nc: "),
    "model longer": ("model.nc", flip(0.5), VALIDATE, "model.nc: "),
    "model header": ("model.nc", flip(0.0), COUPLE, "not a readable NetCDF-4 file"),
    "model flipped": ("model.nc", flip(0.7), COUPLE, "model.nc: "),
    "model changed": ("model.nc", numbers("phi", double), COUPLE, "match its checksum"),
    "model nan": ("model.nc", numbers("masses", nan), VALIDATE, "match its checksum"),
    "model unfinished": ("model.nc", attribute("completed", 0), COUPLE, "unfinished or damaged"),
    "model unsealed": ("model.nc", attribute("checksum", None), COUPLE, "unfinished or damaged"),
    "model of other kind": ("model.nc", attribute("kind", "train"), COUPLE, "found 'train'"),
    "model of no kind": ("model.nc", attribute("kind", None), COUPLE, "found 'none'"),
    "model of odd kind": ("model.nc", attribute("kind", "x"), VALIDATE, "kind 'x', expected one"),
    "model is a folder": ("model.nc", lambda p: (p.unlink(), p.mkdir()), COUPLE, "no such file"),
    "show cut": ("model.nc", content(lambda b: b[:999]), ("show", "model.nc"), "model.nc: "),
    "export cut": (
        "model.nc",
        content(lambda b: b[:999]),
        ("export-perturbo", "model.nc", "-o", "x.h5"),
        "model.nc: not a readable",
    ),
    "regenerate a model": (
        "model.nc",
        lambda path: None,
        ("regenerate", "model.nc", "000000"),
        "model.nc: ",
    ),
    "EPW couplings cut": (
        "run",
        within("si.epmatwp", content(lambda b: b[:-160])),
        IMPORT_EPW,
        "si.epmatwp: ",
    ),
    "EPW couplings empty": (
        "run",
        within("si.epmatwp", content(lambda b: b"")),
        IMPORT_EPW,
        "si.epmatwp: ",
    ),
    "EPW couplings absent": (
        "run",
        within("si.epmatwp", Path.unlink),
        IMPORT_EPW,
        "no file *.epmatwp",
    ),
    "EPW data absent": ("run", within("epwdata.fmt", Path.unlink), IMPORT_EPW, "cannot be read"),
    "EPW data empty": (
        "run",
        within("epwdata.fmt", content(lambda b: b"")),
        IMPORT_EPW,
        "epwdata.fmt: empty",
    ),
    "EPW data binary": (
        "run",
        within("epwdata.fmt", content(lambda b: b"\xff\xfe" + b)),
        IMPORT_EPW,
        "epwdata.fmt: cannot be read",
    ),
    "EPW data garbled": ("run", within("epwdata.fmt", text("E-", "x")), IMPORT_EPW, "epwdata.fmt"),
    "EPW crystal absent": ("run", within("crystal.fmt", Path.unlink), IMPORT_EPW, "crystal.fmt"),
    "EPW crystal nonsense": (
        "run",
        within("crystal.fmt", content(lambda b: b"nonsense\n" * 20)),
        IMPORT_EPW,
        "crystal.fmt: ",
    ),
    "EPW folder empty": (
        "run",
        lambda folder: [path.unlink() for path in folder.iterdir()],
        IMPORT_EPW,
        "run: no file *.epmatwp",
    ),
    "Perturbo empty": ("epr.h5", content(lambda b: b""), IMPORT_PERTURBO, "not a whole HDF5 file"),
    "Perturbo cut": (
        "epr.h5",
        content(lambda b: b[: len(b) // 2]),
        IMPORT_PERTURBO,
        "epr.h5: not a whole HDF5 file",
    ),
    "Perturbo without atoms": (
        "epr.h5",
        hdf5(lambda file: file.__delitem__("basic_data/tau")),
        IMPORT_PERTURBO,
        "basic_data/tau is missing",
    ),
    "Perturbo without hopping": (
        "epr.h5",
        hdf5(lambda file: file.__delitem__("electron_wannier")),
        IMPORT_PERTURBO,
        "electron_wannier/hopping_r1 is missing",
    ),
    "Perturbo mass": ("epr.h5", put("basic_data/mass", np.zeros(2)), IMPORT_PERTURBO, "mass has 0"),
    "Perturbo cell": ("epr.h5", put("basic_data/at", np.ones((3, 3))), IMPORT_PERTURBO, "volume"),
    "Perturbo mesh": ("epr.h5", put("basic_data/kc_dim", [0, 0, 0]), IMPORT_PERTURBO, "kc_dim is"),
    "Perturbo text": ("epr.h5", put("basic_data/nat", "two"), IMPORT_PERTURBO, "basic_data/nat"),
}

# words, exit status, what the line holds
WORDS = {
    "no such command": (("shwo", "model.nc"), 2, "shwo"),
    "no such option": (("show", "model.nc", "--all"), 2, "--all"),
    "no output": (COUPLE[:2] + COUPLE[4:], 2, "--output"),
    "no points": (("couple", "model.nc", "-o", "out.nc"), 2, "--k-grid"),
    "grid of words": ((*COUPLE[:5], "a", *COUPLE[6:]), 2, "--k-grid"),
    "grid of zero": ((*COUPLE[:5], "0", *COUPLE[6:]), 2, "0 1 1"),
    "too large a grid": (
        (*COUPLE[:5], "9999", "9999", "9999", *COUPLE[8:]),
        1,
        "expected at most 10000000 points",
    ),
    "no such list": (
        ("couple", "model.nc", "-o", "out.nc", "--k-list", "k.txt", *COUPLE[8:]),
        1,
        "k.txt: cannot be read",
    ),
    "no such model": (("couple", "x.nc", *COUPLE[2:]), 1, "x.nc: no such file"),
    "output in no folder": (
        ("couple", "model.nc", "-o", "model.nc/out.nc", *COUPLE[4:]),
        1,
        "model.nc",
    ),
    "show nothing": (("show", "x.nc"), 1, "x.nc"),
    "validate nothing": (("validate", "x.nc"), 1, "x.nc: no such file"),
    "validate without files": (("validate", "empty"), 1, "empty: no files of ephforge"),
    "validate for no time": (("validate", "model.nc", "--time-limit", "0"), 2, "--time-limit"),
    "regenerate nothing": (("regenerate", "000000-000002.nc", "000000"), 1, "000000-000002.nc"),
    "cost of nothing": (("cost", "empty"), 1, "empty"),
    "cost for no materials": (("cost", "empty", "--materials", "0"), 2, "--materials"),
    "plot of nothing": (("plot", "x.nc", "-o", "x.png"), 1, "x.nc: no such file"),
    "plot as jpg": (("plot", "model.nc", "-o", "x.jpg"), 1, "x.jpg: expected a name that ends in"),
    "plot nowhere": (("plot", "model.nc", "-o", "none/x.png"), 1, "none/x.png: no such folder"),
    "plot what": (("plot", "model.nc", "-o", "x.png", "--only", "dos"), 2, "--only dos"),
    "plot bands": (
        ("plot", "model.nc", "-o", "x.png", "--bands", "3", "2"),
        1,
        "bands 3 to 2: expected two numbers from 1 to",
    ),
    "observables of nothing": (("observables", "x.nc", "-o", "x.json"), 1, "x.nc: no such file"),
    "observables on one mesh": (
        ("observables", "model.nc", "-o", "x.json", "--k-mesh", "2", "2", "2"),
        2,
        "--k-mesh and --q-mesh",
    ),
    "observables nowhere": (("observables", "model.nc", "-o", "none/x.json"), 1, "no such folder"),
    "status of nothing": (("status", "empty"), 1, "empty: no run of"),
    "bench twice": (("bench", "-o", "b.json", "--quick", "--full"), 1, "--quick --full"),
    "bench nowhere": (("bench", "-o", "none/b.json"), 1, "none/b.json: no such folder"),
    "import of no folder": (("import-epw", "none", "-o", "out.nc"), 1, "none: no such folder"),
    "import of no species": ((*IMPORT_EPW, "--species", "Xx"), 1, "not a chemical symbol"),
    "import of another mesh": ((*IMPORT_EPW, *["--k-mesh", "3", "3", "3"]), 1, "mesh"),
}
