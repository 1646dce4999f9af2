"""Reads of the log."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Q

from tutor.interactions.models import Interaction


def history(
    learner_id: UUID,
    curriculum_id: UUID,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    concept: int | None = None,
    after: tuple[datetime, int] | None = None,
    limit: int,
) -> list[Interaction]:
    """A learner's answers in the order in which they happened; `after` is the place of the last one seen."""
    rows = Interaction.objects.filter(learner_id=learner_id, curriculum_id=curriculum_id)
    if since is not None:
        rows = rows.filter(occurred_at__gte=since)
    if until is not None:
        rows = rows.filter(occurred_at__lt=until)
    if concept is not None:
        rows = rows.filter(concepts__contains=[concept])
    if after is not None:
        at, seq = after
        rows = rows.filter(Q(occurred_at__gt=at) | Q(occurred_at=at, seq__gt=seq))
    return list(rows.order_by("occurred_at", "seq")[:limit])
