"""A stored belief that cannot be read: the learner is served all the same, nobody else is held up, and it is mended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from structlog.testing import capture_logs

from curricula.models import Curriculum
from tests.flow.agreed import ask
from tests.flow.folds import assert_state_is_the_fold_of_the_log
from tests.flow.steps import answer, at, believed, is_behind, record, right_and_wrong, work
from tutor.accounts.models import Learner, School
from tutor.scheduling import contents, forecasts, services
from tutor.scheduling.models import Plan
from tutor.tracing.beliefs import beliefs
from tutor.tracing.evidence import ROW
from tutor.tracing.models import LearnerState

pytestmark = pytest.mark.django_db

Spoil = Callable[[bytes], bytes]
SPOILT: list[tuple[str, Spoil]] = [
    ("recall", lambda _: b""),
    ("recall", lambda _: b"junk"),
    ("recall", lambda whole: whole[: len(whole) // 2]),
    ("recall", lambda whole: whole + b"\0"),
    ("evidence", lambda _: b"\1"),
    ("evidence", lambda whole: whole[:-5]),
    ("evidence", lambda whole: b"\xff\xff\xff\x7f" + whole[4:]),
    # The row of a concept that nobody has heard of.
    ("evidence", lambda whole: whole[: -ROW.itemsize] + b"\xff\xff\xff\x0f" + whole[4 - ROW.itemsize :]),
    ("evidence", lambda whole: whole[:4] + b"\xff\xff\xff\xff" + whole[8:]),
    # An item beyond all that were ever published, answered first.
    ("evidence", lambda whole: whole[:4] + b"\xff\xff\xff\x0f" + whole[8:]),
]
IDS = [
    "no recall",
    "foreign",
    "half a recall",
    "one byte more",
    "short",
    "cut short",
    "items without end",
    "no concept",
    "no item",
    "an item of nobody's",
]


@pytest.fixture
def practised(school: School, bo: Learner, ana: Learner, fractions: Curriculum) -> Curriculum:
    """Both answered five items on halves."""
    for learner in (bo, ana):
        record(school, right_and_wrong(learner, fractions, "11011"))
    work()
    return fractions


def spoil(learner: Learner, column: str, how: Spoil) -> None:
    state = LearnerState.objects.get(learner_id=learner.pk)
    LearnerState.objects.filter(pk=state.pk).update(**{column: how(bytes(getattr(state, column)))})
    Plan.objects.filter(learner_id=learner.pk).delete()


@pytest.mark.parametrize(("column", "how"), SPOILT, ids=IDS)
def test_who_cannot_be_read_is_served_from_the_prior_and_mended(
    column: str, how: Spoil, bo: Learner, ana: Learner, practised: Curriculum
) -> None:
    before = believed(bo, practised)
    spoil(bo, column, how)
    with capture_logs() as told:
        served = ask(bo, 8)
    assert served.entries and served.degraded
    assert [each["learner"] for each in told if each["event"] == "belief_unreadable"] == [str(bo.pk)]
    assert "again" in LearnerState.objects.get(learner_id=bo.pk).trouble and is_behind(bo)
    assert not ask(ana, 8).degraded and not is_behind(ana)
    work(now=at(61))
    after = believed(bo, practised)
    assert after.table.to_bytes() == before.table.to_bytes() and after.evidence.to_bytes() == before.evidence.to_bytes()
    assert not after.degraded and not LearnerState.objects.get(learner_id=bo.pk).trouble
    assert not ask(bo, 8, now=at(62)).degraded


@pytest.mark.parametrize(("column", "how"), [SPOILT[2], SPOILT[5]], ids=["recall", "evidence"])
def test_agenda_and_batches_go_on(column: str, how: Spoil, bo: Learner, ana: Learner, practised: Curriculum) -> None:
    due = at(days=30)
    spoil(bo, column, how)
    known = beliefs(bo.school_id, practised.pk, [bo.pk, ana.pk], due.timestamp())
    assert [each.degraded for each in known] == [True, False]
    content = contents.latest(practised.pk)
    assert len(look(bo, practised, due).agenda.concept) > 0
    assert known[0].table.n_concepts == content.n_concepts
    Plan.objects.update(next_due_at=due)
    assert services.release_due(now=due) == 1, "Ana's; Bo's was thrown away"
    assert services.plan_again(known, now=due) >= 1


def look(learner: Learner, curriculum: Curriculum, now: datetime) -> forecasts.Ahead:
    known = believed(learner, curriculum, now=now)
    content = contents.gated(learner.school_id, curriculum.pk, known.version_id)
    return forecasts.ahead(Learner.objects.get(pk=learner.pk), known, content, now=now)


def test_it_is_mended_once_however_often_it_is_read(bo: Learner, practised: Curriculum) -> None:
    spoil(bo, "recall", lambda _: b"junk")
    for minute in range(3):
        assert believed(bo, practised, now=at(60 + minute)).degraded
    assert LearnerState.objects.get(learner_id=bo.pk).state is None
    work(now=at(64))
    assert not believed(bo, practised, now=at(64)).degraded


@pytest.mark.parametrize(("column", "how"), [*SPOILT[4:7], SPOILT[9]], ids=[*IDS[4:7], IDS[9]])
def test_a_worker_that_meets_it_first_folds_the_whole_log_again(
    column: str, how: Spoil, school: School, bo: Learner, ana: Learner, practised: Curriculum
) -> None:
    spoil(bo, column, how)
    record(school, [answer(who, practised, 3, seconds=at(20).timestamp()) for who in (bo, ana)])
    work(now=at(61))
    for who in (bo, ana):
        assert_state_is_the_fold_of_the_log(who)
        assert not is_behind(who)
