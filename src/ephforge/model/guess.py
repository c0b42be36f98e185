"""The best linear guess of |g| on all orbits from some of them, before any convolution.

|g| with rms 1, times roots of the orbits' shares, is taken for a normal variable: principal
components of whole blocks with independent scores, and what they leave of the even and of the odd
part, whose second moment is a product of one over orbits and one over channels:

    Y = sum_r s_r C_r + L,    <s_r^2> = size_r^2,    <L_xo L_yp> = sum over parts S_op (A b A^T)_xy.

The guess is its mean once some orbits are known.  Scores come first, from all channels together;
what they leave is interpolated with S, the same for every channel (Rasmussen, Williams, Gaussian
Processes for Machine Learning, MIT Press 2006, eq. 2.41).  Where nothing was learned there are no
components, and S is the smooth field's.

Axes   x band-band-mode channels   c even or odd ones   o orbits   g given ones   i orbit functions
       r components
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float
from scipy.linalg import cho_factor, cho_solve

from ephforge.core.blocks import Block
from ephforge.model.geometry import geometry_of
from ephforge.model.transform import Part, Statistics, components_of, parts_of, variances_of

JITTER = 1e-4  # share of the mean variance added to the diagonal of S
WEAKEST = 1e-3  # of the mean share of a channel; weaker ones count as that weak


@dataclass(frozen=True)
class _Side:
    """One part of Y; `solved` is S_gg^-1 C over the channels' shares."""

    part: Part
    component_icr: Float[np.ndarray, "i c r"]
    moment_oo: Float[np.ndarray, "o o"]
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
      covariance_rr: of the scores, once the given orbits are known.
    """

    given_o: Bool[np.ndarray, " o"]
    root_o: Float[np.ndarray, " o"]
    size_r: Float[np.ndarray, " r"]
    covariance_rr: Float[np.ndarray, "r r"]
    sides: list[_Side]

    def __call__(self, g_omnv: Float[np.ndarray, "o m n v"]) -> Float[np.ndarray, "o m n v"]:
        """|g| on all orbits, float32; of what is passed the given orbits are looked at only."""
        known_gx = g_omnv[self.given_o].reshape(self.given_o.sum(), -1)
        known_gx = known_gx * self.root_o[self.given_o, None]
        known = [known_gx @ side.part.channel_xc for side in self.sides]
        pull_r = sum(
            np.tensordot(known_gc, side.solved_gcr, 2)
            for known_gc, side in zip(known, self.sides, strict=True)
        )
        score_r = self.covariance_rr @ pull_r
        found_ox = np.zeros((len(self.root_o), g_omnv[0].size))
        for known_gc, side in zip(known, self.sides, strict=True):
            mean_oc = side.part.basis_oi @ (side.component_icr @ score_r)
            left_gc = known_gc - mean_oc[self.given_o]
            found_ox += (mean_oc + side.weight_og @ left_gc) @ side.part.channel_xc.T
        found = np.float32(found_ox / self.root_o[:, None]).reshape(g_omnv.shape)
        found[self.given_o] = g_omnv[self.given_o]
        return found

    @cached_property
    def expected_miss(self) -> float:
        """Relative error over the hidden orbits, expected of a block that is as was assumed."""
        hidden_o = ~self.given_o
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
                miss += np.sum((left_hr @ self.covariance_rr) * left_hr)
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
    precision_rr = np.diag(size_r**-2.0) + sum(side.precision_rr for side in sides)
    root_o = np.sqrt(geometry_of(block).weight_o.astype(float))
    return Guess(given_o, root_o, size_r, np.linalg.inv(precision_rr), sides)


def _side(part: Part, variance_ic, component_icr, given_o) -> _Side:
    moment_oo = (part.basis_oi * variance_ic.sum(axis=1)) @ part.basis_oi.T
    share_c = variance_ic.sum(axis=0) / variance_ic.sum()
    share_c = np.maximum(share_c, WEAKEST / len(share_c))
    inside_gg = moment_oo[np.ix_(given_o, given_o)]
    noise = JITTER * np.trace(moment_oo) / len(moment_oo)  # odd parts may vanish where q = 0
    factor = cho_factor(inside_gg + noise * np.eye(len(inside_gg)))
    weight_og = cho_solve(factor, moment_oo[given_o]).T
    known_gcr = np.tensordot(part.basis_oi[given_o], component_icr, 1)
    flat = (len(inside_gg), variance_ic.shape[1] * component_icr.shape[-1])
    solved_gcr = cho_solve(factor, known_gcr.reshape(flat)).reshape(known_gcr.shape)
    solved_gcr /= share_c[:, None]
    precision_rr = np.tensordot(known_gcr, solved_gcr, ((0, 1), (0, 1)))
    return _Side(part, component_icr, moment_oo, weight_og, solved_gcr, precision_rr)
