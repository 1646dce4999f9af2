"""Whether past forecasts can be trusted, in words; of fewer than ten learners nothing is told."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricula.models import Curriculum
from tests import people
from tests.dashboard.classroom import answers, take_in
from tests.dashboard.conftest import SignIn
from tests.dashboard.mastery_map import table
from tests.flow.come_true import days_come
from tutor.accounts.models import Group, School, User
from tutor.dashboard.forecast_trust import Verdict, chance_of_so_few, is_shown, verdict
from tutor.dashboard.forecast_words import LEAST_LEARNERS
from tutor.scheduling import mastery_coverage
from tutor.scheduling.coverage import Coverage, Decile, deciles


def found(forecast: Any, observed: Any, learner: Any) -> Coverage:
    parts = deciles(learner, forecast, observed)
    return Coverage(uuid4(), len(forecast), len(set(learner.tolist())), tuple(parts), None)


def told(seed: int, *, n: int, learners: int, shift: float = 0.0, slope: float = 1.0) -> Coverage:
    """Forecasts from 0.2 to 0.9, of answers that are right with a chance that differs from them."""
    random = np.random.default_rng(seed)
    forecast = random.uniform(0.2, 0.9, n)
    right = random.random(n) < np.clip(0.5 + slope * (forecast - 0.5) + shift, 0, 1)
    return found(forecast, right.astype(float), random.integers(0, learners, n))


def test_forecasts_that_come_true_are_trusted() -> None:
    said = [verdict(told(seed, n=3000, learners=100)) for seed in range(40)]
    assert said.count(Verdict.GOOD) >= 36
    assert Verdict.POOR not in said


def test_forecasts_that_are_off_are_not() -> None:
    assert verdict(told(1, n=3000, learners=100, shift=-0.06)) is Verdict.FAIR
    assert verdict(told(1, n=3000, learners=100, shift=-0.2)) is Verdict.POOR
    assert verdict(told(1, n=3000, learners=100, slope=-1.0)) is Verdict.POOR


def test_what_answers_by_the_thousand_prove_to_be_a_little_off_is_good_enough() -> None:
    assert verdict(told(1, n=100_000, learners=900, shift=-0.02)) is Verdict.GOOD


def test_few_answers_say_nothing() -> None:
    assert verdict(told(1, n=60, learners=30)) is Verdict.TOO_FEW


@given(n=st.integers(0, 400), learners=st.integers(1, 14), seed=st.integers(0, 99))
def test_nothing_is_told_of_fewer_than_ten_learners(n: int, learners: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    learner = random.integers(0, learners, n)
    coverage = found(random.random(n), random.integers(0, 2, n).astype(float), learner)
    assert (verdict(coverage) is Verdict.HIDDEN) == (len(set(learner.tolist())) < LEAST_LEARNERS)
    assert sum(part.n for part in coverage.deciles) == n
    assert all(is_shown(part) == (part.learners >= LEAST_LEARNERS) for part in coverage.deciles)


def test_a_part_counts_its_own_learners() -> None:
    forecast, right = np.linspace(0.1, 0.9, 40), np.ones(40)
    parts = deciles(np.repeat(np.arange(4), 10), forecast, right)
    assert [(part.n, part.learners) for part in parts] == [(20, 2), (20, 2)]


@pytest.mark.parametrize(("came_true", "chance"), [(10, 1.0), (9, 1 - 0.9**10), (0, 0.1**10)])
def test_chances_are_those_of_the_binomial(came_true: int, chance: float) -> None:
    assert chance_of_so_few(came_true, 10) == pytest.approx(chance)


@pytest.fixture
def returned(class_7b: Group, fractions: Curriculum, school: School, now: datetime) -> Any:
    """Adds learners who came back after a pause, and answers that were foretold one by one."""

    def add(n: int) -> None:
        for place in range(n):
            learner = people.a_learner(school, f"Learner {place}")
            class_7b.learners.add(learner)
            for days in (9, 6, 3, 1):
                at = now - timedelta(days=days)
                take_in(school, answers(learner, fractions, "halves-1", "01101", last=at), now=at)

    return add


@pytest.mark.parametrize(("n", "is_told"), [(LEAST_LEARNERS - 1, False), (LEAST_LEARNERS, True)])
def test_the_page_and_its_file_tell_from_ten_learners_on(
    n: int, is_told: bool, class_7b: Group, returned: Any, ms_diaz: User, signed_in: SignIn
) -> None:
    returned(n)
    address = f"/classes/{class_7b.pk}/forecast/trust"
    page = " ".join(signed_in(ms_diaz).get(f"{address}/").content.decode().split())
    rows = table(signed_in(ms_diaz).get(f"{address}.csv"))
    if not is_told:
        assert "Past forecasts cannot be shown yet." in page
        assert "from 10 learners on" in page and rows == []
        assert not re.search(r"\d+ answers after a pause", page)
        return
    assert "30 answers after a pause, of 10 learners of the school." in page
    assert "too few answers after a pause to tell" in page
    (row,) = rows
    assert (row["Answers"], row["Learners"]) == ("30", "10")
    assert row["Came true"] in ("yes", "no")
    assert f"{float(row['Forecast (%)']):.0f}%" in page


def test_a_part_of_few_learners_is_hidden_though_the_rest_is_told() -> None:
    """And the error is over what is shown, so that nothing can be subtracted."""
    from tutor.dashboard.forecast_trust import TrustPage, error

    shown, hidden = Decile(40, 0.5, 0.6, 0.4, 0.7, 12), Decile(40, 0.8, 0.1, 0.0, 0.2, 3)
    page = TrustPage(None, Coverage(uuid4(), 80, 13, (shown, hidden), 0.4))  # type: ignore[arg-type]
    assert [part.found for part in page.parts] == [shown, None]
    assert page.points == pytest.approx(100 * error([shown])) == pytest.approx(10)
    assert (page.came_true, page.n_hidden) == (1, 1)


def spoken(browser: Any, address: str) -> str:
    return " ".join(browser.get(address).content.decode().split())


def test_chances_of_mastery_are_said_to_be_unchecked_until_enough_days_have_come(
    signed_in: SignIn, ms_diaz: User, class_7b: Group, school: School, fractions: Curriculum
) -> None:
    days_come(school, fractions, of=12, n=8)
    address, browser = f"/classes/{class_7b.pk}/forecast/", signed_in(ms_diaz)
    page = spoken(browser, f"{address}trust/")
    assert "Not yet checked: these chances are the learner model" in page
    assert "96 of the 100 that it takes have been compared" in page
    (row,) = table(browser.get(f"{address}mastery.csv"))
    assert (row["Forecasts"], row["Came true (%)"], row["Within the range"]) == ("96", "", "not yet checked")
    assert "Chances of mastery are the learner model" in spoken(browser, address)


def test_what_came_of_chances_of_mastery_is_told_with_its_range(
    signed_in: SignIn, ms_diaz: User, class_7b: Group, school: School, fractions: Curriculum
) -> None:
    days_come(school, fractions)
    mastery_coverage.forget()
    address, browser = f"/classes/{class_7b.pk}/forecast/", signed_in(ms_diaz)
    page = spoken(browser, f"{address}trust/")
    assert "240 forecasts of the school were compared, of 20 learners" in page
    assert "those told now are corrected." in page
    chances, recall = table(browser.get(f"{address}mastery.csv"))
    assert (chances["Forecast (%)"], chances["Came true (%)"], chances["Within the range"]) == ("85.0", "40.0", "no")
    assert (recall["Forecast (%)"], recall["Came true (%)"], recall["Learners"]) == ("90.0", "0.0", "20")
    assert "are corrected by how often past ones came true" in spoken(browser, address)


def test_mr_chen_is_told_nothing_of_what_came_of_forecasts_at_elm_school(
    signed_in: SignIn, mr_chen: User, class_7b: Group, school: School, fractions: Curriculum
) -> None:
    days_come(school, fractions)
    for of in ("trust/", "mastery.csv"):
        assert signed_in(mr_chen).get(f"/classes/{class_7b.pk}/forecast/{of}").status_code == 404
