"""The log of answers: each natural key counts once, whatever order, call or learner it comes in."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest
from django.db import Error, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curricula.models import Curriculum
from tests import people
from tests.flow.steps import again, answer, at, client_of, head_of, log_of, record, statements
from tutor.accounts.models import Learner, School
from tutor.interactions.models import ClientKey, Interaction, LogHead
from tutor.interactions.services import Outcome
from tutor.scheduling import intake

ACCEPTED, DUPLICATE, CONFLICT = Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.CONFLICT


def test_an_answer_is_kept_as_it_was_given(school: School, bo: Learner, fractions: Curriculum) -> None:
    decision = uuid4()
    given = answer(
        bo, fractions, 2, correct=0.5, concepts=[1, 0], response_seconds=3.5, hints=2, attempt=1, decision_id=decision
    )
    assert record(school, [given], now=at(9)) == [ACCEPTED]
    kept = log_of(bo)[0]
    assert (kept.item, kept.concepts, kept.correct, kept.response_seconds) == (2, [1, 0], 0.5, 3.5)
    assert (kept.hints, kept.attempt, kept.decision_id) == (2, 1, decision)
    assert (kept.occurred_at, kept.received_at, kept.school_id) == (at(1), at(9), school.pk)
    assert (kept.source, kept.client_id) == (given.source, given.client_id)


def test_an_answer_sent_twice_counts_once(school: School, bo: Learner, fractions: Curriculum) -> None:
    once = answer(bo, fractions)
    assert record(school, [once]) == [ACCEPTED]
    assert record(school, [once]) == [DUPLICATE]
    assert len(log_of(bo)) == 1


def test_an_answer_twice_in_one_call_counts_once(school: School, bo: Learner, fractions: Curriculum) -> None:
    once = answer(bo, fractions)
    assert record(school, [once, answer(bo, fractions), again(once)]) == [ACCEPTED, ACCEPTED, DUPLICATE]
    assert len(log_of(bo)) == 2


def test_the_first_of_two_answers_under_one_id_is_the_one_that_counts(
    school: School, bo: Learner, ana: Learner, fractions: Curriculum
) -> None:
    for first, second in ((bo, ana), (ana, bo)):
        one = answer(first, fractions, 1)
        other = answer(second, fractions, 1, client_id=one.client_id)
        assert record(school, [one, other]) == [ACCEPTED, CONFLICT]
        assert log_of(first)[-1].client_id == one.client_id


@pytest.mark.parametrize(
    "change",
    [{"item": 1}, {"correct": 0.0}, {"seconds": at(2).timestamp()}, {"seconds": at(1, days=-45).timestamp()}],
    ids=["item", "outcome", "time", "month"],
)
def test_an_id_used_for_another_answer_is_a_conflict(
    change: dict[str, float], school: School, bo: Learner, fractions: Curriculum
) -> None:
    first = answer(bo, fractions)
    record(school, [first])
    assert record(school, [again(first, **change)]) == [CONFLICT]
    assert [kept.client_id for kept in log_of(bo)] == [first.client_id]


def test_an_id_used_for_another_learner_is_a_conflict(
    school: School, bo: Learner, ana: Learner, fractions: Curriculum
) -> None:
    first = answer(bo, fractions)
    record(school, [first])
    assert record(school, [again(first, learner_id=ana.pk)]) == [CONFLICT]
    assert log_of(ana) == []


def test_an_answer_without_a_time_of_its_own_may_be_repeated_at_any_time(
    school: School, bo: Learner, fractions: Curriculum
) -> None:
    untimed = answer(bo, fractions, is_timed=False)
    record(school, [untimed])
    assert record(school, [again(untimed, seconds=at(7).timestamp())]) == [DUPLICATE]
    assert log_of(bo)[0].occurred_at == at(1)


def test_the_same_id_from_another_source_or_school_is_another_answer(
    school: School, other_school: School, bo: Learner, dee: Learner, fractions: Curriculum
) -> None:
    first = answer(bo, fractions)
    elsewhere = answer(dee, people.a_curriculum(other_school.pk), client_id=first.client_id)
    assert record(school, [first, again(first, source="tablet")]) == [ACCEPTED, ACCEPTED]
    assert record(other_school, [elsewhere]) == [ACCEPTED]


def test_learners_of_nobody_and_of_other_schools_are_unknown(
    school: School, bo: Learner, dee: Learner, fractions: Curriculum
) -> None:
    answers = [answer(dee, fractions), answer(bo, fractions), answer(bo, fractions, learner_id=uuid4())]
    assert record(school, answers) == [Outcome.UNKNOWN_LEARNER, ACCEPTED, Outcome.UNKNOWN_LEARNER]
    assert set(LogHead.objects.values_list("learner_id", flat=True)) == {bo.pk}


def test_a_learner_known_to_another_school_stays_unknown_here(
    school: School, other_school: School, dee: Learner, fractions: Curriculum
) -> None:
    record(other_school, [answer(dee, fractions)])
    assert record(school, [answer(dee, fractions)]) == [Outcome.UNKNOWN_LEARNER]


def test_recording_nothing_does_nothing(school: School) -> None:
    assert record(school, []) == []


def test_numbers_are_in_the_order_of_receipt_whatever_the_time(
    school: School, bo: Learner, fractions: Curriculum
) -> None:
    for minute in (5, 3, 4):
        record(school, [answer(bo, fractions, seconds=at(minute).timestamp())])
    assert [(kept.occurred_at, kept.seq) for kept in log_of(bo)] == [(at(3), 2), (at(4), 3), (at(5), 1)]


def test_two_curricula_of_a_learner_are_two_logs(school: School, bo: Learner, fractions: Curriculum) -> None:
    algebra = people.a_curriculum(school.pk, "algebra")
    record(school, [answer(bo, fractions), answer(bo, algebra), answer(bo, fractions)])
    heads = LogHead.objects.filter(learner_id=bo.pk)
    assert {(head.curriculum_id, head.seq) for head in heads} == {(fractions.pk, 2), (algebra.pk, 1)}


def test_the_head_tells_since_when_and_from_when_states_are_behind(
    school: School, bo: Learner, fractions: Curriculum
) -> None:
    record(school, [answer(bo, fractions, seconds=at(5).timestamp())], now=at(10))
    record(school, [answer(bo, fractions, seconds=at(2).timestamp())], now=at(20))
    head = head_of(bo)
    assert (head.seq, head.behind_since, head.behind_from) == (2, at(10), at(2))


def test_a_repeated_answer_puts_nobody_behind(school: School, bo: Learner, fractions: Curriculum) -> None:
    once = answer(bo, fractions)
    record(school, [once])
    LogHead.objects.update(behind_since=None, behind_from=None)
    record(school, [once])
    assert head_of(bo).behind_since is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("statement", ["UPDATE interactions_interaction SET correct = 0", "DELETE FROM {}"])
def test_the_log_cannot_be_changed(statement: str, school: School, bo: Learner, fractions: Curriculum) -> None:
    record(school, [answer(bo, fractions)])
    with pytest.raises(Error, match="append-only"), connection.cursor() as cursor:
        cursor.execute(statement.format(Interaction._meta.db_table))
    assert log_of(bo)[0].correct == 1.0


@pytest.mark.parametrize(
    ("field", "value"), [("correct", 1.5), ("item", -1), ("concepts", []), ("hints", -1), ("attempt", 0)]
)
def test_values_that_no_answer_can_have_are_refused(
    field: str, value: object, school: School, bo: Learner, fractions: Curriculum
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation), transaction.atomic():
        record(school, [again(answer(bo, fractions), **{field: value})])
    assert log_of(bo) == []


@pytest.mark.parametrize("when", [datetime(1971, 5, 1, tzinfo=UTC), datetime(2199, 12, 31, 23, 59, tzinfo=UTC)])
def test_answers_of_a_far_past_or_future_are_kept(
    when: datetime, school: School, bo: Learner, fractions: Curriculum
) -> None:
    record(school, [answer(bo, fractions, seconds=when.timestamp())])
    assert log_of(bo)[0].occurred_at == when


def test_a_repeat_of_an_answer_that_is_no_longer_kept_is_still_a_duplicate(
    school: School, bo: Learner, fractions: Curriculum
) -> None:
    once = answer(bo, fractions)
    ClientKey.objects.create(
        school_id=school.pk, source=once.source, client_id=once.client_id, learner_id=bo.pk,
        curriculum_id=fractions.pk, seq=1,
    )  # fmt: skip
    assert record(school, [once]) == [DUPLICATE]


def test_numbers_of_statements_do_not_grow_with_the_answers(
    school: School, bo: Learner, ana: Learner, fractions: Curriculum
) -> None:
    record(school, [answer(bo, fractions), answer(ana, fractions)])
    used = []
    for size in (1, 50):
        answers = [answer(learner, fractions) for learner in (bo, ana) for _ in range(size)]
        with statements() as sent:
            record(school, answers)
        used.append(len(sent))
    assert used[0] == used[1] <= 2


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=6), max_size=5))
def test_each_key_counts_once_however_it_is_sent(
    calls: list[list[tuple[int, bool]]], school: School, fractions: Curriculum
) -> None:
    learners = [people.a_learner(school, name) for name in ("Cy", "Di")]
    unique = uuid4().hex
    outcomes: Counter[tuple[int, Outcome]] = Counter()
    for call in calls:
        answers = [answer(learners[other], fractions, client_id=f"{unique}-{key}") for key, other in call]
        outcomes.update((key, outcome) for (key, _), outcome in zip(call, record(school, answers), strict=True))
    sent = {key for call in calls for key, _ in call}
    assert {key: outcomes[key, ACCEPTED] for key in sent} == dict.fromkeys(sent, 1)
    logged = [kept for learner in learners for kept in log_of(learner)]
    assert len(logged) == len(sent)
    assert Interaction.objects.filter(client_id__startswith=unique).count() == len(sent)


def test_too_many_answers_in_one_call_are_refused_before_any_is_recorded(school: School) -> None:
    row = intake.AnswerIn(id="1", learner="x", item="y", correct=True)
    with pytest.raises(ValueError, match="1001 answers in one call, 1000 at most: send them in parts"):
        intake.submit(client_of(school), [row] * 1001, now=at())
