"""Writes to the registry."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from django.db import IntegrityError, transaction
from django.db.models import Q

from curricula import snapshot
from curricula.models import CurriculumVersion
from kt_models import artifact
from kt_models.base import LearnerModel
from kt_models.baselines import half_life
from tutor.registry import queries, store
from tutor.registry.models import Deployment, ModelVersion


class NotRegistered(ValueError):
    """A folder cannot become a model version."""


def register(
    folder: Path,
    *,
    curriculum_version: CurriculumVersion,
    metrics: dict[str, Any] | None = None,
    parent: ModelVersion | None = None,
    is_baseline: bool = False,
    note: str = "",
) -> ModelVersion:
    """Takes a fitted model into the registry as a candidate, after loading it once to prove that it can be.

    Raises:
        kt_models.artifact.BadArtifact: if the folder holds no readable model.
        NotRegistered: if the model knows more concepts than the curriculum version has positions.
    """
    model = artifact.load_model(folder)
    known = snapshot.load(curriculum_version.pk).n_concepts
    if model.n_concepts > known:
        raise NotRegistered(
            f"the model was fitted on {model.n_concepts} concepts, curriculum version {curriculum_version.number} has "
            f"{known}: register it with the version it was fitted on"
        )
    version = ModelVersion(
        kind=model.kind,
        curriculum_version=curriculum_version,
        parent=parent,
        is_baseline=is_baseline,
        checksum=artifact.checksum(folder),
        metrics=metrics or {},
        note=note,
        prior_recall=_prior_recall(model, known),
    )
    # Files first: a row whose artifact is missing would fail in service, files without a row are only litter.
    store.put(version.pk, folder)
    version.save(force_insert=True)
    return version


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


def ensure_served(curriculum_id: UUID) -> ModelVersion | None:
    """The site-wide champion of a curriculum, made from the untrained baseline if there is none yet.

    None while the curriculum has no published version.
    """
    site_wide = Deployment.objects.filter(curriculum=curriculum_id, school=None).select_related("champion")
    if deployed := site_wide.first():
        return deployed.champion
    published = (
        CurriculumVersion.objects.filter(curriculum=curriculum_id, published_at__isnull=False)
        .order_by("-number")
        .first()
    )
    if published is None:
        return None
    baseline = queries.newest_baseline(curriculum_id) or _make_baseline(published)
    try:
        return promote(baseline).champion
    except IntegrityError:  # another process was faster
        return site_wide.get().champion


def _make_baseline(published: CurriculumVersion) -> ModelVersion:
    content = snapshot.load(published.pk)
    model = half_life.prior_model(content.n_concepts, content.n_items, content.item_difficulty)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "baseline"
        model.save(folder)
        try:
            return register(folder, curriculum_version=published, is_baseline=True, note="untrained")
        except IntegrityError:  # another process was faster
            return ModelVersion.objects.get(curriculum_version=published, is_baseline=True)


def _retire_if_unused(version_id: UUID) -> None:
    unused = ModelVersion.objects.filter(pk=version_id, state=ModelVersion.State.CHAMPION)
    if not Deployment.objects.filter(champion_id=version_id).exists():
        unused.update(state=ModelVersion.State.RETIRED)


def _prior_recall(model: LearnerModel, n_concepts: int) -> bytes:
    forecast = model.forecast(model.prior(1), np.zeros(1), n_concepts)
    return forecast.to_bytes()[0]
