from datetime import timedelta
from typing import Final

from celery import shared_task
from django.utils import timezone

from tutor.registry import runs, trainer

#: Whoever wants to know why a model was rejected has had time to ask.
REJECTED_KEPT: Final = timedelta(days=30)


#: A fit that takes longer will not end.
WEEK: Final = 7 * 24 * 3600


@shared_task(acks_late=False, soft_time_limit=WEEK, time_limit=WEEK + 60)
def run_training() -> None:
    """Carry out the training runs that wait. Safe to run at any time, any number of times: a lease holds a run."""
    while trainer.run_next(now=timezone.now()):
        pass


@shared_task(acks_late=True, soft_time_limit=540, time_limit=600)
def retrain() -> None:
    """Queue fits where enough new answers have come. Safe to run at any time, any number of times."""
    runs.request_due(now=timezone.now())


@shared_task(acks_late=True, soft_time_limit=240, time_limit=300)
def prune_models() -> None:
    """Delete versions rejected long ago. Safe to run at any time, any number of times."""
    runs.prune(before=timezone.now() - REJECTED_KEPT)
