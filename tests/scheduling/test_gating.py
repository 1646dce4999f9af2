"""What a learner may begin follows the prerequisites that hold in their school, wherever it is asked."""

from __future__ import annotations

import numpy as np
import pytest
from django.utils import timezone

from curricula.models import Curriculum
from tests import people
from tests.flow import learnt
from tests.flow.steps import answer, at, believed, client_of, record, statements, work
from tutor.accounts.models import Learner, School
from tutor.registry import reviews
from tutor.registry.prerequisites import Pair
from tutor.registry.reviews import Verb
from tutor.scheduling import contents
from tutor.scheduling.models import Decision
from tutor.scheduling.policies import Kind
from tutor.scheduling.serving import Served, next_for
from tutor.tracing.estimates import weak_prerequisites
from tutor.tracing.status import CODES, Status, statuses

pytestmark = pytest.mark.django_db


@pytest.fixture
def flat(school: School) -> Curriculum:
    """Two concepts that the author puts side by side."""
    return people.a_curriculum(
        school.pk,
        "flat",
        concepts=[{"key": key, "title": key.title()} for key in ("a", "b")],
        items=[{"key": f"{key}{n}", "concepts": [key], "statement": "?"} for key in ("a", "b") for n in (1, 2)],
    )


def say(school: School, curriculum: Curriculum, pair: Pair, verb: Verb) -> None:
    reviews.review(client_of(school), curriculum.pk, pair, verb, now=timezone.now())
    contents.forget()


def ask(learner: Learner, n: int = 5) -> Served:
    return next_for(client_of(learner.school), str(learner.pk), curriculum=None, n=n, narrowing=None, now=at(60))


def offered(learner: Learner) -> list[int]:
    return sorted(entry.concept for entry in ask(learner).entries)


def locked(learner: Learner, curriculum: Curriculum) -> list[int]:
    belief = believed(learner, curriculum)
    content = contents.gated(learner.school_id, curriculum.pk, belief.version_id)
    codes = statuses(belief.table, belief.evidence, content, at(60).timestamp())
    found = np.flatnonzero(codes == CODES[Status.LOCKED]).tolist()
    assert all(weak_prerequisites(belief, content, concept, at(60).timestamp()) for concept in found)
    return found


def test_a_learnt_prerequisite_locks_what_needs_it(bo: Learner, flat: Curriculum) -> None:
    assert (offered(bo), locked(bo, flat)) == ([0, 1], [])
    learnt.serve(flat, {(0, 1): 0.97})
    contents.forget()
    assert locked(bo, flat) == [1]
    assert weak_prerequisites(believed(bo, flat), contents.gated(bo.school_id, flat.pk, believed(bo, flat).version_id),
                              1, at(60).timestamp()) == [0]  # fmt: skip


def test_a_rejected_prerequisite_locks_nobody_any_more(school: School, bo: Learner, fractions: Curriculum) -> None:
    assert (offered(bo), locked(bo, fractions)) == ([0], [1, 2])
    say(school, fractions, (0, 1), Verb.REJECT)
    assert (offered(bo), locked(bo, fractions)) == ([0, 1], [2])


def test_a_plan_of_a_worker_goes_by_them_too(school: School, bo: Learner, flat: Curriculum) -> None:
    say(school, flat, (0, 1), Verb.ACCEPT)
    record(school, [answer(bo, flat, 0, correct=0.0)])
    work()
    assert [entry.kind for entry in ask(bo).entries] == [Kind.PRACTICE]


def test_a_plan_made_before_a_review_is_made_anew(school: School, bo: Learner, flat: Curriculum) -> None:
    record(school, [answer(bo, flat, 0, correct=0.0)])
    work()
    before = ask(bo)
    assert sorted(entry.concept for entry in before.entries) == [0, 1]
    say(school, flat, (0, 1), Verb.ACCEPT)
    after = ask(bo)
    assert [entry.concept for entry in after.entries] == [0]
    say(school, flat, (0, 1), Verb.CLEAR)
    assert offered(bo) == [0, 1]


def test_decisions_say_which_prerequisites_they_went_by(school: School, bo: Learner, flat: Curriculum) -> None:
    ask(bo, 1)
    say(school, flat, (1, 0), Verb.ACCEPT)
    named = ask(bo, 1).body.graph
    assert named and set(Decision.objects.values_list("graph", flat=True)) == {"", named}


def test_what_depends_on_a_concept_counts_learnt_edges(school: School, bo: Learner, flat: Curriculum) -> None:
    [first, second] = sorted(ask(bo).entries, key=lambda entry: entry.concept)
    say(school, flat, (0, 1), Verb.ACCEPT)
    [entry] = ask(bo).entries
    assert entry.concept == first.concept
    assert entry.score == pytest.approx(first.score * (1 + np.log(2) / 4), rel=1e-3)
    assert second.concept == 1


def test_asking_what_next_costs_no_query_for_the_graph(school: School, bo: Learner, flat: Curriculum) -> None:
    say(school, flat, (0, 1), Verb.ACCEPT)
    ask(bo)
    with statements() as sent:
        ask(bo)
    assert not any("edge" in each for each in sent)


def test_another_school_s_review_changes_nothing(school: School, dee: Learner) -> None:
    shared = people.a_curriculum(None, "shared")
    say(school, shared, (0, 1), Verb.REJECT)
    assert offered(dee) == [0] and locked(dee, shared) == [1, 2]
