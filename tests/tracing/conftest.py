"""Versions beside the one that serves."""

from __future__ import annotations

import pytest

from curricula.models import Curriculum
from tests.flow.steps import at
from tests.flow.versions import a_version
from tutor.registry import deployments
from tutor.registry import services as registry
from tutor.registry.models import ModelVersion


@pytest.fixture
def challenger(fractions: Curriculum) -> ModelVersion:
    """In shadow beside the baseline since the hour at which answers are received."""
    registry.ensure_served(fractions.pk)
    version = a_version(fractions)
    deployments.challenge(version, now=at(60))
    return version
