"""Distributions of synthetic against real materials, as the record tells them."""

import numpy as np
from jaxtyping import Float

from ephforge.coverage.distance import Cloud, Place, overlap_coefficient, place, quantile

RANGE = (0.05, 0.95)  # quantiles between which a real value counts as covered
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)  # of the curves in the figures


def distribution(
    synthetic_i: Float[np.ndarray, " i"], real: dict[str, float], is_log: bool
) -> dict:
    """Quantiles of the synthetic values, and where each real one lies among them.

    Returns:
      `synthetic` (quantiles by level, least, largest), `real` by material (value, quantile),
      `within` (share of real values in the range), `overlap` (coefficient; on logarithms where
      these are compared); the last two None without real values.
    """
    ordered = np.sort(synthetic_i)
    low, high = np.quantile(ordered, RANGE)
    values = np.array(list(real.values()), dtype=float)
    scale = (lambda x: np.log10(np.maximum(x, 1e-12))) if is_log else np.asarray
    levels = {f"{level:g}": float(np.quantile(ordered, level)) for level in LEVELS}
    return {
        "synthetic": levels | {"least": float(ordered[0]), "largest": float(ordered[-1])},
        "materials": len(ordered),
        "real": {
            name: {"value": float(value), "quantile": quantile(ordered, value)}
            for name, value in real.items()
        },
        "within": float(np.mean((values >= low) & (values <= high))) if len(values) else None,
        "overlap": overlap_coefficient(scale(ordered), scale(values)) if len(values) else None,
    }


def outside(distributions: dict[str, dict], name: str) -> dict[str, str]:
    """Descriptors of a real material beyond the range: "below" or "above", "all" if beyond all."""
    found = {}
    for key, table in distributions.items():
        if name not in table["real"]:
            continue
        value, levels = table["real"][name]["value"], table["synthetic"]
        for side, beyond, extreme in (
            ("below", value < levels[f"{RANGE[0]:g}"], value < levels["least"]),
            ("above", value > levels[f"{RANGE[1]:g}"], value > levels["largest"]),
        ):
            if beyond:
                found[key] = f"{side} all" if extreme else side
    return found


def curve_quantiles(curves_ix: Float[np.ndarray, "i x"]) -> Float[np.ndarray, "l x"]:
    """Quantiles at `LEVELS` over materials; NaN (no such distance) does not count."""
    found = np.full((len(LEVELS), curves_ix.shape[1]), np.nan)
    some = np.isfinite(curves_ix).any(axis=0)
    found[:, some] = np.nanquantile(curves_ix[:, some], LEVELS, axis=0)
    return found


def curve_within(
    band_lx: Float[np.ndarray, "l x"], curve_x: Float[np.ndarray, " x"], least: float
) -> float:
    """Share of the points of a curve inside the outermost quantiles.

    Points where a curve and the whole band are at the floor are told by nobody: left out.
    """
    low, high = band_lx[0], band_lx[-1]
    told = np.isfinite(curve_x) & np.isfinite(low) & ((curve_x > least) | (high > least))
    told &= (curve_x < 1) | (low < 1)  # every decay starts at one
    inside = (curve_x >= low * (1 - 1e-9)) & (curve_x <= high * (1 + 1e-9))
    return float(np.mean(inside[told])) if told.any() else 1.0


def where(
    cloud: Cloud, labels: list[dict[str, str]], value_d: Float[np.ndarray, " d"], neighbours: int
) -> dict:
    """Scores and nearest synthetic materials, as plain values.

    Args:
      labels: of the materials of the cloud: name, prototype, family.
    """
    found: Place = place(cloud, value_d, neighbours)
    return {
        "score": found.score,
        "distance": found.nearest,
        "mahalanobis": found.mahalanobis,
        "mahalanobis_score": found.mahalanobis_score,
        "neighbours": [
            labels[i] | {"distance": float(d)}
            for i, d in zip(found.neighbour_j, found.distance_j, strict=True)
        ],
    }
