"""Splits by family: never shared, fractions, stratification, small campaigns."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ephforge.core.errors import EphforgeError
from ephforge.dataset.families import split_families

PROTOTYPES = ["fcc", "bcc", "diamond", "cscl"]
CAMPAIGN = {
    f"{p}/{v}/{b}": 8 + 3 * i + j
    for i, p in enumerate(PROTOTYPES)
    for j, v in enumerate(["emt", "morse", "rgl"])
    for b in ["s", "sp3"]
}


def share(split, sizes, name):
    return sum(sizes[f] for f in sizes if split[f] == name) / sum(sizes.values())


@pytest.mark.parametrize("seed", range(20))
def test_fractions_are_met_and_every_prototype_is_trained_on(seed):
    split = split_families(CAMPAIGN, 0.1, 0.2, np.random.default_rng(seed))
    assert split.keys() == CAMPAIGN.keys()
    assert share(split, CAMPAIGN, "test") == pytest.approx(0.2, abs=0.04)
    assert share(split, CAMPAIGN, "validation") == pytest.approx(0.1, abs=0.04)
    trained = {f.split("/")[0] for f, name in split.items() if name == "train"}
    assert trained == set(PROTOTYPES)
    tested = [f.split("/")[0] for f, name in split.items() if name == "test"]
    assert len(set(tested)) >= min(len(tested), 4)  # the prototypes take turns


def test_the_draw_follows_the_seed():
    draws = [split_families(CAMPAIGN, 0.1, 0.2, np.random.default_rng(s)) for s in (0, 0, 1)]
    assert draws[0] == draws[1]
    assert draws[0] != draws[2]


@given(
    st.dictionaries(
        st.builds("{}/{}/s".format, st.sampled_from("abcd"), st.sampled_from("vwxyz")),
        st.integers(1, 40),
        min_size=2,
        max_size=20,
    ),
    st.floats(0, 0.45),
    st.floats(0, 0.45),
)
@settings(max_examples=200, deadline=None)
def test_no_split_that_is_needed_is_empty(sizes, validation, test):
    split = split_families(sizes, validation, test, np.random.default_rng(0))
    used = set(split.values())
    assert split.keys() == sizes.keys()
    assert {"train", "test"} <= used
    assert ("validation" in used) == (len(sizes) >= 3)


@pytest.mark.parametrize("sizes", [{}, {"fcc/emt/s": 5}])
def test_one_family_cannot_be_split(sizes):
    with pytest.raises(EphforgeError, match="needs 2"):
        split_families(sizes, 0.1, 0.2, np.random.default_rng(0))


def test_parameter_sets_of_one_form_are_never_in_two_splits():
    sets = ["emt", "emt2013", "emt_rasmussen", "emt_glass", "morse", "rgl"]
    sizes = {f"{p}/{v}/{b}": 5 for p in PROTOTYPES for v in sets for b in ["s", "sp3"]}
    split = split_families(sizes, 0.1, 0.2, np.random.default_rng(0))
    assert split.keys() == sizes.keys()
    for p in PROTOTYPES:
        for b in ["s", "sp3"]:
            assert len({split[f"{p}/{v}/{b}"] for v in sets[:4]}) == 1
    with pytest.raises(EphforgeError, match="needs 2"):
        split_families({"fcc/emt/s": 3, "fcc/emt2013/s": 4}, 0.1, 0.2, np.random.default_rng(0))
