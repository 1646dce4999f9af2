"""Fixtures that every test may use; `people` says who is who."""

from __future__ import annotations

import pytest
from hypothesis import settings

from api import auth, ratelimit
from curricula.models import Curriculum
from tests import people
from tutor.accounts.models import Group, Learner, School, User
from tutor.scheduling import plans, trials

# Machines are shared: how long an example takes says nothing of the code.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")


#: None of its first sixty draws is below .1, and the lowest are those that explore.
SEED = 496


@pytest.fixture(autouse=True)
def fresh_process() -> None:
    """Each test finds the API as a new process would: no known keys, no counted requests."""
    auth.forget()
    trials.forget()
    ratelimit.reset()


@pytest.fixture(autouse=True)
def no_exploration(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans hold what is best: of ten slots one would else be filled at random. Not where a test is marked `chance`."""
    if not request.node.get_closest_marker("chance"):
        monkeypatch.setattr(plans, "new_seed", lambda: SEED)


@pytest.fixture
def school(db: None) -> School:
    return people.a_school()


@pytest.fixture
def other_school(db: None) -> School:
    return people.a_school("Oak School")


@pytest.fixture
def ms_diaz(school: School) -> User:
    return people.a_teacher(school, "Ms Diaz")


@pytest.fixture
def mr_chen(other_school: School) -> User:
    return people.a_teacher(other_school, "Mr Chen")


@pytest.fixture
def bo(school: School) -> Learner:
    return people.a_learner(school, "Bo", source="lms", external_id="bo")


@pytest.fixture
def ana(school: School) -> Learner:
    return people.a_learner(school, "Ana", source="lms", external_id="ana")


@pytest.fixture
def dee(other_school: School) -> Learner:
    return people.a_learner(other_school, "Dee", source="lms", external_id="bo")


@pytest.fixture
def fractions(school: School) -> Curriculum:
    """Published as version 1, owned by Elm School."""
    return people.a_curriculum(school.pk)


@pytest.fixture
def class_7b(school: School, ms_diaz: User, bo: Learner, ana: Learner, fractions: Curriculum) -> Group:
    return people.a_group(school, "7b", teachers=(ms_diaz,), learners=(bo, ana), curriculum=fractions)


@pytest.fixture
def client(school: School) -> people.Caller:
    """Speaks for Elm School, with all scopes."""
    return people.a_client(school)


@pytest.fixture
def outsider(other_school: School) -> people.Caller:
    """Speaks for Oak School, with all scopes."""
    return people.a_client(other_school, name="Oak LMS")
