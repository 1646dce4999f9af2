"""What teachers say of prerequisites, who may say it, and what cannot be said."""

from __future__ import annotations

from functools import partial

import pytest
from django.utils import timezone

from curricula import services as curricula
from curricula import snapshot
from curricula.models import Curriculum
from tests import people
from tests.flow import learnt
from tests.flow.steps import client_of
from tests.flow.together import together
from tutor.accounts.access import NotFound, Principal
from tutor.accounts.models import Group, School, User
from tutor.registry import effective, reviews
from tutor.registry.models import EdgeReview
from tutor.registry.prerequisites import Pair
from tutor.registry.reviews import ReviewRefused, Verb

pytestmark = pytest.mark.django_db

#: The curriculum says 0 -> 1 -> 2: "halves", "equal-parts", "adding".
REDUNDANT = (0, 2)


def say(by: Principal, curriculum: Curriculum, pair: Pair, verb: Verb, reason: str = "") -> EdgeReview | None:
    return reviews.review(by, curriculum.pk, pair, verb, reason=reason, now=timezone.now())


def holding(school: School, curriculum: Curriculum) -> set[Pair]:
    """The effective graph of a school whose model has learnt nothing."""
    version = learnt.a_version(curriculum, {})
    content = snapshot.latest(curriculum.pk)
    found = effective.content_for(content, school.pk, version.pk, fresh=True).prerequisites
    return set(zip(found.flat.tolist(), found.owner.tolist(), strict=True))


def test_a_teacher_accepts_and_rejects_in_her_school(
    ms_diaz: User, class_7b: Group, school: School, fractions: Curriculum
) -> None:
    said = say(ms_diaz, fractions, REDUNDANT, Verb.ACCEPT, "halves come first")
    assert said is not None
    assert (said.decision, said.reason, said.reviewer, said.school) == (
        "accepted", "halves come first", ms_diaz, school,
    )  # fmt: skip
    say(ms_diaz, fractions, (0, 1), Verb.REJECT)
    assert holding(school, fractions) == {(1, 2), (0, 2)}


def test_a_review_holds_for_one_school(school: School, other_school: School) -> None:
    shared = people.a_curriculum(None, "shared")
    say(client_of(school), shared, (0, 1), Verb.REJECT)
    assert (holding(school, shared), holding(other_school, shared)) == ({(1, 2)}, {(0, 1), (1, 2)})


def test_an_operator_s_review_holds_wherever_a_school_says_nothing_else(school: School, other_school: School) -> None:
    shared = people.a_curriculum(None, "shared")
    operator = User.objects.create(email="operator@example.org", is_staff=True)
    say(operator, shared, (0, 1), Verb.REJECT)
    say(client_of(school), shared, (0, 1), Verb.ACCEPT)
    assert (holding(school, shared), holding(other_school, shared)) == ({(0, 1), (1, 2)}, {(1, 2)})


def test_who_neither_teaches_on_a_curriculum_nor_leads_its_school_cannot_review_it(
    school: School, ms_diaz: User, mr_chen: User, class_7b: Group, fractions: Curriculum
) -> None:
    without_class = people.a_teacher(school, "Ms Roth")
    head, gone = (people.a_teacher(school, name, role=User.Role.ADMIN) for name in ("Head", "Gone"))
    gone.is_active = False
    for stranger in (mr_chen, without_class, gone, people.a_teacher(mr_chen.school, "Oak", role=User.Role.ADMIN)):  # type: ignore[arg-type]
        with pytest.raises(NotFound):
            say(stranger, fractions, REDUNDANT, Verb.ACCEPT)
    for entitled in (ms_diaz, head):
        assert say(entitled, fractions, REDUNDANT, Verb.ACCEPT)


def test_a_class_without_a_curriculum_lets_its_teacher_review_only_its_school_s_only_one(
    school: School, fractions: Curriculum
) -> None:
    ms_roth = people.a_teacher(school, "Ms Roth")
    people.a_group(school, "8a", teachers=(ms_roth,))
    assert say(ms_roth, fractions, REDUNDANT, Verb.ACCEPT)
    algebra = people.a_curriculum(school.pk, "algebra")
    for curriculum in (fractions, algebra):
        with pytest.raises(NotFound):
            say(ms_roth, curriculum, REDUNDANT, Verb.REJECT)


def without_adding(curriculum: Curriculum) -> None:
    """Publishes a version that has the concept no more."""
    document = people.a_document()
    document["concepts"] = document["concepts"][:2]
    document["items"] = [item for item in document["items"] if item["concepts"] != ["adding"]]
    curricula.import_document(document, owner=curriculum.owner, now=timezone.now())
    curricula.publish(curriculum, now=timezone.now())


def test_a_review_of_a_concept_that_was_removed_can_be_ended_and_nothing_else(
    school: School, fractions: Curriculum
) -> None:
    client = client_of(school)
    say(client, fractions, REDUNDANT, Verb.REJECT)
    say(client, fractions, REDUNDANT, Verb.LOCK)
    without_adding(fractions)
    for verb in (Verb.ACCEPT, Verb.REJECT, Verb.LOCK):
        with pytest.raises(ReviewRefused, match="position 2 is no concept of 'Fractions', version 2"):
            say(client, fractions, REDUNDANT, verb)
    with pytest.raises(ReviewRefused, match=r"halves -> adding \(removed\) is locked"):
        say(client, fractions, REDUNDANT, Verb.CLEAR)
    say(client, fractions, REDUNDANT, Verb.UNLOCK)
    assert say(client, fractions, REDUNDANT, Verb.CLEAR) is None
    assert not EdgeReview.objects.exists()


def test_a_locked_review_stands_until_it_is_unlocked(school: School, fractions: Curriculum) -> None:
    client = client_of(school)
    say(client, fractions, (0, 1), Verb.REJECT, "taught together")
    say(client, fractions, (0, 1), Verb.LOCK)
    for verb in (Verb.ACCEPT, Verb.REJECT, Verb.CLEAR):
        with pytest.raises(ReviewRefused, match=r"halves -> equal-parts is locked \(rejected\): unlock it first"):
            say(client, fractions, (0, 1), verb)
    unlocked = say(client, fractions, (0, 1), Verb.UNLOCK)
    assert unlocked is not None and unlocked.reason == "taught together"
    assert say(client, fractions, (0, 1), Verb.CLEAR) is None
    assert holding(school, fractions) == {(0, 1), (1, 2)}


@pytest.mark.parametrize("verb", [Verb.LOCK, Verb.UNLOCK, Verb.CLEAR])
def test_what_nobody_has_reviewed_can_only_be_accepted_or_rejected(
    verb: Verb, school: School, fractions: Curriculum
) -> None:
    with pytest.raises(ReviewRefused, match="nobody has reviewed halves -> adding: accept or reject it first"):
        say(client_of(school), fractions, REDUNDANT, verb)


def test_people_cannot_stand_for_a_cycle(school: School, fractions: Curriculum) -> None:
    client = client_of(school)
    with pytest.raises(ReviewRefused, match="prerequisites, halves -> equal-parts -> adding -> halves: reject one of"):
        say(client, fractions, (2, 0), Verb.ACCEPT)
    assert not EdgeReview.objects.exists()
    say(client, fractions, (0, 1), Verb.REJECT)
    say(client, fractions, (2, 0), Verb.ACCEPT)
    for verb in (Verb.ACCEPT, Verb.CLEAR):
        with pytest.raises(ReviewRefused, match="closes a cycle"):
            say(client, fractions, (0, 1), verb)
    assert holding(school, fractions) == {(1, 2), (2, 0)}


@pytest.mark.parametrize(("pair", "message"), [((1, 1), "'equal-parts' cannot support itself"), ((0, 3), "position 3")])
def test_what_is_no_edge_cannot_be_reviewed(pair: Pair, message: str, school: School, fractions: Curriculum) -> None:
    with pytest.raises(ReviewRefused, match=message):
        say(client_of(school), fractions, pair, Verb.ACCEPT)


def test_reviews_outlive_models_and_versions_of_the_curriculum(school: School, fractions: Curriculum) -> None:
    say(client_of(school), fractions, REDUNDANT, Verb.ACCEPT)
    document = people.a_document()
    document["concepts"] = [{"key": "wholes", "title": "Wholes"}, *reversed(document["concepts"])]
    curricula.import_document(document, owner=school.pk, now=timezone.now())
    curricula.publish(fractions, now=timezone.now())
    content = snapshot.latest(fractions.pk)
    halves, adding = (content.concept_position[key] for key in ("halves", "adding"))
    assert (halves, adding) in holding(school, fractions)


@pytest.mark.django_db(transaction=True)
def test_of_two_edges_that_close_a_cycle_only_together_one_is_refused() -> None:
    school = people.a_school()
    flat = [{"key": key, "title": key} for key in ("a", "b")]
    curriculum = people.a_curriculum(school.pk, concepts=flat, items=[])

    def accept(pair: Pair) -> bool:
        try:
            return bool(say(client_of(school), curriculum, pair, Verb.ACCEPT))
        except ReviewRefused:
            return False

    assert sorted(together(partial(accept, (0, 1)), partial(accept, (1, 0)))) == [False, True]
