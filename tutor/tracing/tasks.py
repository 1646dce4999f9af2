from datetime import timedelta
from typing import Final

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from tutor.tracing import (
    beside,
    drift,
    rollout,
    worker,  # noqa: F401 - it listens to the signals of workers
)
from tutor.tracing.models import Score

#: Comparisons of models look back over weeks; older expectations are only bytes.
SCORES_KEPT: Final = timedelta(days=60)
#: States deleted by one statement.
PRUNED_AT_ONCE: Final = 5_000


@shared_task(acks_late=True, soft_time_limit=240, time_limit=300)
def prune_scores() -> None:
    """Delete expectations past their use. Safe to run at any time, any number of times."""
    Score.objects.filter(scored_at__lt=timezone.now() - SCORES_KEPT).delete()


@shared_task(acks_late=True, soft_time_limit=60, time_limit=90)
def keep_beside() -> None:
    """Bring states beside the serving ones level, one batch a message. Safe to run at any time, any number of times."""
    if beside.turn(now=timezone.now()):
        keep_beside.apply_async(countdown=settings.ROLLOUT_PAUSE, expires=settings.ROLLOUT_PAUSE + 10)


@shared_task(acks_late=True, soft_time_limit=240, time_limit=300)
def look_beside() -> None:
    """Find whose states lag beside or under a new champion. Safe to run at any time, any number of times."""
    if beside.look(now=timezone.now()):
        keep_beside.apply_async(expires=10)


@shared_task(acks_late=True, soft_time_limit=240, time_limit=300)
def prune_states() -> None:
    """Delete states that no deployment needs any more. Safe to run at any time, any number of times."""
    while rollout.prune_states(limit=PRUNED_AT_ONCE, now=timezone.now()) == PRUNED_AT_ONCE:
        pass


@shared_task(acks_late=True, soft_time_limit=240, time_limit=300)
def watch_drift() -> None:
    """Sum up the days that are over, raise and clear alerts. Safe to run at any time, any number of times."""
    drift.watch(now=timezone.now())
