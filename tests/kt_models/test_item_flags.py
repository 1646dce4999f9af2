"""Broken items are found, and not many others: over many schools whose items are known."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
import pytest

from kt_models.item_flags import EACH, JUDGED, RATE, SLOW, Band, Verdicts, discoveries, judge, lower_tail
from kt_models.items import figures
from tests.kt_models.item_answers import School, a_school

BAND = Band(0.65, 0.85)


def judged(school: School, minutes: float = np.nan, band: Band = BAND) -> Verdicts:
    n = len(school.difficulty)
    rows, fit = figures(school.answers, school.learners, np.full(n, SLOW * 60 * minutes))
    return judge(rows, timed=np.full(n, not np.isnan(minutes)), spread=fit.spread, band=band)


def false_share(found: Any, broken: Any) -> float:
    return float((found & ~broken).sum() / max(found.sum(), 1))


@pytest.mark.parametrize("adaptive", [False, True])
def test_wrong_keys_are_found_and_hardly_anything_else(adaptive: bool) -> None:
    found, wrong = [], []
    for seed in range(30):
        school = a_school(seed, learners=300, reversed_=4, unmeetable=2, adaptive=adaptive, share=0.8)
        verdicts = judged(school)
        found.append(verdicts.wrong_key[school.broken].mean())
        wrong.append(false_share(verdicts.wrong_key, school.broken))
    assert np.mean(found) > (0.6 if adaptive else 0.95)
    assert np.mean(wrong) <= RATE


def test_no_more_false_flags_than_stated_even_where_no_item_tells_anything() -> None:
    """The hardest case: every item at the edge of the hypothesis, so that each flag is false."""
    schools = 300
    rate = np.mean([judged(a_school(seed, guessed=80)).wrong_key.any() for seed in range(schools)])
    assert rate <= RATE + 2.6 * np.sqrt(RATE * (1 - RATE) / schools)


def test_items_out_of_the_band_are_found_at_the_stated_rate() -> None:
    """Truly hard: even a learner at the upper quartile is right less often than the band's lower end."""
    shares = []
    for seed in range(40):
        school = a_school(seed, slopes=0.0)
        verdicts, quartiles = judged(school), np.quantile(school.ability, [0.25, 0.75])
        hard = 1 / (1 + np.exp(school.difficulty - quartiles[1])) < BAND.low
        easy = 1 / (1 + np.exp(school.difficulty - quartiles[0])) > BAND.high
        shares += [false_share(verdicts.hard, hard), false_share(verdicts.easy, easy)]
    assert np.mean(shares) <= RATE


def test_the_band_moves_what_counts_as_hard_and_easy() -> None:
    school = a_school(4, learners=400)
    strict, gentle = judged(school, band=Band(0.85, 0.95)), judged(school, band=Band(0.3, 0.5))
    assert strict.hard.sum() > gentle.hard.sum()
    assert strict.easy.sum() < gentle.easy.sum()
    assert np.all(strict.hard[gentle.hard])


def test_an_item_with_a_doubtful_key_is_not_called_hard_as_well() -> None:
    verdicts = judged(a_school(2, learners=400, reversed_=5))
    assert verdicts.wrong_key[:5].all()
    assert not (verdicts.wrong_key & (verdicts.hard | verdicts.easy)).any()


def test_a_hard_item_that_the_able_meet_more_often_keeps_its_key() -> None:
    """By far the hardest of its curriculum, answered by many."""
    school = a_school(6, learners=3000, items=30, slopes=0.0)
    hardest = int(np.argmax(school.difficulty))
    chance = np.random.default_rng(0)
    answers = school.answers
    at = answers.item == hardest
    answers.right[at] = chance.random(int(at.sum())) < 1 / (1 + np.exp(3.5 - school.ability[answers.learner[at]]))
    verdicts = judged(school)
    assert verdicts.hard[hardest]
    assert not verdicts.wrong_key[hardest]


def test_slow_items_are_found_at_the_stated_rate() -> None:
    """Half of all answers take longer than twice the author's minutes: none of these items is slow for sure."""
    edge = np.exp(4.0) / 60 / SLOW
    rate = np.mean([judged(a_school(seed), minutes=edge).slow.any() for seed in range(150)])
    assert rate <= RATE + 2.6 * np.sqrt(RATE * (1 - RATE) / 150)
    assert judged(a_school(1), minutes=edge / 2).slow.mean() > 0.95
    assert not judged(a_school(1)).slow.any()


def test_too_few_learners_are_never_judged() -> None:
    few = judged(a_school(1, learners=JUDGED - 1, share=1.0, reversed_=40), minutes=0.01)
    for found in (few.wrong_key, few.hard, few.easy, few.slow):
        assert not found.any()


def test_a_correlation_needs_some_of_either_outcome() -> None:
    school = a_school(1, learners=300, share=1.0)
    rows, fit = figures(school.answers, 300, np.full(80, np.nan))
    rows["discrimination"][0], rows["rated_right"][0] = -0.9, rows["rated"][0] - EACH + 1
    assert not judge(rows, timed=np.zeros(80, np.bool_), spread=fit.spread, band=BAND).reversed_[0]


def test_discoveries_are_those_of_the_published_example() -> None:
    """Benjamini and Hochberg 1995, section 3.2: fifteen comparisons of which four are rejected at 0.05."""
    p = np.array(
        [
            0.0001,
            0.0004,
            0.0019,
            0.0095,
            0.0201,
            0.0278,
            0.0298,
            0.0344,
            0.0459,
            0.3240,
            0.4262,
            0.5719,
            0.6528,
            0.7590,
            1.0,
        ]
    )
    assert discoveries(p, np.ones(15, np.bool_), 0.05).tolist() == [True] * 4 + [False] * 11
    assert not discoveries(p, np.zeros(15, np.bool_)).any()


def test_tails_of_the_binomial_are_their_sums() -> None:
    tails = lower_tail(np.array([0, 1, 900, 9]), np.array([20, 20, 2000, 10]), 0.15)
    assert tails[:2].tolist() == pytest.approx([0.85**20, 0.85**20 + 20 * 0.15 * 0.85**19])
    assert tails[2:].tolist() == [1.0, 1.0]
    # 4.5 standard deviations below the mean.
    assert log(lower_tail(np.array([900]), np.array([2000]), 0.5)[0]) == pytest.approx(-12.6, abs=0.3)
