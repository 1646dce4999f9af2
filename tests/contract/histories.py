"""Histories of answers for the contract suite, as hypothesis strategies and as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from kt_models.base import ConceptLists, Interactions

#: Concepts and items of the data set that the contract's models are fitted on.
N_CONCEPTS, N_ITEMS = 8, 32
#: Unix seconds at which histories begin: float32 times would lose minutes here.
START = 1_760_000_000.0


@dataclass(frozen=True)
class Answer:
    gap: float
    concepts: tuple[int, ...]
    item: int
    correct: float


History = list[Answer]

# Some concepts and items lie beyond the model's: a newer curriculum.
_CONCEPTS = st.lists(st.integers(0, N_CONCEPTS + 2), min_size=1, max_size=3, unique=True).map(tuple)
_GAPS = st.sampled_from([0.0, 1.0, 45.5, 3_600.0, 86_400.0, 40 * 86_400.0])
answers = st.builds(
    Answer,
    gap=_GAPS,
    concepts=_CONCEPTS,
    item=st.integers(-1, N_ITEMS + 2),
    correct=st.sampled_from([0.0, 1.0, 1.0, 0.5]),
)


def histories(min_size: int = 1, max_size: int = 30) -> st.SearchStrategy[History]:
    return st.lists(answers, min_size=min_size, max_size=max_size)


def batches() -> st.SearchStrategy[list[History]]:
    """Histories of some learners, some of them empty."""
    return st.lists(histories(min_size=0, max_size=12), min_size=1, max_size=5)


def columns(batch: Sequence[History]) -> Interactions:
    """Answers of a batch: learner i gives those of the i-th history."""
    flat = [(row, answer) for row, history in enumerate(batch) for answer in history]
    times = [START + np.cumsum([answer.gap for answer in history]) for history in batch]
    return Interactions(
        learner=np.array([row for row, _ in flat], dtype=np.int64),
        seconds=np.concatenate(times) if times else np.empty(0),
        item=np.array([answer.item for _, answer in flat], dtype=np.int64),
        concepts=ConceptLists.of([answer.concepts for _, answer in flat]),
        correct=np.array([answer.correct for _, answer in flat], dtype=np.float32),
    )


def flipped(history: History, at: int) -> History:
    """The same history with the opposite outcome of one answer."""
    return [replace(a, correct=1.0 - round(a.correct)) if i == at else a for i, a in enumerate(history)]
