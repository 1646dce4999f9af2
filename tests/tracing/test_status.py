"""The one status of a learner on a concept: laws that hold of any curriculum, expectation and history."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.flow.situations import DAY, ORIGIN, parents_of, situations
from tutor.scheduling.policies import Situation
from tutor.tracing.evidence import Answered, Evidence, Rule
from tutor.tracing.status import BY_CODE, CODES, DEFAULT, Criteria, Status, due_at, ready, statuses

RULE = DEFAULT.mastery
RECALLS = st.lists(st.floats(0.01, 0.99), max_size=30)


def of(situation: Situation, at: float | None = None) -> list[Status]:
    s = situation
    return [BY_CODE[c] for c in statuses(s.table, s.evidence, s.content, s.now if at is None else at, s.criteria)]


def column(situation: Situation, name: str) -> list[float]:
    return situation.evidence.column(name, situation.content.n_concepts).tolist()


def test_the_words_are_those_that_everybody_uses() -> None:
    assert [status.value for status in BY_CODE] == [
        "not_enough_data", "learning", "struggling", "mastered", "due_for_review", "locked",
    ]  # fmt: skip
    assert [CODES[status] for status in BY_CODE] == list(range(6))


@given(situation=situations(ruled=False))
def test_every_concept_has_one_status(situation: Situation) -> None:
    assert len(of(situation)) == situation.content.n_concepts


@given(situation=situations(ruled=False))
def test_mastered_and_due_are_said_of_what_was_mastered_and_of_nothing_else(situation: Situation) -> None:
    for status, mastered in zip(of(situation), column(situation, "mastered"), strict=True):
        assert (status in (Status.MASTERED, Status.DUE_FOR_REVIEW)) == bool(mastered)


@given(situation=situations(ruled=False))
def test_locked_is_said_of_what_was_not_begun_and_builds_on_what_is_not_known(situation: Situation) -> None:
    s = situation
    found, n, mastered = of(s), column(s, "n"), column(s, "mastered")
    for concept, status in enumerate(found):
        weak = [p for p in parents_of(s.content, concept) if not mastered[p] and not _is_likely(s, p, n[p])]
        assert (status is Status.LOCKED) == (n[concept] == 0 and bool(weak))


def _is_likely(situation: Situation, concept: int, n: float) -> bool:
    return bool(situation.recall[concept] >= (DEFAULT.ready_at if n else DEFAULT.mastered_at))


@given(situation=situations(ruled=False))
def test_few_answers_say_nothing(situation: Situation) -> None:
    for status, n in zip(of(situation), column(situation, "n"), strict=True):
        if n < DEFAULT.enough:
            assert status in (Status.NOT_ENOUGH_DATA, Status.LOCKED)
        else:
            assert status not in (Status.NOT_ENOUGH_DATA, Status.LOCKED)


@given(situation=situations(ruled=False))
def test_struggling_takes_four_answers_of_which_few_were_right(situation: Situation) -> None:
    rows = {int(row["concept"]): row for row in situation.evidence.rows}
    for concept, status in enumerate(of(situation)):
        if status is Status.STRUGGLING:
            row = rows[concept]
            assert row["n"] >= DEFAULT.struggling_after
            assert int(row["recent"]).bit_count() * 3 <= min(row["n"], 8)


#: What waiting can make of each: memories fade, and what builds on them locks or opens.
BY_WAITING = {
    Status.MASTERED: {Status.DUE_FOR_REVIEW},
    Status.LEARNING: {Status.STRUGGLING},
    Status.STRUGGLING: {Status.LEARNING},  # the less certain an expectation, the less surely it is low
    Status.NOT_ENOUGH_DATA: {Status.LOCKED},
    Status.LOCKED: {Status.NOT_ENOUGH_DATA},
    Status.DUE_FOR_REVIEW: set(),
}


@given(situation=situations(ruled=False))
def test_waiting_gains_no_mastery_and_loses_none(situation: Situation) -> None:
    for now, later in zip(of(situation, ORIGIN), of(situation, ORIGIN + 300 * DAY), strict=True):
        assert later is now or later in BY_WAITING[now]


@given(situation=situations(ruled=False))
def test_a_review_is_due_from_the_moment_foretold(situation: Situation) -> None:
    s = situation
    due = due_at(s.table, s.evidence, s.content, s.criteria)
    for concept, when in enumerate(due):
        if np.isfinite(when):
            assert of(s, when + 60)[concept] is Status.DUE_FOR_REVIEW
        if np.isfinite(when) and when > s.table.origin + 60:
            assert of(s, when - 60)[concept] is Status.MASTERED


@given(situation=situations(ruled=False), stricter=st.floats(0.0, 0.29))
def test_whoever_wants_more_remembered_reviews_earlier(situation: Situation, stricter: float) -> None:
    s = situation
    strict = Criteria(review_at=DEFAULT.review_at + stricter)
    lax = due_at(s.table, s.evidence, s.content, DEFAULT)
    assert np.all(due_at(s.table, s.evidence, s.content, strict) <= lax)


@given(situation=situations(ruled=False))
def test_what_needs_nothing_is_ready(situation: Situation) -> None:
    s = situation
    found = ready(s.table, s.evidence, s.content, s.now)
    assert all(found[c] for c in range(s.content.n_concepts) if not parents_of(s.content, c))


@given(situation=situations(ruled=False))
def test_nothing_that_was_ready_locks_when_more_is_mastered(situation: Situation) -> None:
    s = situation
    rows = s.evidence.rows.copy()
    rows["mastered"] = 1
    before = ready(s.table, s.evidence, s.content, s.now)
    assert np.all(ready(s.table, Evidence(rows, s.evidence.items), s.content, s.now) >= before)


def fold(recalls: list[float], known: Evidence | None = None) -> Evidence:
    answers = [Answered(0, (0,), 1.0, float(i), (recall,)) for i, recall in enumerate(recalls)]
    return (known or Evidence.none()).fold(answers, RULE)


def is_mastered(evidence: Evidence) -> bool:
    return bool(evidence.column("mastered", 1)[0])


@pytest.mark.parametrize(
    ("recalls", "mastered"),
    [
        ([0.9, 0.9], False),
        ([0.5, 0.5, 0.79], False),
        ([0.5, 0.5, 0.80], True),
        ([0.9, 0.9, 0.9, 0.61], True),
        ([0.9, 0.9, 0.9, 0.59], False),
        ([0.9, 0.9, 0.9, 0.59, 0.7], False),
        ([0.9, 0.9, 0.9, 0.59, 0.8], True),
    ],
)
def test_mastery_is_gained_at_80_percent_and_kept_down_to_60(recalls: list[float], mastered: bool) -> None:
    assert is_mastered(fold(recalls)) == mastered


@given(recalls=RECALLS)
def test_between_the_two_thresholds_nothing_changes(recalls: list[float]) -> None:
    for between in (0.60, 0.7, 0.799):
        assert is_mastered(fold([*recalls, between])) == is_mastered(fold(recalls))


@given(recalls=RECALLS)
def test_evidence_folded_answer_by_answer_is_the_same(recalls: list[float]) -> None:
    known = Evidence.none()
    for i, recall in enumerate(recalls):
        known = known.fold([Answered(0, (0,), 1.0, float(i), (recall,))], RULE)
    assert known.to_bytes() == fold(recalls).to_bytes()


@given(situation=situations(ruled=False))
def test_evidence_survives_its_bytes(situation: Situation) -> None:
    data = situation.evidence.to_bytes()
    again = Evidence.from_bytes(data)
    assert again.to_bytes() == data
    assert again.rows.tolist() == situation.evidence.rows.tolist()
    assert again.items.tolist() == situation.evidence.items.tolist()


def test_evidence_keeps_the_last_64_items_and_8_outcomes() -> None:
    answers = [Answered(i, (3,), float(i % 2), float(i), (0.5,)) for i in range(100)]
    known = Evidence.none().fold(answers, RULE)
    assert known.items.tolist() == list(range(36, 100))
    assert known.rows[0]["recent"] == 0b01010101
    assert (known.n, known.column("n", 5).tolist()) == (100, [0, 0, 0, 100, 0])


def test_partial_credit_counts_as_right_from_one_half_on() -> None:
    answers = [Answered(0, (0,), credit, 0.0, (0.5,)) for credit in (0.49, 0.5)]
    assert Evidence.none().fold(answers, RULE).rows[0]["recent"] == 0b01


def test_folding_leaves_the_evidence_before_it_untouched() -> None:
    before = fold([0.9, 0.9])
    data = before.to_bytes()
    fold([0.9], before)
    assert before.to_bytes() == data


def test_the_rule_is_that_of_the_criteria() -> None:
    assert Rule(0.9, 5, 0.5) == dataclasses.replace(DEFAULT, mastered_at=0.9, mastered_after=5, lost_at=0.5).mastery
