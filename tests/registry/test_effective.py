"""The prerequisites that hold in a school, as everything at run time reads them."""

from __future__ import annotations

import numpy as np
import pytest
from django.utils import timezone

from curricula import snapshot
from curricula.models import Curriculum
from tests import people
from tests.flow import learnt
from tests.flow.steps import client_of, statements
from tutor.accounts.models import School
from tutor.registry import effective, reviews
from tutor.registry import services as registry
from tutor.registry.effective import content_for
from tutor.registry.reviews import Verb

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh() -> None:
    effective.forget()


def test_where_nothing_is_added_it_is_the_published_snapshot_itself(school: School, fractions: Curriculum) -> None:
    content = snapshot.latest(fractions.pk)
    baseline = registry.ensure_served(fractions.pk)
    doubtful = learnt.a_version(fractions, {(0, 2): 0.5, (2, 0): 0.95, (1, 0): 0.96})
    for version in (baseline, doubtful):
        assert version is not None
        assert content_for(content, school.pk, version.pk) is content


def test_what_was_learnt_for_sure_is_a_prerequisite(school: School) -> None:
    flat = [{"key": key, "title": key} for key in ("a", "b", "c")]
    curriculum = people.a_curriculum(school.pk, concepts=flat, items=[])
    content, version = snapshot.latest(curriculum.pk), learnt.a_version(curriculum, {(0, 1): 0.95, (1, 2): 0.99})
    found = content_for(content, school.pk, version.pk)
    assert (found.depth.tolist(), found.downstream.tolist()) == ([0, 1, 2], [2, 1, 0])
    assert (found.prerequisites.counts.tolist(), found.dependents.flat.tolist()) == ([0, 1, 1], [1, 2])
    assert found.concept_items is content.concept_items and found.graph and not content.graph
    with pytest.raises(ValueError, match="read-only"):
        found.depth[0] = 9
    assert np.all(content.depth == 0)


def test_schools_of_which_the_same_is_true_share_one(school: School, other_school: School) -> None:
    shared = people.a_curriculum(None, "shared")
    content, version = snapshot.latest(shared.pk), learnt.a_version(shared, {(0, 2): 0.95})
    assert content_for(content, school.pk, version.pk) is content_for(content, other_school.pk, version.pk)


def test_it_costs_one_query_every_two_seconds(school: School, fractions: Curriculum) -> None:
    content, version = snapshot.latest(fractions.pk), learnt.a_version(fractions, {(0, 2): 0.95})
    first = content_for(content, school.pk, version.pk)
    with statements() as sent:
        assert content_for(content, school.pk, version.pk) is first
    assert sent == []
    with statements() as sent:
        assert content_for(content, school.pk, version.pk, fresh=True) is first
    assert len(sent) == 1


def test_a_review_taken_back_leaves_what_was(school: School, fractions: Curriculum) -> None:
    content, version = snapshot.latest(fractions.pk), learnt.a_version(fractions, {})
    for verb, same in ((Verb.REJECT, False), (Verb.CLEAR, True), (Verb.ACCEPT, True)):
        reviews.review(client_of(school), fractions.pk, (0, 1), verb, now=timezone.now())
        assert (content_for(content, school.pk, version.pk, fresh=True) is content) is same
