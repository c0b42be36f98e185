"""Imports follow LAYERS and PACKAGES; the code fingerprint sees expressions and nothing else."""

import ast
import shutil
import subprocess
import sys

import pytest

from ephforge import layers
from ephforge.layers import LAYERS, PACKAGE, PACKAGES, code_version

# packages that only these files may import
ONLY_IN = {
    "netCDF4": {"core/netcdf.py", "core/stream.py"},
    "spglib": {"core/symmetry.py", "espresso/qpoints.py"},
    "ase": {"lattice/", "espresso/steps.py", "observables/paths.py", "api/atoms.py"},
    "asap3": {"lattice/"},
}
# the fingerprints themselves are compared there, and enter no number
SEES_FINGERPRINTS = "audit/"
MODULES = sorted(p.relative_to(PACKAGE).as_posix() for p in PACKAGE.rglob("*.py"))
FOLDERS = sorted({m.split("/")[0] for m in MODULES if "/" in m})


def imported(path) -> set[str]:
    """Full names of the modules that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module)
            if node.module == "ephforge":
                names |= {f"ephforge.{alias.name}" for alias in node.names}
    return names


def test_every_folder_stands_in_the_table():
    assert set(FOLDERS) <= set(LAYERS)
    assert set(LAYERS) == set(PACKAGES)


def test_the_table_has_no_cycles_and_is_closed():
    for folder, allowed in LAYERS.items():
        for below in allowed:
            assert folder not in LAYERS[below]
            # what a stage runs is hashed through this table, so it must name everything below
            assert set(LAYERS[below]) <= set(allowed), f"{folder} misses what {below} imports"


@pytest.mark.parametrize("module", [m for m in MODULES if "/" in m])
def test_a_module_imports_only_what_its_folder_may(module):
    folder = module.split("/")[0]
    for name in imported(PACKAGE / module):
        top = name.split(".")[0]
        if top == "ephforge":
            below = [*name.split("."), ""][1]
            allowed = {folder, *LAYERS[folder], ""}
            allowed |= {"layers"} if module.startswith(SEES_FINGERPRINTS) else set()
            assert below in allowed, f"{module} imports {name}"
        elif top not in sys.stdlib_module_names:
            assert top in PACKAGES[folder], f"{module} imports {top}"
        places = ONLY_IN.get(top)
        assert places is None or any(module.startswith(p) for p in places), f"{module}: {top}"


@pytest.mark.parametrize("module", MODULES)
def test_the_package_does_not_know_snakemake(module):
    assert not any(name.startswith("snakemake") for name in imported(PACKAGE / module))
    assert "snakemake." not in (PACKAGE / module).read_text()


@pytest.mark.parametrize("module", ["config", "layers", "lattice.stage"])
def test_what_computes_without_jax_does_not_import_it(module):
    """It is most of a second in every job."""
    code = f"import sys, ephforge.{module}; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def package_copy(tmp_path, monkeypatch):
    shutil.copytree(PACKAGE, tmp_path / "ephforge")
    monkeypatch.setattr(layers, "PACKAGE", tmp_path / "ephforge")
    code_version.cache_clear()
    yield tmp_path / "ephforge"
    code_version.cache_clear()


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("def mesh_points", "# a comment\n\n\ndef mesh_points", False),
        ('"""Fractional coordinates', '"""Coordinates', False),
        ('"""Gamma-centred meshes', '"""Meshes', False),
        ("np.asarray(mesh, dtype=float)", "np.asarray(mesh, dtype=np.float32)", True),
    ],
)
def test_the_fingerprint_sees_expressions_only(package_copy, old, new, changes):
    before = code_version("dataset")
    path = package_copy / "core/kpoints.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    code_version.cache_clear()
    assert (code_version("dataset") != before) == changes


def test_the_fingerprint_sees_only_what_the_stage_may_import(package_copy):
    before = {stage: code_version(stage) for stage in LAYERS}
    (package_copy / "phonons" / "new.py").write_text("x = 1\n")
    code_version.cache_clear()
    changed = {stage for stage in LAYERS if code_version(stage) != before[stage]}
    assert changed == {s for s in LAYERS if s == "phonons" or "phonons" in LAYERS[s]}


def test_the_fingerprint_sees_package_versions(monkeypatch):
    code_version.cache_clear()
    before = code_version("dataset"), code_version("lattice")
    real = layers.importlib.metadata.version
    fake = {"ase": "0.0.0"}
    monkeypatch.setattr(layers.importlib.metadata, "version", lambda p: fake.get(p) or real(p))
    code_version.cache_clear()
    after = code_version("dataset"), code_version("lattice")
    code_version.cache_clear()
    assert after[0] == before[0]
    assert after[1] != before[1]
