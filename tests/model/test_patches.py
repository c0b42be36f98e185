"""Components of patches: one mode at one star of q, of what whole blocks' components leave."""

from dataclasses import replace

import numpy as np
import pytest
from material_blocks import make_block
from small_networks import SMALL, small_codec

from ephforge.ablation.parts import variants
from ephforge.core.degeneracy import no_degeneracy, stars_of
from ephforge.model.patches import PatchBasis, patch_basis, patch_components, patches_of
from ephforge.model.remainder import size_left
from ephforge.model.sparse import dictionary_of
from ephforge.model.transform import (
    parts_of,
    patches_with,
    rest_of,
    statistics_of,
    variances_of,
    weighted,
)

BANDS = 2
BLOCK = make_block("zincblende", 0, bands=BANDS, **SMALL)
PATCHES = patches_of(BLOCK)
SIZE = len(PATCHES.first_h)
RNG = np.random.default_rng(5)


def hermitian(y_xo):
    y_mnvo = y_xo.reshape(BLOCK.g.shape)
    return ((y_mnvo + y_mnvo.swapaxes(0, 1)[..., BLOCK.orbits.partner_o]) / 2).reshape(y_xo.shape)


def patchwork(seed: int, directions: int = 2):
    """A block whose patches are each a mixture of a few fixed ones, drawn patch by patch."""
    fixed = np.random.default_rng(0)
    rng = np.random.default_rng([1, seed])
    y_h = np.zeros(SIZE)
    for h in PATCHES.slices:
        y_h[h] = fixed.normal(size=(h.stop - h.start, directions)) @ rng.normal(size=directions)
    g = PATCHES.spread(y_h).reshape(BLOCK.g.shape) / np.sqrt(BLOCK.orbits.size_o)
    g = np.float32(g - g.min())
    labels = BLOCK.labels | {"family": f"family_{seed % 9}"}
    return replace(BLOCK, name=str(seed), g=g, labels=labels)


MANY = [patchwork(i) for i in range(60)]
WITH, WITHOUT = (statistics_of(MANY, most_components=12, patches=p) for p in (True, False))
FREE = no_degeneracy(BLOCK.orbits, BANDS, 6)


def test_every_number_of_a_hermitian_block_is_in_one_patch_and_comes_back():
    y_xo = RNG.normal(size=PATCHES.shape)
    y_h = PATCHES.gather(y_xo)
    np.testing.assert_allclose(PATCHES.spread(y_h), hermitian(y_xo), atol=1e-12)
    assert np.linalg.norm(y_h) == pytest.approx(np.linalg.norm(hermitian(y_xo)))
    np.testing.assert_allclose(PATCHES.gather(PATCHES.spread(y_h)), y_h, atol=1e-12)
    assert len({*PATCHES.first_h, *PATCHES.second_h}) == y_xo.size


def test_a_patch_is_one_mode_at_one_star_of_q():
    star_o, modes = stars_of(BLOCK)[2], BLOCK.g.shape[2]
    seen = set()
    for h in PATCHES.slices:
        x_h, o_h = np.divmod(PATCHES.first_h[h], PATCHES.shape[1])
        (place,) = {*zip(x_h % modes, star_o[o_h], strict=True)}
        seen.add(place)
    assert len(seen) == len(PATCHES.slices) == modes * (star_o.max() + 1)


def test_analysis_is_the_transpose_of_decoding():
    basis = PatchBasis(PATCHES, RNG.normal(size=(SIZE, 3)))
    c_sr, y_xo = RNG.normal(size=(len(PATCHES.slices), 3)), RNG.normal(size=PATCHES.shape)
    left = np.sum(basis.decode(c_sr) * y_xo)
    assert left == pytest.approx(np.sum(c_sr * basis.analyse(y_xo)))


def test_expected_squares_are_those_of_drawn_scores():
    basis, _ = patches_with(BLOCK, WITH)
    width_sr = RNG.uniform(0.1, 1, (len(PATCHES.slices), basis.basis_hr.shape[1]))
    drawn = [basis.decode(RNG.normal(size=width_sr.shape) * width_sr) ** 2 for _ in range(4000)]
    ratio_xo = np.mean(drawn, axis=0) / basis.squares(width_sr**2)
    assert abs(ratio_xo.mean() - 1) < 0.02
    assert np.abs(ratio_xo - 1).max() < 0.25


def test_components_of_patches_span_what_was_drawn():
    y_bh = np.stack([PATCHES.gather(weighted(b).reshape(PATCHES.shape)) for b in MANY])
    y_bh -= y_bh.mean(axis=0)
    component_hr, score_sr, left_bh = patch_components(y_bh, PATCHES, ["a", "b"] * 30, 20)
    basis = patch_basis(PATCHES, component_hr)
    for h in PATCHES.slices:
        gram_rr = basis.basis_hr[h, :2].T @ basis.basis_hr[h, :2]
        np.testing.assert_allclose(gram_rr, np.eye(2), atol=2e-2)
    found_bh = [PATCHES.gather(basis.decode(basis.analyse(PATCHES.spread(y)))) for y in y_bh]
    assert np.linalg.norm(found_bh - y_bh) < 0.02 * np.linalg.norm(y_bh)
    assert np.linalg.norm(left_bh) < 0.3 * np.linalg.norm(y_bh)
    assert score_sr.shape == (len(PATCHES.slices), component_hr.shape[1])


def test_a_patch_of_zeros_has_no_components():
    y_bh = np.stack([PATCHES.gather(weighted(b).reshape(PATCHES.shape)) for b in MANY])
    y_bh[:, PATCHES.slices[0]] = 0
    component_hr, score_sr, left_bh = patch_components(y_bh, PATCHES, ["a", "b"] * 30, 20)
    assert not component_hr[PATCHES.slices[0]].any()
    assert not score_sr[0].any()
    assert not left_bh[:, PATCHES.slices[0]].any()


def test_sizes_add_up_to_what_components_of_whole_blocks_leave():
    """Scores of patches and the rest, of families left out, are of the size of the whole."""
    parts = parts_of(BLOCK, WITH)
    whole = sum(v.sum() for v in variances_of(BLOCK, WITH, parts))
    rest = sum(v.sum() for v in rest_of(BLOCK, WITH, parts))
    scores = np.sum(patches_with(BLOCK, WITH)[1] ** 2)
    assert rest < 0.5 * whole
    assert scores + rest == pytest.approx(whole, rel=0.3)


def test_without_patches_nothing_changes():
    parts = parts_of(BLOCK, WITHOUT)
    for a, b in zip(
        variances_of(BLOCK, WITHOUT, parts), rest_of(BLOCK, WITHOUT, parts), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    for name in WITHOUT.components:
        np.testing.assert_array_equal(WITHOUT.components[name], WITH.components[name])
        np.testing.assert_array_equal(WITHOUT.variances_even[name], WITH.variances_even[name])
    assert dictionary_of(BLOCK, WITHOUT, FREE).patches.basis_hr.shape == (SIZE, 0)


def test_what_integers_leave_counts_the_patches():
    dictionary = dictionary_of(BLOCK, WITH, FREE)
    finest, coarsest = (np.linalg.norm(size_left(dictionary, step)) for step in (1e-4, 100.0))
    alone = np.linalg.norm(size_left(dictionary_of(BLOCK, WITHOUT, FREE), 100.0))
    assert finest < 0.1 * coarsest
    assert coarsest == pytest.approx(alone, rel=0.3)


@pytest.mark.parametrize("bits", [600, 1500])
def test_codes_come_back_and_miss_less(bits):
    block, miss = patchwork(1000), []
    for statistics in (WITH, WITHOUT):
        codec = small_codec(statistics)
        code = codec.encode(block, bits)
        np.testing.assert_array_equal(codec.decode(code.data, block), code.g)
        miss.append(np.linalg.norm((code.g - block.g) * np.sqrt(block.orbits.size_o)))
    assert miss[0] < 0.95 * miss[1]


def test_the_ablation_leaves_them_out():
    codec = variants(small_codec(WITH), MANY)["patches"]()
    assert not codec.statistics.patches
