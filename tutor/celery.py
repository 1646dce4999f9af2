"""Celery: the application, every task's queue, and the beat schedule, in one place.

A message is a doorbell: it carries no work, only the news that rows are waiting. So messages may be lost, late or
doubled; beat rings every bell again.
"""

import os
from typing import Any, Final

from celery import Celery
from celery.schedules import crontab

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tutor.settings")

#: Task name -> queue. A test proves that every registered task has its route.
ROUTES: Final = {
    "tutor.scheduling.tasks.advance_and_plan": "inference",
    "tutor.scheduling.tasks.release_due": "schedule",
    "tutor.interactions.tasks.make_partitions": "schedule",
    "tutor.interactions.tasks.measure_items": "schedule",
    "tutor.tracing.tasks.prune_scores": "schedule",
    # Of its own, so that states beside never stand before answers.
    "tutor.tracing.tasks.keep_beside": "rollout",
    "tutor.tracing.tasks.look_beside": "schedule",
    "tutor.tracing.tasks.prune_states": "schedule",
    "tutor.tracing.tasks.watch_drift": "schedule",
    "tutor.scheduling.tasks.follow_promotions": "schedule",
    "tutor.scheduling.tasks.promote_proved": "schedule",
    "tutor.scheduling.tasks.prune_imports": "schedule",
    "tutor.scheduling.tasks.measure_cohorts": "schedule",
    "tutor.scheduling.tasks.measure_paces": "schedule",
    "tutor.scheduling.tasks.announce_days": "schedule",
    "tutor.scheduling.tasks.announce_drift": "schedule",
    "tutor.scheduling.tasks.prune_events": "schedule",
    "tutor.scheduling.tasks.keep_forecasts": "schedule",
    "tutor.scheduling.tasks.check_forecasts": "schedule",
    "tutor.scheduling.tasks.run_import": "ingest",
    # Of its own, so that it can be given workers of its own: it waits for others' servers.
    "tutor.lms.tasks.send_webhooks": "webhooks",
    # Beliefs are had again by the models that held them: only workers have what that takes.
    "tutor.scheduling.tasks.run_evaluations": "training",
    "tutor.scheduling.tasks.look_at_trials": "schedule",
    "tutor.registry.tasks.run_training": "training",
    "tutor.registry.tasks.retrain": "schedule",
    "tutor.registry.tasks.prune_models": "schedule",
    "api.tasks.forget_old_keys": "schedule",
}

#: Each entry expires before the next one is sent: after a stop one bell of each kind rings, not a night of them.
#: RabbitMQ drops the others itself, from Valkey a worker throws them away. `expire_seconds`, for the scheduler passes
#: over Celery's own `expires` without a word.
SCHEDULE: Final = {
    "advance-behind": {
        "task": "tutor.scheduling.tasks.advance_and_plan",
        "schedule": 10.0,
        "options": {"expire_seconds": 10},
    },
    "release-due": {
        "task": "tutor.scheduling.tasks.release_due",
        "schedule": 60.0,
        "options": {"expire_seconds": 60},
    },
    "make-partitions": {
        "task": "tutor.interactions.tasks.make_partitions",
        "schedule": 6 * 3600.0,
        "options": {"expire_seconds": 3600},
    },
    "measure-items": {
        "task": "tutor.interactions.tasks.measure_items",
        "schedule": 600.0,
        "options": {"expire_seconds": 600},
    },
    "prune-scores": {
        "task": "tutor.tracing.tasks.prune_scores",
        "schedule": 24 * 3600.0,
        "options": {"expire_seconds": 3600},
    },
    "keep-beside": {
        "task": "tutor.tracing.tasks.keep_beside",
        "schedule": 10.0,
        "options": {"expire_seconds": 10},
    },
    "look-beside": {
        "task": "tutor.tracing.tasks.look_beside",
        "schedule": 600.0,
        "options": {"expire_seconds": 600},
    },
    "prune-states": {
        "task": "tutor.tracing.tasks.prune_states",
        "schedule": 6 * 3600.0,
        "options": {"expire_seconds": 3600},
    },
    # Days are summed up once, when they are over; hourly, so that no stopped worker costs a day.
    "watch-drift": {
        "task": "tutor.tracing.tasks.watch_drift",
        "schedule": 3600.0,
        "options": {"expire_seconds": 3600},
    },
    "follow-promotions": {
        "task": "tutor.scheduling.tasks.follow_promotions",
        "schedule": 60.0,
        "options": {"expire_seconds": 60},
    },
    "promote-proved": {
        "task": "tutor.scheduling.tasks.promote_proved",
        "schedule": 3600.0,
        "options": {"expire_seconds": 3600},
    },
    "measure-paces": {
        "task": "tutor.scheduling.tasks.measure_paces",
        "schedule": 3600.0,
        "options": {"expire_seconds": 3600},
    },
    "measure-cohorts": {
        "task": "tutor.scheduling.tasks.measure_cohorts",
        "schedule": 600.0,
        "options": {"expire_seconds": 600},
    },
    "prune-imports": {
        "task": "tutor.scheduling.tasks.prune_imports",
        "schedule": 24 * 3600.0,
        "options": {"expire_seconds": 3600},
    },
    # Days begin on the hour, or a quarter past it in some time zones.
    "announce-days": {
        "task": "tutor.scheduling.tasks.announce_days",
        "schedule": 300.0,
        "options": {"expire_seconds": 300},
    },
    "announce-drift": {
        "task": "tutor.scheduling.tasks.announce_drift",
        "schedule": 300.0,
        "options": {"expire_seconds": 300},
    },
    "prune-events": {
        "task": "tutor.scheduling.tasks.prune_events",
        "schedule": 24 * 3600.0,
        "options": {"expire_seconds": 3600},
    },
    "send-webhooks": {
        "task": "tutor.lms.tasks.send_webhooks",
        "schedule": 10.0,
        "options": {"expire_seconds": 10},
    },
    "resume-imports": {
        "task": "tutor.scheduling.tasks.run_import",
        "schedule": 60.0,
        "options": {"expire_seconds": 60},
    },
    "resume-evaluations": {
        "task": "tutor.scheduling.tasks.run_evaluations",
        "schedule": 60.0,
        "options": {"expire_seconds": 60},
    },
    # By night: each trial is looked at once a day, for a look costs certainty.
    "look-at-trials": {
        "task": "tutor.scheduling.tasks.look_at_trials",
        "schedule": crontab(hour=3, minute=30),
        "options": {"expire_seconds": 3600},
    },
    # By night, when most learners' days are over: what is told then is of the evening's beliefs.
    "keep-forecasts": {
        "task": "tutor.scheduling.tasks.keep_forecasts",
        "schedule": crontab(hour=1, minute=45),
        "options": {"expire_seconds": 3600},
    },
    # Days begin on the hour, or a quarter past it in some time zones: a belief is asked for soon after.
    "check-forecasts": {
        "task": "tutor.scheduling.tasks.check_forecasts",
        "schedule": 900.0,
        "options": {"expire_seconds": 900},
    },
    "resume-training": {
        "task": "tutor.registry.tasks.run_training",
        "schedule": 60.0,
        "options": {"expire_seconds": 60},
    },
    # By night; operators move it in the admin pages (Periodic tasks), where the schedule is kept.
    "retrain": {
        "task": "tutor.registry.tasks.retrain",
        "schedule": crontab(hour=2, minute=15),
        "options": {"expire_seconds": 3600},
    },
    "prune-models": {
        "task": "tutor.registry.tasks.prune_models",
        "schedule": 24 * 3600.0,
        "options": {"expire_seconds": 3600},
    },
    "forget-old-keys": {
        "task": "api.tasks.forget_old_keys",
        "schedule": 3600.0,
        "options": {"expire_seconds": 3600},
    },
}


def transport_options(broker_url: str) -> dict[str, Any]:
    """The one place that knows brokers apart."""
    if broker_url.startswith(("redis://", "rediss://", "unix://")):
        # Tasks last seconds, so a message unacknowledged for a minute belonged to a worker that died; kombu's own
        # rhythm would look for it every 100 s only.
        return {"visibility_timeout": 60, "unacked_restore_interval": 5, "unacked_restore_throttle": 1}
    return {"confirm_publish": True}


def make_app() -> Celery:
    from django.conf import settings

    app = Celery("tutor", broker=settings.BROKER_URL)
    app.conf.update(
        task_routes={name: {"queue": queue} for name, queue in ROUTES.items()},
        task_create_missing_queues=True,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options=transport_options(settings.BROKER_URL),
        beat_schedule=SCHEDULE,
        beat_scheduler="tutor.beat:Scheduler",
        # There are none: nothing is to be cleaned up by a task that no queue of ours carries.
        result_expires=None,
        timezone="UTC",
    )
    app.autodiscover_tasks()
    return app


app = make_app()
