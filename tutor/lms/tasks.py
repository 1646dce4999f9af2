from celery import shared_task

from tutor.lms.webhooks import sender


@shared_task(acks_late=True, soft_time_limit=60, time_limit=90)
def send_webhooks() -> None:
    """Tell endpoints what has happened. Safe to run at any time, any number of times."""
    sender.run()
