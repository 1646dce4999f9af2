"""What accounts refuse, each worded once: the value, the rule, the way out."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID


class AccountsError(Exception):
    code: ClassVar[str] = "accounts_error"


class ExternalIdTaken(AccountsError):
    code = "external_id_taken"

    def __init__(self, source: str, external_id: str) -> None:
        super().__init__(
            f"external:{source}:{external_id} is somebody else already: use that one, or send another external_id"
        )


class UnknownLearners(AccountsError):
    """`refs` are as they were sent."""

    code = "unknown_learner"

    def __init__(self, refs: list[str]) -> None:
        more = f" (and {len(refs) - 1} more)" if len(refs) > 1 else ""
        super().__init__(f"there is no learner {refs[0]!r}{more} in your school: create it first")
        self.refs = refs


class StaleRow(AccountsError):
    code = "stale"

    def __init__(self, kind: str, id: UUID) -> None:
        super().__init__(f"{kind} {id} was changed since you read it: read it again and repeat your change on top")


class BadExpiry(AccountsError):
    """Of a learner's token."""

    code = "out_of_range"

    def __init__(self, expires_at: datetime, most_days: int) -> None:
        super().__init__(
            f"{expires_at.isoformat()} is past, or more than {most_days} days ahead: send a time between, or none"
        )


class KeyEnded(AccountsError):
    code = "key_ended"

    def __init__(self, prefix: str) -> None:
        super().__init__(f"key {prefix}... is revoked or expired, and stays so: create a new one")
