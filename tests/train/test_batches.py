"""Stacked materials: what a class and a batch hold."""

import numpy as np
import pytest
from material_blocks import make_block
from small_networks import SMALL

from ephforge.model.geometry import geometry_of
from ephforge.model.guess import guess_of
from ephforge.model.transform import statistics_of
from ephforge.train.batches import cut, draw_batch, pick, stack_blocks
from ephforge.train.codes import coded

BLOCKS = [
    *(make_block("cscl", i, **SMALL) for i in range(3)),
    *(make_block("fcc", 10 + i, bands=1, **SMALL) for i in range(2)),
]
STATISTICS = statistics_of(BLOCKS)
STEPS = np.array([0.05, 0.4])
CODES = [coded(b, STATISTICS, STEPS, np.random.default_rng(0)) for b in BLOCKS]


def test_classes_hold_every_material_once_largest_first():
    classes = stack_blocks(BLOCKS, CODES, [STATISTICS] * len(BLOCKS), (1, 1, 1))
    assert [len(c.g_iomnv) for c in classes] == [3, 2]
    assert classes[0].g_iomnv.dtype == np.float32
    for found, members in zip(classes, (BLOCKS[:3], BLOCKS[3:]), strict=True):
        c = pick(found, np.arange(len(members)))
        for i, block in enumerate(members):
            share_o = block.orbits.size_o / block.orbits.size_o.sum()
            square_omnv = c.g_iomnv[i].astype(float) ** 2
            assert np.mean(np.tensordot(share_o, square_omnv, 1)) == pytest.approx(1, rel=1e-5)
            found = CODES[BLOCKS.index(block)]
            np.testing.assert_array_equal(c.step_si[:, i], np.float32(STEPS))
            for first_omnv, code in zip(c.first_siomnv[:, i], found, strict=True):
                np.testing.assert_array_equal(first_omnv, code.first_omnv)
            guess = guess_of(block, STATISTICS, c.coarse_io[i])
            np.testing.assert_array_equal(c.guess_iomnv[i], guess(c.g_iomnv[i]))
            for stacked, alone in zip(c.geometry, geometry_of(block), strict=True):
                np.testing.assert_array_equal(stacked[i], alone)


def test_batches_are_of_one_class_and_cover_it():
    classes = stack_blocks(BLOCKS, CODES, [STATISTICS] * len(BLOCKS), (1, 1, 1))
    sizes = [c.g_iomnv.shape[1] for c in classes]
    drawn = [draw_batch(classes, 2, np.random.default_rng(i)).g_iomnv for i in range(60)]
    assert {len(g) for g in drawn} == {2}
    share = np.mean([g.shape[1] == sizes[0] for g in drawn])
    assert 0.4 < share < 0.8  # three of five materials
    seen = np.concatenate([g for g in drawn if g.shape[1] == sizes[0]])
    assert len(np.unique(seen, axis=0)) == 3
    more = draw_batch(classes, 9, np.random.default_rng(0))
    assert len(more.g_iomnv) == len(more.guess_iomnv) == more.first_siomnv.shape[1] == 9


def test_cut_takes_everything_once():
    classes = stack_blocks(BLOCKS, CODES, [STATISTICS] * len(BLOCKS), (1, 1, 1))
    pieces = list(cut(classes, 2))
    assert [len(p.g_iomnv) for p in pieces] == [2, 1, 2]
    together = np.concatenate([p.g_iomnv for p in pieces[:2]])
    np.testing.assert_array_equal(together, classes[0].g_iomnv)
