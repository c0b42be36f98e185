"""Components of patches: one mode at the phonon wave vectors of one star.

Whole blocks have as many components as there are training materials, far fewer than a block has
numbers, and a material that is like some of them at one q need not be like these at another.  So
what the components of whole blocks leave is described once more patch by patch, each by principal
components of its own.

A Hermitian block is a vector with one number for each pair of partners, sqrt 2 times as large,
and one for each number that is its own partner.  Patches follow each other in it: partners have
the same mode, and their q are in one star or in two opposite ones, which share a patch.

Axes   x band-band-mode channels   o orbits   h numbers up to hermiticity   s patches
       r components   b blocks
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.blocks import Block
from ephforge.core.degeneracy import stars_of
from ephforge.model.components import components_and_rest


class Patches(NamedTuple):
    """Where the numbers of a block stand, patch by patch.

    Attributes:
      shape: channels, orbits.
      first_h, second_h: places in the flattened block of each number and its partner.
      start_s: where each patch starts, and where the last one ends.
    """

    shape: tuple[int, int]
    first_h: Int[np.ndarray, " h"]
    second_h: Int[np.ndarray, " h"]
    start_s: Int[np.ndarray, " s+1"]

    def gather(self, y_xo: Float[np.ndarray, "x o"]) -> Float[np.ndarray, " h"]:
        """The vector of the Hermitian part of a block."""
        y = y_xo.ravel()
        return (y[self.first_h] + y[self.second_h]) * self._half_h.astype(y.dtype)

    def spread(self, y_h: Float[np.ndarray, " h"]) -> Float[np.ndarray, "x o"]:
        """Inverse of `gather` for Hermitian blocks, and its transpose."""
        y = np.zeros(self.shape[0] * self.shape[1], y_h.dtype)
        half_h = y_h * self._half_h.astype(y_h.dtype)
        y[self.first_h] += half_h
        y[self.second_h] += half_h
        return y.reshape(self.shape)

    @property
    def slices(self) -> list[slice]:
        """Of each patch."""
        return [slice(a, b) for a, b in zip(self.start_s[:-1], self.start_s[1:], strict=True)]

    @property
    def _half_h(self) -> Float[np.ndarray, " h"]:
        return np.where(self.first_h == self.second_h, 0.5, np.sqrt(0.5))


@dataclass(frozen=True)
class PatchBasis:
    """Orthonormal components of every patch, as many of each; where a patch has fewer, zeros."""

    patches: Patches
    basis_hr: Float[np.ndarray, "h r"]

    def decode(self, c_sr: Float[np.ndarray, "s r"]) -> Float[np.ndarray, "x o"]:
        """The block that scores stand for."""
        parts = zip(self.patches.slices, c_sr, strict=True)
        return self.patches.spread(np.concatenate([self.basis_hr[h] @ c_r for h, c_r in parts]))

    def analyse(self, y_xo: Float[np.ndarray, "x o"]) -> Float[np.ndarray, "s r"]:
        """Scores of a block."""
        y_h = self.patches.gather(y_xo)
        return np.stack([self.basis_hr[h].T @ y_h[h] for h in self.patches.slices])

    def squares(self, square_sr: Float[np.ndarray, "s r"]) -> Float[np.ndarray, "x o"]:
        """Expected squares of a block whose scores have these and are independent."""
        parts = zip(self.patches.slices, square_sr, strict=True)
        square_h = np.concatenate([self.basis_hr[h] ** 2 @ v_r for h, v_r in parts])
        return self.patches.spread(np.sqrt(square_h)) ** 2

    def first(self, count: int) -> "PatchBasis":
        """The first components of each patch, in single precision."""
        return PatchBasis(self.patches, self.basis_hr[:, :count].astype(np.float32))


def patches_of(block: Block) -> Patches:
    """Patches of a block; its |g| is not looked at."""
    bands, _, modes, n_orbits = block.g.shape
    places_mnvo = np.arange(block.g.size).reshape(block.g.shape)
    partner = places_mnvo.swapaxes(0, 1)[..., block.orbits.partner_o].ravel()
    star_o = stars_of(block)[2]
    star_o = np.minimum(star_o, star_o[block.orbits.partner_o])
    patch = star_o * modes + np.arange(modes)[:, None]
    patch = np.broadcast_to(patch, block.g.shape).ravel()
    first_h = np.flatnonzero(places_mnvo.ravel() <= partner)
    first_h = first_h[np.argsort(patch[first_h], kind="stable")]
    ends = np.flatnonzero(np.diff(patch[first_h])) + 1
    start_s = np.concatenate([[0], ends, [len(first_h)]])
    return Patches((bands * bands * modes, n_orbits), first_h, partner[first_h], start_s)


def patch_components(
    y_bh: Float[np.ndarray, "b h"], patches: Patches, families: list[str], most: int
) -> tuple[Int[np.ndarray, "h r"], Float[np.ndarray, "s r"], Float[np.ndarray, "b h"]]:
    """Components of each patch, expected sizes of their scores, and what the others leave.

    Args:
      y_bh: what components of whole blocks leave of blocks of norm 1.
      families: of the blocks.
      most: components of a patch.

    Returns:
      directions as integers, to be normalised; sizes; what is left: as `components_and_rest`.
    """
    component_hr = np.zeros((y_bh.shape[1], most), np.int16)
    score_sr = np.zeros((len(patches.slices), most))
    left_bh = np.zeros_like(y_bh)
    for s, h in enumerate(patches.slices):
        if not np.any(y_bh[:, h]):  # acoustic modes at q = 0
            continue
        found_hr, score_r, left_bh[:, h] = components_and_rest(y_bh[:, h], families, most)
        component_hr[h, : found_hr.shape[1]] = found_hr
        score_sr[s, : len(score_r)] = score_r
    used = int(np.flatnonzero(score_sr.any(axis=0)).max(initial=-1)) + 1
    return component_hr[:, :used], score_sr[:, :used], left_bh


def patch_basis(patches: Patches, component_hr: Int[np.ndarray, "h r"]) -> PatchBasis:
    """Directions normalised, patch by patch."""
    basis_hr = component_hr.astype(float)
    for h in patches.slices:
        basis_hr[h] /= np.maximum(np.linalg.norm(basis_hr[h], axis=0), 1.0)
    return PatchBasis(patches, basis_hr)
