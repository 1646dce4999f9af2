"""Tells workers that rows are waiting, without making whoever wrote them wait for the broker.

A thread of each process publishes; rings that come while it does so, or within `PAUSE_SECONDS`, become one message. A
ring that is lost with its process, or because the broker is away, costs as long as beat takes to ring itself.
"""

from __future__ import annotations

import os
from importlib import import_module
from threading import Event, Lock, Thread
from typing import Final, final

import structlog

log = structlog.get_logger()

PAUSE_SECONDS: Final = 0.1


@final
class Bell:
    """Of one task, by name and module; what it says is stale after `expires` seconds."""

    def __init__(self, task: str, expires: int, module: str = "tutor.scheduling.tasks") -> None:
        self._task, self._expires, self._module = task, expires, module
        self._rung, self._lock, self._owner = Event(), Lock(), 0

    def ring(self) -> None:
        """Returns at once."""
        self._ensure_thread()
        self._rung.set()

    def _ensure_thread(self) -> None:
        # A thread does not survive a fork; the process that rings must own one.
        if self._owner != os.getpid():
            with self._lock:
                if self._owner != os.getpid():
                    Thread(target=self._publish_for_ever, name=f"bell of {self._task}", daemon=True).start()
                    self._owner = os.getpid()

    def _publish_for_ever(self) -> None:
        pause = Event()
        while True:
            self._rung.wait()
            self._rung.clear()
            self._publish()
            pause.wait(PAUSE_SECONDS)

    def _publish(self) -> None:
        # Tasks import those who ring.
        task = getattr(import_module(self._module), self._task)
        try:
            # One try: beat is the retry.
            task.apply_async(expires=self._expires, retry=False)
        except Exception as error:
            log.warning("bell_not_published", task=self._task, error=f"{type(error).__name__}: {error}")


_answers: Final = Bell("advance_and_plan", expires=10)
_imports: Final = Bell("run_import", expires=60)
_rollout: Final = Bell("look_beside", expires=600, module="tutor.tracing.tasks")
_promotions: Final = Bell("follow_promotions", expires=60)


def ring() -> None:
    """Answers are waiting to be folded in."""
    _answers.ring()


def ring_imports() -> None:
    """A file is waiting to be imported."""
    _imports.ring()


def ring_rollout() -> None:
    """A version is to be built beside, or has begun to serve."""
    _rollout.ring()


def ring_promotions() -> None:
    """Plans of the version before are to be made anew."""
    _promotions.ring()
