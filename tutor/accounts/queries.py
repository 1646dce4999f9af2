"""Reads of accounts that are not on behalf of one row (for those see `access`)."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from tutor.accounts.access import Client, External
from tutor.accounts.models import ApiClient, Learner, Membership


def key_sha256(key: str) -> bytes:
    # No salt and no stretching: a key has 256 random bits, so there is nothing to guess from its digest.
    return hashlib.sha256(key.encode()).digest()


def client_by_digest(digest: bytes, now: datetime) -> Client | None:
    """Who holds this key, if it is neither revoked nor expired."""
    row = ApiClient.objects.filter(key_sha256=digest).filter(_alive(now)).first()
    if row is None:
        return None
    expires_at = row.expires_at.timestamp() if row.expires_at else float("inf")
    return Client(row.pk, row.school_id, row.name, frozenset(row.scopes), expires_at)


def api_clients(school_id: UUID) -> QuerySet[ApiClient]:
    return ApiClient.objects.filter(school_id=school_id).defer("key_sha256")


def by_external_id(learners: QuerySet[Learner], name: External) -> QuerySet[Learner]:
    return learners.filter(source=name.source, external_id=name.id)


def member_ids(group_id: UUID) -> list[UUID]:
    return list(
        Membership.objects.filter(group_id=group_id).order_by("learner_id").values_list("learner_id", flat=True)
    )


def _alive(now: datetime) -> Q:
    return Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now))
