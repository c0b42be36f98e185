"""Which folder imports which, and the code fingerprint that follows from it.

tests/test_layers.py holds the imports to this table.  `code_version` hashes the syntax
trees of a stage and of everything it may import, blind to comments and docstrings, with
the versions of the packages that make the numbers: a rule carries it in `params`, because
Snakemake does not see edits in imported modules.  This file imports fast: no jax.
"""

import ast
import hashlib
import importlib.metadata
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent

# folder -> folders it may import
LAYERS = {
    "core": (),
    "electrons": ("core",),
    "phonons": ("core",),
    "baselines": ("core",),
    "model": ("core",),
    "lattice": ("core", "phonons"),
    "threecentre": ("core",),
    "coupling": ("core", "electrons", "phonons", "threecentre"),
    "firstprinciples": ("core", "electrons", "phonons", "threecentre", "coupling"),
    "espresso": ("core", "electrons", "phonons", "threecentre", "coupling", "firstprinciples"),
    "observables": ("core", "electrons", "phonons", "threecentre", "coupling"),
    "refinement": ("core", "electrons", "phonons", "threecentre", "coupling", "observables"),
    "bench": ("core", "electrons", "phonons", "threecentre", "coupling"),
    "symmetry": ("core",),
    "modelcodec": ("core", "electrons", "phonons", "threecentre", "coupling", "symmetry"),
    "dataset": ("core",),
    "train": ("core", "dataset", "model"),
    "compress": (
        "core",
        "electrons",
        "phonons",
        "threecentre",
        "coupling",
        "observables",
        "dataset",
        "model",
        "baselines",
    ),
    "classify": ("core", "dataset", "model", "baselines"),
    "superresolve": ("core", "dataset", "model", "baselines"),
    "latent": ("core", "dataset", "model", "baselines", "classify", "trust"),
    "mapcodec": ("core", "model", "baselines"),
    "trust": ("core", "dataset", "model", "baselines", "classify"),
    "coverage": ("core", "electrons", "phonons", "threecentre", "coupling", "dataset"),
    "dispersions": (
        "core",
        "electrons",
        "phonons",
        "threecentre",
        "coupling",
        "observables",
        "dataset",
    ),
    "ablation": ("core", "dataset", "model", "baselines", "train"),
    "report": ("core",),
    "audit": ("core", "electrons", "phonons", "threecentre", "lattice", "coupling", "dataset"),
    "cli": (
        "core",
        "electrons",
        "phonons",
        "threecentre",
        "lattice",
        "coupling",
        "firstprinciples",
        "refinement",
        "dataset",
        "bench",
        "symmetry",
        "modelcodec",
        "audit",
        "model",
        "baselines",
        "classify",
        "mapcodec",
        "trust",
        "observables",
    ),
    "api": ("core", "electrons", "phonons", "threecentre", "coupling"),
}

# folder -> third-party packages it may import
PACKAGES = {
    "core": ("numpy", "scipy", "jax", "jaxtyping", "netCDF4", "spglib"),
    "electrons": ("numpy", "jax", "jaxtyping"),
    "phonons": ("numpy", "jax", "jaxtyping"),
    "baselines": (
        "numpy",
        "scipy",
        "sklearn",
        "jaxtyping",
        "constriction",
        "pysz",
        "zfpy",
        "tensorly",
    ),
    "model": ("numpy", "scipy", "jax", "jaxtyping", "flax", "constriction"),
    "lattice": ("numpy", "scipy", "jax", "ase", "asap3", "spglib", "jaxtyping"),
    "threecentre": ("numpy", "jaxtyping", "threadpoolctl"),
    "coupling": ("numpy", "jax", "jaxtyping"),
    "firstprinciples": ("numpy", "jaxtyping", "h5py"),
    "refinement": ("numpy", "jax", "jaxtyping", "threadpoolctl", "matplotlib"),
    "espresso": ("numpy", "jax", "jaxtyping", "ase", "spglib", "scipy"),
    "observables": ("numpy", "scipy", "jax", "jaxtyping", "ase", "matplotlib"),
    "bench": ("numpy", "jax", "jaxtyping"),
    "symmetry": ("numpy", "jaxtyping"),
    "modelcodec": ("numpy", "jaxtyping", "constriction", "matplotlib", "pysz", "zfpy"),
    "dataset": ("numpy", "jaxtyping"),
    "train": ("numpy", "jax", "jaxtyping", "flax", "optax", "orbax", "tqdm"),
    "compress": ("numpy", "jaxtyping"),
    "classify": ("numpy", "sklearn", "jaxtyping"),
    "superresolve": ("numpy", "jaxtyping"),
    "latent": ("numpy", "sklearn", "jaxtyping"),
    "mapcodec": ("numpy", "jaxtyping"),
    "trust": ("numpy", "jaxtyping"),
    "coverage": ("numpy", "scipy", "jaxtyping"),
    "dispersions": ("numpy", "jaxtyping"),
    "ablation": ("numpy", "jax", "flax", "jaxtyping"),
    "report": ("numpy", "matplotlib", "jinja2", "jaxtyping"),
    "audit": ("numpy", "h5py"),
    "cli": ("numpy", "jaxtyping", "h5py", "typer", "tqdm"),
    "api": ("numpy", "ase", "xarray", "jaxtyping"),
}

_DISTRIBUTIONS = {"sklearn": "scikit-learn", "orbax": "orbax-checkpoint"}


@cache
def code_version(stage: str) -> str:
    """Fingerprint of the code a stage runs: 16 hex digits.

    Comments, docstrings and layout do not enter; a changed expression or package version does.
    """
    folders = sorted({stage, *LAYERS[stage]})
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted((PACKAGE / folder).rglob("*.*")):
            if path.suffix in _CONTENT:
                content = _content(path, path.stat().st_mtime_ns)
                digest.update(f"{path.relative_to(PACKAGE)}\n".encode() + content)
    for package in sorted({name for folder in folders for name in PACKAGES[folder]}):
        distribution = _DISTRIBUTIONS.get(package, package)
        digest.update(f"{package} {importlib.metadata.version(distribution)}".encode())
    return digest.hexdigest()[:16]


@cache
def _content(path: Path, changed: int) -> bytes:
    """What of a file enters the fingerprint; stages share files, and parsing is slow."""
    return _CONTENT[path.suffix](path.read_text()).encode()


def _syntax(source: str) -> str:
    tree = ast.parse(source)
    statements = [tree]
    while statements:  # expressions are left out of the walk: they hold no docstrings
        statement = statements.pop()
        if isinstance(statement, _DOCUMENTED) and _has_docstring(statement.body):
            statement.body = statement.body[1:] or [ast.Pass()]
        for name in _BLOCKS:
            statements += getattr(statement, name, ())
    return ast.dump(tree)


def _has_docstring(body: list[ast.stmt]) -> bool:
    value = body[0].value if body and isinstance(body[0], ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


_DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")  # where statements lie

# what of a file enters the fingerprint
_CONTENT = {".py": _syntax, ".html": str, ".css": str}
