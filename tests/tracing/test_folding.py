"""A state is a fold over the log in the order in which things happened, however they came in."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curricula.models import Curriculum
from kt_models.state import LearnerState as ModelState
from tests import people
from tests.flow.folds import assert_state_is_the_fold_of_the_log, columns
from tests.flow.steps import advance, answer, at, believed, is_behind, log_of, record, right_and_wrong, work
from tutor.accounts.models import Learner, School
from tutor.interactions.services import Answer
from tutor.registry import loader
from tutor.tracing import services as tracing
from tutor.tracing.models import LearnerState, Score


class Given(NamedTuple):
    who: int
    minute: int
    item: int
    concepts: list[int]
    correct: float


#: Few minutes, so that times repeat, and in no order, so that most are late.
GIVEN = st.builds(
    Given,
    who=st.integers(0, 2),
    minute=st.sampled_from([0, 0, 1, 7, 60, 3_000, 40_000]),
    item=st.integers(0, 5),
    concepts=st.lists(st.integers(0, 2), min_size=1, max_size=3, unique=True),
    correct=st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.0]),
)
#: Calls of the sender, each followed by some passes of a worker over some learners at a time.
STORIES = st.lists(st.tuples(st.lists(GIVEN, min_size=1, max_size=6), st.integers(0, 2), st.integers(1, 3)), max_size=6)
Story = list[tuple[list[Given], int, int]]


def tell(story: Story, school: School, curriculum: Curriculum, group: list[Learner]) -> None:
    for call, passes, limit in story:
        record(school, [_answer(told, curriculum, group) for told in call])
        for _ in range(passes):
            advance(limit=limit)
    work(limit=2)


def _answer(told: Given, curriculum: Curriculum, group: list[Learner]) -> Answer:
    fields = {"concepts": told.concepts, "correct": told.correct, "seconds": at(told.minute).timestamp()}
    return answer(group[told.who], curriculum, told.item, **fields)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=STORIES)
def test_states_do_not_depend_on_how_answers_came_in(story: Story, school: School, fractions: Curriculum) -> None:
    group = [people.a_learner(school, f"Learner {n}") for n in range(3)]
    tell(story, school, fractions, group)
    for n in {told.who for call, _, _ in story for told in call}:
        assert not is_behind(group[n])
        assert_state_is_the_fold_of_the_log(group[n])


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=STORIES.filter(bool))
def test_a_rebuilt_state_is_the_same(story: Story, school: School, fractions: Curriculum) -> None:
    group = [people.a_learner(school, f"Learner {n}") for n in range(3)]
    tell(story, school, fractions, group)
    of_group = LearnerState.objects.filter(learner_id__in=[learner.pk for learner in group])
    version = of_group.values_list("version_id", flat=True)[0]
    assert tracing.rebuild(version_id=version, learner_ids=[learner.pk for learner in group], now=at(90)) == len(
        of_group
    )
    work(now=at(90))
    for kept in of_group:
        assert_state_is_the_fold_of_the_log(next(learner for learner in group if learner.pk == kept.learner_id))


def test_a_rebuild_scores_nothing_again(school: School, bo: Learner, fractions: Curriculum) -> None:
    record(school, right_and_wrong(bo, fractions, "10"))
    work()
    tracing.rebuild(version_id=believed(bo, fractions).version_id, now=at(70))
    record(school, right_and_wrong(bo, fractions, "1"))
    work(now=at(70))
    assert Score.objects.count() == 2


def test_a_deleted_state_is_made_again_by_the_next_answer(school: School, bo: Learner, fractions: Curriculum) -> None:
    record(school, right_and_wrong(bo, fractions, "1101"))
    work()
    LearnerState.objects.all().delete()
    record(school, [answer(bo, fractions, 2, seconds=at(9).timestamp())])
    work()
    assert_state_is_the_fold_of_the_log(bo)


def test_everybody_of_a_version_is_rebuilt_unless_some_are_named(
    school: School, bo: Learner, ana: Learner, fractions: Curriculum
) -> None:
    record(school, [answer(bo, fractions), answer(ana, fractions)])
    version = advance()[0].belief.version_id
    assert tracing.rebuild(version_id=version, learner_ids=[bo.pk], now=at(70)) == 1
    assert (is_behind(bo), is_behind(ana)) == (True, False)
    assert tracing.rebuild(version_id=version, now=at(70)) == 2


def test_a_belief_stays_readable_while_it_is_rebuilt(school: School, bo: Learner, fractions: Curriculum) -> None:
    record(school, right_and_wrong(bo, fractions, "1111"))
    work()
    before = believed(bo, fractions)
    tracing.rebuild(version_id=before.version_id, now=at(70))
    meanwhile = believed(bo, fractions)
    assert (meanwhile.applied_seq, meanwhile.as_of) == (before.applied_seq, before.as_of)
    assert meanwhile.evidence.to_bytes() == before.evidence.to_bytes()
    assert meanwhile.table.to_bytes() == before.table.to_bytes()


#: Of a model that served before, or of a layout no longer read.
OF_ANOTHER_SCHEMA = ModelState.empty("ck2", np.zeros((1, 7), np.float32), 4).to_bytes()[0]


@pytest.mark.parametrize(
    "junk", [b"junk", b"", b"TST1", OF_ANOTHER_SCHEMA], ids=["foreign", "empty", "cut short", "of another schema"]
)
def test_an_unreadable_state_is_replayed(
    junk: bytes, school: School, bo: Learner, ana: Learner, fractions: Curriculum
) -> None:
    record(school, right_and_wrong(bo, fractions, "110") + right_and_wrong(ana, fractions, "01"))
    work()
    LearnerState.objects.filter(learner_id=bo.pk).update(state=junk)
    record(school, [answer(who, fractions, 3, seconds=at(20).timestamp()) for who in (bo, ana)])
    work()
    for who in (bo, ana):
        assert_state_is_the_fold_of_the_log(who)


def test_a_late_answer_goes_where_it_belongs(school: School, bo: Learner, fractions: Curriculum) -> None:
    """The tablet that was offline on the bus."""
    record(school, [answer(bo, fractions, seconds=at(minute).timestamp()) for minute in (10, 20, 30)])
    work()
    record(school, [answer(bo, fractions, correct=0.0, seconds=at(15).timestamp())])
    advanced = advance()
    assert [unseen.seconds for unseen in advanced[0].answered] == [at(15).timestamp()]
    assert_state_is_the_fold_of_the_log(bo)


def test_a_belief_tells_up_to_where_it_knows_the_log(school: School, bo: Learner, fractions: Curriculum) -> None:
    assert (believed(bo, fractions).applied_seq, believed(bo, fractions).as_of) == (0, None)
    record(school, right_and_wrong(bo, fractions, "11"))
    work()
    assert (believed(bo, fractions).applied_seq, believed(bo, fractions).as_of) == (2, at(2).timestamp())


def test_of_a_learner_nobody_knows_the_prior_is_believed_from_now_on(bo: Learner, fractions: Curriculum) -> None:
    unknown = believed(bo, fractions, now=at(5))
    assert unknown.table.origin == at(5).timestamp()
    assert unknown.evidence.n == 0
    assert unknown.model == "half-life"


def scored(learner: Learner) -> dict[int, float]:
    return dict(Score.objects.filter(learner_id=learner.pk).values_list("seq", "p"))


@pytest.mark.parametrize("between", [advance, list], ids=["one by one", "together"])
def test_answers_are_scored_by_what_was_believed_before_them(
    between: Callable[[], object], school: School, bo: Learner, fractions: Curriculum
) -> None:
    for one in right_and_wrong(bo, fractions, "1101"):
        record(school, [one])
        between()
    advance()
    model, log = loader.load(believed(bo, fractions).version_id), log_of(bo)
    expected = model.trace(model.prior(1), columns(log))[1].p
    assert [scored(bo)[kept.seq] for kept in log] == pytest.approx(expected.tolist(), abs=1e-6)


def test_an_answer_to_an_easier_item_is_expected_with_more_confidence(
    school: School, bo: Learner, ana: Learner, fractions: Curriculum
) -> None:
    record(school, [answer(bo, fractions, 0), answer(ana, fractions, 1)])
    work()
    assert scored(bo)[1] > scored(ana)[1]


def test_an_answer_at_the_very_moment_of_the_last_one_is_not_late(
    school: School, bo: Learner, fractions: Curriculum
) -> None:
    for item in (0, 1):
        record(school, [answer(bo, fractions, item)])
        work()
    assert set(scored(bo)) == {1, 2}
    assert_state_is_the_fold_of_the_log(bo)


def test_an_answer_is_scored_once_and_late_ones_not_at_all(school: School, bo: Learner, fractions: Curriculum) -> None:
    record(school, right_and_wrong(bo, fractions, "10"))
    work()
    record(school, [answer(bo, fractions, seconds=at(0).timestamp())])
    work()
    assert set(scored(bo)) == {1, 2}


def test_what_was_answered_is_handed_on_to_whoever_plans(
    school: School, bo: Learner, ana: Learner, fractions: Curriculum
) -> None:
    record(school, right_and_wrong(bo, fractions, "10") + right_and_wrong(ana, fractions, "1"))
    handed = {a.belief.learner_id: [(u.seq, u.correct) for u in a.answered] for a in advance()}
    assert handed == {bo.pk: [(1, 1.0), (2, 0.0)], ana.pk: [(1, 1.0)]}
    assert advance() == []
