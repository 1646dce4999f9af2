"""What goes wrong with one must hold up no other: told, and left behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from celery.exceptions import SoftTimeLimitExceeded

log = structlog.get_logger()


@contextmanager
def apart(event: str, **about: str) -> Iterator[None]:
    """Logs what its body raises, as `event`, and goes on after it. A task that has no time left does end."""
    try:
        yield
    except SoftTimeLimitExceeded:
        raise
    except Exception:
        log.exception(event, **about)
