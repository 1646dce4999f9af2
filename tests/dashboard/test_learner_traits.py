"""Traits in words: only what the answers tell, only with its range, and compared only with a class large enough."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from curricula.models import Curriculum
from kt_models.state import LearnerState as ModelState
from tests.dashboard.classroom import answers, take_in
from tests.dashboard.conftest import SignIn
from tests.flow import learnt
from tutor.accounts.models import Group, Learner, School, User
from tutor.dashboard.learner_traits import LEAST_COMPARED, character, days, definitions
from tutor.registry import loader
from tutor.tracing.models import LearnerState
from tutor.tracing.traits import Trait, traits

BO = UUID(int=1)


def half_life(mean: float, low: float, high: float, *, told: bool = True) -> Trait:
    return Trait("half_life", mean, low, high, 12.0, told)


def a_class(n: int, *, told: int | None = None) -> dict[UUID, tuple[Trait, ...]]:
    """Others whose half-lives are 13 days."""
    n_told = n if told is None else told
    return {uuid4(): (half_life(13, 10, 17, told=i < n_told),) for i in range(n)}


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (half_life(9, 6, 12), "Forgets faster than most of the class: its middle is 13 days."),
        (half_life(9, 6, 14), "About as the class: its middle is 13 days."),
        (half_life(30, 20, 45), "Forgets more slowly than most of the class: its middle is 13 days."),
    ],
)
def test_it_is_faster_or_slower_only_if_its_whole_range_is(own: Trait, said: str) -> None:
    found = character(BO, {BO: (own,), **a_class(12)})
    assert found.lines[0].compared == said
    assert found.unknown == ()


def test_the_range_stands_in_the_sentence() -> None:
    found = character(BO, {BO: (half_life(9, 6, 14),)})
    assert found.lines[0].text == "Half of what is not practised is gone after about 9 days (6 days to 14 days)."


@pytest.mark.parametrize("others", [a_class(LEAST_COMPARED - 2), a_class(30, told=LEAST_COMPARED - 2)])
def test_a_class_too_small_or_too_little_known_is_not_compared_with(others: dict[UUID, tuple[Trait, ...]]) -> None:
    assert character(BO, {BO: (half_life(9, 6, 12),), **others}).lines[0].compared == ""
    one_more = {**others, uuid4(): (half_life(13, 10, 17),)}
    assert character(BO, {BO: (half_life(9, 6, 12),), **one_more}).lines[0].compared


def test_what_the_answers_do_not_tell_is_not_shown() -> None:
    found = character(BO, {BO: (half_life(9, 1, 80, told=False),), **a_class(12)})
    assert found.lines == ()
    assert "Too few answers yet" in found.unknown[0]
    assert "9" not in found.unknown[0]


def test_a_model_without_traits_says_what_it_does_not_know() -> None:
    found = character(BO, {})
    assert found.lines == ()
    assert "does not tell how fast one learner forgets" in found.unknown[0]


@pytest.mark.parametrize(
    ("number", "said"), [(0.2, "5 hours"), (0.01, "1 hour"), (1.6, "2 days"), (9.2, "9 days"), (91, "3 months")]
)
def test_times_are_as_exact_as_they_deserve(number: float, said: str) -> None:
    assert days(number) == said


def test_each_trait_has_a_definition() -> None:
    assert definitions().keys() >= {"half_life", "long_run_success", "transfer", "ability"}


@pytest.mark.parametrize("kind", ["psikt", "half-life"])
def test_traits_are_what_the_serving_model_tells_of_the_state(
    kind: str, class_7b: Group, fractions: Curriculum, school: School, bo: Learner, ana: Learner, now: datetime
) -> None:
    if kind == "psikt":
        learnt.serve(fractions, {})
    given = answers(bo, fractions, "halves-1", "1101" * 8, last=now - timedelta(days=1), minutes=700)
    take_in(school, given + answers(ana, fractions, "halves-1", "0", last=now), now=now)
    row = LearnerState.objects.get(learner_id=bo.pk)
    model = loader.load(row.version_id)
    assert model.kind == kind
    told = model.traits(ModelState.from_bytes([bytes(row.state or b"")], schema=model.prior(1).schema))
    assert told is not None
    found = traits(row.version_id, kind, [bo.pk, ana.pk, uuid4()])
    assert found.keys() == {bo.pk, ana.pk}
    assert [trait.name for trait in found[bo.pk]] == list(told.names)
    assert [trait.mean for trait in found[bo.pk]] == told.mean[0].tolist()
    assert [trait.told for trait in found[bo.pk]] == told.told[0].tolist()


def test_a_model_that_cannot_be_read_here_tells_nothing(fractions: Curriculum, bo: Learner, class_7b: Group) -> None:
    assert traits(uuid4(), "psikt", [bo.pk]) == {}
    assert traits(uuid4(), "cakt", [bo.pk]) == {}


def test_the_page_says_it(
    class_7b: Group,
    fractions: Curriculum,
    school: School,
    bo: Learner,
    ms_diaz: User,
    signed_in: SignIn,
    now: datetime,
) -> None:
    page = f"/classes/{class_7b.pk}/learners/{bo.pk}/"
    assert "does not tell how fast one learner forgets" in signed_in(ms_diaz).get(page).content.decode()
    take_in(school, answers(bo, fractions, "halves-1", "10" * 25, last=now, minutes=60), now=now)
    html = signed_in(ms_diaz).get(page).content.decode()
    assert "of first tries at something of average difficulty are right" in html
    assert "than most of the class" not in html
