"""Situations in which policies are asked, made up by what matters to a test."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from curricula.snapshot import Snapshot
from kt_models.recall import DELAYS, RecallTable
from tests.flow.situations import DAY, ORIGIN, content_of
from tutor.scheduling.policies import (
    POLICIES,
    Choice,
    History,
    Settings,
    Situation,
)
from tutor.tracing.evidence import ROW, Evidence


def course(parents: Sequence[Sequence[int]], difficulty: Sequence[float] | None = None) -> Snapshot:
    """Concepts by what they need, with two items each."""
    concepts = [
        {"key": f"c{c}", "title": f"C {c}", "prerequisites": [f"c{p}" for p in of]} for c, of in enumerate(parents)
    ]
    hard = difficulty or [0.0] * len(parents)
    items = [
        {"key": f"i{c}-{k}", "concepts": [f"c{c}"], "statement": "?", "difficulty": hard[c]}
        for c in range(len(parents))
        for k in range(2)
    ]
    head = {"format": "trellis-curriculum/1", "key": "laws", "title": "Laws", "language": "en"}
    return content_of({**head, "concepts": concepts, "items": items})


def believing(recall: Sequence[float], sd: float = 1.0) -> RecallTable:
    """The same at any delay."""
    level = np.repeat(np.array(recall)[:, None], len(DELAYS), axis=1)
    flat = np.array(recall)
    return RecallTable(
        ORIGIN, np.arange(len(recall)), level, np.minimum(level + 0.1, 0.99), np.full(level.shape, sd), flat, flat,
        np.full(len(recall), sd),
    )  # fmt: skip


def known_to(practised: dict[int, str], mastered: Sequence[int] = (), seconds: float = ORIGIN - DAY) -> Evidence:
    """By concept, outcomes as "1" and "0" in time order."""
    rows = np.zeros(len(practised), ROW)
    for row, (concept, of) in zip(rows, sorted(practised.items()), strict=True):
        row["concept"], row["n"], row["correct"] = concept, len(of), of.count("1")
        row["recent"] = int(of[-8:], 2)
        row["mastered"], row["recall"], row["seconds"] = concept in mastered, 0.9, seconds
    return Evidence(rows, np.empty(0, np.int64))


def situation(
    parents: Sequence[Sequence[int]], recall: Sequence[float], evidence: Evidence | None = None, **columns: Any
) -> Situation:
    found = Evidence.none() if evidence is None else evidence
    settings = Settings(exploration=0.0, size=len(parents))
    return Situation(
        ORIGIN, course(parents), believing(recall), found, 1, **{"settings": settings, "history": None, **columns}
    )  # fmt: skip


def after(answers: Sequence[float], gaps: Sequence[float], now: float | None = None) -> Situation:
    """One concept that was answered so, and another that is new."""
    seconds = ORIGIN + np.cumsum(gaps[: len(answers)])
    n = len(answers)
    history = History(np.zeros(n, np.int64), np.zeros(n, np.int64), seconds, np.array(answers))
    row = np.zeros(1, ROW)
    row["n"], row["correct"], row["seconds"], row["recall"] = n, sum(answers), seconds[-1], 0.5
    return dataclasses.replace(
        situation([[], []], [0.5, 0.5], Evidence(row, np.empty(0, np.int64))),
        now=seconds[-1] if now is None else now, history=history,
    )  # fmt: skip


def days_until_review(name: str, answers: Sequence[float], gaps: Sequence[float]) -> float:
    asked = after(answers, gaps)
    return (POLICIES[name](asked).next_due - asked.now) / DAY


def order(choice: Choice) -> list[int]:
    return [entry.concept for entry in choice.entries]
