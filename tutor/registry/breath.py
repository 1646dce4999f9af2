"""Lets a fit stand still for most of the time while learners are at work.

The idle policy of the kernel gives a CPU to whoever else wants it, but the two threads of a core share its units and
caches: a fit on one thread slows a request on the other by half. How busy a machine is does not tell: a school at work
takes a few per cent of it. So where cores are few a fit goes slowly while answers come in, and fast by night.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, final

from tutor import db

#: Learners count as at work for so long after the last answer or offer, seconds.
AT_WORK: Final = 60.0
#: Between two looks at the log, seconds.
LOOK_SECONDS: Final = 2.0

# Counted by PostgreSQL itself, in no table of ours: it costs the same however long the log is.
_WRITTEN: Final = """
SELECT coalesce(sum(n_tup_ins), 0) FROM pg_stat_user_tables
WHERE relname ^@ 'interactions_interaction' OR relname = 'scheduling_decision'
"""


def written() -> int:
    """Answers and offers that the site has ever written."""
    return int(db.rows(_WRITTEN)[0][0])


@final
class Breath:
    """`share` is that of the time a fit runs while learners are at work; at 1 it never pauses.

    It speaks of the process group that the fit leads; processes that it starts as leaders of groups of their own go on.
    """

    def __init__(
        self,
        share: float,
        *,
        count: Callable[[], int] = written,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.share, self._count, self._clock, self._sleep = share, count, clock, sleep
        self._counted: int | None = None
        self._looked = self._changed = float("-inf")

    def draw(self, leader: int, seconds: float) -> float:
        """Waits so long, the fit standing still for some of it where learners are at work; tells how much of it."""
        pause = seconds * (1 - self.share) if self.share < 1 and self._at_work() else 0.0
        if pause:
            with standing_still(leader):
                self._sleep(pause)
        self._sleep(seconds - pause)
        return pause

    def _at_work(self) -> bool:
        now = self._clock()
        if now - self._looked >= LOOK_SECONDS:
            counted, self._looked = self._count(), now
            # The first look cannot tell: whoever asked for a fit a moment ago would wait for nothing.
            if self._counted is not None and counted != self._counted:
                self._changed = now
            self._counted = counted
        return now - self._changed < AT_WORK


@contextmanager
def standing_still(leader: int) -> Iterator[None]:
    """The process group does not run meanwhile; it may have ended."""
    try:
        _send(leader, signal.SIGSTOP)
        yield
    finally:
        # Also when whoever waits is told to end: who stands still cannot hear that he is to end as well.
        _send(leader, signal.SIGCONT)


def _send(leader: int, sign: signal.Signals) -> None:
    try:
        os.killpg(leader, sign)
    except (ProcessLookupError, PermissionError):
        return


def breath(share: float, *, processes: int) -> Breath:
    """A fit on several processes does not pause: one that stands still would hold up the others' exchange."""
    return Breath(share if processes == 1 else 1.0)
