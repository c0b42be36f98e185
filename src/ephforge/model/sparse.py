"""The encoder: integers that a quantised transform decodes to a given block.

A block y is decoded from integers n_e as y = P T (step n).  T holds the principal components of
whole blocks, those of patches and the orthonormal transform of transform.py beside them, P is the
projection on blocks whose equal numbers are equal (core/degeneracy.py).  The columns of P T are
more than the dimensions of the space they span, so many choices of n decode to nearly the same
block; the encoder looks for one that costs few bits:

    minimise  ||y - P T (step n)||^2 + weight step^2 bits(n).

First without the integers, with an absolute value in the place of bits (iterative shrinkage with
momentum: Beck, Teboulle, SIAM J. Imaging Sci. 2, 183 (2009), eqs 4.1-4.3), then on integers, all
at once, as long as the sum falls.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from ephforge.core.blocks import Block
from ephforge.core.degeneracy import Entries, Pattern, entries_of
from ephforge.model.bases import Part, analysed, synthesised
from ephforge.model.patches import PatchBasis
from ephforge.model.transform import (
    Statistics,
    components_of,
    parts_of,
    patches_with,
    rest_of,
    variances_of,
)

WEIGHT = 0.08  # of a bit, in units of step^2
SHRINKAGE = 0.35  # threshold over step, for coefficients of which nothing is known
RARITY = 0.8  # how fast the threshold grows with log(step / expected size)
SHRINK_STEPS, SETTLE_STEPS, INTEGER_STEPS = 30, 6, 12
RELAXATION = 1.5  # of an integer step; lowered when the sum rises
UNLIKELY = 0.02  # expected size in steps of the largest coefficient of an orbit function left out
SMALLEST = 1e-4  # expected size of a coefficient, in units of `Dictionary.unit`
ORBITS = 154  # 4x4x4 meshes of fcc lattices
WIDTH = (
    0.7  # scale over expected size of the distribution (Student's t, 3 degrees) that bits follow
)


@dataclass(frozen=True)
class Dictionary:
    """P T of one material, float64; an encoder's own float32.

    Attributes:
      components_er: principal components of whole blocks, in coefficients of the parts.
      patches: components of patches.
      parts: bases of the even and odd parts.
      size_e: expected size of each coefficient, rms |g| = 1: scores of the components, those of
        the patches, then the even and the odd ones, row by row.
      largest: expected size of the largest coefficient of each orbit function, even and odd, of
        all that components of whole blocks leave.
      entries: classes of equal numbers.
    """

    components_er: Float[np.ndarray, "d r"]
    patches: PatchBasis
    parts: tuple[Part, Part]
    size_e: Float[np.ndarray, " e"]
    largest: tuple[Float[np.ndarray, " i"], Float[np.ndarray, " j"]]
    entries: Entries

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Of the tables of coefficients: [1, r], [s, r], [i, c], [j, d]."""
        of_parts = [(p.basis_oi.shape[1], p.channel_xc.shape[1]) for p in self.parts]
        of_patches = len(self.patches.patches.slices), self.patches.basis_hr.shape[1]
        return (1, self.components_er.shape[1]), of_patches, *of_parts

    def split(self, c_e: np.ndarray) -> list[np.ndarray]:
        """Scores [1, r], those of patches [s, r], even [i, c] and odd [j, d] coefficients."""
        ends = np.cumsum([rows * columns for rows, columns in self.shapes])
        pieces = np.split(c_e, ends[:-1])
        return [piece.reshape(shape) for piece, shape in zip(pieces, self.shapes, strict=True)]

    def decode(self, c_e: Float[np.ndarray, " e"]) -> Float[np.ndarray, "x o"]:
        """P T c."""
        score_1r, patch_sr, *_ = self.split(c_e)
        coefficient_d = c_e[score_1r.size + patch_sr.size :]
        if score_1r.size:
            coefficient_d = coefficient_d + self.components_er @ score_1r[0]
        y_xo = synthesised(self.parts, coefficient_d)
        if patch_sr.size:
            y_xo = y_xo + self.patches.decode(patch_sr)
        return self.entries.project(y_xo).astype(y_xo.dtype)

    def analyse(self, y_xo: Float[np.ndarray, "x o"]) -> Float[np.ndarray, " e"]:
        """T^T y."""
        c_d = analysed(self.parts, y_xo)
        (_, n_scores), (_, n_patch), *_ = self.shapes
        found = [self.components_er.T @ c_d] if n_scores else []
        if n_patch:
            found.append(self.patches.analyse(y_xo).ravel())
        return np.concatenate([*found, c_d]) if found else c_d

    def likely(self, step: float) -> tuple["Dictionary", Bool[np.ndarray, " e"]]:
        """What an encoder works with: single precision, without orbit functions and components of
        patches of which no coefficient is expected to come near a step; and where its
        coefficients stand."""
        score_1r, patch_sr, *_ = self.split(self.size_e)
        kept_i = [largest_i > UNLIKELY * step for largest_i in self.largest]
        parts = [
            Part(*(a.astype(np.float32) for a in (p.basis_oi[:, i], p.value_i[i], *p[2:])))
            for p, i in zip(self.parts, kept_i, strict=True)
        ]
        is_kept_d = np.concatenate(
            [np.repeat(i, len(p.value_c)) for p, i in zip(self.parts, kept_i, strict=True)]
        )
        is_kept_r = patch_sr.max(axis=0, initial=0) > UNLIKELY * step
        count = int(np.flatnonzero(is_kept_r).max(initial=-1)) + 1
        is_kept_sr = np.broadcast_to(np.arange(len(is_kept_r)) < count, patch_sr.shape)
        is_kept_e = [np.ones(score_1r.size, bool), is_kept_sr.ravel(), is_kept_d]
        is_kept_e = np.concatenate(is_kept_e)
        components_er = self.components_er[is_kept_d].astype(np.float32)
        size_e = self.size_e[is_kept_e].astype(np.float32)
        largest = tuple(a[i] for a, i in zip(self.largest, kept_i, strict=True))
        found = self.patches.first(count), tuple(parts), size_e, largest, self.entries
        return Dictionary(components_er, *found), is_kept_e

    def widened(self, factor: float) -> "Dictionary":
        """With all coefficients but the scores expected to be so many times as large."""
        score_r, other_d = np.split(self.size_e, [self.components_er.shape[1]])
        size_e = np.concatenate([score_r, factor * other_d])
        return replace(self, size_e=size_e, largest=tuple(factor * a for a in self.largest))

    @property
    def unit(self) -> float:
        """Of steps and sizes of coefficients: `unit` of the block's mesh."""
        return unit(len(self.entries.root_o))

    @property
    def gain(self) -> float:
        """Bound on the square of the largest stretch of P T: components repeat the rest."""
        return 1.0 + bool(self.components_er.size) + bool(self.patches.basis_hr.size)


def unit(orbits: int) -> float:
    """What coefficients of |g| with rms 1 shrink by where there are more of them.

    On every mesh a step of so many units leaves about the same relative error.
    """
    return math.sqrt(ORBITS / orbits)


def dictionary_of(block: Block, statistics: Statistics, pattern: Pattern) -> Dictionary:
    """The dictionary of a block's geometry and shape; its |g| is not looked at."""
    parts = parts_of(block, statistics)
    components_er, score_r = components_of(block, statistics)
    patches, patch_sr = patches_with(block, statistics)
    rest_e = np.concatenate([v.ravel() for v in rest_of(block, statistics, parts)])
    if not components_er.size:
        components_er = np.zeros((len(rest_e), 0))
    entries = entries_of(block, pattern)
    smallest = SMALLEST * unit(len(entries.root_o))
    size_e = np.concatenate([score_r, patch_sr.ravel(), np.sqrt(rest_e)])
    largest = tuple(
        np.maximum(np.sqrt(variance_ic.max(axis=1, initial=0)), smallest)
        for variance_ic in variances_of(block, statistics, parts)
    )
    size_e = np.maximum(size_e, smallest)
    return Dictionary(components_er, patches, parts, size_e, largest, entries)


def integers(
    dictionary: Dictionary, y_xo: Float[np.ndarray, "x o"], step: float
) -> Int[np.ndarray, " e"]:
    """Integers that decode to y, nearly, at a low price."""
    likely, is_likely_e = dictionary.likely(step)
    y_xo = y_xo.astype(np.float32)
    c_e = _shrunk(likely, y_xo, step)
    n_e = np.sign(c_e) * np.floor(np.abs(c_e) / step + 0.45)
    found_e = np.zeros(len(is_likely_e), np.int64)
    found_e[is_likely_e] = _settled(likely, y_xo, step, n_e)
    return found_e


def _shrunk(dictionary: Dictionary, y_xo, step: float) -> np.ndarray:
    rarity_e = 1 + RARITY * np.log1p(step / dictionary.size_e)
    threshold_e = SHRINKAGE / 2 * step * rarity_e / dictionary.gain
    c_e = ahead_e = _start(dictionary, y_xo)
    momentum = 1.0
    for _ in range(SHRINK_STEPS):
        slope_e = dictionary.analyse(y_xo - dictionary.decode(ahead_e))
        moved_e = ahead_e + slope_e / dictionary.gain
        new_e = np.sign(moved_e) * np.maximum(np.abs(moved_e) - threshold_e, 0)
        following = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        ahead_e = new_e + (momentum - 1) / following * (new_e - c_e)
        c_e, momentum = new_e, following
    is_used_e = c_e != 0
    for _ in range(SETTLE_STEPS):  # shrinkage made those in use too small
        slope_e = dictionary.analyse(y_xo - dictionary.decode(c_e))
        c_e = c_e + np.where(is_used_e, 1.3 / dictionary.gain * slope_e, 0)
    return c_e


def _start(dictionary: Dictionary, y_xo) -> np.ndarray:
    """Scores first, then those of patches of what they leave, then what these leave."""
    c_e = dictionary.analyse(y_xo)
    (_, n_scores), (n_patches, n_directions), *_ = dictionary.shapes
    n_patch = n_patches * n_directions
    score_r, patch, other_d = np.split(c_e, [n_scores, n_scores + n_patch])
    if n_scores:
        explained_d = dictionary.components_er @ score_r
        other_d -= explained_d
    if n_patch:
        if n_scores:
            y_xo = y_xo - synthesised(dictionary.parts, explained_d)
        patch_sr = dictionary.patches.analyse(y_xo)
        other_d -= analysed(dictionary.parts, dictionary.patches.decode(patch_sr))
        patch[:] = patch_sr.ravel()
    return c_e


def _settled(dictionary: Dictionary, y_xo, step: float, n_e: np.ndarray) -> np.ndarray:
    relaxation = RELAXATION / dictionary.gain
    best, left_xo = _cost(dictionary, y_xo, step, n_e)
    for _ in range(INTEGER_STEPS):
        wanted_e = n_e + relaxation / step * dictionary.analyse(left_xo)
        near_e = np.rint(wanted_e)
        choices = np.stack([near_e, near_e - np.sign(near_e), n_e, np.zeros_like(n_e)])
        price = (choices - wanted_e) ** 2 + WEIGHT * relaxation * _bits(
            choices, dictionary.size_e / step
        )
        new_e = np.take_along_axis(choices, np.argmin(price, axis=0)[None], axis=0)[0]
        found, new_xo = _cost(dictionary, y_xo, step, new_e)
        if found < best:
            n_e, best, left_xo = new_e, found, new_xo
            continue
        relaxation *= 0.7
        if relaxation < 0.5 / dictionary.gain:
            break
    return n_e


def _cost(dictionary: Dictionary, y_xo, step: float, n_e: np.ndarray):
    left_xo = y_xo - dictionary.decode(n_e * step)
    bits = _bits(n_e, dictionary.size_e / step).sum()
    return float(np.sum(left_xo**2) + WEIGHT * step**2 * bits), left_xo


def _bits(n_e: np.ndarray, size_e: np.ndarray) -> np.ndarray:
    """About what an integer costs, from its expected size alone."""
    middle, half = -np.abs(n_e) / (WIDTH * size_e), 0.5 / (WIDTH * size_e)
    return -np.log2(np.maximum(_student(middle + half) - _student(middle - half), 1e-9))


def _student(x: np.ndarray) -> np.ndarray:
    """Cumulative distribution of Student's t with three degrees of freedom."""
    u = x / math.sqrt(3)
    return 0.5 + (u / (1 + u**2) + np.arctan(u)) / np.pi
