"""How probable each integer of a code is, given those that are already known.

Coefficients come in levels, from the largest expected size to the smallest, each as many as all
before it.  What the integers of earlier levels say about a coefficient - whether those of its row
(orbit function) and its column (channel function) were larger than expected, near it and
altogether - goes into a small network with the expected size, and out come a scale and the two
widths and the weight of a mixture of two Laplace distributions around zero.

A decoder has to find the very same probabilities, on whatever machine: the network is evaluated
in double precision, its output rounded to a coarse grid, and so are the probabilities.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.ndimage import gaussian_filter1d

from ephforge.model.sparse import Dictionary

FIRST_LEVEL = 16  # coefficients
N_FEATURES = 13
LARGEST = 24  # integers beyond +-LARGEST are coded as such, and their size after them
UNTRAINED = (-0.3, 1.0, 0.0)  # outputs of no network: a little narrow, and heavy tails
SCORE_KIND = np.array([1.0, 0.5, 0.0, 0.0])  # of whole blocks, of patches, even, odd
ODD = 3
_CLIP = 8.0  # of a size in units of the expected one
_TYPICAL = 0.7  # mean of it, of which nothing is known
_RANGE = 2.0  # reach of the near averages, rows or columns
_ROUNDED = 2.0**16  # probabilities are multiples of its inverse


@dataclass(frozen=True)
class Prior:
    """Weights of the network: features are standardised, two hidden layers, three outputs."""

    mean_f: Float[np.ndarray, " f"]
    spread_f: Float[np.ndarray, " f"]
    layers: list[tuple[np.ndarray, np.ndarray]]

    def outputs(self, feature_ef: Float[np.ndarray, "e f"]) -> Float[np.ndarray, "e 3"]:
        """log(width / expected size), how much wider the other is, logit of the narrow one."""
        x = (feature_ef - self.mean_f) / self.spread_f
        for matrix, bias in self.layers[:-1]:
            x = np.tanh(x @ matrix + bias)
        matrix, bias = self.layers[-1]
        return x @ matrix + bias

    def mixture(
        self, feature_ef: Float[np.ndarray, "e f"], size_e: Float[np.ndarray, " e"]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Widths in steps, and the weight of the first, on grids; size_e in steps as well."""
        out = self.outputs(feature_ef)
        first = np.exp2(np.rint(8 * np.log2(size_e * np.exp(out[:, 0]))) / 8)
        wider = np.exp2(np.rint(4 * np.log2(1 + np.logaddexp(0, out[:, 1]))) / 4)
        share = np.rint(32 / (1 + np.exp(-out[:, 2]))) / 32
        return first, first * wider, share

    def probabilities(
        self, feature_ef: Float[np.ndarray, "e f"], size_e: Float[np.ndarray, " e"]
    ) -> Float[np.ndarray, "e n"]:
        """Of -LARGEST to LARGEST, and of anything larger."""
        return symbol_probabilities(*self.mixture(feature_ef, size_e))


def symbol_probabilities(
    first_e: Float[np.ndarray, " e"],
    second_e: Float[np.ndarray, " e"],
    share_e: Float[np.ndarray, " e"],
) -> Float[np.ndarray, "e n"]:
    """Of -LARGEST to LARGEST, and of anything larger; float32, multiples of 2^-16.

    Args:
      first_e, second_e, share_e: a mixture, as `Prior.mixture` has it.
    """
    n = np.arange(LARGEST + 2)
    above = share_e[:, None] * _beyond(n, first_e) + (1 - share_e)[:, None] * _beyond(n, second_e)
    one_sided = (above[:, :-1] - above[:, 1:]) / 2  # of 1..LARGEST, the sign fixed
    centre, sides = 1 - above[:, 1:2], one_sided[:, 1:]
    together = np.concatenate([sides[:, ::-1], centre, sides, above[:, -1:]], axis=1)
    return np.float32(np.maximum(np.rint(together * _ROUNDED), 1) / _ROUNDED)


def untrained_prior(n_features: int = N_FEATURES) -> Prior:
    """Knows the expected sizes of the integers and nothing else."""
    layer = np.zeros((n_features, len(UNTRAINED))), np.array(UNTRAINED)
    return Prior(np.zeros(n_features), np.ones(n_features), [layer])


def _beyond(n: np.ndarray, width_e: np.ndarray) -> Float[np.ndarray, "e n"]:
    """Probability that |x| > n - 1/2 under a Laplace distribution."""
    return np.exp(-np.maximum(n - 0.5, 0) / np.maximum(width_e, 1e-3)[:, None])


def levels_of(size_e: Float[np.ndarray, " e"]) -> Int[np.ndarray, " e"]:
    """Level of each coefficient: the largest FIRST_LEVEL are level 0, then doubling."""
    place_e = np.empty(len(size_e), int)
    place_e[np.argsort(-size_e, kind="stable")] = np.arange(len(size_e))
    return np.maximum(np.floor(np.log2((place_e + 0.5) / FIRST_LEVEL)), -1).astype(int) + 1


def features(
    dictionary: Dictionary,
    n_e: Int[np.ndarray, " e"],
    step: float,
    level_e: Int[np.ndarray, " e"],
    level: int,
) -> tuple[Float[np.ndarray, "a f"], Bool[np.ndarray, " e"]]:
    """What is known of the coefficients of a level from those before it, and which they are."""
    size_e = dictionary.size_e
    trust_e = (level_e < level) * np.minimum(1.0, size_e / step)
    seen_e = trust_e * np.minimum(np.abs(n_e) * step / size_e, _CLIP)
    asked_e = level_e == level
    last_e = level_e == level - 1
    overall = (seen_e.sum() + 2 * _TYPICAL) / (trust_e.sum() + 2)
    lately = ((seen_e * last_e).sum() + 2 * _TYPICAL) / ((trust_e * last_e).sum() + 2)
    columns = []
    for seen_ic, trust_ic in zip(dictionary.split(seen_e), dictionary.split(trust_e), strict=True):
        columns.append(_surroundings(seen_ic, trust_ic, overall))
    around = np.concatenate(columns)[asked_e]
    kinds = [np.full(part.size, kind) for kind, part in enumerate(dictionary.split(size_e))]
    kind_e = np.concatenate(kinds)[asked_e]
    alone = [
        np.full(len(around), np.log(overall + 0.05)),
        np.full(len(around), np.log(lately + 0.05)),
        np.log(size_e[asked_e] / step),
        np.log(size_e[asked_e] / dictionary.unit),
        np.full(len(around), level / 10),
        SCORE_KIND[kind_e],
        kind_e == ODD,
    ]
    return np.column_stack([*alone, around]), asked_e


def _surroundings(seen_ic, trust_ic, overall: float) -> Float[np.ndarray, "e 6"]:
    """Means over the row and the column of a coefficient, over what is near, and how many."""
    found = []
    for axis in (0, 1):
        total = trust_ic.sum(axis=axis, keepdims=True)
        mean = (seen_ic.sum(axis=axis, keepdims=True) + 2 * overall) / (total + 2)
        near, near_total = (
            gaussian_filter1d(a, _RANGE, axis=axis, mode="constant") if a.size else a
            for a in (seen_ic, trust_ic)
        )
        found += [np.log(mean + 0.05), np.log((near + 0.3 * overall) / (near_total + 0.3) + 0.05)]
        found.append(np.log1p(total))
    return np.stack([np.broadcast_to(f, seen_ic.shape).ravel() for f in found], axis=-1)
