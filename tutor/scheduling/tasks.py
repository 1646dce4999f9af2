from celery import shared_task
from django.utils import timezone

from tutor.scheduling import services
from tutor.tracing import services as tracing

#: Learners a batch: large enough to amortise a model's fixed cost, small enough to be done within a second.
BATCH = 256


@shared_task(acks_late=True, soft_time_limit=60, time_limit=90)
def advance_and_plan() -> None:
    """Fold unseen answers into states and plan what comes next. Safe to run at any time, any number of times."""
    while True:
        now = timezone.now()
        advanced = tracing.advance(limit=BATCH, now=now)
        services.plan(advanced, now=now)
        if not advanced:
            return


@shared_task(acks_late=True, soft_time_limit=60, time_limit=90)
def release_due() -> None:
    """Plan again for everybody whose next review has fallen due. Safe to run at any time, any number of times."""
    while services.release_due(now=timezone.now()) == services.RELEASED_AT_ONCE:
        pass
