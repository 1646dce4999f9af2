"""Whatever happens when: every state beside is the fold of the log, and who serves in the end has missed nothing."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from curricula.models import Curriculum
from tests import people
from tests.flow.steps import (
    advance,
    answer,
    at,
    believed,
    is_behind,
    record,
)
from tests.flow.versions import a_version, assert_states_are_folds_of_the_log, settle
from tutor.accounts.models import Learner, School
from tutor.registry import deployments
from tutor.registry import services as registry
from tutor.registry.models import Deployment, ModelVersion
from tutor.tracing import beside, rollout


class Step(NamedTuple):
    """What happens next: `answers` come in as (who, minute, correct), or `what` is done."""

    what: str
    answers: tuple[tuple[int, int, float], ...] = ()


ANSWERS = st.tuples(st.integers(0, 2), st.sampled_from([0, 0, 1, 7, 60, 3_000, 40_000]), st.sampled_from([0.0, 1.0]))
STEPS = st.one_of(
    st.builds(Step, st.just("answers"), st.lists(ANSWERS, min_size=1, max_size=4).map(tuple)),
    st.sampled_from([Step(what) for what in ("advance", "step", "look", "challenge", "promote", "back", "withdraw")]),
    st.sampled_from([Step(what) for what in ("apart", "follow", "return")]),
)


def told(*story: str | tuple[int, int, float]) -> list[Step]:
    return [Step(each) if isinstance(each, str) else Step("answers", (each,)) for each in story]


EARLY, LATER, BETWEEN, LATEST = (0, 1, 1.0), (0, 3_000, 0.0), (0, 60, 1.0), (0, 40_000, 1.0)
BUILT = (EARLY, LATER, "advance", "challenge", "look", "step")


@example(story=told(EARLY, "advance", "promote"))
@example(story=told(EARLY, "advance", "promote", "look", "step", "back"))
@example(story=told(*BUILT, BETWEEN, "promote", "advance"))
@example(story=told(*BUILT, BETWEEN, "advance", "promote", "step"))
@example(story=told(*BUILT, "promote", BETWEEN, "advance", "back", EARLY, "advance", "promote", LATEST))
@example(story=told(*BUILT, LATEST, "advance", "withdraw", BETWEEN, "advance", "challenge", "promote"))
@example(story=told(EARLY, "apart", LATER, "advance", "follow", BETWEEN, "look", "step", "advance", "return", LATEST))
@example(story=told(EARLY, "apart", "follow", "promote", LATER, "advance", "look", "step", "return", "follow"))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(STEPS, min_size=3, max_size=20))
def test_whoever_serves_in_the_end_has_missed_nothing(story: list[Step], school: School) -> None:
    curriculum = people.a_curriculum(school.pk, f"story-{people.a_learner(school, 'x').pk.hex}")
    group = [people.a_learner(school, f"Learner {n}") for n in range(3)]
    registry.ensure_served(curriculum.pk)
    tried, own = a_version(curriculum), a_version(curriculum, intercept=2.0)
    for number, each in enumerate(story):
        if each.what in ("apart", "follow", "return"):
            go_apart(each, school, curriculum, own, number)
        else:
            tell(each, school, curriculum, group, tried, number)
    settle()
    answered = [group[n] for n in {who for each in story for who, *_ in each.answers}]
    deployed = Deployment.objects.select_related("champion", "challenger", "previous").filter(curriculum=curriculum)
    kept = deployments.reopened(deployed.order_by("school").first() or deployed.get())
    for version_id in beside.versions_of(kept, at(100)):
        assert_states_are_folds_of_the_log(answered, version_id)
        assert rollout.progress(kept, version_id, now=at(200)).level == len(answered)
    for learner in answered:
        assert not is_behind(learner)
        assert believed(learner, curriculum).version_id == kept.champion_id


def tell(
    each: Step, school: School, curriculum: Curriculum, group: list[Learner], tried: ModelVersion, number: int
) -> None:
    now = at(60 + number)
    match each.what:
        case "answers":
            given = [
                answer(group[who], curriculum, correct=correct, seconds=at(minute).timestamp())
                for who, minute, correct in each.answers
            ]
            record(school, given, now=now)
        case "advance":
            advance(limit=2, now=now)
        case "step":
            beside.step(limit=2, now=now)
        case "look":
            beside.look(now=now)
        case "promote":
            deployments.promote(tried, now=now)
        case "withdraw":
            deployments.withdraw(curriculum.pk, None, now=now)
        case "challenge" | "back" as what:
            try:
                if what == "challenge":
                    deployments.challenge(tried, now=now)
                else:
                    deployments.roll_back(curriculum.pk, None, now=now)
            except ValueError:
                pass  # it serves already, or nothing was before


def go_apart(each: Step, school: School, curriculum: Curriculum, own: ModelVersion, number: int) -> None:
    """The school has a version of its own, follows all schools, or goes back."""
    now = at(60 + number)
    try:
        match each.what:
            case "apart":
                deployments.promote(own, school_id=school.pk, now=now)
            case "follow":
                deployments.follow_site(curriculum.pk, school.pk, now=now)
            case "return":
                deployments.roll_back(curriculum.pk, school.pk, now=now)
    except ValueError:
        pass  # it follows already, or nothing was before
