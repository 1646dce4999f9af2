from celery import shared_task
from django.utils import timezone

from tutor.interactions import partitions


@shared_task(soft_time_limit=120, time_limit=180)
def make_partitions() -> None:
    """Make the coming months of the log, and past ones that filled up. Safe to run at any time, any number of times."""
    partitions.make_ahead(timezone.now())
    partitions.make_crowded()
