"""Which content a school works on, kept for two seconds: read at every answer and every question."""

from __future__ import annotations

from functools import partial
from typing import Final
from uuid import UUID

from curricula import queries, snapshot
from curricula.snapshot import Snapshot
from tutor.kept import Kept
from tutor.registry import effective


class UnknownCurriculum(LookupError):
    def __init__(self, ref: str, known: list[str]) -> None:
        names = ", ".join(sorted(known)) or "none"
        super().__init__(f"curriculum {ref!r} is not published for this school: send one of its curricula ({names})")


class AmbiguousCurriculum(LookupError):
    def __init__(self, known: list[str]) -> None:
        super().__init__(f"this school has {len(known)} curricula ({', '.join(sorted(known))}): send which is meant")


_by_school: Final = Kept(queries.published)
_latest: Final = Kept(snapshot.latest)


def latest(curriculum_id: UUID, *, fresh: bool = False) -> Snapshot:
    """The newest published version, at most two seconds old."""
    return _latest.get(curriculum_id, fresh=fresh)


def gated(school_id: UUID, curriculum_id: UUID, model_version_id: UUID, *, fresh: bool = False) -> Snapshot:
    """The same, with the prerequisites that hold in a school by what this model has learnt and teachers have said."""
    return effective.content_for(latest(curriculum_id, fresh=fresh), school_id, model_version_id, fresh=fresh)


def resolve(school_id: UUID, ref: str | None) -> UUID:
    """The curriculum that a school means by a key, an id, or by saying nothing when it has only one.

    Raises:
        UnknownCurriculum, AmbiguousCurriculum: worded for whoever sent the reference.
    """
    for look in (partial(_by_school.get, school_id), partial(_by_school.get, school_id, fresh=True)):
        known = look()
        if ref is None and len(known) == 1:
            return next(iter(known.values()))
        if ref is not None and (found := known.get(ref) or _by_id(known, ref)):
            return found
    if ref is None and known:
        raise AmbiguousCurriculum(list(known))
    raise UnknownCurriculum(ref or "", list(known))


def only(school_id: UUID) -> UUID | None:
    """A school's curriculum, if it has but one: classes that name none then work on it."""
    known = list(_by_school.get(school_id).values())
    return known[0] if len(known) == 1 else None


def _by_id(known: dict[str, UUID], ref: str) -> UUID | None:
    return next((pk for pk in known.values() if str(pk) == ref), None)


def forget() -> None:
    """For tests that publish and ask within the same two seconds."""
    _by_school.clear()
    _latest.clear()
    effective.forget()
