"""Tables of content.

A curriculum is edited as one draft and read as published versions. Publishing turns the draft into the next version,
for good: PostgreSQL refuses to change or delete it (migration 0002), so that a learner's history, a model and a logged
choice can point at what was shown. Erasing all that a school owns is the one exception (`services.erase_owner`).
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Q

from curricula.ids import uuid7


class Curriculum(models.Model):
    """`title` and `language` follow the newest published version, or the draft while nothing is published.

    `owner` is the tenant's key, opaque here; null is shared with every tenant, which may then only read it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.UUIDField(null=True, blank=True)
    key = models.CharField(max_length=120)
    title = models.CharField(max_length=300)
    language = models.CharField(max_length=35)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "curricula"
        constraints = [
            # Nulls count as equal: there is one shared curriculum of a key, not many.
            models.UniqueConstraint(fields=["owner", "key"], nulls_distinct=False, name="curriculum_owner_key"),
        ]

    def __str__(self) -> str:
        return self.key


class CurriculumVersion(models.Model):
    """The draft while `published_at` is null, immutable from then on.

    `n_concepts` and `n_items` are the positions allocated when it was published, removed ones included: the lengths
    of the arrays of its snapshot. Both are 0 in a draft.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    curriculum = models.ForeignKey(Curriculum, on_delete=models.CASCADE, db_index=False, related_name="versions")
    number = models.PositiveIntegerField()
    document: models.JSONField[Any, Any] = models.JSONField()
    #: SHA-256 of the canonical document, hex.
    digest = models.CharField(max_length=64)
    n_concepts = models.PositiveIntegerField(default=0)
    n_items = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["curriculum", "number"], name="version_number"),
            models.UniqueConstraint(fields=["curriculum"], condition=Q(published_at=None), name="version_one_draft"),
        ]
        indexes = [
            # Read by queries.latest_published(): one row, for each request that needs a snapshot.
            models.Index(
                F("curriculum"), F("number").desc(), name="version_latest", condition=Q(published_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.curriculum_id} {'draft' if self.published_at is None else 'version'} {self.number}"

    @property
    def is_draft(self) -> bool:
        return self.published_at is None


# Foreign keys to Curriculum have no index of their own: the unique constraints begin with the same column.


class _Register(models.Model):
    """Append-only: a key gets its position when it is first published, and keeps it when it is removed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    key = models.CharField(max_length=120)
    position = models.PositiveIntegerField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.key


class Concept(_Register):
    curriculum = models.ForeignKey(Curriculum, on_delete=models.CASCADE, db_index=False, related_name="concepts")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["curriculum", "key"], name="concept_key"),
            models.UniqueConstraint(fields=["curriculum", "position"], name="concept_position"),
        ]


class Item(_Register):
    curriculum = models.ForeignKey(Curriculum, on_delete=models.CASCADE, db_index=False, related_name="items")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["curriculum", "key"], name="item_key"),
            models.UniqueConstraint(fields=["curriculum", "position"], name="item_position"),
        ]
