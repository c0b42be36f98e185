"""Quantisation with rate control: the cheapest numbers whose error stays below a bound."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ephforge.modelcodec.laws import ESCAPE, lengths, row
from ephforge.modelcodec.prior import STEPS_PER_OCTAVE, Prior

PULL_UNIT = 1 / 32  # of the step, of how far numbers are rebuilt towards zero
PULL_BITS = 4
PRICE = 0.1  # step^2 of squared error that a bit may cost (tuned: Si, AlAs, SiC)
WEIGHT = 100.0  # of what is weighed (tuned: Si, AlAs)
_ROUNDS = 4
_SWEEPS, _SMALLER = 4, 4  # steps in 1/64 octaves
_LARGEST_STEP = 4000  # either way; a step is stored in 13 bits
_MOVES = (16, 6, 2, 1)  # of a weight, tried in this order


class Quantised(NamedTuple):
    """Numbers q, the step 2^(step / 64), and how they are rebuilt.

    Attributes:
      pulls: |q| = 1, and more, stand for |q| - pull / 32.
    """

    value_n: Int[np.ndarray, " n"]
    step: int
    pulls: tuple[int, int]

    def numbers(self) -> Float[np.ndarray, " n"]:
        """What the numbers stand for."""
        return rebuilt(self.value_n, self.pulls) * 2.0 ** (self.step / STEPS_PER_OCTAVE)


def rebuilt(value_n: Int[np.ndarray, " n"], pulls: tuple[int, int]) -> Float[np.ndarray, " n"]:
    """In units of the step."""
    size_n = np.abs(value_n)
    pull_n = np.where(size_n == 1, pulls[0], pulls[1]) * PULL_UNIT
    return np.sign(value_n) * np.where(size_n > 0, size_n - pull_n, 0.0)


def cost(value_n, class_n) -> float:
    """Bits of numbers in their classes."""
    return float(lengths()[row(class_n), np.minimum(np.abs(value_n), ESCAPE)].sum())


def within(
    target_n: Float[np.ndarray, " n"],
    features_nf: Int[np.ndarray, "n f"],
    prior: Prior,
    largest: float,
    weighed_xn: Float[np.ndarray, "x n"] | None = None,
) -> tuple[Quantised, Prior]:
    """Quantise so that the norm of the error is at most `largest`, with fitted weights.

    Args:
      target_n: coefficients.
      features_nf: grains.
      prior: weights to start from; those that are changed are paid for.
      largest: bound on the norm of the error, units of the coefficients.
      weighed_xn: combinations of coefficients whose errors weigh `WEIGHT` times more.
    """
    start = _start(target_n, largest)
    found, weights = start, prior.weight_f
    for _ in range(_ROUNDS):
        weights = _fitted(found, features_nf, prior.weight_f, weights)
        found = _to_bound(target_n, features_nf, Prior(weights), largest, found)
    if weighed_xn is not None:
        found = _weighed(target_n, features_nf, Prior(weights), largest, found, weighed_xn)
    return found, Prior(weights)


def _weighed(target_n, features_nf, prior: Prior, largest, start: Quantised, weighed_xn):
    """The same bound with decisions that know of combinations: a slightly smaller step."""
    found = start
    while True:
        class_n = prior.classes(features_nf, found.step)
        plain = _decided(target_n, class_n, found.step, start.pulls)
        trial = decided_together(target_n, class_n, plain, weighed_xn)
        if np.linalg.norm(trial.numbers() - target_n) <= largest:
            return trial
        found = found._replace(step=found.step - _SMALLER)


def decided_together(
    target_n: Float[np.ndarray, " n"],
    class_n: Int[np.ndarray, " n"],
    start: Quantised,
    weighed_xn: Float[np.ndarray, "x n"],
) -> Quantised:
    """Change numbers one by one while that lowers |e|^2 + WEIGHT |C e|^2 + PRICE step^2 bits.

    Args:
      start: decided without C.
      weighed_xn: C.
    """
    target_n = target_n / 2.0 ** (start.step / STEPS_PER_OCTAVE)
    column_nx = np.ascontiguousarray(weighed_xn.T)
    curvature_n = 1 + WEIGHT * np.sum(column_nx**2, axis=1)
    bits_nv = PRICE * lengths()[row(class_n)]
    value_n = start.value_n.copy()
    error_n = rebuilt(value_n, start.pulls) - target_n
    sum_x = error_n @ column_nx
    for _ in range(_SWEEPS):
        is_changed = False
        for n in range(len(value_n)):
            own = value_n[n]
            slope = error_n[n] + WEIGHT * (column_nx[n] @ sum_x)
            trial_t = np.array([own, own - 1, own + 1, 0])
            move_t = rebuilt(trial_t, start.pulls) - (error_n[n] + target_n[n])
            price_t = move_t * (2 * slope + curvature_n[n] * move_t)
            price_t += bits_nv[n, np.minimum(np.abs(trial_t), ESCAPE)]
            best = int(np.argmin(price_t))
            if trial_t[best] != own:
                value_n[n], is_changed = trial_t[best], True
                error_n[n] += move_t[best]
                sum_x += move_t[best] * column_nx[n]
        if not is_changed:
            break
    return start._replace(value_n=value_n)


def _start(target_n, largest: float) -> Quantised:
    """A dead zone of the same error, no prior."""
    low, high = -_LARGEST_STEP, _LARGEST_STEP
    while high - low > 1:
        middle = (low + high) // 2
        if np.linalg.norm(_plain(target_n, middle).numbers() - target_n) > largest:
            high = middle
        else:
            low = middle
    return _plain(target_n, low)


def _plain(target_n, step: int) -> Quantised:
    size_n = np.floor(np.abs(target_n) / 2.0 ** (step / STEPS_PER_OCTAVE) + 0.35)
    return Quantised((np.sign(target_n) * size_n).astype(np.int64), step, (0, 0))


def _to_bound(target_n, features_nf, prior: Prior, largest: float, start: Quantised) -> Quantised:
    """The largest step that meets the bound, by halving; decisions weigh error against bits."""
    low, high = start.step - 2 * STEPS_PER_OCTAVE, min(start.step + STEPS_PER_OCTAVE, _LARGEST_STEP)
    pulls, best = start.pulls, None
    while high - low > 1:
        middle = (low + high) // 2
        found = _decided(target_n, prior.classes(features_nf, middle), middle, pulls)
        if np.linalg.norm(found.numbers() - target_n) > largest:
            high = middle
        else:
            low, best, pulls = middle, found, found.pulls
    return best or start


def _decided(target_n, class_n, step: int, pulls: tuple[int, int]) -> Quantised:
    """For each number the value for which squared error + PRICE step^2 bits is smallest."""
    size_n = np.abs(target_n) / 2.0 ** (step / STEPS_PER_OCTAVE)
    nearest_n = np.rint(size_n).astype(np.int64)
    bits_nv = lengths()[row(class_n)]
    every = np.arange(len(size_n))
    best_n, value_n = np.full(len(size_n), np.inf), np.zeros(len(size_n), np.int64)
    for trial_n in (nearest_n, nearest_n - 1, nearest_n + 1, np.zeros_like(nearest_n)):
        trial_n = np.maximum(trial_n, 0)
        bits_n = bits_nv[every, np.minimum(trial_n, ESCAPE)]
        price_n = (size_n - rebuilt(trial_n, pulls)) ** 2 + PRICE * bits_n
        value_n = np.where(price_n < best_n, trial_n, value_n)
        best_n = np.minimum(best_n, price_n)
    pulls = tuple(_pull(value_n - size_n, own) for own in (value_n == 1, value_n > 1))
    return Quantised((np.sign(target_n) * value_n).astype(np.int64), step, pulls)


def _pull(excess_n, own_n) -> int:
    half = 1 << (PULL_BITS - 1)
    mean = float(np.mean(excess_n[own_n])) if np.any(own_n) else 0.0
    return int(np.clip(np.rint(mean / PULL_UNIT), -half, half - 1))


def _fitted(found: Quantised, features_nf, default_f, weight_f) -> Int[np.ndarray, " f"]:
    """Weights that make the numbers cheapest, their own cost included, one after the other."""

    def total(trial_f) -> float:
        class_n = Prior(trial_f).classes(features_nf, found.step)
        return cost(found.value_n, class_n) + weight_cost(trial_f - default_f)

    best_f, best = weight_f, total(weight_f)
    for move in _MOVES:
        improved = True
        while improved:
            improved = False
            for f in range(len(best_f)):
                for change in (-move, move):
                    trial_f = best_f.copy()
                    trial_f[f] += change
                    bits = total(trial_f)
                    if bits < best - 1e-6:
                        best_f, best, improved = trial_f, bits, True
    return best_f


def weight_cost(change_f: Int[np.ndarray, " f"]) -> float:
    """Bits of changed weights: Elias gamma of the zigzag number + 1."""
    zigzag_f = np.where(change_f >= 0, 2 * change_f, -2 * change_f - 1) + 1
    return float(np.sum(2 * np.floor(np.log2(zigzag_f)) + 1))
