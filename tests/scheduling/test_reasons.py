"""Reasons are faithful: without what a reason names, the choice would have been another, or come at another place."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest

from curricula.snapshot import Snapshot, with_prerequisites
from kt_models.base import ConceptLists
from kt_models.recall import DELAYS, SECONDS_PER_DAY, RecallTable
from tests.flow.situations import ORIGIN, content_of, parents_of
from tutor.scheduling.policies import POLICIES, Choice, Entry, Reason, Rules, Settings, Situation
from tutor.scheduling.reasons import sentence
from tutor.tracing.evidence import ROW, Evidence

CONCEPTS: Final = 24
SITUATIONS: Final = 120
#: Share of reasons without which the choice is another.
WANTED: Final = 0.95

Without = Callable[[Situation, Entry], Situation]


def a_course(random: np.random.Generator) -> Snapshot:
    concepts, items = [], []
    for place in range(CONCEPTS):
        parents = sorted({int(p) for p in random.integers(0, place, 2)}) if place > 4 else []
        concepts.append({"key": f"c{place}", "title": f"C {place}", "prerequisites": [f"c{p}" for p in parents]})
        for number in range(4):
            form: dict[str, Any] = {} if number % 2 else {"choices": ["1", "2"]}
            items.append(
                {
                    "key": f"i{place}-{number}", "concepts": [f"c{place}"], "statement": "?",
                    "difficulty": float(random.normal()), "minutes": float(random.uniform(0.5, 2.0)), **form,
                }
            )  # fmt: skip
    head = {"format": "trellis-curriculum/1", "key": "some", "title": "Some", "language": "en"}
    return content_of({**head, "concepts": concepts, "items": items})


def some_situation(seed: int, **settings: Any) -> Situation:
    """A learner half way through a course, some of it due, some of it missed a moment ago."""
    random = np.random.default_rng(seed)
    content = a_course(random)
    practised = np.sort(random.choice(CONCEPTS, 14, replace=False))
    start = random.uniform(0.3, 0.97, (len(practised), 1))
    recall = start * np.exp(-random.uniform(0, 0.08, start.shape) * np.arange(len(DELAYS)))
    rest = random.uniform(0.2, 0.6, CONCEPTS)
    rows = np.zeros(len(practised), ROW)
    rows["concept"], rows["n"] = practised, random.integers(1, 20, len(practised))
    rows["recent"] = random.integers(0, 256, len(practised)) & (2 ** np.minimum(rows["n"], 8) - 1)
    rows["mastered"] = (rows["n"] >= 3) & (start[:, 0] > 0.6)
    rows["recall"] = start[:, 0]
    now = ORIGIN + float(random.choice([300.0, 3 * SECONDS_PER_DAY]))
    rows["seconds"] = ORIGIN
    table = RecallTable(
        ORIGIN, practised, recall, recall + (1 - recall) * random.uniform(0.02, 0.5, start.shape),
        np.full(recall.shape, 0.5), rest, rest + (1 - rest) * random.uniform(0.02, 0.5, CONCEPTS), np.ones(CONCEPTS),
    )  # fmt: skip
    last = [content.concept_items.flat[content.concept_items.offset[c]] for c in random.choice(practised, 8)]
    goals = frozenset(random.choice(CONCEPTS, 5, replace=False).tolist())
    chosen = {"exploration": 0.0, "retry_after": 2, "goals": goals, "exam_at": now + 14 * SECONDS_PER_DAY, **settings}
    rules = Rules(pinned=(int(random.integers(CONCEPTS)),))
    return Situation(
        now, content, table, Evidence(rows, np.array(last)), seed, settings=Settings(**chosen), rules=rules
    )


def changed(situation: Situation, **columns: Any) -> Situation:
    return dataclasses.replace(situation, **columns)


def told(situation: Situation, **rules: Any) -> Situation:
    return changed(situation, rules=dataclasses.replace(situation.rules, **rules))


def with_row(situation: Situation, concept: int, **values: Any) -> Situation:
    rows = situation.evidence.rows.copy()
    for name, value in values.items():
        rows[name][rows["concept"] == concept] = value
    return changed(situation, evidence=Evidence(rows, situation.evidence.items))


def not_due(situation: Situation, entry: Entry) -> Situation:
    def later(of: Situation) -> Any:
        due = of.falls_due.copy()
        due[entry.concept] = np.inf
        return due

    return told(situation, review_due=later)


def not_ready(situation: Situation, entry: Entry) -> Situation:
    """With a prerequisite that is surely not known; where it needs none, as known already."""
    parents = parents_of(situation.content, entry.concept)
    if not parents:
        return told(situation, known=frozenset({entry.concept}))
    table = situation.table
    recall, rest = table.recall.copy(), table.rest_recall.copy()
    recall[np.isin(table.concept, parents)] = 0.05
    rest[parents] = 0.05
    low = dataclasses.replace(table, recall=recall, rest_recall=rest)
    return with_row(changed(situation, table=low), parents[0], mastered=0)


def mastered(situation: Situation, entry: Entry) -> Situation:
    return not_due(with_row(situation, entry.concept, mastered=1), entry)


def unlocking_nothing(situation: Situation, entry: Entry) -> Situation:
    """As if nothing built on it."""
    content = situation.content
    parents = [[p for p in parents_of(content, child) if p != entry.concept] for child in range(CONCEPTS)]
    return changed(situation, content=with_prerequisites(content, ConceptLists.of(parents), "without"))


def no_goal(situation: Situation, entry: Entry) -> Situation:
    left = situation.settings.goals - {entry.concept}
    return changed(situation, settings=dataclasses.replace(situation.settings, goals=left or frozenset({0})))


def no_exam(situation: Situation, entry: Entry) -> Situation:
    return changed(situation, settings=dataclasses.replace(situation.settings, exam_at=None))


def alike(situation: Situation, entry: Entry) -> Situation:
    """All items of the concept are as hard."""
    lists, difficulty = situation.content.concept_items, situation.content.item_difficulty.copy()
    difficulty[lists.flat[lists.offset[entry.concept] : lists.offset[entry.concept + 1]]] = 0.0
    return changed(situation, content=dataclasses.replace(situation.content, item_difficulty=difficulty))


def not_missed(situation: Situation, entry: Entry) -> Situation:
    [recent] = situation.evidence.rows["recent"][situation.evidence.rows["concept"] == entry.concept]
    return with_row(situation, entry.concept, recent=recent | 1)


WITHOUT: Final[dict[Reason, Without]] = {
    Reason.DUE: not_due,
    Reason.READY: not_ready,
    Reason.STARTED: mastered,
    Reason.STRUGGLING: mastered,
    Reason.UNLOCKS: unlocking_nothing,
    Reason.GOAL: no_goal,
    Reason.EXAM: no_exam,
    Reason.SUCCESS_BAND: alike,
    Reason.RETRY: not_missed,
    Reason.PINNED: lambda situation, _: told(situation, pinned=()),
    Reason.OTHER_MATERIAL: lambda situation, entry: with_row(situation, entry.concept, n=3),
}


def place(choice: Choice, entry: Entry) -> tuple[int, int] | None:
    """Where a concept stands in a plan, and by which item."""
    places = {e.concept: (at, e.item) for at, e in enumerate(choice.entries)}
    return places.get(entry.concept)


def faithfulness(name: str, **settings: Any) -> Counter[tuple[Reason, bool]]:
    """How often a plan was another without the reason, by reason."""
    counted: Counter[tuple[Reason, bool]] = Counter()
    for seed in range(SITUATIONS):
        situation = some_situation(seed, **settings)
        plan = POLICIES[name](situation)
        for entry in plan.entries:
            for code, _ in entry.reasons:
                other = POLICIES[name](WITHOUT[Reason(code)](situation, entry))
                counted[Reason(code), place(other, entry) != place(plan, entry)] += 1
    return counted


@pytest.mark.parametrize("name", ["gain", "threshold", "exam"])
@pytest.mark.parametrize("goals", [frozenset(), None], ids=["all concepts", "goals"])
def test_without_its_reason_a_choice_would_have_been_another(name: str, goals: frozenset[int] | None) -> None:
    counted = faithfulness(name, **({} if goals is None else {"goals": goals}))
    for reason in {reason for reason, _ in counted}:
        held, all_ = counted[reason, True], counted[reason, True] + counted[reason, False]
        # A pin may be what would have come first anyway, and the exam may move a concept only past one that is pinned.
        may_not = reason in (Reason.PINNED, Reason.EXAM)
        # One of few is more than a tenth.
        least = 0.9 * all_ - 1 if may_not else WANTED * all_
        assert held >= least, f"{reason}: {held} of {all_}"
    assert sum(n for (_, held), n in counted.items() if held) >= WANTED * sum(counted.values())
    expected = {Reason.DUE, Reason.READY, Reason.STARTED, Reason.SUCCESS_BAND, Reason.RETRY, Reason.PINNED}
    assert expected <= {reason for reason, _ in counted}
    if name != "threshold":
        assert Reason.UNLOCKS in {reason for reason, _ in counted}


def test_every_reason_has_a_sentence() -> None:
    for reason in Reason:
        assert sentence(reason, 0.5).endswith(".")
