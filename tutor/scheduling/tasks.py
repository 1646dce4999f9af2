from celery import shared_task
from django.utils import timezone

from tutor.scheduling import cohorts, evaluations, events, imports, paces, rehearsals, rollout, services, told, trials


@shared_task(acks_late=True, soft_time_limit=60, time_limit=90)
def advance_and_plan() -> None:
    """Fold unseen answers into states and plan what comes next. Safe to run at any time, any number of times."""
    while services.advance_and_plan(limit=services.BATCH, now=timezone.now()):
        pass


@shared_task(acks_late=True, soft_time_limit=60, time_limit=90)
def release_due() -> None:
    """Plan again for everybody whose next review has fallen due. Safe to run at any time, any number of times."""
    while services.release_due(now=timezone.now()) == services.RELEASED_AT_ONCE:
        pass


@shared_task(acks_late=True, soft_time_limit=60, time_limit=90)
def follow_promotions() -> None:
    """Plan anew, a batch a message, where another version serves now. Safe to run at any time, any number of times."""
    if rollout.follow(now=timezone.now()):
        follow_promotions.apply_async(expires=60)


@shared_task(acks_late=True, soft_time_limit=240, time_limit=300)
def promote_proved() -> None:
    """Promote challengers that have proved themselves, where that is wanted. Safe to run at any time."""
    rollout.promote_proved(now=timezone.now())


@shared_task(acks_late=False, soft_time_limit=3600, time_limit=3660)
def run_import() -> None:
    """Take in the files that wait. Safe to run at any time, any number of times: a lease holds a file, no message."""
    while imports.run_next(now=timezone.now()):
        pass


@shared_task(acks_late=True, soft_time_limit=240, time_limit=300)
def prune_imports() -> None:
    """Delete old files of rejected rows. Safe to run at any time, any number of times."""
    imports.prune(now=timezone.now())


@shared_task(acks_late=True, soft_time_limit=240, time_limit=300)
def announce_days() -> None:
    """Tell classes whose day has begun what is due on it. Safe to run at any time, any number of times."""
    events.announce_days(now=timezone.now())


@shared_task(acks_late=True, soft_time_limit=60, time_limit=90)
def announce_drift() -> None:
    """Tell schools whose champion foretells worse than it did. Safe to run at any time, any number of times."""
    events.announce_drift(now=timezone.now())


@shared_task(acks_late=True, soft_time_limit=240, time_limit=300)
def prune_events() -> None:
    """Delete events of a month ago. Safe to run at any time, any number of times."""
    events.prune(now=timezone.now())


@shared_task(acks_late=False, soft_time_limit=3600, time_limit=3660)
def run_evaluations() -> None:
    """Judge the policies that wait for it. Safe to run at any time, any number of times: a lease holds each."""
    while evaluations.run_next(now=timezone.now()) or rehearsals.run_next(now=timezone.now()):
        pass


@shared_task(acks_late=True, soft_time_limit=540, time_limit=600)
def look_at_trials() -> None:
    """Let results set how much of new policies is mixed in. Safe to run at any time, any number of times."""
    trials.look_at_all(now=timezone.now())


@shared_task(acks_late=True, soft_time_limit=240, time_limit=300)
def measure_paces() -> None:
    """Measure how long answers really take, where they came in. Safe to run at any time, any number of times."""
    paces.measure(now=timezone.now())


@shared_task(acks_late=True, soft_time_limit=240, time_limit=300)
def measure_cohorts() -> None:
    """Measure where classes make progress, for policies that ask. Safe to run at any time, any number of times."""
    cohorts.measure(now=timezone.now())


@shared_task(acks_late=True, soft_time_limit=540, time_limit=600)
def keep_forecasts() -> None:
    """Keep a few of tonight's forecasts, as they are told. Safe to run at any time, any number of times."""
    told.prune(now=timezone.now())
    told.keep(now=timezone.now())


@shared_task(acks_late=True, soft_time_limit=240, time_limit=300)
def check_forecasts() -> None:
    """Tell what came of forecasts whose day has come. Safe to run at any time, any number of times."""
    told.check(now=timezone.now())
