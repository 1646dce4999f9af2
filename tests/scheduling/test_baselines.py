"""Each policy's own law: what it is named after, told apart from all the others."""

from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import fsrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curricula.snapshot import Snapshot
from tests.flow.situations import DAY, ORIGIN, situations
from tests.scheduling.asked import after, course, days_until_review, known_to, order, situation
from tutor.scheduling.policies import (
    POLICIES,
    Cohort,
    History,
    Reason,
    Settings,
    Situation,
    cohort_of,
    ladders,
)
from tutor.tracing.status import Criteria

outcomes = st.lists(st.sampled_from([0.0, 0.4, 0.5, 0.8, 1.0]), min_size=1, max_size=12)
pauses = st.lists(st.sampled_from([60.0, 3_600.0, DAY, 6.3 * DAY, 40 * DAY]), min_size=12, max_size=12)


# The plainest


def test_by_chance_each_concept_comes_first_as_often() -> None:
    """Within five standard errors; what is mastered too."""
    asked = situation([[]] * 4, [0.1, 0.5, 0.9, 0.95], known_to({3: "1111"}, mastered=[3]))
    first = Counter(order(POLICIES["random"](dataclasses.replace(asked, seed=seed)))[0] for seed in range(2_000))
    assert all(abs(first[concept] - 500) < 5 * np.sqrt(500) for concept in range(4))


def test_in_order_means_each_until_it_is_mastered_and_never_again() -> None:
    asked = situation([[], [], [0], []], [0.3, 0.9, 0.9, 0.9], known_to({0: "111", 1: "01"}, mastered=[0]))
    assert order(POLICIES["curriculum_order"](asked)) == [1, 3, 2]


@given(asked=situations(ruled=False))
def test_the_least_known_comes_first(asked: Situation) -> None:
    greedy = dataclasses.replace(asked, settings=Settings(exploration=0.0, retry_after=0, in_a_row=0))
    recall = [round(asked.recall[concept], 6) for concept in order(POLICIES["lowest_mastery"](greedy))]
    assert recall == sorted(recall)


# Schedules


@given(answers=outcomes, gaps=pauses)
def test_the_ladder_waits_as_many_days_as_rights_in_a_row_say(answers: list[float], gaps: list[float]) -> None:
    in_a_row = next((n for n, each in enumerate(reversed(answers)) if each < 0.5), len(answers))
    rung = (1, 1, 6, 12, 48, 96, 180)[min(in_a_row, 6)]
    assert days_until_review("fixed_ladder", answers, gaps) == pytest.approx(rung)


@given(answers=outcomes, gaps=pauses)
def test_a_box_is_looked_through_half_as_often_as_the_one_before(answers: list[float], gaps: list[float]) -> None:
    box = 1
    for each in answers:
        box = min(box + 1, 6) if each >= 0.5 else 1
    assert days_until_review("leitner", answers, gaps) == pytest.approx(2 ** (box - 1))


def test_sm2_goes_by_the_intervals_of_its_paper() -> None:
    """With quality 4 the ease stays 2.5, with 3 it falls by 0.14, and a lapse begins anew and leaves it."""
    right, hard, wrong, gaps = 1.0, 0.5, 0.0, [DAY] * 12
    waits = [days_until_review("sm2", [right] * n, gaps) for n in range(1, 6)]
    assert waits == pytest.approx([1, 6, 15, 38, 95])
    assert days_until_review("sm2", [hard] * 3, gaps) == pytest.approx(np.ceil(6 * (2.5 - 2 * 0.14)))
    assert days_until_review("sm2", [right, right, right, wrong], gaps) == pytest.approx(1)
    assert days_until_review("sm2", [hard, wrong, right, right, right], gaps) == pytest.approx(np.ceil(6 * 2.36))


def test_sm2_never_lets_the_ease_fall_below_its_least() -> None:
    first, second = (days_until_review("sm2", [0.5] * n, [DAY] * 12) for n in (11, 12))
    assert second == np.ceil(first * 1.3)


@given(answers=outcomes, gaps=pauses, retention=st.sampled_from([0.8, 0.9, 0.95]))
def test_fsrs_is_the_scheduler_of_its_package(answers: list[float], gaps: list[float], retention: float) -> None:
    asked = dataclasses.replace(after(answers, gaps), criteria=Criteria(retention=retention))
    scheduler = fsrs.Scheduler(desired_retention=retention, enable_fuzzing=False)
    assert asked.history is not None
    card = fsrs.Card(card_id=1)
    for correct, seconds in zip(answers, asked.history.seconds.tolist(), strict=True):
        rating = fsrs.Rating.Good if correct == 1 else fsrs.Rating.Hard if correct >= 0.5 else fsrs.Rating.Again
        card, _ = scheduler.review_card(card, rating, datetime.fromtimestamp(seconds, UTC))
    assert POLICIES["fsrs"](asked).next_due == pytest.approx(card.due.timestamp(), abs=1e-3)


schedules = pytest.mark.parametrize("name", ["fixed_ladder", "leitner", "sm2", "fsrs"])


@schedules
@given(answers=outcomes, gaps=pauses, days=st.floats(0.0, 300.0))
def test_what_is_due_comes_before_what_is_new_and_nothing_before_its_day(
    name: str, answers: list[float], gaps: list[float], days: float
) -> None:
    wait, last = days_until_review(name, answers, gaps), ORIGIN + sum(gaps[: len(answers)])
    asked = dataclasses.replace(
        after(answers, gaps, now=last + days * DAY), settings=Settings(exploration=0.0, retry_after=0)
    )
    choice = POLICIES[name](asked)
    assert order(choice) == ([0, 1] if days * DAY >= wait * DAY - 1e-3 else [1])
    if len(choice.entries) == 2:
        [(code, figure), *_] = choice.entries[0].reasons
        assert (code, figure) == (Reason.SCHEDULED, pytest.approx(wait, abs=0.006))


@schedules
def test_whoever_is_latest_for_the_interval_comes_first(name: str) -> None:
    """A day late is much after a day, and little after a week or more."""
    seconds = np.array([0.0, 60.0, 120.0, 180.0, 10 * DAY]) + ORIGIN
    history = History(np.zeros(5, np.int64), np.array([0, 0, 0, 0, 1]), seconds, np.array([1.0, 1.0, 1.0, 1.0, 0.0]))
    evidence = known_to({0: "1111", 1: "0"})
    asked = dataclasses.replace(
        situation([[], []], [0.5, 0.5], evidence, history=history), now=ORIGIN + 100 * DAY
    )  # fmt: skip
    assert order(POLICIES[name](asked)) == [1, 0]


@schedules
def test_a_schedule_that_is_not_told_the_answers_says_so(name: str) -> None:
    with pytest.raises(ladders.NoHistory, match="give Situation"):
        POLICIES[name](situation([[]], [0.5]))


# Drawn


def test_reviews_are_drawn_as_often_as_they_are_forgotten() -> None:
    """First of two with chance u1 / (u1 + u2), u = 1 - recall; within five standard errors."""
    asked = situation([[], []], [0.4, 0.8], known_to({0: "10", 1: "10"}))
    first = Counter(order(POLICIES["memorize"](dataclasses.replace(asked, seed=seed)))[0] for seed in range(2_000))
    assert abs(first[0] - 1_500) < 5 * np.sqrt(2_000 * 0.75 * 0.25)


def test_new_material_comes_when_what_faded_is_reviewed_and_before_what_has_not() -> None:
    evidence = known_to({0: "1111", 1: "01", 2: "1111"}, mastered=[0, 2])
    asked = situation([[]] * 4, [0.95, 0.5, 0.6, 0.5], evidence)
    for seed in range(20):
        found = order(POLICIES["memorize"](dataclasses.replace(asked, seed=seed)))
        assert (set(found[:2]), found[2:]) == ({1, 2}, [3, 0])


def shares_of_first(name: str, asked: Situation, draws: int = 2_000) -> list[float]:
    first = Counter(order(POLICIES[name](dataclasses.replace(asked, seed=seed)))[0] for seed in range(draws))
    return [first[concept] / draws for concept in range(asked.content.n_concepts)]


@pytest.mark.parametrize("name", ["zpdes", "alp_gmm"])
def test_practice_goes_where_progress_is(name: str) -> None:
    """0.8 of the chance by progress, 0, 0.5 and 1, and 0.2 evenly; five standard errors."""
    asked = situation([[]] * 3, [0.5] * 3, known_to({0: "00000000", 1: "00001010", 2: "00001111"}))
    expected = [0.2 / 3, 0.8 / 3 + 0.2 / 3, 1.6 / 3 + 0.2 / 3]
    assert shares_of_first(name, asked) == pytest.approx(expected, abs=5 * np.sqrt(0.25 / 2_000))


def test_falling_back_is_no_progress_for_zpdes_but_is_for_alp() -> None:
    asked = situation([[]] * 2, [0.5] * 2, known_to({0: "11110000", 1: "00001111"}))
    assert shares_of_first("zpdes", asked)[0] == pytest.approx(0.1, abs=0.05)
    assert shares_of_first("alp_gmm", asked)[0] == pytest.approx(0.5, abs=0.06)


def test_a_cohort_tells_what_a_learner_does_not_know_of() -> None:
    cohort = Cohort(np.array([0.0, 0.3, 0.9]), np.full(3, 40))
    asked = situation([[]] * 3, [0.5] * 3, cohort=cohort)
    expected = [0.2 / 3, 0.2 + 0.2 / 3, 0.6 + 0.2 / 3]
    assert shares_of_first("alp_gmm", asked) == pytest.approx(expected, abs=5 * np.sqrt(0.25 / 2_000))


DRAWING = [name for name, policy in POLICIES.items() if policy.draws]


def uneven(name: str, **settings: Any) -> Situation:
    """Three concepts, the second with the most progress, the third the least known."""
    asked = situation([[]] * 3, [0.9, 0.6, 0.3], known_to({0: "0000", 1: "0011", 2: "0001"}))
    return dataclasses.replace(asked, settings=dataclasses.replace(asked.settings, **settings))


@pytest.mark.parametrize("name", DRAWING)
def test_who_opted_out_of_exploration_is_chosen_for_without_chance(name: str) -> None:
    """The likeliest comes first; the log says that it was certain, which is true."""
    asked = uneven(name, draws=False)
    choices = [POLICIES[name](dataclasses.replace(asked, seed=seed)) for seed in range(30)]
    assert all(choice.entries == choices[0].entries for choice in choices)
    assert {entry.propensity for entry in choices[0].entries} == {1.0}
    first = {"random": 0, "memorize": 2, "zpdes": 1, "alp_gmm": 1}[name]
    assert order(choices[0])[0] == first
    reasons = {code for entry in choices[0].entries for code, _ in entry.reasons}
    assert not reasons & {Reason.BY_CHANCE.value, Reason.EXPLORED.value}


@pytest.mark.parametrize("name", DRAWING)
def test_the_others_are_drawn_for_though_nothing_is_explored_on_top(name: str) -> None:
    asked = uneven(name)
    assert asked.settings.exploration == 0.0
    assert len({order(POLICIES[name](dataclasses.replace(asked, seed=seed)))[0] for seed in range(200)}) > 1


@pytest.mark.parametrize("name", [name for name in POLICIES if name not in DRAWING])
def test_only_what_says_so_draws(name: str) -> None:
    asked = dataclasses.replace(uneven(name), history=History.none())
    asked = dataclasses.replace(asked, settings=dataclasses.replace(asked.settings, exam_at=ORIGIN + 30 * DAY))
    choices = [POLICIES[name](dataclasses.replace(asked, seed=seed)) for seed in range(20)]
    assert all(choice.entries == choices[0].entries for choice in choices)


def a_cohort(learners: int, changing: set[int], content: Snapshot, seed: int = 0) -> list[History]:
    """Eight answers of each learner to each concept: always right, or wrong at first and right later."""
    random, found = np.random.default_rng(seed), []
    n = content.n_concepts
    for _ in range(learners):
        concept = np.repeat(np.arange(n), 8)
        later = np.tile(np.arange(8) >= 4, n)
        correct = np.where(np.isin(concept, list(changing)), later, True).astype(np.float64)
        seconds = ORIGIN + np.sort(random.uniform(0, 30 * DAY, len(concept)))
        found.append(History(np.zeros(len(concept), np.int64), concept, seconds, correct))
    return found


def test_a_cohort_makes_progress_where_its_answers_change() -> None:
    """Concepts alike in depth and difficulty share what is expected of them."""
    content = course([[], [], [0], [0], [2], [3]], difficulty=[-1.0, -1.0, 0.0, 0.0, 2.0, 2.0])
    cohort = cohort_of(a_cohort(30, {4, 5}, content), content)
    assert cohort.progress[:4] == pytest.approx(np.zeros(4), abs=0.05)
    assert cohort.progress[4:] == pytest.approx(np.ones(2), abs=0.05)
    assert cohort.n.tolist() == [240] * 6


def test_a_cohort_is_the_same_whenever_it_is_made() -> None:
    content = course([[], [0], [1]])
    one, other = (cohort_of(a_cohort(20, {1}, content), content) for _ in range(2))
    assert np.array_equal(one.progress, other.progress)


@pytest.mark.filterwarnings("error")
@given(seed=st.integers(0, 2**32), answers=st.sampled_from([60, 200, 600]))
@settings(max_examples=20)
def test_whatever_a_cohort_answered_gives_shares(seed: int, answers: int) -> None:
    """Of ten learners, right or wrong by chance: many pairs are alike."""
    random, content, found = np.random.default_rng(seed), course([[], [], [0], [1], [2]]), []
    for _ in range(10):
        n = answers // 10
        seconds, correct = ORIGIN + np.sort(random.uniform(0, DAY, n)), random.integers(0, 2, n).astype(np.float64)
        found.append(History(np.zeros(n, np.int64), random.integers(0, 5, n), seconds, correct))
    progress = cohort_of(found, content).progress
    assert ((progress >= 0) & (progress <= 1)).all()


@pytest.mark.parametrize("learners", [0, 1, 4])
def test_a_cohort_of_few_is_its_mean(learners: int) -> None:
    content = course([[], [0]])
    cohort = cohort_of(a_cohort(learners, {1}, content), content)
    assert cohort.progress.tolist() == [0.5 if learners else 0.0] * 2


# By the graph


def test_what_serves_much_that_is_unknown_comes_first() -> None:
    """Two that are as little known; four concepts build on the second one."""
    asked = situation([[], [], [1], [1], [1], [1]], [0.4] * 6)
    choice = POLICIES["skill_it"](asked)
    assert order(choice) == [1, 0]
    assert choice.entries[0].reasons[:2] == ((Reason.READY, 0.0), (Reason.SERVES, pytest.approx(2.4)))


def test_what_serves_only_what_is_known_comes_by_itself() -> None:
    known = situation([[], [], [1], [1]], [0.4, 0.5, 0.99, 0.99], known_to({2: "111", 3: "111"}, mastered=[2, 3]))
    choice = POLICIES["skill_it"](known)
    assert order(choice) == [0, 1]
    assert not any(code == Reason.SERVES for entry in choice.entries for code, _ in entry.reasons)


def test_what_has_other_prerequisites_serves_by_its_share() -> None:
    asked = situation([[], [], [], [0, 1], [2]], [0.4] * 5)
    assert order(POLICIES["skill_it"](asked))[0] == 2
