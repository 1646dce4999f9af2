"""Tells workers that rows are waiting, without making the sender of an answer wait for the broker.

A thread of each process publishes; rings that come while it does so, or within `PAUSE_SECONDS`, become one message. A
ring that is lost with its process, or because the broker is away, costs ten seconds: beat rings too.
"""

from __future__ import annotations

import os
from threading import Event, Lock, Thread
from typing import Final

import structlog

log = structlog.get_logger()

PAUSE_SECONDS: Final = 0.1

_rung: Final = Event()
_lock: Final = Lock()
_owner = 0


def ring() -> None:
    """Returns at once."""
    _ensure_thread()
    _rung.set()


def _ensure_thread() -> None:
    global _owner
    # A thread does not survive a fork; the process that rings must own one.
    if _owner != os.getpid():
        with _lock:
            if _owner != os.getpid():
                Thread(target=_publish_for_ever, name="bell", daemon=True).start()
                _owner = os.getpid()


def _publish_for_ever() -> None:
    pause = Event()
    while True:
        _rung.wait()
        _rung.clear()
        _publish()
        pause.wait(PAUSE_SECONDS)


def _publish() -> None:
    from tutor.scheduling.tasks import advance_and_plan

    try:
        # One try: beat is the retry.
        advance_and_plan.apply_async(expires=10, retry=False)
    except Exception as error:
        log.warning("bell_not_published", error=f"{type(error).__name__}: {error}")
