"""Situations without a database: any small curriculum, what is expected of a learner and what the answers were."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import numpy as np
from hypothesis import strategies as st

from curricula.models import CurriculumVersion
from curricula.snapshot import Snapshot, build
from curricula.validation import parse
from kt_models.recall import DELAYS, RecallTable
from tutor.scheduling.policies import Cohort, History, Rules, Settings, Situation
from tutor.tracing.evidence import ROW, Evidence
from tutor.tracing.status import Criteria

#: When what is expected was computed, Unix seconds.
ORIGIN = 1_772_000_000.0
DAY = 86_400.0


def content_of(document: dict[str, Any], removed: int = 0) -> Snapshot:
    """As published; the last `removed` concepts and their items then withdrawn."""
    concepts = [(uuid4(), c["key"]) for c in document["concepts"]]
    items = [(uuid4(), i["key"]) for i in document["items"]]
    gone = {c["key"] for c in document["concepts"][len(concepts) - removed :]}
    left = {
        **document,
        "concepts": [c for c in document["concepts"] if c["key"] not in gone],
        "items": [i for i in document["items"] if not gone & set(i["concepts"])],
    }
    version = CurriculumVersion(id=uuid4(), curriculum_id=uuid4(), number=1)
    return build(version, parse(left), concepts, items)


@st.composite
def contents(draw: st.DrawFn, max_concepts: int = 6) -> Snapshot:
    n = draw(st.integers(1, max_concepts))
    concepts = []
    for place in range(n):
        parents = draw(st.sets(st.integers(0, place - 1), max_size=2)) if place else set()
        concepts.append(
            {"key": f"c{place}", "title": f"C {place}", "prerequisites": [f"c{p}" for p in sorted(parents)]}
        )
    items = []
    for place in range(draw(st.integers(0, 3 * n))):
        on = draw(st.sets(st.integers(0, n - 1), min_size=1, max_size=2))
        items.append(
            {
                "key": f"i{place}",
                "concepts": [f"c{c}" for c in sorted(on)],
                "statement": "?",
                "difficulty": draw(st.floats(-3, 3)),
                "minutes": draw(st.sampled_from([0.5, 1.0, 2.0, 5.0])),
            }
        )
    head = {"format": "trellis-curriculum/1", "key": "any", "title": "Any", "language": "en"}
    return content_of({**head, "concepts": concepts, "items": items}, removed=draw(st.integers(0, n - 1)))


@st.composite
def tables(draw: st.DrawFn, n_concepts: int, practised: list[int]) -> RecallTable:
    """Falls with time where practised; what practice adds is never negative."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    likely = st.sampled_from([0.3, 0.62, 0.75, 0.85, 0.95]) | st.floats(0.02, 0.98)
    start = np.array([draw(likely) for _ in practised]).reshape(-1, 1)
    rest = np.array([draw(st.floats(0.02, 0.98)) for _ in range(n_concepts)])
    recall = start * np.exp(-random.uniform(0, 0.2, (len(practised), 1)) * np.arange(len(DELAYS)))
    return RecallTable(
        origin=ORIGIN,
        concept=np.array(practised, np.int64),
        recall=recall,
        after=recall + (1 - recall) * random.uniform(0, 0.8, recall.shape),
        logit_sd=random.uniform(0, 1.5, recall.shape),
        rest_recall=rest,
        rest_after=rest + (1 - rest) * random.uniform(0, 0.8, n_concepts),
        rest_sd=random.uniform(0, 1.5, n_concepts),
    )


@st.composite
def evidences(draw: st.DrawFn, practised: list[int], n_items: int) -> Evidence:
    rows = np.zeros(len(practised), ROW)
    for row, concept in zip(rows, practised, strict=True):
        n = draw(st.sampled_from([1, 2, 3, 3, 4, 8, 9, 12]))
        outcomes = draw(st.lists(st.booleans(), min_size=n, max_size=n))
        row["concept"], row["n"], row["correct"] = concept, len(outcomes), sum(outcomes)
        row["recent"] = sum(1 << place for place, right in enumerate(outcomes[:-9:-1]) if right)
        row["mastered"] = len(outcomes) >= 3 and draw(st.booleans())
        row["recall"] = draw(st.floats(0.02, 0.98))
        row["seconds"] = ORIGIN - draw(st.sampled_from([0.0, 0.0, 600.0, 3 * DAY]))
    items = draw(st.lists(st.integers(0, n_items - 1), max_size=40)) if n_items else []
    return Evidence(rows, np.array(items, np.int64))


@st.composite
def histories(draw: st.DrawFn, content: Snapshot, evidence: Evidence) -> History:
    """Answers, each to one concept, that the evidence tells of: as many, those outcomes, that end."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    parts = []
    for row in evidence.rows:
        pauses = random.choice([300.0, DAY, 9.5 * DAY], row["n"]) * random.uniform(0.9, 1.1, row["n"])
        seconds = row["seconds"] - np.concatenate([[0.0], np.cumsum(pauses[1:])])[::-1]
        of = items_of(content, int(row["concept"]))
        item = random.choice(of or [-1], row["n"])
        parts.append((item, np.full(row["n"], row["concept"]), seconds, outcomes_of(row)))
    if not parts:
        return History.none()
    item, concept, seconds, correct = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(seconds, kind="stable")
    return History(item[order], concept[order].astype(np.int64), seconds[order], correct[order])


def outcomes_of(row: np.void) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(n,) in time order; what the row no longer tells apart is right first."""
    recent = [float(row["recent"] >> place & 1) for place in reversed(range(min(int(row["n"]), 8)))]
    before = int(row["n"]) - len(recent)
    right = round(float(row["correct"]) - sum(recent))
    return np.array([1.0] * right + [0.0] * (before - right) + recent)


@st.composite
def cohorts(draw: st.DrawFn, n_concepts: int) -> Cohort:
    """Of an older, narrower version now and then."""
    n = draw(st.integers(1, n_concepts))
    progress = [draw(st.sampled_from([0.0, 0.1, 0.5, 1.0])) for _ in range(n)]
    return Cohort(np.array(progress), np.full(n, 10))


@st.composite
def rules(draw: st.DrawFn, n_concepts: int, now: float) -> Rules:
    some = st.frozensets(st.integers(0, n_concepts - 1), max_size=2)
    return Rules(
        pinned=tuple(draw(st.lists(st.integers(0, n_concepts - 1), max_size=2, unique=True))),
        excluded=draw(some),
        opened=draw(some),
        known=draw(some),
        answers_left=draw(st.none() | st.integers(0, 4)),
        new_left=draw(st.none() | st.integers(0, 2)),
        minutes_left=draw(st.none() | st.sampled_from([0.0, 1.0, 4.0])),
        quiet=draw(st.sampled_from([False, False, False, True])),
        day_ends=now + 6 * 3_600.0,
    )


@st.composite
def situations(draw: st.DrawFn, *, ruled: bool = True) -> Situation:
    """With rules of a teacher or a day half of the time, unless `ruled` is False."""
    content = draw(contents())
    practised = sorted(draw(st.sets(st.integers(0, content.n_concepts - 1))))
    # A model may know fewer concepts than the newest version has.
    known = draw(st.integers(max(practised, default=0) + 1, content.n_concepts))
    scope = draw(st.none() | st.lists(st.booleans(), min_size=content.n_concepts, max_size=content.n_concepts))
    excluded = draw(st.frozensets(st.integers(0, content.n_items - 1), max_size=4)) if content.n_items else frozenset()
    now = ORIGIN + draw(st.sampled_from([0.0, 60.0, DAY, 20 * DAY, 400 * DAY]))
    evidence = draw(evidences(practised, content.n_items))
    held = draw(rules(content.n_concepts, now)) if ruled and draw(st.booleans()) else Rules()
    return Situation(
        now=now,
        content=content,
        table=draw(tables(known, practised)),
        evidence=evidence,
        seed=draw(st.integers(0, 2**53 - 1)),
        settings=Settings(exploration=draw(st.sampled_from([0.0, 0.1, 1.0])), size=draw(st.integers(0, 8))),
        scope=None if scope is None else np.array(scope),
        exclude_items=excluded,
        minutes=draw(st.none() | st.sampled_from([0.0, 1.0, 4.0])),
        criteria=Criteria(known=held.known, opened=held.opened),
        rules=held,
        history=draw(histories(content, evidence)),
        cohort=draw(st.none() | cohorts(content.n_concepts)),
    )


def items_of(content: Snapshot, concept: int) -> list[int]:
    start, end = content.concept_items.offset[concept : concept + 2]
    items: list[int] = content.concept_items.flat[start:end].tolist()
    return items


def concepts_of(content: Snapshot, item: int) -> list[int]:
    start, end = content.item_concepts.offset[item : item + 2]
    concepts: list[int] = content.item_concepts.flat[start:end].tolist()
    return concepts


def parents_of(content: Snapshot, concept: int) -> list[int]:
    start, end = content.prerequisites.offset[concept : concept + 2]
    parents: list[int] = content.prerequisites.flat[start:end].tolist()
    return parents
