"""The life of a curriculum: drafts, publication, immutability, erasure, on PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings

from curricula import errors, queries, services
from curricula.document import digest
from curricula.models import Concept, Curriculum, CurriculumVersion, Item
from tests.curricula.documents import concept, documents, fractions, item

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 9, 1, 8, tzinfo=UTC)
SCHOOL = UUID("01900000-0000-7000-8000-000000000001")


def published(document: dict[str, Any] | None = None, owner: UUID | None = SCHOOL) -> CurriculumVersion:
    draft = services.import_document(document or fractions(), owner=owner, now=NOW)
    return services.publish(draft.curriculum, now=NOW)


def positions(register: type[Concept] | type[Item], curriculum: Curriculum) -> dict[str, int]:
    return dict(register.objects.filter(curriculum=curriculum).values_list("key", "position"))


def test_importing_makes_a_draft_and_publishing_makes_it_version_1() -> None:
    draft = services.import_document(fractions(), owner=SCHOOL, now=NOW)
    assert draft.is_draft
    assert queries.latest_published(draft.curriculum) is None
    version = services.publish(draft.curriculum, now=NOW)
    assert (version.number, version.published_at, version.n_concepts, version.n_items) == (1, NOW, 3, 3)
    assert queries.draft(draft.curriculum) is None
    assert queries.document(version).to_builtins()["title"] == "Fractions"


def test_positions_follow_the_document_and_are_never_reused() -> None:
    curriculum = published().curriculum
    assert positions(Concept, curriculum) == {"parts": 0, "add": 1, "mixed": 2}
    second = fractions()
    second["concepts"] = [concept("times"), concept("mixed", "times"), concept("parts")]
    second["items"] = [item("times-1", "times"), item("parts-1", "parts")]
    version = published(second)
    assert (version.number, version.n_concepts, version.n_items) == (2, 4, 4)
    assert positions(Concept, curriculum) == {"parts": 0, "add": 1, "mixed": 2, "times": 3}
    assert positions(Item, curriculum) == {"parts-1": 0, "add-1": 1, "mixed-1": 2, "times-1": 3}


def test_an_item_that_comes_back_has_its_old_identity() -> None:
    curriculum = published().curriculum
    before = Item.objects.get(curriculum=curriculum, key="add-1").pk
    published(fractions() | {"items": []})
    published(fractions() | {"title": "Fractions again"})
    assert Item.objects.get(curriculum=curriculum, key="add-1").pk == before


def test_importing_a_known_key_replaces_the_draft() -> None:
    services.import_document(fractions(), owner=SCHOOL, now=NOW)
    draft = services.import_document(fractions() | {"title": "Broken numbers"}, owner=SCHOOL, now=NOW)
    assert Curriculum.objects.filter(owner=SCHOOL).count() == 1
    assert CurriculumVersion.objects.get(curriculum=draft.curriculum).document["title"] == "Broken numbers"
    assert draft.curriculum.title == "Broken numbers"


def test_schools_with_the_same_key_have_each_their_own() -> None:
    mine, theirs, shared = (published(owner=owner).curriculum for owner in (SCHOOL, uuid4(), None))
    assert list(queries.visible(SCHOOL)) == [mine, shared]
    assert list(queries.editable(SCHOOL)) == [mine]
    assert queries.by_key(SCHOOL, "fractions") == mine
    assert theirs not in queries.visible(SCHOOL)


def test_there_is_one_shared_curriculum_of_a_key() -> None:
    services.create(fractions(), owner=None, now=NOW)
    with pytest.raises(errors.DuplicateCurriculum, match="'fractions' already"):
        services.create(fractions(), owner=None, now=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        Curriculum.objects.create(owner=None, key="fractions", title="x", language="en", created_at=NOW)


def test_the_second_of_two_editors_is_told() -> None:
    draft = services.import_document(fractions(), owner=SCHOOL, now=NOW)
    read = draft.digest
    services.save_draft(draft.curriculum, fractions() | {"title": "A"}, expected_digest=read, now=NOW)
    with pytest.raises(errors.StaleDraft, match="changed since you read it"):
        services.save_draft(draft.curriculum, fractions() | {"title": "B"}, expected_digest=read, now=NOW)
    assert queries.document(draft).title == "A"


def test_editing_a_published_curriculum_begins_a_draft_from_its_latest_version() -> None:
    version = published()
    changed = fractions() | {"title": "A"}
    draft = services.save_draft(version.curriculum, changed, expected_digest=version.digest, now=NOW)
    assert (draft.number, draft.is_draft) == (2, True)
    assert Curriculum.objects.get(pk=version.curriculum_id).title == "Fractions"
    services.publish(version.curriculum, now=NOW)
    assert Curriculum.objects.get(pk=version.curriculum_id).title == "A"


def test_a_draft_of_another_key_is_refused() -> None:
    version = published()
    with pytest.raises(errors.KeyMismatch, match="'decimals'"):
        services.save_draft(version.curriculum, fractions() | {"key": "decimals"}, expected_digest=None, now=NOW)


def test_publishing_what_is_published_already_makes_no_version() -> None:
    version = published()
    again = published()
    assert again.pk == version.pk
    assert queries.draft(version.curriculum) is None


def test_what_cannot_be_published() -> None:
    with pytest.raises(errors.NoDraft):
        services.publish(published().curriculum, now=NOW)
    empty = services.import_document(fractions() | {"key": "e", "concepts": [], "items": []}, owner=SCHOOL, now=NOW)
    with pytest.raises(errors.EmptyCurriculum):
        services.publish(empty.curriculum, now=NOW)
    assert Concept.objects.filter(curriculum=empty.curriculum).count() == 0


def test_an_invalid_document_leaves_nothing_behind() -> None:
    with pytest.raises(errors.InvalidDocument):
        services.import_document(fractions() | {"concepts": [concept("a", "b")]}, owner=SCHOOL, now=NOW)
    assert not Curriculum.objects.exists()


def test_discarding_a_draft_keeps_what_is_published() -> None:
    version = published()
    services.save_draft(version.curriculum, fractions() | {"title": "A"}, expected_digest=None, now=NOW)
    services.discard_draft(version.curriculum)
    assert list(queries.versions(version.curriculum)) == [version]
    with pytest.raises(errors.NoDraft):
        services.discard_draft(version.curriculum)


def test_discarding_the_only_draft_removes_the_curriculum() -> None:
    curriculum = services.import_document(fractions(), owner=SCHOOL, now=NOW).curriculum
    services.discard_draft(Curriculum.objects.get(pk=curriculum.pk))
    assert not Curriculum.objects.exists()
    with pytest.raises(errors.UnknownCurriculum, match="create it again"):
        services.save_draft(curriculum, fractions(), expected_digest=None, now=NOW)


def refuses(change: Any) -> bool:
    try:
        with transaction.atomic():
            change()
    except IntegrityError:
        return True
    return False


def test_postgresql_refuses_to_change_what_is_published() -> None:
    version = published()
    row = CurriculumVersion.objects.filter(pk=version.pk)
    assert refuses(lambda: row.update(digest="x"))
    assert refuses(lambda: row.update(published_at=None))
    assert refuses(row.delete)
    assert refuses(version.curriculum.delete)
    for register in (Concept, Item):
        first = register.objects.filter(curriculum=version.curriculum, position=0)
        assert refuses(lambda first=first: first.update(position=99))
        assert refuses(lambda first=first: first.update(key="other"))
        assert refuses(first.delete)


def test_postgresql_allows_one_draft() -> None:
    draft = services.import_document(fractions(), owner=SCHOOL, now=NOW)
    second = {"document": {}, "digest": "", "created_at": NOW, "number": 2}
    assert refuses(lambda: CurriculumVersion.objects.create(curriculum=draft.curriculum, **second))


def test_a_school_can_be_erased_and_the_others_stay() -> None:
    published()
    other, shared = published(owner=uuid4()), published(owner=None)
    assert services.erase_owner(SCHOOL) == 1
    assert set(CurriculumVersion.objects.all()) == {other, shared}
    assert refuses(other.delete), "the exception ends with the erasure"
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL trellis.maintenance = 'on'")
    services.erase_owner(SCHOOL)
    assert not refuses(other.delete), "an erasure around this one goes on"


@given(documents())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_stored_is_what_was_sent(document: dict[str, Any]) -> None:
    with transaction.atomic():
        version = services.import_document(document, owner=uuid4(), now=NOW)
        stored = queries.document(version)
        assert stored.to_builtins() == document
        assert digest(stored) == version.digest


@pytest.mark.django_db(transaction=True)
def test_two_publishers_at_once_make_one_version() -> None:
    curriculum = services.import_document(fractions(), owner=SCHOOL, now=NOW).curriculum

    def attempt(_: int) -> str:
        try:
            return str(services.publish(curriculum, now=NOW).number)
        except errors.NoDraft:
            return "no draft"
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        results = sorted(pool.map(attempt, range(4)))
    assert results == ["1", "no draft", "no draft", "no draft"]
