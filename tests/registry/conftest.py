from __future__ import annotations

import pytest

from curricula.models import Curriculum
from tutor.registry import services as registry
from tutor.registry.models import ModelVersion


@pytest.fixture
def baseline(fractions: Curriculum) -> ModelVersion:
    """It serves."""
    found = registry.ensure_served(fractions.pk)
    assert found
    return found
