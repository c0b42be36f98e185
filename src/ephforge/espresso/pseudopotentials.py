"""Find a pseudopotential on this machine and make it a UPF file for pw.x.

UPF files are copied; ABINIT's fhi, psp8 and HGH files are converted. EPW's coupling needs
norm-conserving ones, so ultrasoft and PAW files are refused here and not hours later.
"""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from ephforge.core.errors import EphforgeError
from ephforge.espresso.abinit_gaussian import read_hgh, read_hgh_explicit
from ephforge.espresso.abinit_tables import read_fhi, read_psp8
from ephforge.espresso.upf import Pseudopotential, write_upf
from ephforge.firstprinciples.elements import atomic_number

NORM_CONSERVING = ("NC", "SL")
UPF_TAGS = ("<UPF", "<PP_INFO", "<PP_HEADER")
FORMATS = "UPF, fhi (pspcod 6), psp8 (pspcod 8), HGH (pspcod 3, 10)"


def prepare(
    file: str,
    element: str,
    folders: list[str],
    local: int | None,
    largest: int | None,
    target: str | Path,
) -> None:
    """Copy or convert one pseudopotential to `target`, whole or not at all.

    Args:
      file: name below one of the folders; the first folder that has it is taken.
      element: chemical symbol that it must be for.
      folders: where to look.
      local, largest: local channel and largest projector of an fhi file, None for the file's
        own; other formats have fixed ones.
      target: UPF file to write.

    Raises:
      EphforgeError: no folder has the file; it is not norm-conserving, for another element,
        truncated, or in a format that is not known.
    """
    source = _find(file, folders)
    text = source.read_text(errors="replace")
    if text[:4096].lstrip().startswith(UPF_TAGS) or "<UPF" in text[:4096]:
        _check_upf(source, text, element)
        target = Path(target)
        temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
        shutil.copyfile(source, temporary)
        os.replace(temporary, target)
        return
    write_upf(_convert(source, text, element, local, largest), source.name, target)


def _find(file: str, folders: list[str]) -> Path:
    for folder in folders:
        if (Path(folder) / file).is_file():
            return Path(folder) / file
    raise EphforgeError(
        f"pseudopotential {file}: not below {', '.join(folders)}; Debian's packages "
        "quantum-espresso-data and abinit-data hold such files, or set espresso: pseudo_folders"
    )


def _check_upf(source: Path, text: str, element: str) -> None:
    """Element and type stand in attributes (version 2) or on lines of the header (version 1)."""
    found = re.search(r'\belement="\s*(\w+)\s*"', text) or re.search(
        r"^\s*([A-Z][a-z]?)\s+Element", text, re.MULTILINE
    )
    kind = re.search(r'\bpseudo_type="\s*([^"\s]+)\s*"', text) or re.search(
        r"^\s*(\S+)\s+(?:Norm|Ultra|US|PAW|1/r)", text, re.MULTILINE
    )
    if not found or not kind:
        raise EphforgeError(f"{source}: a UPF header without element or type; take another file")
    if found[1] != element:
        raise EphforgeError(f"{source}: for {found[1]}, not for {element}; name another file")
    if kind[1] not in NORM_CONSERVING:
        raise EphforgeError(
            f"{source}: of type {kind[1]}, but EPW is run with norm-conserving ones; "
            "name another file"
        )


def _convert(
    source: Path, text: str, element: str, local: int | None, largest: int | None
) -> Pseudopotential:
    lines = text.split("\n")
    try:
        atomic_charge, code = float(lines[1].split()[0]), int(lines[2].split()[0])
    except (IndexError, ValueError):
        atomic_charge, code = 0.0, 0
    readers: dict[int, Callable[[], Pseudopotential]] = {
        3: lambda: read_hgh(lines, element),
        6: lambda: read_fhi(lines, element, local, largest),
        8: lambda: read_psp8(lines, element),
        10: lambda: read_hgh_explicit(lines, element),
    }
    if code not in readers:
        raise EphforgeError(f"{source}: not a known format, expected {FORMATS}; name another file")
    if atomic_number(element) != round(atomic_charge):
        raise EphforgeError(
            f"{source}: for atomic number {atomic_charge:g}, not for {element}; name another file"
        )
    try:
        return readers[code]()
    except EphforgeError as error:
        raise EphforgeError(f"{source}: {error}") from error
    except (IndexError, ValueError) as error:
        raise EphforgeError(
            f"{source}: pspcod {code}, but its content cannot be read ({error}); "
            "it may be truncated, take a fresh copy"
        ) from error
