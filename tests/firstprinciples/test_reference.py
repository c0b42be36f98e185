"""The comparison with EPW's table must be able to fail, whatever is wrong."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT

from ephforge.core.netcdf import read
from ephforge.core.realspace import WannierCoupling, read_model
from ephforge.firstprinciples.reference import deviations, read_reference


@pytest.fixture(scope="module")
def silicon():
    """Model, and EPW's table of it."""
    contents = read(ROOT / "resources/first_principles/si_2.nc", "model")
    return read_model(contents), read_reference(contents.variables)


def test_a_coupling_that_epw_does_not_have_counts(silicon):
    model, reference = silicon
    found = deviations(reference._replace(g=np.zeros_like(reference.g)), model)
    assert found.relative_g == pytest.approx(1.0)


def test_a_coupling_that_only_epw_has_counts(silicon):
    model, reference = silicon
    silent = replace(model, coupling=replace_g(model.coupling, 0.0))
    assert deviations(reference, silent).relative_g == pytest.approx(1.0)


def replace_g(coupling: WannierCoupling, factor: float) -> WannierCoupling:
    return replace(coupling, g=coupling.g * factor)


def test_nothing_to_compare_is_no_deviation(silicon):
    model, reference = silicon
    assert deviations(reference, model, smallest=1e9).relative_g == 0.0


@pytest.mark.parametrize("field", ["energy_k", "energy_kq", "frequency_q", "g"])
def test_nan_is_no_agreement(silicon, field):
    model, reference = silicon
    array = getattr(reference, field).copy()
    array.flat[-1] = np.nan
    found = deviations(reference._replace(**{field: array}), model)
    assert not np.all(np.isfinite(found))


def test_nan_in_the_model_is_no_agreement(silicon):
    model, reference = silicon
    found = deviations(reference, replace(model, coupling=replace_g(model.coupling, np.nan)))
    assert np.isnan(found.relative_g)
