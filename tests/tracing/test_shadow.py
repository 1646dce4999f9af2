"""A challenger's verdict: on the same answers as the champion's, foretold by both before they were known."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from curricula.models import Curriculum
from tests import people
from tests.flow.steps import advance, answer, at, learners, record, work
from tests.flow.versions import a_version, keep_beside
from tutor.accounts.models import Learner, School
from tutor.registry import deployments
from tutor.registry import services as registry
from tutor.registry.models import Deployment, ModelVersion
from tutor.tracing import beside, shadow
from tutor.tracing.models import Score
from tutor.tracing.shadow import NoChallenger, Verdict

MANY = 40


@pytest.fixture
def challenged(fractions: Curriculum) -> Deployment:
    """Half of what learners answer is right: so the baseline expects it to be, and the challenger far less."""
    registry.ensure_served(fractions.pk)
    deployment = deployments.challenge(a_version(fractions, intercept=-3.0), now=at(0))
    Deployment.objects.update(shadow_answers=100, shadow_days=2.0)
    deployment.refresh_from_db()
    return deployment


def replay(school: School, curriculum: Curriculum, *, rounds: int = 4) -> None:
    """Many learners answer at random, an answer a minute; workers are there."""
    rng, group = np.random.default_rng(0), learners(school, MANY)
    for minute in range(rounds):
        given = [
            answer(learner, curriculum, correct=float(rng.integers(2)), seconds=at(minute).timestamp())
            for learner in group
        ]
        record(school, given, now=at(minute))
        work(now=at(minute))
        keep_beside(now=at(minute))


def test_the_challenger_that_foretells_worse_is_worse(
    school: School, fractions: Curriculum, challenged: Deployment
) -> None:
    replay(school, fractions)
    found = shadow.compare(challenged, now=at(days=3))
    assert (found.verdict, found.answers, found.learners) == (Verdict.WORSE, 4 * MANY, MANY)
    assert found.differences and found.differences["log_loss"].low > 0
    assert found.champion and found.champion.version_id == challenged.champion_id
    assert found.challenger and found.challenger.version_id == challenged.challenger_id


def test_figures_are_those_of_the_scores(school: School, fractions: Curriculum, challenged: Deployment) -> None:
    replay(school, fractions)
    found = shadow.compare(challenged, now=at(days=3))
    for figures in (found.champion, found.challenger):
        assert figures
        rows = Score.objects.filter(version_id=figures.version_id).values_list("p", "correct")
        p, correct = np.array(rows).T
        loss = -(correct * np.log(p) + (1 - correct) * np.log1p(-p)).mean()
        assert figures.estimates["log_loss"].value == pytest.approx(loss)
        assert figures.estimates["brier"].value == pytest.approx(np.square(p - correct).mean())
        assert sum(each["n"] for each in figures.reliability) == 4 * MANY


def test_the_challenger_that_foretells_better_is_better(
    school: School, fractions: Curriculum, challenged: Deployment
) -> None:
    baseline, worse = challenged.champion, challenged.challenger
    assert worse
    deployments.promote(worse, now=at(0))
    deployments.challenge(baseline, now=at(0))
    replay(school, fractions)
    challenged.refresh_from_db()
    assert shadow.compare(challenged, now=at(days=3)).verdict == Verdict.BETTER


def test_the_same_model_twice_is_no_worse(school: School, fractions: Curriculum, challenged: Deployment) -> None:
    assert challenged.challenger
    deployments.promote(challenged.challenger, now=at(0))
    deployments.challenge(a_version(fractions, intercept=-3.0), now=at(0))
    replay(school, fractions)
    challenged.refresh_from_db()
    found = shadow.compare(challenged, now=at(days=3))
    assert found.differences and found.differences["log_loss"].value == 0
    # As badly calibrated as who serves now is no reason to stay with that one.
    assert found.verdict == Verdict.NO_WORSE


def a_twin(curriculum: Curriculum) -> Deployment:
    """Champion and challenger are the same model."""
    registry.ensure_served(curriculum.pk)
    deployments.promote(a_version(curriculum), now=at(0))
    deployment = deployments.challenge(a_version(curriculum), now=at(0))
    deployment.shadow_answers, deployment.shadow_days = 1, 0.0
    return deployment


def test_who_folds_late_answers_before_it_foretells_the_earlier_ones_gains_nothing(
    school: School, fractions: Curriculum
) -> None:
    twin, group = a_twin(fractions), learners(school, 10)

    def send(minute: int, now: int) -> None:
        given = [
            answer(learner, fractions, correct=float(n % 2), seconds=at(minute).timestamp())
            for n, learner in enumerate(group)
        ]
        record(school, given, now=at(now))

    for minute in range(30, 35):
        send(minute, minute)
        work(now=at(minute))
    for minute in range(1, 6):
        send(minute, 50)
    work(now=at(51))
    keep_beside(now=at(52))
    assert shadow.compare(twin, now=at(60)).answers == 0
    send(53, 53)
    work(now=at(53))
    keep_beside(now=at(53))
    found = shadow.compare(twin, now=at(60))
    assert found.answers == len(group), "what comes in order from then on counts"
    assert found.differences and found.differences["log_loss"].value == 0


ANSWERS = st.lists(st.tuples(st.sampled_from([1, 2, 30, 31, 900]), st.sampled_from([0.0, 1.0])), min_size=1, max_size=4)
EVENTS = st.one_of(ANSWERS, st.sampled_from(["advance", "step", "look"]))


@example(events=[[(30, 1.0)], "advance", [(31, 1.0)], "advance", [(1, 1.0)], "advance", "step"])
@example(events=[[(30, 1.0)], "look", "step", [(31, 1.0)], "look", "step", [(1, 1.0)], "advance", "step"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(EVENTS, min_size=2, max_size=16))
def test_a_copy_foretells_the_same_whatever_comes_late_and_is_folded_together(
    events: list[str | list[tuple[int, float]]], school: School
) -> None:
    bo = people.a_learner(school, "Bo")
    curriculum = people.a_curriculum(school.pk, f"twins-{bo.pk.hex}")
    twin = a_twin(curriculum)
    for number, event in enumerate([*events, "advance", "look", "step", [(5_000, 1.0)], "advance", "step"]):
        now = at(60 + number)
        match event:
            case "advance":
                advance(now=now)
            case "look":
                beside.look(now=now)
            case "step":
                beside.step(limit=5, now=now)
            case answers:
                given = [answer(bo, curriculum, correct=c, seconds=at(minute).timestamp()) for minute, c in answers]
                record(school, given, now=now)
    found = shadow.compare(twin, now=at(600))
    assert found.answers >= 1, "at least the last, which comes in order"
    champion, challenger = (in_order(version) for version in (twin.champion_id, twin.challenger_id))
    assert found.answers == len(champion.keys() & challenger.keys())
    assert all(champion[seq] == challenger[seq] for seq in champion.keys() & challenger.keys())


def in_order(version_id: object) -> dict[int, float]:
    return dict(Score.objects.filter(version_id=version_id, in_order=True).values_list("seq", "p"))


@pytest.mark.parametrize(
    ("answers", "days", "lacking"),
    [(1_000, 2.0, "160 of 1,000 answers so far"), (100, 9.0, "3.0 of 9 days so far")],
)
def test_a_verdict_takes_answers_and_days(
    answers: int, days: float, lacking: str, school: School, fractions: Curriculum, challenged: Deployment
) -> None:
    replay(school, fractions)
    challenged.shadow_answers, challenged.shadow_days = answers, days
    found = shadow.compare(challenged, now=at(days=3))
    assert (found.verdict, found.reason) == (Verdict.TOO_EARLY, lacking)
    assert found.differences, "figures are shown from the first answer on"


def test_nothing_is_said_before_the_first_answer(challenged: Deployment) -> None:
    found = shadow.compare(challenged, now=at(days=3))
    assert (found.verdict, found.answers, found.champion) == (Verdict.TOO_EARLY, 0, None)


def test_one_learner_alone_tells_nothing_for_certain(
    school: School, bo: Learner, fractions: Curriculum, challenged: Deployment
) -> None:
    record(school, [answer(bo, fractions, correct=float(n % 2)) for n in range(5)])
    work()
    keep_beside()
    challenged.shadow_answers = 1
    found = shadow.compare(challenged, now=at(days=3))
    assert found.answers == 5 and found.verdict != Verdict.BETTER
    assert found.to_json()["differences"]["log_loss"]["low"] is None


def test_what_one_of_them_foretold_alone_is_not_compared(
    school: School, fractions: Curriculum, challenged: Deployment
) -> None:
    replay(school, fractions)
    Score.objects.filter(version_id=challenged.champion_id, seq=1).delete()
    Score.objects.filter(version_id=challenged.challenger_id, seq=2).delete()
    assert shadow.compare(challenged, now=at(days=3)).answers == 2 * MANY


def test_answers_of_an_earlier_challenge_do_not_count(
    school: School, fractions: Curriculum, challenged: Deployment
) -> None:
    replay(school, fractions)
    again = challenged.challenger
    assert again
    deployments.withdraw(fractions.pk, None, now=at(days=1))
    challenged = deployments.challenge(again, now=at(days=1))
    assert shadow.compare(challenged, now=at(days=9)).answers == 0


def test_a_school_is_compared_by_its_own_answers(
    school: School, other_school: School, fractions: Curriculum, challenged: Deployment
) -> None:
    own = deployments.challenge(a_version(fractions), school_id=other_school.pk, now=at(0))
    replay(school, fractions)
    assert shadow.compare(own, now=at(days=3)).answers == 0
    assert shadow.compare(challenged, now=at(days=3)).answers == 4 * MANY


def test_without_a_challenger_there_is_nothing_to_compare(challenged: Deployment) -> None:
    deployments.withdraw(challenged.curriculum_id, None, now=at(1))
    challenged.refresh_from_db()
    with pytest.raises(NoChallenger, match="challenge its champion first"):
        shadow.compare(challenged, now=at(1) + timedelta(days=9))


def test_what_is_told_can_be_sent(school: School, fractions: Curriculum, challenged: Deployment) -> None:
    replay(school, fractions)
    told = json.loads(json.dumps(shadow.compare(challenged, now=at(days=3)).to_json()))
    assert told["verdict"] == "worse"
    assert set(told["challenger"]["estimates"]) >= {"log_loss", "brier", "ece", "auc"}
    assert ModelVersion.objects.filter(pk=told["challenger"]["version_id"]).exists()
