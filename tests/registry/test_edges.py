"""Prerequisites that models learn and teachers review, as rows."""

from __future__ import annotations

import pytest
from django.utils import timezone

from curricula.models import Curriculum
from kt_models.prior_edges import PriorEdges
from tests import people
from tests.flow import learnt
from tests.flow.steps import client_of
from tutor.accounts.models import School, User
from tutor.registry import edges, reviews
from tutor.registry import services as registry
from tutor.registry.differences import difference
from tutor.registry.prerequisites import Learned
from tutor.registry.reviews import Verb

pytestmark = pytest.mark.django_db


def test_what_a_model_has_learnt_is_written_with_its_version(fractions: Curriculum) -> None:
    version = learnt.a_version(fractions, {(0, 1): 0.9, (1, 0): 0.1, (0, 2): 0.4}, evidence=50)
    written = version.edges.order_by("parent", "child").values_list("parent", "child", "direction", "evidence")
    assert list(written) == [(0, 1, 0.9, 50), (0, 2, 0.4, 50), (1, 0, 0.1, 50)]
    assert all(edge.effect > 0 for edge in version.edges.all())


def test_a_model_that_learns_no_graph_leaves_none(fractions: Curriculum) -> None:
    baseline = registry.ensure_served(fractions.pk)
    assert baseline is not None and not baseline.edges.exists()


def say(school: School, curriculum: Curriculum, **verbs: tuple[int, int]) -> None:
    for verb, pair in verbs.items():
        reviews.review(client_of(school), curriculum.pk, pair, Verb(verb), now=timezone.now())


def prior(curriculum: Curriculum, school: School | None) -> dict[tuple[int, int], tuple[float, bool]]:
    rows = edges.prior_for_fit(curriculum.pk, school and school.pk)
    read = PriorEdges.of([(row["parent"], row["child"], row["probability"], row["locked"]) for row in rows])
    columns = (column.tolist() for column in (read.parent, read.child, read.probability, read.locked))
    return {(parent, child): (probability, locked) for parent, child, probability, locked in zip(*columns, strict=True)}


def test_the_next_fit_is_nudged_by_authors_pushed_by_teachers_and_bound_by_what_they_lock_or_reject(
    school: School, fractions: Curriculum
) -> None:
    learnt.serve(fractions, {(2, 0): 0.99})
    assert prior(fractions, school) == {(0, 1): (0.6, False), (1, 2): (0.6, False)}
    say(school, fractions, reject=(0, 1), accept=(0, 2))
    assert prior(fractions, school) == {(0, 1): (0.0, True), (0, 2): (0.95, False), (1, 2): (0.6, False)}
    say(school, fractions, lock=(0, 2))
    assert prior(fractions, school)[0, 2] == (1.0, True)


def test_a_fit_for_all_schools_goes_by_the_operator_s_word_and_by_the_owner_s_on_its_own_curriculum(
    school: School, fractions: Curriculum
) -> None:
    shared = people.a_curriculum(None, "shared")
    for curriculum in (shared, fractions):
        say(school, curriculum, reject=(0, 1))
    assert prior(shared, None)[0, 1] == (0.6, False) and prior(shared, school)[0, 1] == (0.0, True)
    assert prior(fractions, None)[0, 1] == (0.0, True)


def test_where_an_operator_locks_the_opposite_a_school_s_fits_go_by_the_school(
    school: School,
) -> None:
    flat = [{"key": key, "title": key} for key in ("a", "b")]
    shared = people.a_curriculum(None, "shared", concepts=flat, items=[])
    operator = User.objects.create(email="operator@example.org", is_staff=True)
    say(school, shared, accept=(1, 0), lock=(1, 0))
    for verb in (Verb.ACCEPT, Verb.LOCK):
        reviews.review(operator, shared.pk, (0, 1), verb, now=timezone.now())
    assert prior(shared, school) == {(1, 0): (1.0, True)}


def sure(**chances: float) -> dict[tuple[int, int], Learned]:
    """`ab`: from a to b."""
    return {("abcd".index(pair[0]), "abcd".index(pair[1])): Learned(1.0, p, 0.2, 300) for pair, p in chances.items()}


def told(before: dict[tuple[int, int], Learned], after: dict[tuple[int, int], Learned]) -> dict[str, list[str]]:
    found = vars(difference(before, after)).items()
    names = {name: ["abcd"[each.parent] + "abcd"[each.child] for each in changes] for name, changes in found}
    return {name: changes for name, changes in names.items() if changes}


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (sure(ab=0.4), sure(ab=0.6), {"gained": ["ab"]}),
        (sure(), sure(ab=0.9, ba=0.1), {"gained": ["ab"]}),
        (sure(ab=0.9), sure(), {"lost": ["ab"]}),
        (sure(ab=0.9, ba=0.1), sure(ab=0.2, ba=0.8), {"flipped": ["ba"]}),
        (sure(ab=0.6, cd=0.1), sure(ab=0.8, cd=0.45), {"changed": ["ab", "cd"]}),
        (sure(ab=0.6, bc=0.9), sure(ab=0.7, bc=0.85), {}),
    ],
)
def test_two_versions_differ_in_edges_gained_lost_flipped_and_changed(
    before: dict[tuple[int, int], Learned], after: dict[tuple[int, int], Learned], what: dict[str, list[str]]
) -> None:
    assert told(before, after) == what
