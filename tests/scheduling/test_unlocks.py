"""What a concept unlocks counts by what is still to be learnt, in the score and in the reason that is told."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given

from tests.flow.situations import DAY, ORIGIN, parents_of, situations
from tests.scheduling.asked import known_to, order, situation
from tutor.scheduling.policies import POLICIES, Choice, Reason, Rules, Settings, Situation

DEPENDENTS = 20
CARRIES, STANDS_ALONE = 0, DEPENDENTS + 1
#: The first concept carries twenty others, the last stands alone and has faded more.
PARENTS = [[], *[[CARRIES]] * DEPENDENTS, []]
RECALL = [0.62, *[0.95] * DEPENDENTS, 0.55]

by_value = pytest.mark.parametrize("name", ["gain", "exam"])


def both_due(mastered: int, **columns: Any) -> Situation:
    """Of the twenty so many are mastered, the others never practised; the first and the last concept are due."""
    known = [CARRIES, *range(1, mastered + 1), STANDS_ALONE]
    evidence = known_to(dict.fromkeys(known, "11111"), mastered=known, seconds=ORIGIN - 20 * DAY)
    settings = Settings(exploration=0.0, exam_at=ORIGIN + 5 * DAY, **columns.pop("settings", {}))
    return situation(PARENTS, RECALL, evidence, settings=settings, **columns)


def unlocks(choice: Choice, concept: int) -> float | None:
    [entry] = [entry for entry in choice.entries if entry.concept == concept]
    return dict(entry.reasons).get(Reason.UNLOCKS)


@by_value
def test_what_is_mastered_already_is_not_unlocked(name: str) -> None:
    choice = POLICIES[name](both_due(mastered=DEPENDENTS))
    assert order(choice) == [STANDS_ALONE, CARRIES]
    assert unlocks(choice, CARRIES) is None


@by_value
@pytest.mark.parametrize("mastered", [0, 1, 12])
def test_the_number_that_is_told_is_of_what_is_not_mastered(name: str, mastered: int) -> None:
    choice = POLICIES[name](both_due(mastered))
    assert order(choice)[0] == CARRIES
    assert unlocks(choice, CARRIES) == DEPENDENTS - mastered


@by_value
def test_what_a_teacher_says_is_known_is_not_unlocked(name: str) -> None:
    asked = both_due(mastered=0, rules=Rules(known=frozenset(range(1, DEPENDENTS + 1))))
    choice = POLICIES[name](asked)
    assert (order(choice)[0], unlocks(choice, CARRIES)) == (STANDS_ALONE, None)


@by_value
def test_of_goals_those_count_that_are_not_mastered(name: str) -> None:
    goals = frozenset({CARRIES, 1, 2, DEPENDENTS, STANDS_ALONE})
    choice = POLICIES[name](both_due(mastered=1, settings={"goals": goals}))
    assert unlocks(choice, CARRIES) == 2
    mastered = POLICIES[name](both_due(mastered=DEPENDENTS, settings={"goals": goals}))
    assert (order(mastered)[0], unlocks(mastered, CARRIES)) == (STANDS_ALONE, None)


def test_nothing_that_is_known_is_served_later() -> None:
    """Skill-It's reason, too, is of what builds on a concept and is not known yet."""
    known = frozenset(range(1, DEPENDENTS + 1))
    for rules, first in ((Rules(), CARRIES), (Rules(known=known), STANDS_ALONE)):
        asked = situation(PARENTS, [0.62, *[0.3] * DEPENDENTS, 0.55], rules=rules)
        choice = POLICIES["skill_it"](asked)
        assert order(choice)[0] == first
        [entry] = [entry for entry in choice.entries if entry.concept == CARRIES]
        assert (Reason.SERVES in dict(entry.reasons)) == (first == CARRIES)


@given(asked=situations())
def test_what_is_told_to_be_unlocked_is_counted_by_hand(asked: Situation) -> None:
    """Over ways through the graph, whatever is excluded, in scope or a goal."""
    content = asked.content
    to_learn = asked.settings.goals or frozenset(range(content.n_concepts))
    open_ = {c for c in to_learn if content.concept_active[c] and not asked.mastered[c]} - asked.rules.known
    for name in ("gain", "exam"):
        for entry in POLICIES[name](exam_set(asked)).entries:
            told = dict(entry.reasons).get(Reason.UNLOCKS)
            assert told is None or told == sum(entry.concept in above(asked, c) for c in open_) > 0


def exam_set(asked: Situation) -> Situation:
    return dataclasses.replace(asked, settings=dataclasses.replace(asked.settings, exam_at=asked.now + 9 * DAY))


def above(asked: Situation, concept: int) -> set[int]:
    parents = set(parents_of(asked.content, concept))
    return parents.union(*(above(asked, parent) for parent in parents))
