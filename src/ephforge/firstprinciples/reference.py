"""What EPW itself printed (prtgkk) for a model, and how far ephforge's numbers are from it."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import Variable
from ephforge.core.realspace import Model
from ephforge.core.units import MEV, RYDBERG
from ephforge.coupling.points import at_points

DEGENERACY = 0.1e-3  # eV; both sides are averaged over states closer than this
# meV; EPW prints sqrt(|omega^2|) for omega^2 > -1e-8 Ry^2
EPW_SOFT = MEV * RYDBERG * 1e-4
_POINT = re.compile(r"^\s*(iq|ik) =\s*\d+ coord\.:")


class Reference(NamedTuple):
    """Printed numbers; EPW's rydberg is that of core/units.py to all printed digits.

    Attributes:
      q, k: fractional.
      energy_k, energy_kq: bands at k and k+q, eV, four decimals.
      frequency_q: hbar omega, meV.
      g: |g_mnv(k, q)|, meV, averaged by EPW over states within 0.01 meV.
    """

    q: Float[np.ndarray, "q 3"]
    k: Float[np.ndarray, "k 3"]
    energy_k: Float[np.ndarray, "k n"]
    energy_kq: Float[np.ndarray, "q k m"]
    frequency_q: Float[np.ndarray, "q v"]
    g: Float[np.ndarray, "q k m n v"]


def reference_variables(reference: Reference) -> dict[str, Variable]:
    """Arrays of a reference as they stand beside a model in its file."""
    q, k, band = "reference_q", "reference_k", "orbital"
    return {
        "ref_q": Variable(reference.q, (q, "vector"), "1", "q of EPW's table, fractional"),
        "ref_k": Variable(reference.k, (k, "vector"), "1", "k of EPW's table, fractional"),
        "ref_bands_k": Variable(reference.energy_k, (k, band), "eV", "bands at k"),
        "ref_bands_kq": Variable(reference.energy_kq, (q, k, band), "eV", "bands at k+q"),
        "ref_omega": Variable(
            reference.frequency_q, (q, "reference_mode"), "meV", "phonon energies"
        ),
        "ref_g": Variable(
            reference.g,
            (q, k, band, band, "reference_mode"),
            "meV",
            "|g| with final, initial band, mode, as EPW printed it",
        ),
    }


def read_reference(variables: dict[str, np.ndarray]) -> Reference:
    """Inverse of `reference_variables`."""
    names = ("ref_q", "ref_k", "ref_bands_k", "ref_bands_kq", "ref_omega", "ref_g")
    return Reference(*(variables[name] for name in names))


def read_printed(
    path: str | Path, q: Float[np.ndarray, "q 3"], k: Float[np.ndarray, "k 3"]
) -> Reference:
    """Table in the output of epw.x with prtgkk = .true.

    Args:
      path: the output.
      q, k: the points of the run's filqf and filkf; the printed ones have seven decimals.

    Raises:
      EphforgeError: absent, without a table, or of other points.
    """
    path = Path(path)
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise EphforgeError(f"{path}: cannot be read ({error}), expected output of EPW") from None
    rows = [row for line in lines if (row := _row(line)) is not None]
    starts = [line for line in lines if _POINT.match(line)]
    n_points = len(q) * len(k)
    if not rows or len(starts) != len(q) * (1 + len(k)) or len(rows) % n_points:
        raise EphforgeError(
            f"{path}: {len(rows)} printed couplings at {len(starts)} points, expected a full table "
            f"of {len(q)} q and {len(k)} k; run epw.x with prtgkk = .true. and keep its output"
        )
    table = np.array(rows)
    n_bands, n_modes = int(table[:, 0].max()), int(table[:, 2].max())
    shaped = table.reshape(len(q), len(k), n_bands, n_bands, n_modes, 7)
    return Reference(
        q,
        k,
        shaped[0, :, :, 0, 0, 3],
        shaped[:, :, 0, :, 0, 4],
        shaped[:, 0, 0, 0, :, 5],
        shaped[..., 6].swapaxes(2, 3),
    )


def _row(line: str) -> list[float] | None:
    """ibnd (n, at k), jbnd (m, at k+q), imode, E_k, E_k+q, omega, |g|."""
    words = line.split()
    if len(words) != 7 or not all(word.isdigit() for word in words[:3]):
        return None
    try:
        return [float(word) for word in words]
    except ValueError:
        return None


def shared(
    square: Float[np.ndarray, "m n v"],
    energy_m: Float[np.ndarray, " m"],
    energy_n: Float[np.ndarray, " n"],
    energy_v: Float[np.ndarray, " v"],
) -> Float[np.ndarray, "m n v"]:
    """|g|^2 averaged over groups of states closer than `DEGENERACY`; energies in eV."""
    square = square.copy()
    for axis, energy in enumerate((energy_m, energy_n, energy_v)):
        group = np.cumsum(np.diff(energy, prepend=energy[0]) > DEGENERACY)
        for number in range(group[-1] + 1):
            members = [slice(None)] * 3
            members[axis] = group == number
            members = tuple(members)
            square[members] = square[members].mean(axis=axis, keepdims=True)
    return square


class Deviations(NamedTuple):
    """Largest differences from what EPW printed.

    Attributes:
      bands: eV. frequencies: meV.
      relative_g: of |g|, where one of the two is above the smallest |g| that counts.
    """

    bands: float
    frequencies: float
    relative_g: float


def deviations(reference: Reference, model: Model, smallest: float = 1.0) -> Deviations:
    """Compare a model with EPW's table, |g| averaged over degenerate states on both sides.

    NaN anywhere gives NaN. Modes that EPW takes for real although omega^2 is slightly negative
    (flexural ones near Gamma) are compared in |omega| only: here their g is zero.

    Args:
      smallest: meV; |g| are not compared where both are smaller.
    """
    own = at_points(model, reference.k, reference.q, soft_mode=0.0)
    bands = np.maximum(
        np.max(np.abs(own.energy_k - reference.energy_k)),
        np.max(np.abs(own.energy_kq - reference.energy_kq)),
    )
    omega_qv = MEV * own.frequency_q
    printed_qv = np.where(omega_qv > -EPW_SOFT, np.abs(omega_qv), omega_qv)
    frequencies = printed_qv - reference.frequency_q
    own_square = np.moveaxis(np.abs(own.g) ** 2, 2, -1) * MEV**2
    relative = 0.0
    for i, j in np.ndindex(*own_square.shape[:2]):
        states = (own.energy_kq[i, j], own.energy_k[j], own.frequency_q[i])
        mine = np.sqrt(shared(own_square[i, j], *states))
        theirs = np.sqrt(shared(reference.g[i, j] ** 2, *states))
        larger = np.maximum(mine, theirs)
        counts = ~(larger <= smallest) & ~(omega_qv[i] < 0)  # NaN counts
        difference = np.abs(mine - theirs)[counts] / larger[counts]
        relative = np.maximum(relative, np.max(difference, initial=0.0))
    return Deviations(float(bands), float(np.max(np.abs(frequencies))), float(relative))
