from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils import timezone


class InteractionsConfig(AppConfig):
    name = "tutor.interactions"
    label = "interactions"

    def ready(self) -> None:
        post_migrate.connect(_make_first_months, sender=self)


def _make_first_months(**_: Any) -> None:
    from tutor.interactions import partitions

    # Beat makes later months; without these, the answers of the first hours would all be strays.
    partitions.make_ahead(timezone.now())
