"""Every write to content. Each call is one transaction: nothing half-written remains of a refused one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.db import connection, transaction

from curricula import queries
from curricula.document import Document, digest
from curricula.errors import DuplicateCurriculum, EmptyCurriculum, KeyMismatch, NoDraft, StaleDraft, UnknownCurriculum
from curricula.models import Concept, Curriculum, CurriculumVersion, Item
from curricula.validation import parse

Register = TypeVar("Register", Concept, Item)

#: Rows an INSERT: bounds the memory of one statement; 50,000 items take 10 of them.
ROWS_PER_INSERT = 5_000


@transaction.atomic
def create(document: object, *, owner: UUID | None, now: datetime) -> CurriculumVersion:
    """A new curriculum with `document` (decoded JSON) as its draft; returns the draft.

    Raises:
        InvalidDocument: with the report of all problems.
        DuplicateCurriculum: if the owner has one of this key.
    """
    parsed = parse(document)
    curriculum, is_new = _get_or_create(parsed, owner, now)
    if not is_new:
        raise DuplicateCurriculum(parsed.key)
    return _write_draft(curriculum, parsed, now)


@transaction.atomic
def import_document(document: object, *, owner: UUID | None, now: datetime) -> CurriculumVersion:
    """The same, but if the owner has a curriculum of this key, replaces its draft; returns the draft.

    Raises:
        InvalidDocument: with the report of all problems.
    """
    parsed = parse(document)
    curriculum, _ = _get_or_create(parsed, owner, now)
    return _write_draft(_lock(curriculum), parsed, now)


@transaction.atomic
def save_draft(
    curriculum: Curriculum, document: object, *, expected_digest: str | None, now: datetime
) -> CurriculumVersion:
    """Replaces the draft, or begins one after a publication; returns it.

    Args:
        expected_digest: that of the draft the caller changed, or of the latest version if there was no draft;
            None overwrites whatever is there.
    Raises:
        InvalidDocument: with the report of all problems.
        KeyMismatch: if the document is of another curriculum.
        StaleDraft: if someone else has saved or published since.
        UnknownCurriculum: if someone else has discarded the only draft since.
    """
    parsed = parse(document)
    if parsed.key != curriculum.key:
        raise KeyMismatch(curriculum.key, parsed.key)
    curriculum = _lock(curriculum)
    current = queries.editable_version(curriculum)
    if expected_digest is not None and current is not None and current.digest != expected_digest:
        raise StaleDraft(curriculum.key, expected=expected_digest, found=current.digest)
    return _write_draft(curriculum, parsed, now)


@transaction.atomic
def publish(curriculum: Curriculum, *, now: datetime) -> CurriculumVersion:
    """Makes the draft the next version, for good. A draft equal to the latest version is dropped, and that returned.

    Takes the lock of the curriculum's row; new concepts and items get the next positions, in document order.

    Raises:
        NoDraft: if there is none.     EmptyCurriculum: if it has no concepts.
    """
    curriculum = _lock(curriculum)
    draft = queries.draft(curriculum)
    if draft is None:
        raise NoDraft(curriculum.key)
    latest = queries.latest_published(curriculum)
    if latest is not None and latest.digest == draft.digest:
        draft.delete()
        return latest
    document = queries.document(draft)
    if not document.concepts:
        raise EmptyCurriculum(curriculum.key)
    draft.n_concepts = _register(Concept, curriculum, (concept.key for concept in document.concepts))
    draft.n_items = _register(Item, curriculum, (item.key for item in document.items))
    draft.published_at = now
    draft.save(update_fields=["n_concepts", "n_items", "published_at"])
    _describe(curriculum, document)
    return draft


@transaction.atomic
def discard_draft(curriculum: Curriculum) -> None:
    """Forgets the draft; a curriculum that was never published goes with it.

    Raises:
        NoDraft: if there is none.
    """
    curriculum = _lock(curriculum)
    draft = queries.draft(curriculum)
    if draft is None:
        raise NoDraft(curriculum.key)
    draft.delete()
    if queries.latest_published(curriculum) is None:
        curriculum.delete()


@transaction.atomic
def erase_owner(owner: UUID) -> int:
    """Deletes all curricula of a tenant, published versions too; returns how many there were.

    Only for the erasure of a whole school: what points at its versions must be gone already.
    """
    with _maintenance():
        _, erased = Curriculum.objects.filter(owner=owner).delete()
    return erased.get(Curriculum._meta.label, 0)


@contextmanager
def _maintenance() -> Iterator[None]:
    """Inside it, and in this transaction only, PostgreSQL lets published rows go."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting('trellis.maintenance', true), '')")
        (before,) = cursor.fetchone()
        cursor.execute("SET LOCAL trellis.maintenance = 'on'")
        yield
        cursor.execute("SELECT set_config('trellis.maintenance', %s, true)", [before])


def _lock(curriculum: Curriculum) -> Curriculum:
    found = Curriculum.objects.select_for_update().filter(pk=curriculum.pk).first()
    if found is None:
        raise UnknownCurriculum(curriculum.key)
    return found


def _get_or_create(document: Document, owner: UUID | None, now: datetime) -> tuple[Curriculum, bool]:
    described = {"title": document.title, "language": document.language, "created_at": now}
    return Curriculum.objects.get_or_create(owner=owner, key=document.key, defaults=described)


def _write_draft(curriculum: Curriculum, document: Document, now: datetime) -> CurriculumVersion:
    """Under the lock of the curriculum's row, else two writers could both see no draft."""
    latest = queries.latest_published(curriculum)
    content = {"document": document.to_builtins(), "digest": digest(document), "created_at": now}
    draft, _ = CurriculumVersion.objects.update_or_create(
        curriculum=curriculum,
        published_at=None,
        defaults=content,
        create_defaults=content | {"number": 1 + (latest.number if latest else 0)},
    )
    if latest is None:
        _describe(curriculum, document)
    return draft


def _describe(curriculum: Curriculum, document: Document) -> None:
    curriculum.title, curriculum.language = document.title, document.language
    curriculum.save(update_fields=["title", "language"])


def _register(register: type[Register], curriculum: Curriculum, keys: Iterable[str]) -> int:
    """Gives the next positions to keys that have none yet; returns the number of positions allocated so far."""
    known = set(register.objects.filter(curriculum=curriculum).values_list("key", flat=True))
    fresh = [key for key in keys if key not in known]
    rows = (register(curriculum=curriculum, key=key, position=place) for place, key in enumerate(fresh, len(known)))
    register.objects.bulk_create(rows, batch_size=ROWS_PER_INSERT)
    return len(known) + len(fresh)
