"""What a published version holds: concepts and items, by position."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.pagination import PageQuery, slice_of
from api.views import ApiView
from curricula import queries, snapshot
from curricula.errors import NotPublished
from curricula.models import Curriculum, CurriculumVersion
from curricula.snapshot import Snapshot
from tutor.accounts.access import NotFound, access_curriculum


class ContentQuery(PageQuery):
    version = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, help_text="A published version's number; the latest if absent"
    )


class ContentConceptOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    key = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField(allow_null=True)
    grade = serializers.CharField(allow_null=True)
    domain = serializers.CharField(allow_null=True)
    source_uri = serializers.CharField(allow_null=True)
    prerequisites = serializers.ListField(child=serializers.CharField(), help_text="Keys of concepts to know first")
    depth = serializers.IntegerField(min_value=0, help_text="Longest chain of prerequisites below it")
    n_items = serializers.IntegerField(min_value=0)


class ContentItemOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    key = serializers.CharField()
    concepts = serializers.ListField(child=serializers.CharField())
    statement = serializers.CharField()
    answer = serializers.CharField(allow_null=True)
    choices = serializers.ListField(child=serializers.CharField(), allow_null=True)
    difficulty = serializers.FloatField(help_text="Logits, 0 = average, positive = harder")
    minutes = serializers.FloatField(help_text="Expected of a learner")
    url = serializers.CharField(allow_null=True)


class ContentConceptPage(serializers.Serializer[Any]):
    data = ContentConceptOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class ContentItemPage(serializers.Serializer[Any]):
    data = ContentItemOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class Contents(ApiView):
    required_scope: ClassVar = {"GET": "curriculum:read"}
    queries: ClassVar = {"GET": ContentQuery}

    def read(self, curriculum: UUID) -> Snapshot:
        found = access_curriculum(self.client, curriculum)
        return snapshot.load(published(found, self.parameters.get("version")).pk)


class Concepts(Contents):
    @extend_schema(
        operation_id="list_concepts",
        summary="Concepts of a published version",
        tags=["Curricula"],
        parameters=[ContentQuery],
        responses=ContentConceptPage,
    )
    def get(self, request: Request, curriculum: UUID) -> Response:
        content = self.read(curriculum)
        positions = sorted(content.concept_position.values())
        return slice_of(positions, request._request, self.parameters, lambda place: _concept(content, place))


class Items(Contents):
    @extend_schema(
        operation_id="list_items",
        summary="Items of a published version",
        tags=["Curricula"],
        parameters=[ContentQuery],
        responses=ContentItemPage,
    )
    def get(self, request: Request, curriculum: UUID) -> Response:
        content = self.read(curriculum)
        positions = sorted(content.item_position.values())
        return slice_of(positions, request._request, self.parameters, lambda place: _item(content, place))


def published(curriculum: Curriculum, number: int | None) -> CurriculumVersion:
    """A published version, the latest without a number.

    Raises:
        NotFound: if there is none of this number.     NotPublished: if there is none at all.
    """
    version = queries.version(curriculum, number) if number else queries.latest_published(curriculum)
    if version is None and number:
        raise NotFound(f"published version of curriculum {curriculum.key!r}", number)
    if version is None:
        raise NotPublished(curriculum.pk)
    return version


def _concept(content: Snapshot, position: int) -> dict[str, Any]:
    concept = content.concept_contents[position]
    assert concept is not None, "positions of active concepts only"  # noqa: S101
    return {
        "id": content.concept_ids[position],
        "key": concept.key,
        "title": concept.title,
        "description": concept.description,
        "grade": concept.grade,
        "domain": concept.domain,
        "source_uri": concept.source_uri,
        "prerequisites": list(concept.prerequisites),
        "depth": int(content.depth[position]),
        "n_items": int(content.concept_items.counts[position]),
    }


def _item(content: Snapshot, position: int) -> dict[str, Any]:
    item = content.item_contents[position]
    assert item is not None, "positions of active items only"  # noqa: S101
    return {
        "id": content.item_ids[position],
        "key": item.key,
        "concepts": list(item.concepts),
        "statement": item.statement,
        "answer": item.answer,
        "choices": list(item.choices) if item.choices else None,
        "difficulty": item.difficulty,
        "minutes": float(content.item_minutes[position]),
        "url": item.url,
    }


urlpatterns = [
    path("curricula/<uuid:curriculum>/concepts", Concepts.as_view()),
    path("curricula/<uuid:curriculum>/items", Items.as_view()),
]
