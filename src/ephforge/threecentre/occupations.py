"""How many electrons each state holds."""

import numpy as np
from jaxtyping import Float

_BISECTIONS = 100


def occupy(
    energy_kn: list, weight_k: Float[np.ndarray, " k"], electrons: int, smearing: float
) -> tuple[list, float]:
    """Occupations 0 to 1 of each k's bands, and the Fermi energy (eV).

    Fermi-Dirac of that smearing (eV), or, where that is 0, the lowest bands at every k.
    """
    filled = electrons // 2
    if smearing == 0:
        top = max(e[filled - 1] for e in energy_kn)
        bottom = min(e[filled] for e in energy_kn)
        return [(np.arange(len(e)) < filled).astype(float) for e in energy_kn], (top + bottom) / 2
    low, high = min(e[0] for e in energy_kn), max(e[-1] for e in energy_kn)
    for _ in range(_BISECTIONS):
        fermi = (low + high) / 2
        occupation_kn = [fermi_dirac(e, fermi, smearing) for e in energy_kn]
        count = 2 * sum(w * np.sum(f) for w, f in zip(weight_k, occupation_kn, strict=True))
        low, high = (fermi, high) if count < electrons else (low, fermi)
    return occupation_kn, fermi


def fermi_dirac(
    energy_n: Float[np.ndarray, "*n"], fermi: float, smearing: float
) -> Float[np.ndarray, "*n"]:
    """1 / (e^{(E - fermi)/smearing} + 1), written so that nothing overflows."""
    return (1 - np.tanh((energy_n - fermi) / (2 * smearing))) / 2
