"""What this process has folded, has room for, and cannot read for now; `worker` tells the database of it."""

from __future__ import annotations

import sys
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, final
from uuid import UUID

import structlog
from django.conf import settings

from tutor.registry import device

log = structlog.get_logger()

RECENT_BATCHES: Final = 32
#: A batch that took longer is too large for its model on this device: 256 learners of a network that looks at 5,000
#: concepts take minutes on a CPU.
SLOW_SECONDS: Final = 20.0
#: Halving 256 down to 1 takes eight times running out of memory. More often, memory is in pieces: a new process has it
#: whole.
MAX_HALVINGS: Final = 8
#: A version that could not be read is left alone for so long, and for twice as long as it took to say so: learners of
#: other versions wait meanwhile.
READ_AGAIN: Final = timedelta(seconds=30)


@final
@dataclass
class Pulse:
    """Counts only grow, and `answers` with every step of a batch: who looks twice sees whether something is done."""

    batches: int = 0
    learners: int = 0
    answers: int = 0
    halvings: int = 0
    drained_at: datetime | None = None
    sizes: deque[int] = field(default_factory=lambda: deque(maxlen=RECENT_BATCHES))
    #: Learners of a version that fit into a batch, as far as this process knows.
    rooms: dict[UUID, int] = field(default_factory=dict)
    #: Those that a batch folds in time, where one was slow.
    paces: dict[UUID, int] = field(default_factory=dict)
    #: When a version that could not be read is tried again.
    tried_again: dict[UUID, datetime] = field(default_factory=dict)

    def room(self, version_id: UUID) -> int:
        """Learners that a batch of a version may hold."""
        return min(self.rooms.get(version_id, sys.maxsize), self.paces.get(version_id, sys.maxsize))

    def step(self, answers: int) -> None:
        self.answers += answers

    def drained(self, version_id: UUID, learners: int, seconds: float, now: datetime) -> None:
        # One learner alone is no batch: a long history, replayed, says nothing of others.
        if seconds > SLOW_SECONDS and learners > 1:
            # So that whoever watches sees something done before losing patience.
            self.paces[version_id] = max(1, int(learners * SLOW_SECONDS / seconds))
        elif self._twice_is_quick(version_id, learners, seconds):
            self.paces[version_id] *= 2
        self.batches += 1
        self.learners += learners
        self.sizes.append(learners)
        self.drained_at = now

    def _twice_is_quick(self, version_id: UUID, learners: int, seconds: float) -> bool:
        """Whether a full batch, or at least half of one, for batches are halved, leaves time for twice the pace."""
        pace = self.paces.get(version_id, sys.maxsize)
        return learners >= pace / 2 and seconds * 2 * pace <= SLOW_SECONDS * learners

    def unreadable(self, version_id: UUID, seconds: float, now: datetime) -> None:
        """After so many seconds of trying to load it, begun at `now` or later."""
        self.tried_again[version_id] = now + READ_AGAIN + 2 * timedelta(seconds=seconds)

    def cannot_read(self, version_id: UUID, now: datetime) -> bool:
        return version_id in self.tried_again and now < self.tried_again[version_id]

    def out_of_memory(self, version_id: UUID, learners: int, error: BaseException) -> None:
        """After a batch of so many did not fit: from now on none is larger than half of it.

        Raises:
            device.Unusable: if one learner does not fit, or it happens again and again.
        """
        device.release(error)
        self.halvings += 1
        self.rooms[version_id] = max(1, learners // 2)
        log.warning("batch_does_not_fit", learners=learners, halvings=self.halvings, error=str(error)[:500])
        if learners == 1 or self.halvings > MAX_HALVINGS:
            raise device.Unusable(f"{settings.DEVICE} has no room for {learners} learners: {error}") from error


#: Of this process.
PULSE: Final = Pulse()
