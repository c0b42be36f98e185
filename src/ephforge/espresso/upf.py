"""Norm-conserving pseudopotentials as UPF 2 files, the format that pw.x reads.

Radial functions are given times r, on any increasing mesh. Units as in the file: Ry and bohr.
"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

# pw.x forces the functional of the whole calculation, so one name serves every file
FUNCTIONAL = "SLA PZ NOGX NOGC"
SMALLEST_PROJECTOR = 1e-9  # of the largest value; a projector ends where it stays below
VALUES_PER_LINE = 4
CAPACITY = (2, 6, 10, 14)  # electrons in a shell of angular momentum 0, 1, 2, 3


class RadialMesh(NamedTuple):
    """Radii and dr/di, the weight of a sum over the points; bohr."""

    radius: Float[np.ndarray, " r"]
    step: Float[np.ndarray, " r"]


class Channel(NamedTuple):
    """A radial function of one angular momentum, times r."""

    angular_momentum: int
    values: Float[np.ndarray, " r"]


class Pseudopotential(NamedTuple):
    """V = local + sum_ij |beta_i> strengths_ij <beta_j|, all angular momenta in one matrix.

    Ry and bohr; `valence_density` is 4 pi r^2 rho of the atom (only pw.x's first guess),
    `core_density` is rho itself, for the nonlinear core correction, or None.
    """

    element: str
    valence: float
    mesh: RadialMesh
    local: Float[np.ndarray, " r"]
    projectors: list[Channel]
    strengths: Float[np.ndarray, "p p"]
    orbitals: list[Channel]
    valence_density: Float[np.ndarray, " r"]
    core_density: Float[np.ndarray, " r"] | None


def occupations(valence: float, n_shells: int) -> list[float]:
    """Electrons of the atom's shells s, p, d, ... filled in this order."""
    filled = []
    for capacity in CAPACITY[:n_shells]:
        filled.append(min(valence - sum(filled), float(capacity)))
    return filled


def write_upf(pseudo: Pseudopotential, source: str, target: str | Path) -> None:
    """Write UPF 2, whole or not at all.

    Args:
      pseudo: on a mesh whose last point is dropped if their number is even, because pw.x
        integrates by Simpson's rule.
      source: name of the file that it comes from, for the reader.
      target: file to write.
    """
    pseudo = _odd_mesh(pseudo)
    sections = [
        f'<UPF version="2.0.1">\n<PP_INFO>\nconverted from {source}\n</PP_INFO>\n',
        _header(pseudo),
        _mesh(pseudo.mesh),
    ]
    if pseudo.core_density is not None:
        sections.append(_array("PP_NLCC", pseudo.core_density))
    sections += [
        _array("PP_LOCAL", pseudo.local),
        _nonlocal(pseudo),
        _orbitals(pseudo),
        _array("PP_RHOATOM", pseudo.valence_density),
        "</UPF>\n",
    ]
    target = Path(target)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    temporary.write_text("".join(sections))
    os.replace(temporary, target)


def _odd_mesh(pseudo: Pseudopotential) -> Pseudopotential:
    n = (len(pseudo.local) - 1) // 2 * 2 + 1
    cut = {
        name: [Channel(c.angular_momentum, c.values[:n]) for c in getattr(pseudo, name)]
        for name in ("projectors", "orbitals")
    }
    core = pseudo.core_density
    return pseudo._replace(
        mesh=RadialMesh(pseudo.mesh.radius[:n], pseudo.mesh.step[:n]),
        local=pseudo.local[:n],
        valence_density=pseudo.valence_density[:n],
        core_density=None if core is None else core[:n],
        **cut,
    )


def _header(pseudo: Pseudopotential) -> str:
    flags = {
        "is_ultrasoft": False,
        "is_paw": False,
        "is_coulomb": False,
        "has_so": False,
        "has_wfc": False,
        "has_gipaw": False,
        "paw_as_gipaw": False,
        "core_correction": pseudo.core_density is not None,
    }
    values = {
        "element": pseudo.element,
        "pseudo_type": "NC",
        "relativistic": "scalar",
        **{name: "T" if flag else "F" for name, flag in flags.items()},
        "functional": FUNCTIONAL,
        "z_valence": f"{pseudo.valence:.8f}",
        "l_max": max((c.angular_momentum for c in pseudo.projectors), default=0),
        "l_local": -1,
        "mesh_size": len(pseudo.local),
        "number_of_wfc": len(pseudo.orbitals),
        "number_of_proj": len(pseudo.projectors),
    }
    return "<PP_HEADER " + _attributes(values) + "/>\n"


def _mesh(mesh: RadialMesh) -> str:
    attributes = _attributes({"mesh": len(mesh.radius), "rmax": f"{mesh.radius[-1]:.10f}"})
    content = _array("PP_R", mesh.radius) + _array("PP_RAB", mesh.step)
    return f"<PP_MESH {attributes}>\n{content}</PP_MESH>\n"


def _nonlocal(pseudo: Pseudopotential) -> str:
    text = "<PP_NONLOCAL>\n"
    for number, (angular_momentum, values) in enumerate(pseudo.projectors, 1):
        last = _odd_end(values)
        text += _array(
            f"PP_BETA.{number}",
            values,
            index=number,
            angular_momentum=angular_momentum,
            cutoff_radius_index=last,
            cutoff_radius=f"{pseudo.mesh.radius[last - 1]:.10f}",
        )
    return text + _array("PP_DIJ", pseudo.strengths.ravel()) + "</PP_NONLOCAL>\n"


def _odd_end(values: Float[np.ndarray, " r"]) -> int:
    """Number of points, odd, that hold all of a projector."""
    large = np.flatnonzero(np.abs(values) > SMALLEST_PROJECTOR * np.abs(values).max())
    return int(min((large[-1] + 1) // 2 * 2 + 1, len(values)))


def _orbitals(pseudo: Pseudopotential) -> str:
    text = "<PP_PSWFC>\n"
    filled = occupations(pseudo.valence, len(CAPACITY))
    for number, (angular_momentum, values) in enumerate(pseudo.orbitals, 1):
        text += _array(
            f"PP_CHI.{number}",
            values,
            index=number,
            label=f"{angular_momentum + 1}{'SPDF'[angular_momentum]}",
            l=angular_momentum,
            occupation=f"{filled[angular_momentum]:.4f}",
        )
    return text + "</PP_PSWFC>\n"


def _array(tag: str, values: Float[np.ndarray, " n"], **attributes: object) -> str:
    kind = {"type": "real", "size": len(values), "columns": VALUES_PER_LINE}
    lines = [
        " ".join(f"{value:.15E}" for value in values[start : start + VALUES_PER_LINE])
        for start in range(0, len(values), VALUES_PER_LINE)
    ]
    return f"<{tag} {_attributes(kind | attributes)}>\n" + "\n".join(lines) + f"\n</{tag}>\n"


def _attributes(values: dict[str, object]) -> str:
    return " ".join(f'{name}="{value}"' for name, value in values.items())
