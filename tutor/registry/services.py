"""Writes to the registry."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final
from uuid import UUID

import numpy as np
from django.db import IntegrityError, transaction

from curricula import snapshot
from curricula.models import CurriculumVersion
from kt_models import artifact
from kt_models.base import LearnerModel
from kt_models.baselines import half_life
from tutor.registry import deployments, edges, queries, store
from tutor.registry.models import Deployment, ModelVersion


class NotRegistered(ValueError):
    """A folder cannot become a model version."""


@final
@dataclass(frozen=True)
class Origin:
    """Where a model comes from, and what its gates say of it.

    Attributes:
        school_id: whose answers it was fitted on; None for all schools.     parent: which model the fit began with.
        data: the export's manifest, and `before`.     verdict: of `gates.Verdict`.     reasons: why it is rejected.
    """

    school_id: UUID | None = None
    parent: ModelVersion | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    code_version: str = ""
    verdict: Mapping[str, Any] = field(default_factory=dict)
    reasons: Sequence[str] = ()


def register(
    folder: Path,
    *,
    curriculum_version: CurriculumVersion,
    origin: Origin | None = None,
    metrics: dict[str, Any] | None = None,
    is_baseline: bool = False,
    note: str = "",
) -> ModelVersion:
    """Takes a fitted model into the registry, after loading it once to prove that it can be.

    It is a candidate, or rejected if its origin says reasons.

    Raises:
        kt_models.artifact.BadArtifact: if the folder holds no readable model.
        NotRegistered: if the model knows more concepts than the curriculum version has positions.
    """
    model, origin = artifact.load_model(folder), origin or Origin()
    known = snapshot.load(curriculum_version.pk).n_concepts
    if model.n_concepts > known:
        raise NotRegistered(
            f"the model was fitted on {model.n_concepts} concepts, curriculum version {curriculum_version.number} has "
            f"{known}: register it with the version it was fitted on"
        )
    version = ModelVersion(
        kind=model.kind,
        curriculum_version=curriculum_version,
        school_id=origin.school_id,
        parent=origin.parent,
        state=ModelVersion.State.REJECTED if origin.reasons else ModelVersion.State.CANDIDATE,
        is_baseline=is_baseline,
        checksum=artifact.checksum(folder),
        files=_checksums(folder),
        config=dict(artifact.load(folder).config),
        code_version=origin.code_version,
        data=dict(origin.data),
        verdict=dict(origin.verdict),
        reason="; ".join(origin.reasons),
        metrics=metrics or {},
        note=note,
        prior_recall=_prior_recall(model, known),
    )
    # Files first: a row whose artifact is missing would fail in service, files without a row are only litter.
    store.put(version.pk, folder)
    with transaction.atomic():
        version.save(force_insert=True)
        edges.record(version, model)
    return version


def ensure_served(curriculum_id: UUID) -> ModelVersion | None:
    """The site-wide champion of a curriculum, the untrained baseline if there is none yet.

    Sees to it that there is a baseline, should the champion fail. None while nothing of the curriculum is published.
    """
    site_wide = Deployment.objects.filter(curriculum=curriculum_id, school=None).select_related("champion")
    baseline = _ensure_baseline(curriculum_id)
    if baseline is None:
        return None
    if deployed := site_wide.first():
        return deployed.champion
    try:
        return deployments.promote(baseline).champion
    except IntegrityError:  # another process was faster
        return site_wide.get().champion


def _ensure_baseline(curriculum_id: UUID) -> ModelVersion | None:
    if usable := queries.newest_baseline(curriculum_id):
        return usable
    if failed := queries.newest_baseline(curriculum_id, failed=True):
        return _restore_baseline(failed)
    published = CurriculumVersion.objects.filter(curriculum=curriculum_id, published_at__isnull=False)
    newest = published.order_by("-number").first()
    return _make_baseline(newest) if newest else None


def _make_baseline(published: CurriculumVersion) -> ModelVersion:
    with _untrained(published.pk) as folder:
        try:
            with transaction.atomic():
                return register(folder, curriculum_version=published, is_baseline=True, note="untrained")
        except IntegrityError:  # another process was faster
            return ModelVersion.objects.get(curriculum_version=published, is_baseline=True)


def _restore_baseline(failed: ModelVersion) -> ModelVersion:
    """Makes the lost files of a baseline again: nothing was learnt that could be lost."""
    with _untrained(failed.curriculum_version_id) as folder:
        store.put(failed.pk, folder)
        # Those of another release may differ.
        failed.checksum, failed.files = artifact.checksum(folder), _checksums(folder)
    deployed = Deployment.objects.filter(champion=failed, follows_since=None).exists()
    failed.state = ModelVersion.State.CHAMPION if deployed else ModelVersion.State.CANDIDATE
    failed.save(update_fields=["state", "checksum", "files"])
    return failed


@contextmanager
def _untrained(curriculum_version_id: UUID) -> Iterator[Path]:
    """The artifact of a baseline, gone when the block ends."""
    content = snapshot.load(curriculum_version_id)
    model = half_life.prior_model(content.n_concepts, content.n_items, content.item_difficulty)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "baseline"
        model.save(folder)
        yield folder


def _checksums(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def _prior_recall(model: LearnerModel, n_concepts: int) -> bytes:
    forecast = model.forecast(model.prior(1), np.zeros(1), n_concepts)
    return forecast.to_bytes()[0]
