"""Workers' work in this process: for commands that must not depend on a worker being there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from django.utils import timezone

from tutor import db
from tutor.scheduling import services

#: How long to wait for learners whom another worker holds before calling them stuck.
PATIENCE_SECONDS: Final = 30.0

_BEHIND: Final = "SELECT count(*) FROM interactions_loghead WHERE school_id = %s AND behind_since <= %s"


def advance_once() -> int:
    """Folds one batch and plans for it; how many learners there were."""
    return services.advance_and_plan(limit=services.BATCH, now=timezone.now())


def behind(school_id: UUID) -> int:
    """Learners of a school who wait; without those put off because something is wrong with them."""
    return int(db.rows(_BEHIND, [school_id, timezone.now()])[0][0])


def catch_up(school_id: UUID) -> Iterator[int]:
    """Until every learner of a school is level with the log; yields the size of each batch.

    Ends early when nothing moves for `PATIENCE_SECONDS`: `behind` then says how many are left.
    """
    moved = time.monotonic()
    while behind(school_id) and time.monotonic() - moved < PATIENCE_SECONDS:
        if n := advance_once():
            moved = time.monotonic()
            yield n
        else:
            time.sleep(0.1)  # another worker holds them
