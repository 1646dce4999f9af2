"""What tests of scheduling share."""

from __future__ import annotations

import pytest

from curricula.models import Curriculum
from tests import people
from tests.flow.agreed import wide
from tests.flow.steps import answer, learners, record, work
from tutor.accounts.models import Group, Learner, School, User
from tutor.registry import services as registry


@pytest.fixture
def group(school: School, fractions: Curriculum) -> list[Learner]:
    """Six learners with answers and plans, served by the baseline."""
    registry.ensure_served(fractions.pk)
    found = learners(school, 6)
    record(school, [answer(learner, fractions) for learner in found])
    work()
    return found


@pytest.fixture
def curriculum(school: School) -> Curriculum:
    return wide(school.pk)


@pytest.fixture
def class_8a(school: School, ms_diaz: User, bo: Learner, ana: Learner, curriculum: Curriculum) -> Group:
    return people.a_group(school, "8a", teachers=(ms_diaz,), learners=(bo, ana), curriculum=curriculum)
