"""How curricula and their versions look in JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from curricula import queries
from curricula.models import Curriculum, CurriculumVersion


class CurriculumOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    key = serializers.CharField()
    title = serializers.CharField()
    language = serializers.CharField()
    shared = serializers.BooleanField(help_text="Shared by the operator with all schools: it can be read only")
    latest_version = serializers.IntegerField(allow_null=True, help_text="Null: never published")
    has_draft = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class CurriculumPage(serializers.Serializer[Any]):
    data = CurriculumOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class VersionOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField(min_value=1)
    n_concepts = serializers.IntegerField(min_value=0, help_text="Positions allocated, removed ones included")
    n_items = serializers.IntegerField(min_value=0)
    digest = serializers.CharField(help_text="SHA-256 of the document, hex")
    published_at = serializers.DateTimeField()


class VersionPage(serializers.Serializer[Any]):
    data = VersionOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


def curriculum_out(curriculum: Curriculum) -> Any:
    latest = queries.latest_published(curriculum)
    return CurriculumOut(
        {
            "id": curriculum.pk,
            "key": curriculum.key,
            "title": curriculum.title,
            "language": curriculum.language,
            "shared": curriculum.owner is None,
            "latest_version": latest.number if latest else None,
            "has_draft": queries.draft(curriculum) is not None,
            "created_at": curriculum.created_at,
        }
    ).data


def version_out(version: CurriculumVersion) -> Any:
    return VersionOut(version).data
