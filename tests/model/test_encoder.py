"""How an encoder searches: the finest step within a size, rungs shared by all sizes."""

from types import SimpleNamespace

import numpy as np
import pytest
from degenerate_blocks import degenerate_block
from material_blocks import make_block
from small_networks import SMALL, small_codec

from ephforge.model.codec import scale_of
from ephforge.model.encoder import CLOSE, RUNG, Encoder, Found, Sizes
from ephforge.model.transform import statistics_of

BLOCK = degenerate_block("fcc", 9, bands=2, noise=0.5, **SMALL)
CODEC = small_codec(statistics_of([make_block("fcc", i, bands=2, **SMALL) for i in range(3)]))


def encoder():
    return Encoder(CODEC, BLOCK, *CODEC.choices(BLOCK)[0], scale_of(BLOCK))


@pytest.mark.parametrize("rise", [lambda n: 20 + 9 * n, lambda n: int(20 * 1.02**n)])
def test_the_last_number_within_a_size_is_found_with_few_questions(rise):
    asked = []
    sizes = Sizes(lambda n: asked.append(n) or rise(n), 600)
    for bits in (0, 19, 20, 21, 400, 3000, 10**9):
        found = sizes.finest(bits, 128)
        best = max((n for n in range(600) if rise(n) <= bits), default=-1)
        # one that nearly fills the size is as good as the last
        assert found == best or (0 <= found < best and rise(found) > CLOSE * bits)
    assert len(asked) == len(set(asked)) < 60


def test_each_step_is_transformed_once_for_all_sizes(monkeypatch):
    one, numbers = encoder(), []
    plain = one._transformed

    def counted(number):
        numbers.append(number)
        return plain(number)

    monkeypatch.setattr(Encoder, "_transformed", lambda self, number: counted(number))
    fresh = encoder()
    for bits in (300, 600, 1200, 2400):
        fresh.within(bits)
    assert len(numbers) == len(set(numbers))
    assert np.mean([n % RUNG == 0 for n in numbers]) > 0.5


@pytest.mark.parametrize("best", [3, 10, 17, 20])
def test_a_descent_ends_at_the_best_rung(best):
    one, asked = encoder(), []

    def found(start, end):
        asked.append(start)
        return Found(b"x", None, 5.0 + abs(start / RUNG - best))

    one.found = found
    one.ends_after = lambda start: SimpleNamespace(finest=lambda bits, first: 7)
    codes = one._descend(20, 1000)
    # every third rung, then neighbours; falls that are too small to be told from noise end it
    assert min(code.miss for code in codes) <= 6.0
    assert len(asked) <= 10


def test_codes_without_remainders_are_one_for_each_size():
    one = encoder()
    one.remainders = False
    (code,) = one.within(600)
    assert 8 * len(code.data) <= 600
