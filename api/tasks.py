from celery import shared_task
from django.utils import timezone

from api import idempotency


@shared_task(name="api.tasks.forget_old_keys", acks_late=True, soft_time_limit=50, time_limit=60)
def forget_old_keys() -> None:
    """Delete stored idempotent answers older than 24 hours. Safe at any time, any number of times."""
    idempotency.forget_old(timezone.now())
