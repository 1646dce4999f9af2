"""What tests of scheduling share."""

from __future__ import annotations

import pytest

from curricula.models import Curriculum
from tests.flow.steps import answer, learners, record, work
from tutor.accounts.models import Learner, School
from tutor.registry import services as registry


@pytest.fixture
def group(school: School, fractions: Curriculum) -> list[Learner]:
    """Six learners with answers and plans, served by the baseline."""
    registry.ensure_served(fractions.pk)
    found = learners(school, 6)
    record(school, [answer(learner, fractions) for learner in found])
    work()
    return found
