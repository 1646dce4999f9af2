"""Moments inside a session, and what tests of policies ask of a choice."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from curricula.snapshot import Snapshot
from kt_models.recall import DELAYS, RecallTable
from tests.flow.situations import ORIGIN, concepts_of, content_of, items_of
from tutor.scheduling.policies import POLICIES, Entry, History, Settings, Situation
from tutor.tracing.evidence import ROW, Evidence

every_policy = pytest.mark.parametrize("name", POLICIES)
#: Something missed is asked again in the same session by all that teach.
teaching = pytest.mark.parametrize("name", [name for name, policy in POLICIES.items() if policy.retries])


def codes(entry: Entry) -> list[str]:
    return [code for code, _ in entry.reasons]


def ruled(situation: Situation, **rules: Any) -> Situation:
    return dataclasses.replace(situation, rules=dataclasses.replace(situation.rules, **rules))


def set_to(situation: Situation, **settings: Any) -> Situation:
    return dataclasses.replace(situation, settings=dataclasses.replace(situation.settings, **settings))


def a_course(n: int, *, in_a_chain: bool) -> Snapshot:
    """Two items a concept, one of them chosen from a list."""
    concepts = [
        {"key": f"c{c}", "title": f"C {c}", "prerequisites": [f"c{c - 1}"] if c and in_a_chain else []}
        for c in range(n)
    ]
    items = [
        {"key": f"i{c}-{k}", "concepts": [f"c{c}"], "statement": "?", **({} if k else {"choices": ["1", "2"]})}
        for c in range(n)
        for k in range(2)
    ]
    head = {"format": "trellis-curriculum/1", "key": "rules", "title": "Rules", "language": "en"}
    return content_of({**head, "concepts": concepts, "items": items})


def unknown(n: int) -> RecallTable:
    none, low = np.empty((0, len(DELAYS))), np.full(n, 0.3)
    return RecallTable(ORIGIN, np.empty(0, np.int64), none, none, none, low, low + 0.1, np.ones(n))


def in_a_session(concepts: list[int], wrong: set[int]) -> Situation:
    """Of six concepts without prerequisites, answers to some in that order, a minute apart."""
    content = a_course(6, in_a_chain=False)
    items = np.array([items_of(content, c)[place % 2] for place, c in enumerate(concepts)], np.int64)
    right = np.array([c not in wrong for c in concepts], float)
    history = History(items, np.array(concepts, np.int64), ORIGIN + 60.0 * np.arange(len(concepts)), right)
    return Situation(
        history.seconds.max(initial=ORIGIN) + 60.0, content, unknown(6), evidence_of(history), 1,
        settings=Settings(exploration=0.0), history=history,
    )  # fmt: skip


def spinning_on_the_first() -> Situation:
    """Twelve wrong answers to one concept out of six, the last to the item of even place."""
    return in_a_session([0] * 13, wrong={0})


def asked_in_a_row(situation: Situation) -> set[int]:
    """By each of the last three items, within the hour."""
    last = [set(concepts_of(situation.content, item)) for item in situation.evidence.items[-3:].tolist()]
    seconds = situation.evidence.column("seconds", situation.content.n_concepts)
    same = set.intersection(*last) if len(last) == 3 else set()
    return {c for c in same if seconds[c] >= situation.now - 3_600.0}


def evidence_of(history: History) -> Evidence:
    kept = np.unique(history.concept)
    rows = np.zeros(len(kept), ROW)
    for row, concept in zip(rows, kept, strict=True):
        of = history.concept == concept
        right = history.correct[of]
        row["concept"], row["n"], row["correct"] = concept, of.sum(), right.sum()
        row["recent"] = sum(1 << place for place, each in enumerate(right[:-9:-1]) if each)
        row["recall"], row["seconds"] = 0.3, history.seconds[of][-1]
    return Evidence(rows, history.item[-64:])
