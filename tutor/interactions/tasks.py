from celery import shared_task
from django.utils import timezone

from tutor.interactions import item_figures, partitions


@shared_task(soft_time_limit=120, time_limit=180)
def make_partitions() -> None:
    """Make the coming months of the log, and past ones that filled up. Safe to run at any time, any number of times."""
    partitions.make_ahead(timezone.now())
    partitions.make_crowded()


@shared_task(acks_late=True, soft_time_limit=540, time_limit=600)
def measure_items() -> None:
    """Measure what answers say about items, where many came in. Safe to run at any time, any number of times."""
    item_figures.measure(now=timezone.now())
