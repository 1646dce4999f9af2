"""The log as columns, for training: whole histories, in the order that models read."""

from __future__ import annotations

from typing import Any, Final, NamedTuple
from uuid import UUID

import numpy as np

from kt_models.base import ConceptLists, Interactions
from tutor import db


class Columns(NamedTuple):
    """Every learner's answers on a curriculum; `answers.learner` holds rows of `learner_ids`."""

    learner_ids: list[UUID]
    answers: Interactions


# One row a learner: a tenth of the Python objects that a row an answer would make.
_READ: Final = """
SELECT learner_id, array_agg(extract(epoch FROM occurred_at)::float8 ORDER BY occurred_at, seq),
       array_agg(item ORDER BY occurred_at, seq),
       array_agg(array_to_string(concepts, ' ') ORDER BY occurred_at, seq),
       array_agg(correct::float8 ORDER BY occurred_at, seq),
       array_agg(response_seconds::float8 ORDER BY occurred_at, seq),
       array_agg(hints ORDER BY occurred_at, seq),
       array_agg(attempt ORDER BY occurred_at, seq)
FROM interactions_interaction
WHERE curriculum_id = %s AND (%s::uuid IS NULL OR school_id = %s)
GROUP BY learner_id ORDER BY learner_id
"""


def read(curriculum_id: UUID, *, school_id: UUID | None = None) -> Columns:
    """The whole log of a curriculum, of one school or of all; in memory, about 150 bytes an answer."""
    rows = db.rows(_READ, [curriculum_id, school_id, school_id])
    seconds, item, concepts, correct, response, hints, attempt = ([row[1 + k] for row in rows] for k in range(7))
    answers = Interactions(
        learner=np.repeat(np.arange(len(rows)), [len(each) for each in item]),
        seconds=_flat(seconds, np.float64),
        item=_flat(item, np.int64),
        concepts=ConceptLists.of([[int(c) for c in text.split()] for each in concepts for text in each]),
        correct=_flat(correct, np.float32),
        response_seconds=_flat(response, np.float32, missing=np.nan),
        hints=_flat(hints, np.int64, missing=0),
        attempt=_flat(attempt, np.int64, missing=0),
    )
    return Columns([row[0] for row in rows], answers)


def _flat(columns: list[list[Any]], dtype: Any, missing: float = 0) -> Any:
    return np.array([missing if value is None else value for each in columns for value in each], dtype=dtype)
