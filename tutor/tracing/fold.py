"""How answers become beliefs, for learners of the log and for simulated ones alike. Pure: no database, no clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from kt_models.base import ConceptLists, Interactions, LearnerModel, Query
from kt_models.state import LearnerState
from tutor.tracing.evidence import Answered


def update(
    model: LearnerModel, state: LearnerState, seen: Interactions, tell: Callable[[int], None] = lambda answers: None
) -> tuple[LearnerState, list[float], list[float]]:
    """The new belief; P(correct) of each answer just before it; recall of its concepts right after it, flat.

    Answer by answer, though in one batch over learners: what was expected and whether mastery was reached must not
    depend on how many answers happened to be folded together. `tell` hears of every round.
    """
    expected, recall = np.empty(len(seen)), np.empty(seen.concepts.flat.shape[0])
    for rows in seen.rounds():
        answers = seen.take(rows)
        state, before = model.trace(state, answers)
        tell(len(rows))
        expected[rows] = before.p
        lists, counts = answers.concepts, answers.concepts.counts
        places = np.arange(lists.flat.shape[0]) + np.repeat(seen.concepts.offset[rows] - lists.offset[:-1], counts)
        learner, seconds = np.repeat(answers.learner, counts), np.repeat(answers.seconds, counts)
        average_item = np.full(lists.flat.shape[0], -1)
        recall[places] = model.predict(state, Query(learner, seconds, average_item, ConceptLists.single(lists.flat))).p
    return state, expected.tolist(), recall.tolist()


def answered(seen: Interactions, recall_after: Sequence[float], n_rows: int) -> list[list[Answered]]:
    """What evidence folds, by learner row 0 to `n_rows` - 1; `recall_after` as `update` tells it."""
    grouped: list[list[Answered]] = [[] for _ in range(n_rows)]
    offset, concepts = seen.concepts.offset.tolist(), seen.concepts.flat.tolist()
    columns = zip(seen.learner.tolist(), seen.item.tolist(), seen.correct.tolist(), seen.seconds.tolist(), strict=True)
    for (row, item, correct, seconds), start, end in zip(columns, offset[:-1], offset[1:], strict=True):
        grouped[row].append(Answered(item, concepts[start:end], correct, seconds, recall_after[start:end]))
    return grouped
