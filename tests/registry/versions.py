"""Versions of a small model, in the registry."""

from __future__ import annotations

import tempfile
from pathlib import Path

from curricula.models import Curriculum
from kt_models.baselines import half_life
from tutor.accounts.models import School
from tutor.registry import services as registry
from tutor.registry.models import ModelVersion


def a_version(curriculum: Curriculum, *, school: School | None = None, intercept: float = 1.0) -> ModelVersion:
    with tempfile.TemporaryDirectory() as name:
        half_life.prior_model(3, 6, config=half_life.Config(intercept=intercept)).save(Path(name) / "model")
        version = registry.register(Path(name) / "model", curriculum_version=curriculum.versions.get(number=1))
        ModelVersion.objects.filter(pk=version.pk).update(school=school)
        version.refresh_from_db()
        return version


def state(version: ModelVersion) -> str:
    return ModelVersion.objects.get(pk=version.pk).state
