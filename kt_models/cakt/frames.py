"""Windows as arrays: events, the frames of a window, and what is told of the time between. Numpy only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np

from kt_models.base import Float32
from kt_models.recall import SECONDS_PER_DAY, Float, Int

#: Pauses below this are one and the same to the network where it predicts: those of a log hold the time taken over the
#: answer in question, which nobody knows who predicts it.
SHORT_PAUSE_SECONDS: Final = 600.0
#: Of an event: fields of a ring in the state. Item is its position + 1, 0 unknown; age is seconds before the row was
#: settled; a frame that is not there has step -1.
RING: Final = ("credit", "surprise", "difficulty", "lag", "elapsed", "timed", "item", "step", "age")
CREDIT, SURPRISE, DIFFICULTY, LAG, ELAPSED, TIMED, ITEM, STEP, AGE = range(len(RING))


def told(pause: Float, since: Float) -> Float:
    """Seconds since a concept was practised, without a short pause since the learner's last answer; at least 0."""
    short = np.where(since < SHORT_PAUSE_SECONDS, since, 0.0)
    return np.maximum(pause - short, 0.0)


@final
@dataclass(frozen=True, eq=False)
class Frames:
    """Frames of windows, newest first, shapes (windows, k): fields of the event, zero where there is none.

    Attributes:
        concept: (windows, k) known position.     fields: (windows, k, fields of RING) float32.
        gap_steps, gap_days: from the event to the question, 0 where there is none.     mask: whether there is one.
        same_item: 1 if the event was of the item asked.
    """

    concept: Int
    fields: Float32
    gap_steps: Float32
    gap_days: Float32
    mask: Float32
    same_item: Float32

    def __len__(self) -> int:
        return len(self.concept)

    def without_oldest(self) -> Frames:
        kept = self.mask.copy()
        kept[:, -1] = 0.0
        return replace(
            self, fields=self.fields * kept[..., None], gap_steps=self.gap_steps * kept, gap_days=self.gap_days * kept,
            mask=self.mask * kept, same_item=self.same_item * kept,
        )  # fmt: skip

    def take(self, rows: Int) -> Frames:
        return Frames(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


@final
@dataclass(frozen=True, eq=False)
class Events:
    """Events of the answers of a batch after those that the rings of a state hold, shapes (events,)."""

    concept: Int
    fields: Float32
    seconds: Float

    def frames(self, index: Int, step: Int, seconds: Float, since: Float, item: Int) -> Frames:
        """Frames of windows from indices (windows, k) of events, -1 for none; (windows,) step, time and item asked.

        `since` (windows,): seconds since the learner's last answer.
        """
        mask = (index >= 0).astype(np.float32)
        fields = self.fields[index] * mask[..., None]
        days = told(seconds[:, None] - self.seconds[index], since[:, None]) / SECONDS_PER_DAY
        return Frames(
            self.concept[index], fields, (step[:, None] - fields[..., STEP]).astype(np.float32) * mask,
            days.astype(np.float32) * mask, mask, _same(fields[..., ITEM], item),
        )  # fmt: skip


def _same(ring_item: Float32, item: Int) -> Float32:
    """Whether ring items (windows, k) are the item asked (windows,), unknown ones never."""
    same: Float32 = ((ring_item == (item[:, None] + 1)) & (item[:, None] >= 0)).astype(np.float32)
    return same
