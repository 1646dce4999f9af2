"""Every choice that was offered is on record, whole, and says what became of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from curricula.ids import uuid7
from curricula.models import Curriculum
from curricula.snapshot import latest
from tests import people
from tests.flow.agreed import wide
from tests.flow.steps import (
    answer,
    at,
    believed,
    client_of,
    learners,
    plan_of,
    record,
    right_and_wrong,
    statements,
    work,
)
from tests.flow.together import together
from tutor import db
from tutor.accounts.models import Learner, School
from tutor.children import wait_for
from tutor.interactions.services import Answer
from tutor.scheduling import decisions, plans, services
from tutor.scheduling.models import Decision, Plan
from tutor.scheduling.plans import Body
from tutor.scheduling.policies import POLICIES
from tutor.scheduling.serving import Served, next_for
from tutor.tracing.beliefs import Belief
from tutor.tracing.models import LearnerState

Outcome = Decision.Outcome


def ask(learner: Learner, n: int = 1, *, minute: float = 60, curriculum: str = "fractions") -> Served:
    client = client_of(learner.school)
    return next_for(client, str(learner.pk), curriculum=curriculum, n=n, narrowing=None, now=at(minute))


def offered(learner: Learner, *, minute: float = 60) -> Decision:
    return Decision.objects.get(pk=ask(learner, minute=minute).entries[0].decision_id)


def answer_to(
    decision: Decision, learner: Learner, *, minute: float = 61, name: bool = False, **fields: float
) -> Answer:
    curriculum = Curriculum.objects.get(pk=decision.curriculum_id)
    named = decision.pk if name else None
    return answer(learner, curriculum, decision.item, seconds=at(minute).timestamp(), decision_id=named, **fields)


@pytest.fixture
def begun(school: School, bo: Learner, fractions: Curriculum) -> Learner:
    """Bo has answered twice, and a worker has seen it."""
    record(school, right_and_wrong(bo, fractions, "01"))
    work()
    return bo


def test_a_decision_holds_all_that_it_rests_on(begun: Learner, fractions: Curriculum) -> None:
    served = ask(begun)
    entry, body, decision = served.entries[0], served.body, Decision.objects.get()
    assert (decision.school_id, decision.learner_id, decision.curriculum_id) == (
        begun.school_id, begun.pk, fractions.pk,
    )  # fmt: skip
    assert decision.curriculum_version_id == latest(fractions.pk).version_id
    assert decision.model_version_id == believed(begun, fractions).version_id
    assert (decision.policy, decision.policy_version) == ("gain", POLICIES["gain"].version)
    assert decision.seed == body.seed
    assert (decision.as_of, decision.decided_at, decision.served_at) == (at(2), at(60), at(60))
    assert (decision.slot, decision.concept, decision.item, decision.kind) == (0, entry.concept, entry.item, entry.kind)
    assert (decision.score, decision.propensity) == (entry.score, entry.propensity)
    assert decision.candidates == [list(candidate) for candidate in entry.candidates]
    assert decision.reasons == [list(reason) for reason in entry.reasons]
    assert (decision.outcome, decision.answered_seq, decision.correct) == (Outcome.OFFERED, None, None)


def test_before_the_first_answer_nothing_was_known(bo: Learner, fractions: Curriculum) -> None:
    assert offered(bo).as_of is None


def test_only_what_was_offered_is_on_record(begun: Learner) -> None:
    assert len(ask(begun, 8).body.entries) > 1
    Decision.objects.all().delete()
    ask(begun, 1)
    assert [decision.slot for decision in Decision.objects.all()] == [0]


def test_offered_again_a_decision_keeps_its_first_record(begun: Learner) -> None:
    first = offered(begun)
    assert offered(begun, minute=70).served_at == first.served_at == at(60)


@pytest.mark.parametrize("outcomes", ["01", "111111", "000000"])
def test_the_choice_can_be_made_again_from_what_is_on_record(
    outcomes: str, school: School, bo: Learner, fractions: Curriculum
) -> None:
    record(school, right_and_wrong(bo, fractions, outcomes))
    work()
    ask(bo, 8)
    decisions = Decision.objects.order_by("slot")
    belief = believed(bo, fractions)
    again = services.choose(belief, now=decisions[0].decided_at, seed=decisions[0].seed)
    assert [(e.concept, e.item, e.score, e.propensity) for e in again.entries] == [
        (d.concept, d.item, d.score, d.propensity) for d in decisions
    ]
    assert [[list(c) for c in e.candidates] for e in again.entries] == [d.candidates for d in decisions]


@pytest.mark.chance
def test_plans_draw_different_chances(school: School, bo: Learner, ana: Learner, fractions: Curriculum) -> None:
    assert offered(bo).seed != offered(ana).seed


def test_an_answer_to_what_was_offered_is_noted(school: School, begun: Learner) -> None:
    decision = offered(begun)
    record(school, [answer_to(decision, begun, correct=0.5)], now=at(62))
    work(now=at(62))
    decision.refresh_from_db()
    assert (decision.outcome, decision.outcome_at, decision.answered_seq, decision.correct) == (
        Outcome.ANSWERED, at(61), 3, 0.5,
    )  # fmt: skip


def test_the_first_of_several_answers_is_the_one_noted(school: School, begun: Learner) -> None:
    decision = offered(begun)
    answers = [answer_to(decision, begun, minute=minute) for minute in (64, 61, 62)]
    record(school, answers, now=at(65))
    work(now=at(65))
    decision.refresh_from_db()
    assert (decision.answered_seq, decision.outcome_at) == (4, at(61))


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_waits_for_a_decision_holds_no_plan(school: School, begun: Learner) -> None:
    decision = offered(begun)
    record(school, [answer_to(decision, begun)])

    def worker_waits() -> bool:
        return bool(db.rows("SELECT count(*) FROM pg_locks WHERE NOT granted")[0][0])

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        Decision.objects.select_for_update().get(pk=decision.pk)
        done = pool.submit(together, lambda: services.advance_and_plan(limit=8, now=at(62)))
        assert wait_for(worker_waits, 30)
        assert Plan.objects.select_for_update(nowait=True).get(learner_id=begun.pk)
    assert done.result(30) == [1]


def test_later_answers_do_not_change_what_was_noted(school: School, begun: Learner) -> None:
    decision = offered(begun)
    for minute in (61, 63):
        record(school, [answer_to(decision, begun, minute=minute)], now=at(minute))
        work(now=at(minute))
    decision.refresh_from_db()
    assert decision.answered_seq == 3


def test_an_answer_that_names_the_decision_is_noted_there_alone(school: School, begun: Learner) -> None:
    decision = offered(begun)
    other = Decision.objects.get()
    other.pk = uuid7()
    other.save(force_insert=True)
    record(school, [answer_to(decision, begun, name=True)], now=at(62))
    work(now=at(62))
    assert [d.outcome for d in (Decision.objects.get(pk=decision.pk), Decision.objects.get(pk=other.pk))] == [
        Outcome.ANSWERED, Outcome.OFFERED,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("minute", "noted"), [(54.9, False), (55.1, True), (60 + 7 * 1440 - 1, True), (60 + 7 * 1440 + 1, False)]
)
def test_an_answer_long_before_or_after_the_offer_is_no_answer_to_it(
    minute: float, noted: bool, school: School, begun: Learner
) -> None:
    decision = offered(begun)
    record(school, [answer_to(decision, begun, minute=minute)])
    work(now=at(minute))
    decision.refresh_from_db()
    assert (decision.outcome == Outcome.ANSWERED) == noted


def test_an_answer_to_another_item_or_by_another_learner_is_none(
    school: School, begun: Learner, ana: Learner, fractions: Curriculum
) -> None:
    decision = offered(begun)
    others = [answer_to(decision, ana), answer(begun, fractions, 5, seconds=at(61).timestamp())]
    record(school, others, now=at(62))
    work(now=at(62))
    decision.refresh_from_db()
    assert decision.outcome == Outcome.OFFERED


def test_an_answer_to_the_same_position_of_another_curriculum_is_none(school: School, begun: Learner) -> None:
    decision = offered(begun)
    algebra = people.a_curriculum(school.pk, "algebra")
    record(school, [answer(begun, algebra, decision.item, seconds=at(61).timestamp())], now=at(62))
    work(now=at(62))
    decision.refresh_from_db()
    assert decision.outcome == Outcome.OFFERED


def test_a_replay_notes_nothing_again(school: School, begun: Learner, fractions: Curriculum) -> None:
    decision = offered(begun)
    record(school, [answer_to(decision, begun)], now=at(62))
    work(now=at(62))
    Decision.objects.update(outcome=Outcome.OFFERED, answered_seq=None)
    record(school, [answer(begun, fractions, 5, seconds=at(0).timestamp())], now=at(63))
    work(now=at(63))
    decision.refresh_from_db()
    assert decision.outcome == Outcome.OFFERED


def test_a_plan_that_cannot_be_kept_leaves_the_answers_to_be_done(
    school: School, begun: Learner, fractions: Curriculum, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the worker dies between the two: the offer must not stay open for ever."""
    decision = offered(begun)
    record(school, [answer_to(decision, begun)], now=at(62))
    with monkeypatch.context() as broken:
        broken.setattr(services, "_save", lambda planned: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            services.advance_and_plan(limit=10, now=at(62))
    services.advance_and_plan(limit=10, now=at(63))
    decision.refresh_from_db()
    assert decision.outcome == Outcome.ANSWERED


def test_a_learner_who_cannot_be_planned_for_holds_up_nobody(
    school: School, bo: Learner, ana: Learner, fractions: Curriculum, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = services.choose

    def choose_but_for_bo(belief: Belief, **options: Any) -> Body:
        if belief.learner_id == bo.pk:
            raise ValueError("no choice for Bo")
        return choose(belief, **options)

    monkeypatch.setattr(services, "choose", choose_but_for_bo)
    record(school, [answer(bo, fractions), answer(ana, fractions)])
    assert services.advance_and_plan(limit=10, now=at(60)) == 2
    assert [plan.learner_id for plan in Plan.objects.all()] == [ana.pk]
    assert believed(bo, fractions).applied_seq == 1


def test_who_cannot_be_planned_for_is_put_off_when_plans_are_released(
    mastered: Learner, ana: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else as many of them as are released at once would be all that ever comes up."""
    due = max(due_of(mastered), due_of(ana)) + timedelta(seconds=1)
    choose = services.choose

    def choose_but_for_bo(belief: Belief, **options: Any) -> Body:
        if belief.learner_id == mastered.pk:
            raise ValueError("no choice for Bo")
        return choose(belief, **options)

    monkeypatch.setattr(services, "choose", choose_but_for_bo)
    assert services.release_due(now=due) == 2
    assert services.release_due(now=due) == 0
    assert plan_of(ana).computed_at == due
    assert due_of(mastered) == due + services.PUT_OFF_FOR


def test_a_plan_survives_its_bytes(begun: Learner) -> None:
    body = plans.decode(plan_of(begun).body)
    assert plans.decode(plans.encode(body).decode()) == body


def due_of(learner: Learner) -> datetime:
    due = plan_of(learner).next_due_at
    assert due is not None
    return due


@pytest.fixture
def mastered(school: School, bo: Learner, ana: Learner, fractions: Curriculum) -> Learner:
    """Bo and Ana have mastered halves, and will have to review them."""
    record(school, right_and_wrong(bo, fractions, "111111") + right_and_wrong(ana, fractions, "111111"))
    work()
    return bo


def test_nobody_is_released_before_the_time(mastered: Learner) -> None:
    assert services.release_due(now=due_of(mastered) - timedelta(seconds=1)) == 0


def test_when_a_review_falls_due_it_is_in_the_plan_of_each(mastered: Learner, ana: Learner) -> None:
    due = due_of(mastered) + timedelta(seconds=1)
    assert services.release_due(now=due) == 2
    for learner in (mastered, ana):
        assert plan_of(learner).computed_at == due
        assert "review" in {entry.kind for entry in plans.decode(plan_of(learner).body).entries}


def test_whoever_was_released_is_not_released_again(mastered: Learner) -> None:
    due = due_of(mastered) + timedelta(seconds=1)
    services.release_due(now=due)
    assert services.release_due(now=due) == 0
    assert plan_of(mastered).next_due_at is None or due_of(mastered) > due


def test_a_due_plan_is_released_even_while_its_state_is_rebuilt(mastered: Learner, fractions: Curriculum) -> None:
    due = due_of(mastered) + timedelta(seconds=1)
    LearnerState.objects.all().delete()
    assert services.release_due(now=due) == 2
    assert services.release_due(now=due) == 0


def test_statements_do_not_grow_with_the_plans_released(school: School, fractions: Curriculum) -> None:
    used = []
    for size in (1, 2, 20):
        group = learners(school, size)
        record(school, [a for learner in group for a in right_and_wrong(learner, fractions, "111111")])
        work()
        due = max(map(due_of, group)) + timedelta(seconds=1)
        with statements() as sent:
            assert services.release_due(now=due) >= size
        used.append(len(sent))
    assert used[1] == used[2]  # the first also reads what the model expects of everybody


def test_an_answer_is_one_to_the_newest_offer_of_its_item(school: School, begun: Learner) -> None:
    older, newer = offered(begun), Decision.objects.get()
    newer.pk, newer.served_at = uuid7(), at(70)
    newer.save(force_insert=True)
    for minute in (72, 75):
        record(school, [answer_to(older, begun, minute=minute)], now=at(minute))
        work(now=at(minute))
    assert [(d.outcome, d.outcome_at) for d in Decision.objects.filter(item=older.item).order_by("served_at")] == [
        (Outcome.SUPERSEDED, at(72)), (Outcome.ANSWERED, at(72)),
    ]  # fmt: skip


def test_of_an_offer_that_a_later_one_has_taken_the_place_of_nothing_more_is_noted(
    school: School, begun: Learner
) -> None:
    """Front ends report late, and of whichever offer they showed."""
    older, newer = offered(begun), Decision.objects.get()
    newer.pk, newer.served_at = uuid7(), at(70)
    newer.save(force_insert=True)
    record(school, [answer_to(older, begun, minute=72)], now=at(72))
    work(now=at(72))
    for outcome in (Outcome.SHOWN, Outcome.STARTED):
        assert decisions.report(older, outcome, now=at(73)).outcome == Outcome.SUPERSEDED
    with pytest.raises(decisions.Settled, match="was superseded already, so it cannot become skipped"):
        decisions.report(older, Outcome.SKIPPED, now=at(73))


def test_an_answer_before_the_newest_offer_is_one_to_the_offer_before(school: School, begun: Learner) -> None:
    older, newer = offered(begun), Decision.objects.get()
    newer.pk, newer.served_at = uuid7(), at(70)
    newer.save(force_insert=True)
    record(school, [answer_to(older, begun, minute=61)], now=at(71))
    work(now=at(71))
    assert [d.outcome for d in Decision.objects.order_by("served_at")] == [Outcome.ANSWERED, Outcome.OFFERED]


@pytest.mark.parametrize("name", [True, False])
def test_what_was_skipped_is_answered_only_by_name(name: bool, school: School, begun: Learner) -> None:
    decision = offered(begun)
    decisions.report(decision, Outcome.SKIPPED, now=at(60))
    record(school, [answer_to(decision, begun, name=name)], now=at(62))
    work(now=at(62))
    decision.refresh_from_db()
    assert decision.outcome == (Outcome.ANSWERED if name else Outcome.SKIPPED)


def test_what_was_skipped_in_one_curriculum_is_offered_in_another(
    school: School, begun: Learner, fractions: Curriculum
) -> None:
    wide(school.pk, key="algebra")
    first = ask(begun, curriculum="fractions").entries[0]
    decisions.report(Decision.objects.get(pk=first.decision_id), Outcome.SKIPPED, now=at(60))
    assert first.item in {entry.item for entry in ask(begun, 10, curriculum="algebra").entries}
