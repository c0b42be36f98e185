"""What a coupling block looks like, in a dozen numbers that any two materials share.

No number depends on the mesh but by sampling, nor on the lattice, nor on how many bands or
modes there are: sums over modes are shares, sums over pairs (k, q) are means.
"""

import numpy as np
from jaxtyping import Float

from ephforge.core.blocks import Block
from ephforge.core.units import MEV

# name -> (unit, whether the logarithm is compared, what it is)
DESCRIPTORS = {
    "bandwidth": ("eV", True, "width of the band window"),
    "phonon_top": ("meV", True, "largest phonon energy"),
    "acoustic_top": ("meV", True, "largest energy of the third mode"),
    "phonon_spread": ("1", False, "spread of the phonon energies over their mean"),
    "g_rms": ("meV", True, "root mean square of |g|"),
    "g_kurtosis": ("1", True, "mean |g|^4 over squared mean |g|^2"),
    "optical_share": ("1", False, "share of |g|^2 in modes above the third"),
    "interband_share": ("1", False, "share of |g|^2 between different bands"),
    "k_variation": ("1", False, "spread over k of mean |g|^2, over its mean"),
    "q_variation": ("1", False, "spread over q of mean |g|^2, over its mean"),
    "map_rank": ("1", True, "effective number of singular values of |g|, q against all else"),
}


def describe(block: Block) -> dict[str, float]:
    """The numbers of `DESCRIPTORS` for one block; every one finite.

    A block of one atom has no optical modes: their share is 0, and the acoustic top is the top.
    """
    energy_qv = MEV * np.maximum(block.frequencies, 0.0)
    square_mnvo = np.square(block.g, dtype=float)
    share_o = block.orbits.size_o / block.orbits.size_o.sum()
    mean_mnv = square_mnvo @ share_o
    mean = mean_mnv.mean()
    pairs_kq = square_mnvo.mean(axis=(0, 1, 2))[block.orbits.orbit_kq]
    spectrum_r = singular_shares(_by_q(block))
    return {
        "bandwidth": float(np.ptp(block.energies)),
        "phonon_top": float(energy_qv.max()),
        "acoustic_top": float(energy_qv[:, :3].max()),
        "phonon_spread": float(energy_qv.std() / energy_qv.mean()),
        "g_rms": float(np.sqrt(mean)),
        "g_kurtosis": float((square_mnvo**2 @ share_o).mean() / mean**2),
        "optical_share": float(mean_mnv[..., 3:].sum() / mean_mnv.sum()),
        "interband_share": 1.0 - float(np.einsum("mmv->", mean_mnv) / mean_mnv.sum()),
        "k_variation": float(pairs_kq.mean(axis=1).std() / mean),
        "q_variation": float(pairs_kq.mean(axis=0).std() / mean),
        "map_rank": effective_number(spectrum_r),
    }


def singular_shares(matrix_xq: np.ndarray) -> Float[np.ndarray, " r"]:
    """Squared singular values over their sum, largest first; from the smaller side."""
    small = matrix_xq if matrix_xq.shape[0] >= matrix_xq.shape[1] else matrix_xq.T
    value_r = np.linalg.eigvalsh(small.conj().T @ small)[::-1]
    value_r = np.maximum(value_r, 0.0)
    return value_r / value_r.sum()


def effective_number(share_r: Float[np.ndarray, " r"]) -> float:
    """(sum p)^2 / sum p^2: n for n equal shares."""
    return float(share_r.sum() ** 2 / np.sum(share_r**2))


def compared(values: dict[str, float], table: dict) -> Float[np.ndarray, " d"]:
    """Descriptors in the order of a table like `DESCRIPTORS`, base-10 logarithms where it says."""
    return np.array(
        [
            np.log10(max(values[name], 1e-12)) if is_log else values[name]
            for name, (_, is_log, _) in table.items()
        ]
    )


def _by_q(block: Block) -> Float[np.ndarray, "x q"]:
    """|g| of all channels and k as rows, q as columns."""
    grid = block.g[..., block.orbits.orbit_kq]
    return grid.reshape(-1, grid.shape[-1]).astype(float)
