"""What another policy would have made of logged choices is what it makes of the very situations they were made in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from curricula.models import Curriculum
from tests import people
from tests.flow.agreed import say
from tests.flow.steps import answer, at, believed, client_of, learners, plan_of, record, right_and_wrong, work
from tutor.accounts.models import Learner, School, User
from tutor.registry import reviews
from tutor.registry.reviews import Verb
from tutor.scheduling import agreements, configs, contents, replay
from tutor.scheduling.configs import Chosen
from tutor.scheduling.models import Decision, MeasuredPace
from tutor.scheduling.ope import reading
from tutor.scheduling.ope.logged import Logged
from tutor.scheduling.ope.report import evaluate
from tutor.scheduling.ope.rewards import Kind, Reward
from tutor.scheduling.policies import POLICIES, Settings, Situation
from tutor.scheduling.replay import judge
from tutor.scheduling.services import Narrowing
from tutor.scheduling.serving import next_for

pytestmark = [pytest.mark.django_db, pytest.mark.chance]

LATER = at(days=60)
GAIN = configs.chosen("gain", None)


@pytest.fixture
def fractions(school: School) -> Curriculum:
    """Six concepts, three items each; only the second waits for another."""
    concepts = [{"key": f"c{n}", "title": f"Concept {n}", "prerequisites": ["c0"] if n == 1 else []} for n in range(6)]
    items = [
        {"key": f"c{n}-{m}", "concepts": [f"c{n}"], "statement": "?", "difficulty": 0.5 * m, "minutes": 1 + n % 3}
        for n in range(6)
        for m in range(3)
    ]
    return people.a_curriculum(school.pk, concepts=concepts, items=items)


def offers(learner: Learner, *, now: datetime, n: int = 2) -> list[Decision]:
    served = next_for(client_of(learner.school), str(learner.pk), curriculum="fractions", n=n, narrowing=None, now=now)
    return list(Decision.objects.filter(pk__in=[entry.decision_id for entry in served.entries]).order_by("slot"))


def reply(decision: Decision, learner: Learner, curriculum: Curriculum, now: datetime, **said: Any) -> None:
    told = {"concepts": [decision.concept], "seconds": now.timestamp(), "correct": float(decision.item % 2), **said}
    record(learner.school, [answer(learner, curriculum, decision.item, **told)], now=now)
    work(now=now)


def term(school: School, curriculum: Curriculum, n: int = 5, days: int = 4) -> list[Learner]:
    """Learners who are offered two things a day and answer the first."""
    group = learners(school, n)
    for day in range(days):
        for minute, learner in enumerate(group):
            first = offers(learner, now=at(10 * minute, days=day))[0]
            reply(first, learner, curriculum, at(10 * minute + 1, days=day))
    return group


def read(school: School, until: datetime = LATER) -> Logged:
    return reading.read(school.pk, None, at(0), until, reward=Reward(Kind.ANSWERED), now=until)


def rows_of(logged: Logged, values: NDArray[np.float64]) -> list[list[float]]:
    return [part.tolist() for part in np.split(values, logged.offset[1:-1])]


def test_the_policy_that_chose_would_have_done_what_it_did(school: School, fractions: Curriculum) -> None:
    term(school, fractions)
    logged = read(school)
    judged = judge(logged, school.pk, GAIN)
    assert len(logged) > 25
    assert judged.kept.all()
    assert (judged.unwanted, judged.lost) == (0, {})
    assert judged.checked == judged.reproduced > 20
    np.testing.assert_allclose(judged.probability, logged.probability, atol=1e-5)


def test_beliefs_of_late_answers_and_of_newcomers_are_had_again(
    school: School, fractions: Curriculum, bo: Learner
) -> None:
    offers(bo, now=at(0))
    first = offers(bo, now=at(5))[0]
    reply(first, bo, fractions, at(6))
    offers(bo, now=at(7))
    # From a device that was offline: it changes what is believed from now on, not what was.
    record(school, [answer(bo, fractions, 4, seconds=at(3).timestamp(), correct=0.0)], now=at(20))
    work(now=at(20))
    offers(bo, now=at(21))
    judged = judge(read(school), school.pk, GAIN)
    assert judged.checked == judged.reproduced
    assert judged.kept.all()


def test_answers_that_no_worker_had_seen_and_the_pace_of_then_are_told_by_the_log(
    school: School, fractions: Curriculum, bo: Learner
) -> None:
    measured = {"school_id": school.pk, "curriculum_id": fractions.pk, "measured_at": at(0)}
    MeasuredPace.objects.create(**measured, first=3.0, wrong=2.0, usual=1.5)
    reply(offers(bo, now=at(0))[0], bo, fractions, at(1))
    # Received, though no worker has looked: what is offered now does not know of it.
    record(school, [answer(bo, fractions, 9, seconds=at(0.5).timestamp(), correct=0.0)], now=at(2))
    offers(bo, now=at(3))
    MeasuredPace.objects.all().delete()
    judged = judge(read(school), school.pk, GAIN)
    assert judged.checked == judged.reproduced > 0


def test_another_policy_draws_as_it_would_have_then(school: School, fractions: Curriculum, bo: Learner) -> None:
    other = configs.chosen("threshold", None)
    wanted: dict[Any, list[float]] = {}
    for day in range(4):
        now = at(days=day)
        seen = believed(bo, fractions, now=now)
        for decision in offers(bo, now=now):
            content = contents.gated(school.pk, fractions.pk, seen.version_id)
            moment = decision.decided_at.timestamp()
            situation = Situation(moment, content, seen.table, seen.evidence, decision.seed)
            score = other.policy.rank(situation).score
            concept = np.array([each[0] for each in decision.candidates])
            chances = replay.drawn(score[concept], concept, Settings())
            wanted[decision.pk] = [] if chances is None else chances.tolist()
        reply(offers(bo, now=now)[0], bo, fractions, at(1, days=day), correct=1.0)
    logged = read(school)
    judged = judge(logged, school.pk, other)
    found = dict(zip(logged.decision.tolist(), rows_of(logged, judged.probability), strict=True))
    assert {pk: found[pk] for pk in wanted} == {pk: pytest.approx(each, abs=1e-5) for pk, each in wanted.items()}


def test_settings_of_the_target_are_its_own(school: School, fractions: Curriculum) -> None:
    term(school, fractions, n=3)
    logged = read(school)
    never = Chosen("sure", 1, POLICIES["gain"], {"exploration": 0.0})
    judged = judge(logged, school.pk, never)
    assert set(judged.probability.tolist()) == {0.0, 1.0}
    assert logged.sums(judged.probability).tolist() == [1.0] * len(logged)


def test_what_the_target_would_keep_locked_it_does_not_draw(school: School, fractions: Curriculum, bo: Learner) -> None:
    record(school, right_and_wrong(bo, fractions, "11", item=1))
    work()
    first = offers(bo, now=at(60), n=1)[0]
    assert 1 in [each[0] for each in first.candidates], "the first concept is known well enough to go on"
    logged = read(school)
    strict = Chosen("strict", 1, POLICIES["gain"], {"ready_at": 0.95})
    for chosen, draws in ((GAIN, True), (strict, False)):
        judged = judge(logged, school.pk, chosen)
        assert (judged.probability[logged.concept == 1] > 0).tolist() == [draws]
        assert logged.sums(judged.probability).tolist() == [pytest.approx(1.0)]


def test_what_was_believed_of_each_candidate_is_told(school: School, fractions: Curriculum, bo: Learner) -> None:
    first = offers(bo, now=at(0))[0]
    reply(first, bo, fractions, at(1), correct=1.0)
    seen = believed(bo, fractions, now=at(2))
    offers(bo, now=at(2), n=1)
    logged = read(school)
    judged = judge(logged, school.pk, GAIN)
    # Newest first.
    recall, answers, _ = judged.facts[: logged.counts[0]].T
    concept = logged.concept[: logged.counts[0]]
    moment = Decision.objects.order_by("-decided_at")[0].decided_at.timestamp()
    np.testing.assert_allclose(recall, seen.table.at(moment)[concept], atol=1e-6)
    assert np.expm1(answers).round().tolist() == [float(c == first.concept) for c in concept]


def test_a_policy_that_wants_none_of_it_says_nothing(school: School, fractions: Curriculum, bo: Learner) -> None:
    """Reviews of what is mastered are no business of one that goes through a curriculum once."""
    record(school, right_and_wrong(bo, fractions, "111111", item=1))
    work()
    due = plan_of(bo).next_due_at
    assert due is not None
    only = Narrowing(size=1, concepts=frozenset({0}))
    now = due + timedelta(days=1)
    next_for(client_of(school), str(bo.pk), curriculum="fractions", n=1, narrowing=only, now=now)
    assert Decision.objects.get().kind == "review"
    judged = judge(read(school, due + timedelta(days=30)), school.pk, configs.chosen("curriculum_order", None))
    assert (judged.unwanted, judged.kept.tolist()) == (1, [False])


def test_learners_who_are_never_explored_on_are_left_out(school: School, fractions: Curriculum, bo: Learner) -> None:
    offers(bo, now=at(0))
    Decision.objects.update(narrowing={"explores": False, "day_ends": at(days=1).timestamp()})
    logged = read(school)
    judged = judge(logged, school.pk, GAIN)
    assert judged.lost == {"a learner who is never explored on": len(logged)}


def test_what_teachers_set_is_compared_and_never_weighed(
    school: School, fractions: Curriculum, ms_diaz: User
) -> None:  # fmt: skip
    """From a teacher's word by way of plan and log to the report: a third are given the last concept first."""
    group = learners(school, 30)
    people.a_group(school, "8a", teachers=(ms_diaz,), learners=tuple(group), curriculum=fractions)
    for learner in group[::3]:
        say(ms_diaz, learner, fractions, "pin", "c5", now=at(0))
    for day in range(2):
        for minute, learner in enumerate(group):
            reply(offers(learner, now=at(minute, days=day))[0], learner, fractions, at(minute + 0.5, days=day))
    logged = read(school)
    judged = judge(logged, school.pk, GAIN)
    assert judged.kept.all() and judged.checked == judged.reproduced
    # Until they have answered it a few times.
    assert (~logged.drawn).sum() == 20
    assert (logged.counts[~logged.drawn] > 1).all()
    report = evaluate(logged, lambda _: judged.probability, reward=Reward(Kind.ANSWERED))
    drawn = logged.take(logged.drawn)
    of_drawn = judged.probability[logged.drawn[logged.row]]
    alone = evaluate(drawn, lambda _: of_drawn, reward=Reward(Kind.ANSWERED))
    assert (report.refusal, report.overlap.not_drawn, report.overlap.unsupported) == ("", 20, 0.0)
    assert report.values["snips"].value.value == pytest.approx(alone.values["snips"].value.value)
    assert report.agreement is not None and alone.agreement is not None
    assert report.agreement.rows == alone.agreement.rows + 20


def test_a_pin_of_something_the_policy_would_not_offer_has_no_chance(
    school: School, fractions: Curriculum, bo: Learner, ms_diaz: User
) -> None:
    """Also where nothing is left to chance, for nobody weighs it."""
    people.a_group(school, "8a", teachers=(ms_diaz,), learners=(bo,), curriculum=fractions)
    say(ms_diaz, bo, fractions, "pin", "c1", now=at(0))
    agreements.change_learner(bo, {"explores": False}, by_whom=ms_diaz, now=at(0))
    pin = offers(bo, now=at(1), n=1)[0]
    chances = {concept: chance for concept, _, _, chance in pin.candidates}
    assert (pin.concept, pin.propensity, chances[1]) == (1, 0.0, 0.0)
    assert sorted(chances.values()) == [0.0] * (len(chances) - 1) + [1.0]
    judged = judge(read(school), school.pk, GAIN)
    assert (judged.kept.tolist(), judged.lost) == ([True], {})


def test_prerequisites_that_are_no_more_are_said(school: School, fractions: Curriculum, bo: Learner) -> None:
    reviews.review(client_of(school), fractions.pk, (0, 1), Verb.REJECT, now=at(0))
    contents.forget()
    offered = offers(bo, now=at(1))
    assert offered[0].graph
    assert judge(read(school), school.pk, GAIN).kept.all()
    reviews.review(client_of(school), fractions.pk, (0, 1), Verb.CLEAR, now=at(2))
    contents.forget()
    judged = judge(read(school), school.pk, GAIN)
    assert judged.lost == {"prerequisites as they were are no more": len(offered)}
    assert not judged.kept.any()


def test_what_goes_by_whole_classes_cannot_be_judged(school: School, fractions: Curriculum, bo: Learner) -> None:
    offers(bo, now=at(0))
    with pytest.raises(replay.CannotReplay, match="judge it in the simulator"):
        judge(read(school), school.pk, configs.chosen("alp_gmm", None))


@pytest.mark.parametrize("name", [name for name, policy in POLICIES.items() if not policy.reads_cohort])
def test_every_other_policy_can(name: str, school: School, fractions: Curriculum) -> None:
    term(school, fractions, n=2, days=2)
    logged = read(school)
    judged = judge(logged, school.pk, configs.chosen(name, None))
    assert not judged.lost
    assert logged.sums(judged.probability) == pytest.approx(judged.kept.astype(float), abs=1e-5)


def test_progress_is_told_batch_by_batch(
    school: School, fractions: Curriculum, monkeypatch: pytest.MonkeyPatch
) -> None:
    term(school, fractions, n=5, days=1)
    monkeypatch.setattr(replay, "LEARNERS_AT_ONCE", 2)
    told: list[int] = []
    logged = read(school)
    whole = judge(logged, school.pk, GAIN, tell=told.append)
    assert len(told) == 3
    assert told[-1] == len(logged)
    monkeypatch.setattr(replay, "LEARNERS_AT_ONCE", 64)
    assert whole.probability.tolist() == judge(logged, school.pk, GAIN).probability.tolist()


def test_what_was_done_is_worth_what_it_brought(school: School, fractions: Curriculum) -> None:
    """The value of the logging policy by replay is the mean reward."""
    people.a_learner(school, "Nobody")
    term(school, fractions, n=30, days=2)
    logged = read(school)
    judged = judge(logged, school.pk, GAIN)
    report = evaluate(logged, lambda _: judged.probability, reward=Reward(Kind.ANSWERED))
    assert report.refusal == ""
    assert report.values["snips"].value.value == pytest.approx(float(logged.reward.mean()), abs=1e-3)
