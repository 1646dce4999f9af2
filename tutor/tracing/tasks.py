from datetime import timedelta
from typing import Final

from celery import shared_task
from django.utils import timezone

from tutor.tracing import worker  # noqa: F401 - it listens to the signals of workers
from tutor.tracing.models import Score

#: Comparisons of models look back over weeks; older expectations are only bytes.
SCORES_KEPT: Final = timedelta(days=60)


@shared_task(acks_late=True, soft_time_limit=240, time_limit=300)
def prune_scores() -> None:
    """Delete expectations past their use. Safe to run at any time, any number of times."""
    Score.objects.filter(scored_at__lt=timezone.now() - SCORES_KEPT).delete()
