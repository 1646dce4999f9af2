"""A snapshot is a published version as arrays, by positions that never move."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from pytest_django import DjangoAssertNumQueries

from curricula import errors, services, snapshot
from curricula.models import Concept, CurriculumVersion
from tests.curricula.documents import concept, fractions, item

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 9, 1, 8, tzinfo=UTC)


@pytest.fixture
def first() -> CurriculumVersion:
    draft = services.import_document(fractions(), owner=None, now=NOW)
    return services.publish(draft.curriculum, now=NOW)


@pytest.fixture
def second(first: CurriculumVersion) -> CurriculumVersion:
    """Removes "add", adds "times"."""
    document = fractions()
    document["concepts"] = [concept("times", "parts"), concept("parts"), concept("mixed", "times", "parts")]
    document["items"] = [item("times-1", "times", difficulty=2), item("mixed-1", "mixed", "times")]
    services.save_draft(first.curriculum, document, expected_digest=first.digest, now=NOW)
    return services.publish(first.curriculum, now=NOW)


def test_columns_are_by_position(first: CurriculumVersion) -> None:
    seen = snapshot.load(first.pk)
    assert seen.concept_keys == ("parts", "add", "mixed")
    assert seen.prerequisites.flat.tolist() == [0, 1, 0]
    assert seen.prerequisites.counts.tolist() == [0, 1, 2]
    assert seen.dependents.take([0]).flat.tolist() == [1, 2]  # type: ignore[arg-type]
    assert seen.depth.tolist() == [0, 1, 2]
    assert seen.downstream.tolist() == [2, 1, 0]
    assert seen.item_difficulty.tolist() == [0, -0.5, 0]
    assert seen.item_minutes.tolist() == [snapshot.UNSTATED_MINUTES, snapshot.UNSTATED_MINUTES, 1.5]
    assert seen.item_concepts.flat.tolist() == [0, 1, 2, 1]
    assert seen.concept_items.flat.tolist() == [0, 1, 2, 2]
    assert seen.item_statement(1) == "1/3 + 1/3 = ?"


def test_removed_positions_stay_and_are_inactive(second: CurriculumVersion) -> None:
    seen = snapshot.load(second.pk)
    assert seen.concept_keys == ("parts", "", "mixed", "times")
    assert seen.concept_active.tolist() == [True, False, True, True]
    assert seen.item_keys == ("", "", "mixed-1", "times-1")
    assert seen.item_active.tolist() == [False, False, True, True]
    assert seen.prerequisites.counts.tolist() == [0, 0, 2, 1]
    assert seen.concept_items.counts.tolist() == [0, 0, 1, 2]
    assert seen.item_statement(0) == ""
    assert "add" not in seen.concept_position


def test_an_older_version_reads_the_same_after_a_newer_one(first: CurriculumVersion, second: CurriculumVersion) -> None:
    snapshot.load.cache_clear()
    seen = snapshot.load(first.pk)
    assert seen.concept_keys == ("parts", "add", "mixed")
    assert seen.concept_ids == snapshot.load(second.pk).concept_ids[:3]


def test_ids_lead_to_positions(second: CurriculumVersion) -> None:
    seen = snapshot.load(second.pk)
    times = Concept.objects.get(curriculum=second.curriculum, key="times")
    assert seen.concept_position_by_id[times.pk] == seen.concept_position["times"] == times.position


def test_latest_moves_with_publication(first: CurriculumVersion) -> None:
    assert snapshot.latest(first.curriculum_id).number == 1
    services.save_draft(first.curriculum, fractions() | {"title": "A"}, expected_digest=None, now=NOW)
    assert snapshot.latest(first.curriculum_id).number == 1
    services.publish(first.curriculum, now=NOW)
    assert snapshot.latest(first.curriculum_id).number == 2


def test_a_loaded_snapshot_costs_one_small_query(
    first: CurriculumVersion, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    snapshot.load(first.pk)
    with django_assert_num_queries(0):
        snapshot.load(first.pk)
    with django_assert_num_queries(1):
        snapshot.latest(first.curriculum_id)


def test_nobody_can_write_into_a_snapshot(first: CurriculumVersion) -> None:
    with pytest.raises(ValueError, match="read-only"):
        snapshot.load(first.pk).item_difficulty[0] = 1


def test_drafts_and_strangers_cannot_be_loaded(first: CurriculumVersion) -> None:
    draft = services.save_draft(first.curriculum, fractions() | {"title": "A"}, expected_digest=None, now=NOW)
    for version in (draft.pk, uuid4()):
        with pytest.raises(errors.UnknownVersion):
            snapshot.load(version)
    with pytest.raises(errors.NotPublished):
        snapshot.latest(uuid4())


def test_fifty_thousand_items_publish_and_load_in_seconds() -> None:
    document = fractions()
    document["items"] = [item(f"i{n}", "parts", answer="1", difficulty=0.25) for n in range(50_000)]
    draft = services.import_document(document, owner=None, now=NOW)
    seen = snapshot.load(services.publish(draft.curriculum, now=NOW).pk)
    assert seen.concept_items.counts.tolist() == [50_000, 0, 0]
