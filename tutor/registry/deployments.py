"""The pointers that say who serves: moved by promotion and roll-back, one UPDATE each."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import Q

from tutor.registry.models import Deployment, ModelVersion


def promote(version: ModelVersion, *, school_id: UUID | None = None) -> Deployment:
    """Makes a version the champion of its curriculum, for one school or for all that have no own champion."""
    with transaction.atomic():
        curriculum_id = version.curriculum_version.curriculum_id
        current = (
            Deployment.objects.select_for_update()
            .filter(Q(school=school_id) if school_id else Q(school=None), curriculum_id=curriculum_id)
            .first()
        )
        version.state = ModelVersion.State.CHAMPION
        version.save(update_fields=["state"])
        if current is None:
            return Deployment.objects.create(curriculum_id=curriculum_id, school_id=school_id, champion=version)
        if current.champion_id != version.pk:
            replaced = current.champion_id
            current.previous_id, current.champion = replaced, version
            current.save()
            _retire_if_unused(replaced)
        return current


def _retire_if_unused(version_id: UUID) -> None:
    unused = ModelVersion.objects.filter(pk=version_id, state=ModelVersion.State.CHAMPION)
    if not Deployment.objects.filter(champion_id=version_id).exists():
        unused.update(state=ModelVersion.State.RETIRED)
