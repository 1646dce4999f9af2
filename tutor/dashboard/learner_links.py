"""Links that open a learner's own page."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from tutor.accounts import learner_tokens
from tutor.accounts.models import Learner, LearnerToken


def of(learner: Learner, *, now: datetime) -> QuerySet[LearnerToken]:
    """That still open it, the newest first."""
    links = learner_tokens.of_learner(learner).filter(revoked_at=None, expires_at__gt=now)
    return links.select_related("made_by", "made_client").order_by("-id")
