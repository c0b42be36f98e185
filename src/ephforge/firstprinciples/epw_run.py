"""What the folder of an EPW run tells about it: prefix, meshes, use_ws, lpolar, version.

crystal.fmt and epwdata.fmt name none of them. What the user states comes first, then what the
epw.x inputs that lie in the folder say; epw_cells.py finds the rest from the numbers of cells.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from ephforge.core.errors import EphforgeError
from ephforge.firstprinciples.epw_files import SUPPORTED

Mesh = tuple[int, int, int]

INPUT_PATTERNS = ("*.in", "*.inp")
OUTPUT_PATTERNS = ("*.out",)
DEFAULT_PREFIX = "pwscf"  # of epw.x
_ASSIGNMENT = re.compile(r"(\w+)\s*=\s*([^,\s]+)")
_VERSION = re.compile(r"Program EPW v\.(\d+\.\d+\S*)")
_HEAD = 20_000  # characters of an output that hold the version


@dataclass(frozen=True)
class Run:
    """Facts about a run; None is not known.

    Attributes:
      prefix: of PREFIX.epmatwp.
      k_mesh, q_mesh: coarse meshes.
      use_ws: Wigner-Seitz cells about pairs of centres; otherwise about the origin.
      polar: the dipole part was taken out of the files (lpolar).
      version: of epw.x, as an output in the folder states it.
      inputs: names of the epw.x inputs that were read.
    """

    prefix: str
    k_mesh: Mesh | None = None
    q_mesh: Mesh | None = None
    use_ws: bool | None = None
    polar: bool | None = None
    version: str | None = None
    inputs: tuple[str, ...] = ()


def find_run(folder: Path, stated: Run) -> Run:
    """Complete what the user stated by what lies in the folder; a prefix of "" is not stated.

    Raises:
      EphforgeError: no folder, no or several prefixes, inputs that contradict each other,
        output of a version that is not supported.
    """
    if not folder.is_dir():
        raise EphforgeError(
            f"{folder}: no such folder, expected one with crystal.fmt, epwdata.fmt and "
            "PREFIX.epmatwp"
        )
    prefix = stated.prefix or _only_prefix(folder)
    settings = _settings(folder, prefix)
    return replace(
        stated,
        prefix=prefix,
        k_mesh=stated.k_mesh or _mesh(folder, settings, "nk"),
        q_mesh=stated.q_mesh or _mesh(folder, settings, "nq"),
        use_ws=_flag(folder, settings, "use_ws") if stated.use_ws is None else stated.use_ws,
        polar=_polar(folder, settings) if stated.polar is None else stated.polar,
        version=_version(folder),
        inputs=tuple(settings),
    )


def _only_prefix(folder: Path) -> str:
    found = sorted(path.stem for path in folder.glob("*.epmatwp"))
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} files *.epmatwp ({', '.join(found)})" if found else "no file *.epmatwp"
    raise EphforgeError(
        f"{folder}: {what}, expected one; give the prefix of the run"
        + ("" if found else ", and copy PREFIX.epmatwp here from its outdir")
    )


def _settings(folder: Path, prefix: str) -> dict[str, dict[str, str]]:
    """Keywords of every epw.x input in the folder that is for this prefix."""
    found = {}
    for path in sorted(path for pattern in INPUT_PATTERNS for path in folder.glob(pattern)):
        keywords = input_keywords(path)
        if keywords and keywords.get("prefix", DEFAULT_PREFIX).strip("'\"") == prefix:
            found[path.name] = keywords
    return found


def input_keywords(path: Path) -> dict[str, str]:
    """Keywords of an epw.x input as they are written; none if it is not one."""
    text = path.read_text(errors="replace")
    if "&inputepw" not in text.lower():
        return {}
    plain = "\n".join(line.split("!")[0] for line in text.splitlines())
    return {name.lower(): value for name, value in _ASSIGNMENT.findall(plain)}


def _agreed(folder: Path, settings: dict[str, dict[str, str]], name: str) -> str | None:
    """The value on which all inputs that have the keyword agree."""
    values = {file: keywords[name] for file, keywords in settings.items() if name in keywords}
    if len({value.lower().strip(".") for value in values.values()}) > 1:
        said = ", ".join(f"{value} in {file}" for file, value in values.items())
        raise EphforgeError(
            f"{folder}: {name} is {said}, expected one value; state it yourself or take the input "
            "of another run away"
        )
    return next(iter(values.values()), None)


def _mesh(folder: Path, settings: dict[str, dict[str, str]], name: str) -> Mesh | None:
    words = [_agreed(folder, settings, f"{name}{i}") for i in (1, 2, 3)]
    if None in words:
        return None
    if not all(word.isdigit() and int(word) > 0 for word in words):
        raise EphforgeError(
            f"{folder}: {name}1, {name}2, {name}3 = {', '.join(words)} in {', '.join(settings)}, "
            "expected three positive integers; state the mesh yourself"
        )
    return int(words[0]), int(words[1]), int(words[2])


def _flag(folder: Path, settings: dict[str, dict[str, str]], name: str) -> bool | None:
    """Fortran logical: the first letter after an optional dot counts."""
    word = _agreed(folder, settings, name)
    if word is None:
        return None
    letter = word.lower().lstrip(".")[:1]
    if letter not in ("t", "f"):
        raise EphforgeError(
            f"{folder}: {name} = {word} in {', '.join(settings)}, expected .true. or .false.; "
            "correct the input"
        )
    return letter == "t"


def _polar(folder: Path, settings: dict[str, dict[str, str]]) -> bool | None:
    """Without the keyword epw.x takes no dipole part out; without inputs nothing is known."""
    return bool(_flag(folder, settings, "lpolar")) if settings else None


def _version(folder: Path) -> str | None:
    """Version that the outputs in the folder state; some must be of the supported one."""
    versions = set()
    for path in sorted(path for pattern in OUTPUT_PATTERNS for path in folder.glob(pattern)):
        with path.open(errors="replace") as file:
            versions |= set(_VERSION.findall(file.read(_HEAD)))
    supported = sorted(v for v in versions if v.split(".")[:2] == ["5", "3"])
    if versions and not supported:
        raise EphforgeError(
            f"{folder}: made by EPW {', '.join(sorted(versions))} according to the outputs here; "
            f"{SUPPORTED}: make the files with it"
        )
    return supported[-1] if supported else None
