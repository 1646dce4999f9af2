"""Lets a fit pause while others are at work on its machine. Standard library only.

The idle policy of the kernel gives a CPU to whoever else wants it, but the two threads of a core share its units and
caches: a fit on one thread slows a request on the other by half. On a machine of few cores, then, a fit that is to be
noticed by nobody has to stand still for most of the time that others are at work.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, final

#: Seconds of CPU a second that others take, from which on they count as at work; a site that nobody uses takes less.
BUSY: Final = 0.05
#: Seconds over which that is told.
WINDOW: Final = 2.0
_STAT: Final = Path("/proc/stat")


def used_by_others(stat: Path = _STAT) -> float:
    """Seconds of CPU that processes of no niceness have computed since the machine started: fits are nice."""
    return float(stat.read_text().split(maxsplit=2)[1]) / os.sysconf("SC_CLK_TCK")


@final
class Breath:
    """`share` is that of the time a fit runs while others are at work; at 1 it never pauses.

    It speaks of the process group that the fit leads; processes that it starts as leaders of groups of their own go on.
    """

    def __init__(
        self,
        share: float,
        *,
        used: Callable[[], float] = used_by_others,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.share, self._used, self._clock, self._sleep = share, used, clock, sleep
        self._seen: deque[tuple[float, float]] = deque()

    def draw(self, leader: int, seconds: float) -> float:
        """Waits so long, the fit standing still for some of it where others are at work; tells how much of it."""
        pause = seconds * (1 - self.share) if self.share < 1 and self._is_busy() else 0.0
        if pause:
            with standing_still(leader):
                self._sleep(pause)
        self._sleep(seconds - pause)
        return pause

    def _is_busy(self) -> bool:
        now = self._clock()
        self._seen.append((now, self._used()))
        while len(self._seen) > 2 and now - self._seen[1][0] >= WINDOW:
            self._seen.popleft()
        (since, before), (_, used) = self._seen[0], self._seen[-1]
        return now > since and (used - before) / (now - since) >= BUSY


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


def breath(share: float, *, niceness: int, processes: int) -> Breath:
    """Fits that are not nice cannot be told from others; those on several processes wait for each other enough."""
    can_tell = sys.platform == "linux" and niceness > 0 and processes == 1
    return Breath(share if can_tell else 1.0)
