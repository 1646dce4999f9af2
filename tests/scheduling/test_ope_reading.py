"""The decision log of a school as columns, with what came of each choice."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pytest

from curricula.ids import uuid7
from curricula.models import Curriculum
from tests.flow.steps import answer, at, client_of, learners, record, right_and_wrong, statements, work
from tutor.accounts.models import Learner, School
from tutor.scheduling import decisions
from tutor.scheduling.models import Decision
from tutor.scheduling.ope import reading, targets
from tutor.scheduling.ope.logged import BadLog, Logged
from tutor.scheduling.ope.report import evaluate
from tutor.scheduling.ope.rewards import Kind, Reward
from tutor.scheduling.serving import next_for

pytestmark = pytest.mark.django_db

LATER = at(days=60)


def offer(learner: Learner, *, now: datetime | None = None) -> Decision:
    served = next_for(
        client_of(learner.school), str(learner.pk), curriculum="fractions", n=1, narrowing=None, now=now or at(60)
    )
    return Decision.objects.get(pk=served.entries[0].decision_id)


def reply(decision: Decision, learner: Learner, curriculum: Curriculum, **fields: Any) -> None:
    """An answer to the item that was offered; by default a minute after the offer."""
    moment = fields.pop("moment", at(61))
    said = {"concepts": [decision.concept], "seconds": moment.timestamp(), **fields}
    record(learner.school, [answer(learner, curriculum, decision.item, **said)], now=moment)
    work(now=moment)


def read(school: School, **options: Any) -> Logged:
    asked = {"policy": "gain", "since": at(0), "until": LATER, "now": LATER, **options}
    return reading.read(school.pk, **asked)


@pytest.fixture
def begun(school: School, bo: Learner, fractions: Curriculum) -> Learner:
    """Bo has answered twice, the first time right."""
    record(school, right_and_wrong(bo, fractions, "10"))
    work()
    return bo


def test_a_row_holds_what_was_offered_among_what(school: School, begun: Learner) -> None:
    decision = offer(begun)
    logged = read(school)
    assert len(logged) == 1
    assert logged.seconds.tolist() == [at(60).timestamp()]
    assert logged.concept.tolist() == [each[0] for each in decision.candidates]
    assert logged.item.tolist() == [each[1] for each in decision.candidates]
    assert logged.score.tolist() == [each[2] for each in decision.candidates]
    assert logged.probability.tolist() == [each[3] for each in decision.candidates]
    assert logged.item[logged.chosen].tolist() == [decision.item]
    assert logged.drawn.tolist() == [True]


def test_a_row_holds_what_was_known_before(school: School, begun: Learner, fractions: Curriculum) -> None:
    decision = offer(begun)
    reply(decision, begun, fractions)
    logged = read(school)
    before = dict(zip(logged.feature_names, logged.features[0], strict=True))
    assert before == pytest.approx(
        {"credit_before": 0.5, "answers_before": np.log(3), "unasked_before": 1.0, "slot": 0.0}
    )
    names = logged.candidate_feature_names
    assert dict(zip(names, logged.candidate_features[0], strict=True)) == {
        "score": decision.candidates[0][2], "is_best": 1.0, "difficulty": 0.5 * (1 + decision.candidates[0][1] % 2),
    }  # fmt: skip
    assert logged.chosen_features[0, 1] == pytest.approx(np.log(3) if decision.concept == 0 else 0)


def test_the_answer_to_an_offer_is_no_knowledge_from_before_it(
    school: School, begun: Learner, fractions: Curriculum
) -> None:
    """Though the clock that says so is two minutes slow."""
    reply(offer(begun), begun, fractions, moment=at(58))
    logged = read(school)
    assert logged.answered.all()
    assert logged.features[0, 1] == pytest.approx(np.log(3))


def test_a_gain_is_the_answer_after_a_night_less_the_answer_to_the_offer(
    school: School, begun: Learner, fractions: Curriculum
) -> None:
    decision = offer(begun)
    reply(decision, begun, fractions, correct=0.25)
    reply(decision, begun, fractions, correct=0.5, moment=at(61 + 23 * 60))
    reply(decision, begun, fractions, correct=0.75, moment=at(61 + 25 * 60))
    reply(decision, begun, fractions, correct=1.0, moment=at(days=5))
    assert read(school).reward.tolist() == [0.5]
    assert read(school, reward=Reward(Kind.RETENTION)).reward.tolist() == [0.75]
    assert read(school, reward=Reward(Kind.RETENTION, delay_days=2)).reward.tolist() == [1.0]
    assert read(school, reward=Reward(Kind.SUCCESS)).reward.tolist() == [0.25]
    assert read(school, reward=Reward(Kind.ANSWERED)).reward.tolist() == [1.0]


@pytest.mark.parametrize("outcome", [None, Decision.Outcome.SHOWN, Decision.Outcome.SKIPPED])
def test_an_offer_that_nobody_took_is_unknown_not_zero(
    outcome: Decision.Outcome | None, school: School, begun: Learner
) -> None:
    decision = offer(begun)
    if outcome:
        decisions.report(decision, outcome, now=at(61))
    for kind in (Kind.GAIN, Kind.RETENTION, Kind.SUCCESS):
        assert np.isnan(read(school, reward=Reward(kind)).reward).tolist() == [True]
    assert read(school, reward=Reward(Kind.ANSWERED)).reward.tolist() == [0.0]


def test_what_was_kept_is_known_of_an_offer_nobody_took(school: School, begun: Learner, fractions: Curriculum) -> None:
    decision = offer(begun)
    reply(decision, begun, fractions, correct=1.0, moment=at(days=10))
    assert read(school, reward=Reward(Kind.RETENTION)).reward.tolist() == [1.0]
    assert np.isnan(read(school).reward).all()


def test_an_answer_after_the_window_or_to_another_concept_tells_nothing(
    school: School, begun: Learner, fractions: Curriculum
) -> None:
    decision = offer(begun)
    reply(decision, begun, fractions)
    reply(decision, begun, fractions, moment=at(days=3), concepts=[(decision.concept + 1) % 3])
    reply(decision, begun, fractions, moment=at(days=22))
    assert np.isnan(read(school).reward).all()
    assert np.isfinite(read(school, reward=Reward(window_days=23)).reward).all()


def test_a_choice_is_read_when_its_reward_can_come_no_more(
    school: School, begun: Learner, fractions: Curriculum
) -> None:
    reply(offer(begun), begun, fractions)
    assert len(read(school, now=at(59, days=21))) == 0
    assert len(read(school, now=at(61, days=21))) == 1
    assert len(read(school, now=at(61, days=7), reward=Reward(Kind.SUCCESS))) == 1


@pytest.mark.parametrize(
    "changes",
    [{"policy": "random"}, {"since": at(61)}, {"until": at(60)}, {"curriculum_id": uuid7()}],
    ids=["another policy", "before", "after", "another curriculum"],
)
def test_other_choices_are_not_read(changes: dict[str, Any], school: School, begun: Learner) -> None:
    offer(begun)
    assert len(read(school)) == 1
    assert len(read(school, **changes)) == 0


def test_all_policies_are_read_where_none_is_named(school: School, begun: Learner) -> None:
    offer(begun)
    assert len(read(school, policy=None)) == 1


def test_no_school_reads_anothers_choices(school: School, other_school: School, begun: Learner) -> None:
    offer(begun)
    assert len(read(other_school)) == 0


def test_who_was_erased_is_gone(school: School, begun: Learner, ana: Learner) -> None:
    offer(begun)
    offer(ana)
    ana.delete()
    logged = read(school)
    assert logged.n_learners == len(logged) == 1


def test_what_the_policy_did_not_draw_is_marked(school: School, begun: Learner) -> None:
    decision = offer(begun)
    Decision.objects.filter(pk=decision.pk).update(item=5, concept=2)
    logged = read(school)
    assert logged.drawn.tolist() == [False]
    assert logged.item[logged.chosen].tolist() == [5]
    assert logged.probability[logged.chosen].tolist() == [0.0]
    assert logged.counts.tolist() == [len(decision.candidates) + 1]


def test_another_chance_than_the_candidates_say_is_no_draw(school: School, begun: Learner) -> None:
    decision = offer(begun)
    Decision.objects.filter(pk=decision.pk).update(propensity=decision.propensity / 2)
    assert read(school).drawn.tolist() == [False]


def test_candidates_without_probabilities_are_named(school: School, begun: Learner) -> None:
    decision = offer(begun)
    Decision.objects.filter(pk=decision.pk).update(candidates=[[decision.concept, decision.item, 1.0, 0.5]])
    with pytest.raises(BadLog, match=f"decision {decision.pk}: its candidates' probabilities sum to 0.5"):
        read(school)


@pytest.mark.chance
def test_many_choices_are_read_by_one_statement_newest_first(
    school: School, fractions: Curriculum, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_FETCHED", 3)
    group = learners(school, 8)
    for minute, learner in enumerate(group):
        offer(learner, now=at(minute))
    with statements() as sent:
        logged = read(school)
    # Nothing beside the one cursor on the server, which is not counted: no batch asks for more.
    assert not [each for each in sent if "scheduling_" in each or "interactions_" in each]
    assert logged.n_learners == len(logged) == 8
    assert not logged.truncated
    some = read(school, most=5)
    assert some.truncated
    assert some.seconds.tolist() == [at(minute).timestamp() for minute in (7, 6, 5, 4, 3)]
    assert not read(school, most=8).truncated


@pytest.mark.chance
def test_the_log_of_the_product_is_evaluated_or_refused(school: School, fractions: Curriculum) -> None:
    for learner in learners(school, 12):
        reply(offer(learner), learner, fractions, correct=1.0)
    logged = read(school, reward=Reward(Kind.SUCCESS))
    report = evaluate(logged, targets.best(targets.logged_score), reward=Reward(Kind.SUCCESS))
    assert report.refusal.startswith("the effective sample is")
    assert report.overlap.unsupported == 0


@pytest.mark.parametrize(("delay", "window"), [(-1.0, 21.0), (1.0, 8.0), (14.0, 21.0)])
def test_a_window_that_leaves_no_time_is_refused(delay: float, window: float) -> None:
    with pytest.raises(ValueError, match="leaves no time for the later answer"):
        Reward(delay_days=delay, window_days=window)
