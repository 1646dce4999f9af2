"""How often chances of mastery came true, when that is said, and how they are corrected by it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricula.models import Curriculum
from kt_models.recall import Float, logit, sigmoid
from tests.flow.come_true import days_come
from tutor.accounts.models import School
from tutor.scheduling import mastery_coverage
from tutor.scheduling.mastery_coverage import (
    LEAST,
    LEAST_LEARNERS,
    LEAST_TO_CORRECT,
    Compared,
    Correction,
    corrected,
)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    mastery_coverage.forget()
    yield
    mastery_coverage.forget()


def test_before_enough_is_checked_nothing_is_said(school: School, fractions: Curriculum) -> None:
    version = days_come(school, fractions, of=12, n=8)
    found = mastery_coverage.read((school.pk, fractions.pk, version))
    assert (found.checked, found.is_checked, found.bands, found.first_answers) == (96, False, (), ())
    assert LEAST > 96 and not found.correction.is_made


def test_of_few_learners_nothing_is_said(school: School, fractions: Curriculum) -> None:
    version = days_come(school, fractions, of=LEAST_LEARNERS - 1, n=25)
    found = mastery_coverage.read((school.pk, fractions.pk, version))
    assert found.checked > LEAST_TO_CORRECT and not found.is_checked and not found.bands
    assert not found.correction.is_made


def test_promises_that_were_not_kept_show_by_band(school: School, fractions: Curriculum) -> None:
    version = days_come(school, fractions)
    found = mastery_coverage.mastery_coverage(school.pk, fractions.pk)
    [band] = found.bands
    assert (band.n, band.learners) == (240, 20)
    assert (band.forecast, band.observed) == pytest.approx((0.85, 0.4))
    assert band.low < 0.4 < band.high < 0.85 and not band.came_true
    [heard] = found.first_answers
    assert (heard.n, heard.forecast, heard.observed) == (240, pytest.approx(0.9), 0.0)
    assert mastery_coverage.correction(school.pk, fractions.pk, version).is_made


def test_who_did_not_follow_the_agenda_tells_nothing_of_following_it(school: School, fractions: Curriculum) -> None:
    version = days_come(school, fractions, answers=2)
    found = mastery_coverage.read((school.pk, fractions.pk, version))
    assert (found.checked, len(found.recall.forecast)) == (0, 0), "neither followed nor left alone"


def test_what_was_left_alone_is_compared_with_answers_only(school: School, fractions: Curriculum) -> None:
    """Without a new answer the belief would only be compared with itself."""
    version = days_come(school, fractions, answers=0, right=1.0)
    found = mastery_coverage.read((school.pk, fractions.pk, version))
    assert found.checked == 0
    assert set(found.recall.forecast) == {0.5}, "as forecast without practice"


def test_what_could_not_be_checked_is_left_out(school: School, fractions: Curriculum) -> None:
    version = days_come(school, fractions, answers=None, mastered=None, right=None)
    found = mastery_coverage.read((school.pk, fractions.pk, version))
    assert (found.checked, len(found.recall.forecast), found.waiting) == (0, 0, 0)


def test_forecasts_of_days_to_come_wait(school: School, fractions: Curriculum) -> None:
    version = days_come(school, fractions, of=2, n=3, checked_at=None, closed_at=None, mastered=None, answers=None)
    assert mastery_coverage.read((school.pk, fractions.pk, version)).waiting == 6


def test_a_school_and_a_version_are_judged_by_their_own(
    school: School, other_school: School, fractions: Curriculum
) -> None:
    version = days_come(school, fractions)
    assert mastery_coverage.read((other_school.pk, fractions.pk, version)).checked == 0
    assert mastery_coverage.read((school.pk, fractions.pk, school.pk)).checked == 0


def made(seed: int, *, shift: float, slope: float, n: int = 600) -> tuple[Compared, Float]:
    """Chances, and shares that come of them by another law; also what the law makes of each."""
    random = np.random.default_rng(seed)
    told = random.uniform(0.05, 0.95, n)
    truth = sigmoid(shift + slope * logit(told))
    return Compared(random.integers(0, 60, n), told, (random.random(n) < truth).astype(np.float64)), truth


@pytest.mark.parametrize(("shift", "slope"), [(-1.5, 1.0), (0.8, 0.6), (-0.5, 0.3)])
def test_a_correction_finds_the_law_by_which_chances_came_true(shift: float, slope: float) -> None:
    found, truth = made(1, shift=shift, slope=slope, n=2000)
    correction = corrected(found)
    practised = np.ones(2000, np.bool_)
    told = correction.told(np.zeros(2000), found.forecast, practised)
    assert correction.is_made
    assert np.abs(told - truth).mean() < 0.03 < np.abs(found.forecast - truth).mean()


def test_chances_that_come_true_are_mostly_left_as_they_are() -> None:
    made_ = [corrected(made(seed, shift=0.0, slope=1.0)[0]) for seed in range(20)]
    p = np.linspace(0.05, 0.95, 19)
    for each in made_:
        assert np.abs(each.told(np.zeros(19), p, np.ones(19, np.bool_)) - p).max() < 0.1


def test_too_little_corrects_nothing() -> None:
    assert corrected(made(0, shift=-2.0, slope=1.0, n=LEAST_TO_CORRECT - 1)[0]) == Correction()


@given(shift=st.floats(-4, 4), slope=st.floats(-1, 2), seed=st.integers(0, 50))
def test_corrected_chances_keep_their_order_and_practice_never_harms(shift: float, slope: float, seed: int) -> None:
    correction = replace(corrected(made(seed, shift=shift, slope=slope)[0]))
    assert correction.slope >= 0
    followed = np.linspace(0.01, 0.99, 50)
    alone = followed / 2
    told = correction.told(alone, followed, np.ones(50, np.bool_))
    assert (np.diff(told) >= -1e-12).all() and (told >= np.minimum(alone, followed) - 1e-12).all()
    assert ((told > 0) & (told < 1)).all()
    untouched = correction.told(alone, followed, np.zeros(50, np.bool_))
    assert (untouched == followed).all(), "what is not practised is what the forgetting curve leaves"
