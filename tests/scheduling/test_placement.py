"""A placement finds out what is known already, with few questions."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from tests.scheduling.asked import believing, known_to, order, situation
from tutor.scheduling.policies import (
    POLICIES,
    Barrier,
    Kind,
    Rules,
)
from tutor.scheduling.policies.placement import MOST_ANSWERS, information

CHAIN = [[], [0], [1], [2], [3]]


def test_a_placement_asks_first_what_tells_most() -> None:
    """The middle of a chain, ahead of its prerequisites: it tells of what is above and below."""
    choice = POLICIES["placement"](situation(CHAIN, [0.5] * 5))
    assert order(choice)[0] == 2
    assert choice.entries[0].kind is Kind.NEW


def test_what_is_surely_known_or_not_known_is_not_asked_first() -> None:
    choice = POLICIES["placement"](situation([[]] * 3, [0.97, 0.5, 0.03]))
    assert order(choice)[0] == 1


def test_information_is_that_of_one_answer_and_of_its_kin() -> None:
    """p (1 - p) sd^2, and half of it a step away; what an asked relative told is not told again."""
    alone = 0.25 * 0.8**2
    asked = dataclasses.replace(situation([[], [0], [1]], [0.5] * 3), table=believing([0.5] * 3, sd=0.8))
    steps = np.array([[1, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 1]])
    assert information(asked) == pytest.approx(alone * steps.sum(axis=1))
    after_one = dataclasses.replace(asked, evidence=known_to({0: "1"}))
    assert information(after_one) == pytest.approx(alone * steps @ [1.0, 0.5, 0.75])


def test_a_placement_asks_no_concept_a_third_time() -> None:
    asked = situation([[]] * 3, [0.5] * 3, known_to({0: "01", 1: "1"}))
    assert set(order(POLICIES["placement"](asked))) == {1, 2}


@pytest.mark.parametrize(("sd", "is_over"), [(0.44, True), (0.46, False)])
def test_a_placement_ends_when_nothing_would_tell_enough(sd: float, is_over: bool) -> None:
    asked = dataclasses.replace(situation([[]] * 3, [0.5] * 3), table=believing([0.5] * 3, sd=sd))
    assert POLICIES["placement"](asked).nothing is (Barrier.PLACED if is_over else None)


@pytest.mark.parametrize("narrowed", [{"rules": Rules(new_left=0)}, {"scope": np.array([True, False, False])}])
def test_what_is_not_asked_for_today_ends_no_placement(narrowed: dict[str, Any]) -> None:
    """All but the first concept would tell much, and are not to be asked at this moment."""
    asked = situation([[]] * 3, [0.5] * 3, known_to({0: "11"}))
    choice = POLICIES["placement"](dataclasses.replace(asked, **narrowed))
    assert (choice.entries, choice.done) == ((), None)
    assert choice.nothing is not Barrier.PLACED


@pytest.mark.parametrize(("answers", "is_over"), [(24, False), (25, True)])
def test_a_placement_ends_after_so_many_answers(answers: int, is_over: bool) -> None:
    n = 30
    asked = situation([[]] * n, [0.5] * n, known_to(dict.fromkeys(range(answers), "1")))
    assert POLICIES["placement"](asked).nothing is (Barrier.PLACED if is_over else None)


def test_a_placement_that_may_ask_nothing_is_not_complete() -> None:
    asked = situation([[]] * 3, [0.5] * 3, scope=np.zeros(3, np.bool_))
    assert POLICIES["placement"](asked).nothing is Barrier.OUT_OF_SCOPE


def test_a_placement_by_answers_ends_and_leaves_little_in_doubt() -> None:
    """Half of a course is known; whoever answers so is placed after few questions, each asked twice at most."""
    n = 40
    content_parents = [[c - 1] if c % 10 else [] for c in range(n)]
    known, seen = {c for c in range(n) if c % 10 < 5}, dict[int, str]()
    choice = POLICIES["placement"](situation(content_parents, [0.5] * n))
    while choice.entries:
        concept = choice.entries[0].concept
        seen[concept] = seen.get(concept, "") + ("1" if concept in known else "0")
        recall = [0.9 if "1" in seen.get(c, "") else 0.1 if c in seen else 0.5 for c in range(n)]
        choice = POLICIES["placement"](situation(content_parents, recall, known_to(seen)))
    assert choice.nothing is Barrier.PLACED
    assert sum(map(len, seen.values())) <= MOST_ANSWERS
    assert max(map(len, seen.values())) <= 2
    assert {c // 10 for c in seen} == {0, 1, 2, 3}
