"""Plans made by what no longer holds are looked at again: at once by whoever asks, in batches by `release_due`."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from tutor import db

# In the order in which everybody locks plans. A worker that holds one has read what was agreed before: it is marked
# when the worker is done. Whoever asks meanwhile sees by `Terms.mark` that the plan no longer holds.
_MARK: Final = """
WITH old AS (
    SELECT learner_id, curriculum_id FROM scheduling_plan WHERE learner_id IN ({learners})
    ORDER BY learner_id, curriculum_id FOR UPDATE
)
UPDATE scheduling_plan p SET next_due_at = %s FROM old
WHERE p.learner_id = old.learner_id AND p.curriculum_id = old.curriculum_id
"""
_OF_GROUP: Final = _MARK.format(learners="SELECT learner_id FROM accounts_membership WHERE group_id = %s")
_OF_LEARNER: Final = _MARK.format(learners="%s::uuid")


def of_group(group_id: UUID, *, now: datetime) -> None:
    """Of all its learners: one statement, which writes one row for each."""
    db.rows(_OF_GROUP, [group_id, now])


def of_learner(learner_id: UUID, *, now: datetime) -> None:
    db.rows(_OF_LEARNER, [learner_id, now])
