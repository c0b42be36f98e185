"""The best linear guess of |g| on all orbits from some of them, before any convolution.

|g| with rms 1, times roots of the orbits' shares, is taken for a normal variable: principal
components of whole blocks with independent scores, and what they leave of the even and of the odd
part, whose second moment is a product of one over orbits and one over channels:

    Y = sum_r s_r C_r + L,    <s_r^2> = size_r^2,    <L_xo L_yp> = sum over parts S_op (A b A^T)_xy.

The guess is its mean once some orbits are known.  Scores come first, from all channels together;
what they leave is interpolated with S, the same for every channel (Rasmussen, Williams, Gaussian
Processes for Machine Learning, MIT Press 2006, eq. 2.41).  Where nothing was learned there are no
components, and S is the smooth field's.

Components of a few materials leave more of a new one than they say.  So L is f times as strong,
the f of `FACTORS` with the largest likelihood of what is known (evidence of an empirical Bayes
estimate, same book, eq. 2.43); with hundreds of materials it
is 1 for most.  With D the eigenvalues and T
size times the eigenvectors of size (C^T S^-1 C) size, p = T^T C^T S^-1 y of n known numbers y,

    s = T p / (f + D),
    -2 log likelihood = y^T S^-1 y / f - sum_r p_r^2 / (f (f + D_r)) + n log f
                        + sum_r log(1 + D_r / f) + what f does not change.

Axes   x band-band-mode channels   c even or odd ones   o orbits   g given ones   i orbit functions
       r components
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float
from scipy.linalg import cho_factor, cho_solve

from ephforge.core.blocks import Block
from ephforge.model.bases import Part
from ephforge.model.geometry import geometry_of
from ephforge.model.transform import Statistics, components_of, parts_of, variances_of

JITTER = 1e-4  # share of the mean variance added to the diagonal of S
WEAKEST = 1e-3  # of the mean share of a channel; weaker ones count as that weak
FACTORS = 4.0 ** np.arange(6)


@dataclass(frozen=True)
class _Side:
    """One part of Y; `solved` is S_gg^-1 C over the channels' shares."""

    part: Part
    component_icr: Float[np.ndarray, "i c r"]
    moment_oo: Float[np.ndarray, "o o"]
    inverse_gg: Float[np.ndarray, "g g"]
    share_c: Float[np.ndarray, " c"]
    weight_og: Float[np.ndarray, "o g"]
    solved_gcr: Float[np.ndarray, "g c r"]
    precision_rr: Float[np.ndarray, "r r"]


@dataclass(frozen=True)
class Guess:
    """For all materials of one class and set of channels, and one choice of given orbits.

    Attributes:
      given_o: which are given.
      root_o: root of each orbit's share of the pairs.
      size_r: expected sizes of scores, rms |g| 1.
      turned_rr: T of the module.
      strength_r: D of the module.
    """

    given_o: Bool[np.ndarray, " o"]
    root_o: Float[np.ndarray, " o"]
    size_r: Float[np.ndarray, " r"]
    turned_rr: Float[np.ndarray, "r r"]
    strength_r: Float[np.ndarray, " r"]
    sides: list[_Side]

    def __call__(self, g_omnv: Float[np.ndarray, "o m n v"]) -> Float[np.ndarray, "o m n v"]:
        """|g| on all orbits, float32; of what is passed the given orbits are looked at only."""
        known_gx = g_omnv[self.given_o].reshape(self.given_o.sum(), -1)
        known_gx = known_gx * self.root_o[self.given_o, None]
        known = [known_gx @ side.part.channel_xc for side in self.sides]
        score_r = self._scores(known)
        found_ox = np.zeros((len(self.root_o), g_omnv[0].size))
        for known_gc, side in zip(known, self.sides, strict=True):
            mean_oc = side.part.basis_oi @ (side.component_icr @ score_r)
            left_gc = known_gc - mean_oc[self.given_o]
            found_ox += (mean_oc + side.weight_og @ left_gc) @ side.part.channel_xc.T
        found = np.float32(found_ox / self.root_o[:, None]).reshape(g_omnv.shape)
        found[self.given_o] = g_omnv[self.given_o]
        return found

    def _scores(self, known: list[np.ndarray]) -> Float[np.ndarray, " r"]:
        """Means of the scores, with the likeliest of `FACTORS`; known: [g, c] of each side."""
        pull_r, square, count = np.zeros(len(self.size_r)), 0.0, 0
        for known_gc, side in zip(known, self.sides, strict=True):
            pull_r += np.tensordot(known_gc, side.solved_gcr, 2)
            square += np.sum(known_gc * (side.inverse_gg @ known_gc) / side.share_c)
            count += known_gc.size
        pull_r = pull_r @ self.turned_rr
        odds_f = [
            square / f
            - np.sum(pull_r**2 / (f * (f + self.strength_r)))
            + count * np.log(f)
            + np.sum(np.log1p(self.strength_r / f))
            for f in FACTORS
        ]
        factor = FACTORS[int(np.argmin(odds_f))]
        return self.turned_rr @ (pull_r / (factor + self.strength_r))

    @cached_property
    def expected_miss(self) -> float:
        """Relative error over the hidden orbits, expected of a block that is as was assumed."""
        hidden_o = ~self.given_o
        root_rr = self.turned_rr / np.sqrt(1 + self.strength_r)  # of the scores' covariance
        miss = whole = 1e-30
        for side in self.sides:
            explained_o = np.sum(side.weight_og * side.moment_oo[:, self.given_o], axis=1)
            diagonal_o = np.diag(side.moment_oo)
            whole += diagonal_o[hidden_o].sum()
            miss += (diagonal_o - explained_o)[hidden_o].sum()
            for component_ir in side.component_icr.swapaxes(0, 1):
                mean_or = side.part.basis_oi @ component_ir
                left_hr = mean_or[hidden_o] - side.weight_og[hidden_o] @ mean_or[self.given_o]
                whole += np.sum((mean_or[hidden_o] * self.size_r) ** 2)
                miss += np.sum((left_hr @ root_rr) ** 2)
        return float(np.sqrt(max(miss, 0.0) / whole))


def guess_of(block: Block, statistics: Statistics, given_o: Bool[np.ndarray, " o"]) -> Guess:
    """The guess for a block's geometry and shape; its |g| is not looked at."""
    parts = parts_of(block, statistics)
    variances = variances_of(block, statistics, parts)
    component_er, size_r = components_of(block, statistics)
    halves = np.split(component_er, [min(variances[0].size, len(component_er))])
    sides = []
    for part, variance_ic, half_er in zip(parts, variances, halves, strict=True):
        if variance_ic.size:
            component_icr = half_er.reshape(*variance_ic.shape, len(size_r))
            sides.append(_side(part, variance_ic, component_icr, given_o))
    precision_rr = sum(side.precision_rr for side in sides)
    strength_r, axis_rr = np.linalg.eigh(size_r[:, None] * precision_rr * size_r)
    root_o = np.sqrt(geometry_of(block).weight_o.astype(float))
    turned_rr = size_r[:, None] * axis_rr
    return Guess(given_o, root_o, size_r, turned_rr, np.maximum(strength_r, 0.0), sides)


def _side(part: Part, variance_ic, component_icr, given_o) -> _Side:
    moment_oo = (part.basis_oi * variance_ic.sum(axis=1)) @ part.basis_oi.T
    share_c = variance_ic.sum(axis=0) / variance_ic.sum()
    share_c = np.maximum(share_c, WEAKEST / len(share_c))
    inside_gg = moment_oo[np.ix_(given_o, given_o)]
    noise = JITTER * np.trace(moment_oo) / len(moment_oo)  # odd parts may vanish where q = 0
    factor = cho_factor(inside_gg + noise * np.eye(len(inside_gg)))
    inverse_gg = cho_solve(factor, np.eye(len(inside_gg)))
    weight_og = cho_solve(factor, moment_oo[given_o]).T
    known_gcr = np.tensordot(part.basis_oi[given_o], component_icr, 1)
    flat = (len(inside_gg), variance_ic.shape[1] * component_icr.shape[-1])
    solved_gcr = cho_solve(factor, known_gcr.reshape(flat)).reshape(known_gcr.shape)
    solved_gcr /= share_c[:, None]
    precision_rr = np.tensordot(known_gcr, solved_gcr, ((0, 1), (0, 1)))
    return _Side(
        part, component_icr, moment_oo, inverse_gg, share_c, weight_og, solved_gcr, precision_rr
    )
