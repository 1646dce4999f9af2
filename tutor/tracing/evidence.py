"""What a learner's answers were, by concept: counts, recency, mastery with hysteresis. A fold, like the state.

Kept beside the model's state because every model needs it shown and none of them owns it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from kt_models.recall import Float, Int

#: One row a practised concept, ascending by position. `recent` holds the last eight outcomes as bits, newest
#: lowest; `recall` is the model's, right after the last answer.
ROW: Final = np.dtype(
    [
        ("concept", "<i4"),
        ("n", "<i4"),
        ("correct", "<f4"),
        ("recent", "u1"),
        ("mastered", "u1"),
        ("recall", "<f4"),
        ("seconds", "<f8"),
    ]
)
#: Items answered last, newest last: what a policy must not offer again at once.
RECENT_ITEMS: Final = 64
#: An outcome counts as right in `recent` from this credit on.
RIGHT: Final = 0.5


class BadEvidence(ValueError):
    """The bytes are no evidence: cut short, or of something else."""


class Answered(NamedTuple):
    """An answer, with the model's recall of each of its concepts right after it."""

    item: int
    concepts: Sequence[int]
    correct: float
    seconds: float
    recall_after: Sequence[float]


class Rule(NamedTuple):
    """When mastery is gained and lost: with hysteresis, so that one slip does not flicker.

    Forgetting does not take mastery away; it makes a review due.
    """

    gained_at: float
    least_answers: int
    lost_at: float

    def judge(self, mastered: bool, recall: float, n: int) -> bool:
        if recall < self.lost_at:
            return False
        return mastered or (recall >= self.gained_at and n >= self.least_answers)


@final
@dataclass(frozen=True, eq=False)
class Evidence:
    """Attributes: rows (practised,) of `ROW`; items (<= RECENT_ITEMS,) positions, newest last."""

    rows: NDArray[np.void]
    items: Int

    @classmethod
    def none(cls) -> Evidence:
        return cls(np.empty(0, ROW), np.empty(0, np.int64))

    @classmethod
    def from_bytes(cls, data: bytes | memoryview | None, items_known: int | None = None) -> Evidence:
        """Reads `to_bytes`.

        Args:
            items_known: of the curriculum, where the caller knows: answers can be to no others.

        Raises:
            BadEvidence: if they are not what `to_bytes` writes.
        """
        if not data:
            return cls.none()
        n_items = int(np.frombuffer(data, "<i4", 1)[0]) if len(data) >= 4 else -1
        start = 4 + 4 * n_items
        if not 0 <= n_items <= RECENT_ITEMS or len(data) < start or (len(data) - start) % ROW.itemsize:
            raise BadEvidence(f"evidence of {len(data)} bytes and {n_items} items: fold the learner's log again")
        rows, items = np.frombuffer(data, ROW, -1, start), np.frombuffer(data, "<i4", n_items, 4).astype(np.int64)
        if (np.diff(rows["concept"], prepend=-1) <= 0).any() or (items < 0).any():
            raise BadEvidence("evidence of no such concepts or items: fold the learner's log again")
        found = cls(rows, items)
        if items_known is not None and found.last_item >= items_known:
            raise BadEvidence(f"evidence of more than the {items_known} items published: fold the learner's log again")
        return found

    def to_bytes(self) -> bytes:
        head = np.array([self.items.shape[0]], "<i4").tobytes()
        return head + self.items.astype("<i4").tobytes() + self.rows.tobytes()

    @property
    def last_item(self) -> int:
        """The highest position among the recent items, -1 for none."""
        return int(self.items.max(initial=-1))

    @property
    def n(self) -> int:
        """Answers in all, an answer on two concepts counting twice."""
        return int(self.rows["n"].sum())

    def column(self, name: str, n_concepts: int) -> Float:
        """A column spread over all concepts, 0 where never practised, shape (concepts,)."""
        out = np.zeros(n_concepts)
        out[self.rows["concept"]] = self.rows[name]
        return out

    def fold(self, answers: Sequence[Answered], rule: Rule) -> Evidence:
        """With some answers added, in time order; mastery is judged after each."""
        rows = self._with({c for answer in answers for c in answer.concepts})
        place = {int(c): i for i, c in enumerate(rows["concept"])}
        for answer in answers:
            for concept, recall in zip(answer.concepts, answer.recall_after, strict=True):
                row = rows[place[concept]]
                row["n"] += 1
                row["correct"] += answer.correct
                row["recent"] = (int(row["recent"]) << 1 & 0xFF) | (answer.correct >= RIGHT)
                row["seconds"] = answer.seconds
                row["recall"] = recall
                row["mastered"] = rule.judge(bool(row["mastered"]), recall, int(row["n"]))
        items = np.concatenate([self.items, np.array([a.item for a in answers], np.int64)])
        return Evidence(rows, items[-RECENT_ITEMS:])

    def _with(self, concepts: set[int]) -> NDArray[np.void]:
        new = sorted(concepts.difference(self.rows["concept"].tolist()))
        if not new:
            return self.rows.copy()
        fresh = np.zeros(len(new), ROW)
        fresh["concept"] = new
        rows = np.concatenate([self.rows, fresh])
        return rows[np.argsort(rows["concept"], kind="stable")]
