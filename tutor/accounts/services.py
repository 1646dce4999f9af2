"""Every write to accounts. Callers have been through `access`, so rows given here are theirs to change."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db import IntegrityError, transaction

from tutor.accounts.errors import ExternalIdTaken, KeyEnded, StaleRow
from tutor.accounts.models import ApiClient, Group, Learner, Membership, School
from tutor.accounts.queries import key_sha256

Row = TypeVar("Row", Learner, Group)

KEY_BYTES: Final = 32
#: "trl_" and eight characters: enough for people to tell keys apart, and 208 secret bits remain.
SHOWN_CHARACTERS: Final = 12


@dataclass(frozen=True, slots=True)
class NewKey:
    """The only moment at which the key itself exists here."""

    client: ApiClient
    key: str


def create_school(name: str, *, timezone: str = "UTC") -> School:
    return School.objects.create(name=name, timezone=timezone)


def create_key(school_id: UUID, *, name: str, scopes: Collection[str], expires_at: datetime | None = None) -> NewKey:
    key = f"trl_{secrets.token_urlsafe(KEY_BYTES)}"
    client = ApiClient.objects.create(
        school_id=school_id,
        name=name,
        scopes=sorted(set(scopes)),
        prefix=key[:SHOWN_CHARACTERS],
        key_sha256=key_sha256(key),
        expires_at=expires_at,
    )
    return NewKey(client, key)


def revoke_key(client: ApiClient, *, now: datetime) -> None:
    """Ends the key at once (web processes may believe it for 30 s more). Again is no error."""
    ApiClient.objects.filter(pk=client.pk, revoked_at=None).update(revoked_at=now)


@transaction.atomic
def rotate_key(client: ApiClient, *, overlap: timedelta, now: datetime) -> NewKey:
    """A new key with the same name and scopes; the old one ends after `overlap`, or earlier if it would anyway.

    Raises:
        KeyEnded: if the old one has ended already.
    """
    client = ApiClient.objects.select_for_update().get(pk=client.pk)
    if client.revoked_at is not None or (client.expires_at is not None and client.expires_at <= now):
        raise KeyEnded(client.prefix)
    fresh = create_key(client.school_id, name=client.name, scopes=client.scopes)
    client.expires_at = min(now + overlap, client.expires_at or datetime.max.replace(tzinfo=now.tzinfo))
    client.save(update_fields=["expires_at"])
    return fresh


def create_learner(school_id: UUID, **fields: Any) -> Learner:
    with _external_id_free(fields):
        return Learner.objects.create(school_id=school_id, **fields)


def add_learners(school_id: UUID, source: str, external_ids: Collection[str]) -> None:
    """Those that the school does not have yet, without names; a few statements, however many."""
    rows = (Learner(school_id=school_id, source=source, external_id=each) for each in external_ids)
    Learner.objects.bulk_create(rows, ignore_conflicts=True, batch_size=5_000)


def update_learner(learner: Learner, changes: Mapping[str, Any], *, now: datetime) -> Learner:
    """Raises:
    StaleRow: if the row changed since `learner` was read.     ExternalIdTaken.
    """
    return _update(learner, changes, now)


def create_group(school_id: UUID, **fields: Any) -> Group:
    with _external_id_free(fields):
        return Group.objects.create(school_id=school_id, **fields)


def update_group(group: Group, changes: Mapping[str, Any], *, now: datetime) -> Group:
    """Raises:
    StaleRow: if the row changed since `group` was read.     ExternalIdTaken.
    """
    return _update(group, changes, now)


@transaction.atomic
def set_members(group: Group, learner_ids: Collection[UUID]) -> None:
    """Makes these the learners of the group; who stays keeps the date of joining."""
    lock_group(group)
    Membership.objects.filter(group=group).exclude(learner_id__in=learner_ids).delete()
    _add(group, learner_ids)


def add_member(group: Group, learner_id: UUID) -> None:
    _add(group, [learner_id])


def remove_member(group: Group, learner_id: UUID) -> None:
    Membership.objects.filter(group=group, learner_id=learner_id).delete()


def lock_group(group: Group) -> None:
    """Until the transaction ends nobody else sets the members of the group."""
    Group.objects.select_for_update().only("id").get(pk=group.pk)


def _add(group: Group, learner_ids: Collection[UUID]) -> None:
    rows = [Membership(group=group, learner_id=learner_id) for learner_id in learner_ids]
    Membership.objects.bulk_create(rows, ignore_conflicts=True, batch_size=5_000)


def _update(row: Row, changes: Mapping[str, Any], now: datetime) -> Row:
    with _external_id_free({"source": row.source, "external_id": row.external_id, **changes}):
        unchanged = type(row).objects.filter(pk=row.pk, updated_at=row.updated_at)
        if not unchanged.update(**changes, updated_at=now):
            raise StaleRow(type(row).__name__.lower(), row.pk)
    row.refresh_from_db()
    return row


@contextmanager
def _external_id_free(fields: Mapping[str, Any]) -> Iterator[None]:
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if "_external_id" not in str(error):
            raise
        raise ExternalIdTaken(fields["source"], fields["external_id"]) from error
