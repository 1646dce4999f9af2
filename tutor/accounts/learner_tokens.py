"""Tokens that open one learner's own data, read only: made, looked up, ended. Callers have been through `access`."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from tutor.accounts.access import Client, Principal
from tutor.accounts.errors import BadExpiry
from tutor.accounts.models import ApiClient, Learner, LearnerToken, User
from tutor.accounts.queries import key_sha256
from tutor.accounts.services import KEY_BYTES, SHOWN_CHARACTERS

#: How a token begins. Keys begin with "trl_", so that the first characters tell which of the two it is.
MARK: Final = "trlt_"
#: What a token may do with its learner's data. Whoever makes one must be allowed that much.
SCOPES: Final = frozenset({ApiClient.Scope.MASTERY_READ.value, ApiClient.Scope.RECOMMEND_READ.value})

#: A token lives this long unless somebody says otherwise, and never longer than a school year.
DEFAULT_DAYS: Final = 30
MOST_DAYS: Final = 366
#: The last use is noted to so many minutes.
USED_MINUTES: Final = 5


@dataclass(frozen=True, slots=True)
class NewToken:
    """The only moment at which the token itself exists here."""

    row: LearnerToken
    token: str


def create(
    by: Principal, learner: Learner, *, name: str = "", expires_at: datetime | None = None, now: datetime
) -> NewToken:
    """For a learner that `by` has been given access to.

    Raises:
        BadExpiry: if `expires_at` is past, or more than `MOST_DAYS` ahead.
    """
    ends = expires_at or now + timedelta(days=DEFAULT_DAYS)
    if not now < ends <= now + timedelta(days=MOST_DAYS):
        raise BadExpiry(ends, MOST_DAYS)
    token = f"{MARK}{secrets.token_urlsafe(KEY_BYTES)}"
    row = LearnerToken.objects.create(
        learner=learner,
        name=name,
        prefix=token[:SHOWN_CHARACTERS],
        token_sha256=key_sha256(token),
        created_at=now,
        made_by_id=by.id if isinstance(by, User) else None,
        made_client_id=by.id if isinstance(by, Client) else None,
        expires_at=ends,
    )
    return NewToken(row, token)


def revoke(token: LearnerToken, *, now: datetime) -> None:
    """Ends it at once (the API's web processes may believe it for 30 s more). Again is no error."""
    LearnerToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now)


def of_learner(learner: Learner) -> QuerySet[LearnerToken]:
    """Those that have ended too."""
    return LearnerToken.objects.filter(learner=learner).defer("token_sha256")


def find(token: str, *, now: datetime) -> LearnerToken | None:
    """What somebody shows, if it has not ended; with its learner and school."""
    return _used(_alive(now).filter(token_sha256=key_sha256(token)), now) if token.startswith(MARK) else None


def find_by_id(pk: UUID, *, now: datetime) -> LearnerToken | None:
    """One that was shown before, if it has not ended since."""
    return _used(_alive(now).filter(pk=pk), now)


def client_of(token: str, now: datetime) -> Client | None:
    """As the API sees its holder."""
    row = find(token, now=now)
    if row is None:
        return None
    learner = row.learner
    return Client(
        row.pk, learner.school_id, row.name or str(row), SCOPES, row.expires_at.timestamp(), learner_id=learner.pk
    )


def _alive(now: datetime) -> QuerySet[LearnerToken]:
    return LearnerToken.objects.filter(revoked_at=None, expires_at__gt=now).select_related("learner__school")


def _used(rows: QuerySet[LearnerToken], now: datetime) -> LearnerToken | None:
    row = rows.first()
    if row and (row.last_used_at is None or now - row.last_used_at >= timedelta(minutes=USED_MINUTES)):
        LearnerToken.objects.filter(pk=row.pk).update(last_used_at=now)
    return row
