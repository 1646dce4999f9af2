"""An item may ask for two concepts: what holds of one of them holds of the item, whichever it is offered for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from tests.flow.situations import DAY, ORIGIN, concepts_of, content_of, items_of, situations
from tests.scheduling.asked import believing, known_to
from tutor.scheduling.policies import (
    POLICIES,
    Barrier,
    Candidate,
    Choice,
    Entry,
    History,
    Reason,
    Rules,
    Settings,
    Situation,
)
from tutor.tracing.evidence import Evidence
from tutor.tracing.status import CODES, Status

every_policy = pytest.mark.parametrize("name", POLICIES)


def a_pair(own: bool = True, evidence: Evidence | None = None, **columns: Any) -> Situation:
    """Two concepts, the item of both being nearer to the wanted success than the one that only asks for the first."""
    items: list[dict[str, Any]] = [{"key": "both", "concepts": ["c0", "c1"], "statement": "?"}]
    items += [{"key": "own", "concepts": ["c0"], "statement": "?", "difficulty": 3.0}] if own else []
    concepts: list[dict[str, Any]] = [{"key": key, "title": key, "prerequisites": []} for key in ("c0", "c1")]
    head = {"format": "trellis-curriculum/1", "key": "pair", "title": "Pair", "language": "en"}
    content = content_of({**head, "concepts": concepts, "items": items})
    settings = Settings(exploration=0.0, exam_at=ORIGIN + 9 * DAY)
    return Situation(
        ORIGIN, content, believing([0.75, 0.75]), evidence or Evidence.none(), 1, settings=settings,
        history=History.none(), **columns,
    )  # fmt: skip


def offered(choice: Choice, situation: Situation) -> list[tuple[int, str]]:
    return [(entry.concept, situation.content.item_keys[entry.item]) for entry in choice.entries]


def shown(choice: Choice) -> Iterator[Candidate]:
    return (candidate for entry in choice.entries for candidate in entry.candidates)


def beside(situation: Situation, concept: int, item: int) -> set[int]:
    return set(concepts_of(situation.content, item)) - {concept}


def is_pinned(entry: Entry) -> bool:
    return Reason.PINNED in dict(entry.reasons)


# What a teacher has excluded


@every_policy
def test_an_item_of_what_is_excluded_is_not_offered_for_what_is_not(name: str) -> None:
    asked = a_pair(rules=Rules(excluded=frozenset({1})))
    assert offered(POLICIES[name](asked), asked) == [(0, "own")]


@every_policy
@pytest.mark.parametrize("pinned", [(), (0,)])
def test_without_an_item_of_its_own_the_answer_says_so(name: str, pinned: tuple[int, ...]) -> None:
    choice = POLICIES[name](a_pair(own=False, rules=Rules(excluded=frozenset({1}), pinned=pinned)))
    assert (choice.entries, choice.nothing) == ((), Barrier.NO_ITEM)
    assert choice.barriers == {Barrier.NO_ITEM: 1, Barrier.EXCLUDED: 1}


@every_policy
def test_when_the_word_ends_what_it_kept_back_beside_comes_again(name: str) -> None:
    returns = Rules(excluded=frozenset({1}), returns={1: ORIGIN + DAY})
    assert POLICIES[name](a_pair(own=False, rules=returns)).next_due == ORIGIN + DAY
    narrowed = a_pair(own=False, rules=returns, scope=np.array([True, False]))
    assert POLICIES[name](narrowed).next_due == ORIGIN + DAY
    assert POLICIES[name](a_pair(own=False, rules=Rules(excluded=frozenset({1})))).next_due == np.inf


@given(situation=situations())
def test_no_item_asks_for_something_excluded_beside(situation: Situation) -> None:
    for policy in POLICIES.values():
        for each in shown(policy(situation)):
            assert not beside(situation, each.concept, each.item) & situation.rules.excluded


# What a day allows


@every_policy
def test_an_item_counts_with_all_the_concepts_that_it_begins(name: str) -> None:
    for new_left, expected in ((0, []), (1, [(0, "own")])):
        asked = a_pair(rules=Rules(new_left=new_left, day_ends=ORIGIN + DAY / 2))
        choice = POLICIES[name](asked)
        assert offered(choice, asked) == expected
        assert choice.barriers[Barrier.NEW_TODAY] == 2 - new_left
        assert choice.next_due == ORIGIN + DAY / 2
    asked = a_pair(rules=Rules(new_left=2))
    assert "both" in dict(map(reversed, offered(POLICIES[name](asked), asked)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [name for name in POLICIES if name != "placement"])
def test_what_was_begun_goes_on_by_items_that_begin_nothing(name: str) -> None:
    asked = a_pair(evidence=known_to({0: "10"}), rules=Rules(new_left=0))
    asked = dataclasses.replace(
        asked, history=History(*(np.array(c) for c in ([1, 1], [0, 0], [1.0, 2.0], [1.0, 0.0])))
    )
    assert offered(POLICIES[name](asked), asked) == [(0, "own")]


@every_policy
def test_a_pin_takes_the_item_that_begins_least(name: str) -> None:
    for own, expected in ((True, "own"), (False, "both")):
        asked = a_pair(own, rules=Rules(new_left=0, pinned=(0,)))
        assert offered(POLICIES[name](asked), asked) == [(0, expected)]


@given(situation=situations())
def test_a_day_begins_no_more_concepts_than_are_left(situation: Situation) -> None:
    """Counted are all concepts of all items; only what a teacher pins may be more."""
    new = situation.evidence.column("n", situation.content.n_concepts) == 0
    for policy in POLICIES.values():
        begun: set[int] = set()
        for entry in policy(situation).entries:
            begins = {c for c in concepts_of(situation.content, entry.item) if new[c]} - begun
            begun |= begins
            left = situation.rules.new_left
            assert left is None or not begins or is_pinned(entry) or len(begun) <= left


# What comes last


@every_policy
@pytest.mark.parametrize(
    "columns", [{"scope": np.array([True, False])}, {"rules": Rules(known=frozenset({1}))}], ids=["scope", "known"]
)
def test_an_item_of_what_is_out_of_scope_or_known_comes_if_there_is_no_other(
    name: str, columns: dict[str, Any]
) -> None:
    for own, expected in ((True, "own"), (False, "both")):
        asked = a_pair(own, **columns)
        assert offered(POLICIES[name](asked), asked) == [(0, expected)]


@given(situation=situations())
def test_what_is_barred_is_asked_for_beside_only_if_there_is_no_other(situation: Situation) -> None:
    content, rules = situation.content, situation.rules
    last = rules.known | set(np.flatnonzero(situation.status == CODES[Status.LOCKED]))
    last |= set() if situation.scope is None else set(np.flatnonzero(~situation.scope))
    for policy in POLICIES.values():
        for entry in policy(situation).entries[:1]:
            if beside(situation, entry.concept, entry.item) & last:
                taken = {c.item for c in entry.candidates if c.concept != entry.concept}
                for other in set(items_of(content, entry.concept)) - situation.exclude_items - taken:
                    with_it = beside(situation, entry.concept, other)
                    assert with_it & (last | rules.excluded) or begins_too_many(situation, other)


def begins_too_many(situation: Situation, item: int) -> bool:
    new = situation.evidence.column("n", situation.content.n_concepts)[concepts_of(situation.content, item)] == 0
    return situation.rules.new_left is not None and int(new.sum()) > situation.rules.new_left


@given(situation=situations())
def test_why_an_item_was_chosen_is_true_of_those_that_may_be_offered(situation: Situation) -> None:
    """That it fits is no reason where nothing else could be offered."""
    excluded = situation.rules.excluded
    for policy in POLICIES.values():
        for entry in policy(situation).entries:
            if Reason.SUCCESS_BAND in dict(entry.reasons):
                own = set(items_of(situation.content, entry.concept)) - situation.exclude_items
                assert sum(not beside(situation, entry.concept, item) & excluded for item in own) > 1
