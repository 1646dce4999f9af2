"""The map of prerequisites as a class's teacher finds it, what she may say of an edge, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from curricula import services as curricula
from curricula import snapshot
from curricula.models import Curriculum
from tests import people
from tests.dashboard.classroom import answers, take_in
from tests.dashboard.conftest import SignIn
from tests.flow import learnt
from tests.flow.steps import statements
from tests.people import Caller
from tutor.accounts.models import Group, Learner, School, User
from tutor.dashboard.prerequisites_edge import EdgePage
from tutor.dashboard.prerequisites_page import PrerequisitesPage
from tutor.dashboard.prerequisites_words import Choice, Kind
from tutor.registry import effective, reviews
from tutor.registry.models import EdgeReview
from tutor.registry.prerequisites import Pair
from tutor.registry.reviews import Verb
from tutor.scheduling import contents

#: The curriculum says Halves -> Equal-Parts -> Adding.
FIRST, SECOND = (0, 1), (1, 2)
SHORTCUT = (0, 2)

OpenMap = Callable[..., PrerequisitesPage]
OpenEdge = Callable[[Pair], EdgePage]
Say = Callable[..., Any]


@pytest.fixture(autouse=True)
def fresh_reviews() -> None:
    effective.forget()


def url(group: Group, pair: Pair | None = None) -> str:
    content = snapshot.latest(group.curriculum_id)  # type: ignore[arg-type]
    ends = "".join(f"{content.concept_ids[end]}/" for end in pair or ())
    return f"/classes/{group.pk}/prerequisites/{ends}"


@pytest.fixture
def open_map(ms_diaz: User, class_7b: Group, signed_in: SignIn) -> OpenMap:
    def open_(**parameters: str) -> PrerequisitesPage:
        page: PrerequisitesPage = signed_in(ms_diaz).get(url(class_7b), parameters).context["page"]
        return page

    return open_


@pytest.fixture
def open_edge(ms_diaz: User, class_7b: Group, signed_in: SignIn) -> OpenEdge:
    def open_(pair: Pair) -> EdgePage:
        page: EdgePage = signed_in(ms_diaz).get(url(class_7b, pair)).context["page"]
        return page

    return open_


@pytest.fixture
def say(ms_diaz: User, class_7b: Group, signed_in: SignIn) -> Say:
    """What the page says after it: the text."""

    def say_(pair: Pair, verb: str, note: str = "") -> str:
        browser = signed_in(ms_diaz)
        answer = browser.post(f"{url(class_7b, pair)}review/", {"verb": verb, "note": note}, follow=True)
        assert answer.redirect_chain == [(url(class_7b, pair), 302)]
        text: str = answer.content.decode()
        return text

    return say_


def kinds(page: PrerequisitesPage) -> dict[Pair, Kind]:
    return {edge.pair: edge.kind for edge in page.shown}


def served(client: Caller, learner: Learner) -> set[str]:
    """Concepts of what a learner may be offered now."""
    effective.forget()
    offers = client.get(f"/api/v1/learners/{learner.pk}/next?n=10").json()["data"]
    return {offer["concept"]["title"] for offer in offers}


def test_the_map_shows_why_each_edge_holds_or_does_not(
    class_7b: Group, fractions: Curriculum, ms_diaz: User, open_map: OpenMap
) -> None:
    learnt.serve(fractions, {SHORTCUT: 0.7, (2, 1): 0.3, (1, 0): 0.04})
    reviews.review(ms_diaz, fractions.pk, SECOND, Verb.REJECT, now=timezone.now())
    assert kinds(open_map()) == {FIRST: Kind.AUTHORED, SHORTCUT: Kind.SUGGESTED}
    assert kinds(open_map(edges="holding")) == {FIRST: Kind.AUTHORED}
    assert kinds(open_map(edges="authored")) == {FIRST: Kind.AUTHORED, SECOND: Kind.REJECTED}
    assert kinds(open_map(edges="learned")) == {SHORTCUT: Kind.SUGGESTED, (2, 1): Kind.UNLIKELY}
    assert kinds(open_map(edges="open")) == {SHORTCUT: Kind.SUGGESTED}
    assert kinds(open_map(edges="reviewed")) == {SECOND: Kind.REJECTED}
    assert open_map(edges="nonsense").choice is Choice.USUAL


def test_what_the_model_is_sure_of_holds_and_says_on_how_many_learners(
    class_7b: Group, fractions: Curriculum, open_map: OpenMap, open_edge: OpenEdge
) -> None:
    learnt.serve(fractions, {SHORTCUT: 0.95}, evidence=312)
    assert kinds(open_map())[SHORTCUT] is Kind.LEARNED
    page = open_edge(SHORTCUT)
    assert page.model_says == [
        "The model is sure that “Halves” supports “Adding”: 95%. "
        "That the two are linked at all: 100%; that the link runs this way: 95%.",
        "It rests on the answers of 312 learners.",
        "Who has mastered “Halves” settles at a chance of 62% to be right on “Adding” where it would else be 50% "
        "(effect 0.47).",
    ]  # fmt: skip
    assert page.reason.startswith("It holds: the model is sure of it. 90% from 100 learners suffice")


def test_what_a_model_has_learnt_that_does_not_serve_is_a_suggestion_and_says_so(
    class_7b: Group, fractions: Curriculum, open_map: OpenMap, open_edge: OpenEdge, say: Say
) -> None:
    assert open_map().learnt_by == "No model of this curriculum learns prerequisites."
    assert open_edge(SHORTCUT).model_says == ["No model of this curriculum learns prerequisites."]
    learnt.a_version(fractions, {SHORTCUT: 0.95}, evidence=312)
    assert "which does not serve this school" in open_map().learnt_by
    assert kinds(open_map(edges="open")) == {SHORTCUT: Kind.SUGGESTED}
    page = open_edge(SHORTCUT)
    assert page.reason.startswith("It does not hold: a model thinks it likely that does not serve this school.")
    assert page.model_says[0].startswith("What follows has been learnt by PSI-KT ")
    assert "95%" in page.model_says[1]
    say(SHORTCUT, "accept")
    assert open_edge(SHORTCUT).edge.kind is Kind.ACCEPTED


def test_what_would_run_in_a_circle_is_left_out_and_the_circle_named(
    class_7b: Group, fractions: Curriculum, open_map: OpenMap, open_edge: OpenEdge
) -> None:
    learnt.serve(fractions, {(2, 0): 0.95})
    assert kinds(open_map(edges="open")) == {(2, 0): Kind.CYCLE}
    assert "Halves → Equal-Parts → Adding → Halves" in open_edge((2, 0)).reason


def test_the_map_and_the_list_hold_every_concept(class_7b: Group, open_map: OpenMap) -> None:
    page = open_map()
    assert [entry.title for entry in page.entries] == ["Halves", "Equal-Parts", "Adding"]
    assert {box.title for box in page.boxes} == {"Halves", "Equal-Parts", "Adding"}
    assert [drawn.edge.pair for drawn in page.drawn] == [FIRST, SECOND]
    assert [drawn.is_back for drawn in open_map(edges="open").drawn] == [True, True]
    assert [[edge.parent for edge in entry.builds_on] for entry in page.entries] == [[], ["Halves"], ["Equal-Parts"]]


def test_statuses_are_those_of_the_class_page(
    class_7b: Group,
    fractions: Curriculum,
    school: School,
    bo: Learner,
    open_map: OpenMap,
    open_class: Callable[..., Any],
    now: datetime,
) -> None:
    take_in(school, answers(bo, fractions, "halves-1", "00000000", last=now), now=now)
    shown: dict[str, int] = {}
    for entry in open_map().entries:
        for count in entry.counts:
            shown[count.status] = shown.get(count.status, 0) + count.n
    counted: dict[str, int] = {}
    for line in open_class().context["page"].lines:
        for count in line.counts:
            counted[count.status] = counted.get(count.status, 0) + count.n
    assert shown == {status: n for status, n in counted.items() if n}
    assert shown["struggling"] == 1


def test_an_edge_counts_who_waits_for_it(
    class_7b: Group, fractions: Curriculum, school: School, bo: Learner, open_edge: OpenEdge, now: datetime
) -> None:
    assert open_edge(FIRST).edge.waits == 2
    take_in(school, answers(bo, fractions, "halves-1", "1111111", last=now), now=now)
    assert open_edge(FIRST).edge.waits == 1


def test_a_concept_is_found_by_a_part_of_its_title(class_7b: Group, open_map: OpenMap) -> None:
    page = open_map(q="EQUAL")
    assert [entry.title for entry in page.entries] == ["Equal-Parts"]
    assert [box.title for box in page.boxes if box.is_found] == ["Equal-Parts"]
    assert open_map(q="nothing like it").entries == []


def test_rejecting_frees_who_waited_and_the_page_said_so_before(
    class_7b: Group, bo: Learner, client: Caller, open_edge: OpenEdge, say: Say, ms_diaz: User
) -> None:
    assert served(client, bo) == {"Halves"}
    reject = next(each for each in open_edge(FIRST).previews if each.verb is Verb.REJECT)
    assert (reject.n_opened, reject.n_locked) == (2, 0)
    assert [(change.concept, change.is_locked, change.names) for change in reject.changes] == [
        ("Equal-Parts", False, ("Ana", "Bo"))
    ]
    text = say(FIRST, "reject", "they are taught side by side")
    assert "Rejected: “Halves” is no prerequisite of “Equal-Parts” at Elm School." in text
    assert "they are taught side by side" in text and "Rejected: Ms Diaz" in text
    assert served(client, bo) == {"Halves", "Equal-Parts"}
    assert EdgeReview.objects.get().reviewer == ms_diaz


def test_accepting_what_the_model_suggests_makes_learners_wait(
    class_7b: Group, school: School, fractions: Curriculum, bo: Learner, client: Caller, open_edge: OpenEdge, say: Say
) -> None:
    learnt.serve(fractions, {SHORTCUT: 0.7})
    say(SECOND, "reject")
    assert "Adding" in served(client, bo)
    accept = open_edge(SHORTCUT).previews[0]
    assert (accept.verb, accept.n_locked, accept.n_opened) == (Verb.ACCEPT, 2, 0)
    say(SHORTCUT, "accept")
    assert "Adding" not in served(client, bo)
    assert open_edge(SHORTCUT).edge.kind is Kind.ACCEPTED


def test_a_pair_that_nobody_has_named_can_be_made_a_prerequisite(
    class_7b: Group, ms_diaz: User, signed_in: SignIn, open_edge: OpenEdge, say: Say
) -> None:
    content = snapshot.latest(class_7b.curriculum_id)  # type: ignore[arg-type]
    parent, child = (str(content.concept_ids[end]) for end in SHORTCUT)
    browser = signed_in(ms_diaz)
    assert browser.get(url(class_7b), {"parent": parent, "child": child}).headers["Location"] == url(class_7b, SHORTCUT)
    assert open_edge(SHORTCUT).edge.kind is Kind.NONE
    say(SHORTCUT, "accept")
    assert open_edge(SHORTCUT).edge.kind is Kind.ACCEPTED
    same = browser.get(url(class_7b), {"parent": parent, "child": parent}, follow=True).content.decode()
    assert "choose two that differ" in same


def test_a_locked_review_must_be_unlocked_before_anything_else(class_7b: Group, open_edge: OpenEdge, say: Say) -> None:
    say(FIRST, "accept", "sure")
    assert [each.verb for each in open_edge(FIRST).previews] == [Verb.REJECT, Verb.LOCK, Verb.CLEAR]
    say(FIRST, "lock")
    page = open_edge(FIRST)
    assert page.edge.is_locked and page.review and page.review.reason == "sure"
    assert [each.verb for each in page.previews] == [Verb.UNLOCK]
    assert "is locked (accepted): unlock it first" in say(FIRST, "reject")
    assert open_edge(FIRST).edge.kind is Kind.ACCEPTED
    say(FIRST, "unlock")
    say(FIRST, "clear")
    assert not EdgeReview.objects.exists()
    assert open_edge(FIRST).edge.kind is Kind.AUTHORED


def test_a_circle_is_refused_and_said_before(class_7b: Group, open_edge: OpenEdge, say: Say) -> None:
    accept = open_edge((2, 0)).previews[0]
    assert accept.verb is Verb.ACCEPT
    assert "Halves → Equal-Parts → Adding → Halves" in accept.refused
    assert "Reject one of these first" in accept.refused
    text = say((2, 0), "accept")
    assert 'role="alert"' in text and "closes a cycle of accepted and authored prerequisites" in text
    assert not EdgeReview.objects.exists()


def test_taking_a_review_back_can_close_a_circle_too(class_7b: Group, open_edge: OpenEdge, say: Say) -> None:
    say(FIRST, "reject")
    say((2, 0), "accept")
    clear = next(each for each in open_edge(FIRST).previews if each.verb is Verb.CLEAR)
    assert "Adding → Halves" in clear.refused
    assert "Not saved" in say(FIRST, "clear")


def test_the_operator_s_word_is_told_and_the_school_s_goes_before_it(
    class_7b: Group, fractions: Curriculum, open_edge: OpenEdge, say: Say
) -> None:
    operator = User.objects.create(email="operator@example.org", is_staff=True)
    reviews.review(operator, fractions.pk, FIRST, Verb.REJECT, now=timezone.now())
    page = open_edge(FIRST)
    assert (page.edge.kind, page.reviewer) == (Kind.REJECTED, "the operator, for all schools")
    assert [each.verb for each in page.previews] == [Verb.ACCEPT, Verb.REJECT]
    say(FIRST, "accept")
    page = open_edge(FIRST)
    assert (page.edge.kind, page.reviewer) == (Kind.ACCEPTED, "Ms Diaz")
    # Without the school's word the operator's holds again, so the class would wait no longer.
    assert next(each for each in page.previews if each.verb is Verb.CLEAR).n_opened == 2


def test_the_review_of_a_removed_concept_can_still_be_ended(
    class_7b: Group, fractions: Curriculum, open_map: OpenMap, open_edge: OpenEdge, say: Say
) -> None:
    say(FIRST, "accept")
    document = people.a_document()
    document["concepts"] = [dict(each, prerequisites=[]) for each in document["concepts"] if each["key"] != "halves"]
    document["items"] = [each for each in document["items"] if each["concepts"] != ["halves"]]
    curricula.save_draft(fractions, document, expected_digest=None, now=timezone.now())
    curricula.publish(fractions, now=timezone.now())
    contents.forget()
    assert [edge.pair for edge in open_map().gone] == [FIRST]
    assert [each.verb for each in open_edge(FIRST).previews] == [Verb.CLEAR]
    assert "“halves” before “Equal-Parts”" in say(FIRST, "clear")
    assert open_map().gone == []


@pytest.mark.parametrize("outsider", ["mr_chen", "ms_roth", "operator", "their_head"])
def test_for_others_there_is_no_such_page_and_nothing_to_say(
    outsider: str, class_7b: Group, mr_chen: User, ms_roth: User, other_school: School, signed_in: SignIn
) -> None:
    users = {
        "mr_chen": mr_chen,
        "ms_roth": ms_roth,
        "operator": User.objects.create_superuser("op@example.org", "x"),
        "their_head": people.a_teacher(other_school, "Their Head", role=User.Role.ADMIN),
    }
    browser = signed_in(users[outsider])
    assert [browser.get(url(class_7b, pair)).status_code for pair in (None, FIRST)] == [404, 404]
    assert browser.post(f"{url(class_7b, FIRST)}review/", {"verb": "reject"}).status_code == 404
    assert not EdgeReview.objects.exists()


def test_an_administrator_reviews_too(class_7b: Group, head: User, signed_in: SignIn) -> None:
    signed_in(head).post(f"{url(class_7b, FIRST)}review/", {"verb": "reject"})
    assert EdgeReview.objects.get().reviewer == head


def test_concepts_of_another_curriculum_and_other_verbs_are_refused(
    class_7b: Group, ms_diaz: User, school: School, signed_in: SignIn, say: Say
) -> None:
    other = snapshot.latest(people.a_curriculum(school.pk, "decimals").pk)
    browser = signed_in(ms_diaz)
    strange = f"{url(class_7b)}{other.concept_ids[0]}/{other.concept_ids[1]}/"
    assert browser.get(strange).status_code == browser.post(f"{strange}review/", {"verb": "accept"}).status_code == 404
    assert browser.get(url(class_7b, (1, 1))).status_code == 404
    assert browser.get(url(class_7b), {"parent": "x", "child": "y"}).status_code == 404
    assert browser.get(f"{url(class_7b, FIRST)}review/").status_code == 405
    assert "use accept, reject, lock, unlock, clear" in say(FIRST, "destroy")
    assert "the note has 2001 characters: 2000 is the most" in say(FIRST, "reject", "x" * 2001)
    assert not EdgeReview.objects.exists()


def test_statements_grow_neither_with_learners_nor_with_edges(
    class_7b: Group, school: School, ms_diaz: User, signed_in: SignIn, now: datetime
) -> None:
    browser, counts = signed_in(ms_diaz), []
    for n in (3, 30):
        curriculum = people.a_curriculum(school.pk, f"chain-{n}", concepts=chain(n), items=items(n))
        learnt.serve(curriculum, {(i, i + 2): 0.7 for i in range(n - 2)})
        members = [people.a_learner(school, f"Learner {i}") for i in range(n)]
        class_7b.learners.set(members)
        class_7b.curriculum = curriculum
        class_7b.save()
        late = now - timedelta(days=1)
        take_in(school, [a for m in members for a in answers(m, curriculum, "i0", "010", last=late)], now=late)
        for i in range(n - 2):
            reviews.review(ms_diaz, curriculum.pk, (i, i + 1), Verb.ACCEPT, now=now)
        sent_by_page = []
        for page in (url(class_7b), url(class_7b, FIRST)):
            browser.get(page)
            with statements() as sent:
                assert browser.get(page).status_code == 200
            sent_by_page.append(len(sent))
        counts.append(sent_by_page)
    assert counts[0] == counts[1]
    assert max(counts[1]) <= 25


def chain(n: int) -> list[dict[str, Any]]:
    return [
        {"key": f"c{i}", "title": f"Concept {i}", "prerequisites": [f"c{i - 1}"] if i else []} for i in range(n)
    ]  # fmt: skip


def items(n: int) -> list[dict[str, Any]]:
    return [{"key": f"i{i}", "concepts": [f"c{i}"], "statement": f"{i}?"} for i in range(n)]


def test_titles_and_notes_cannot_carry_markup(class_7b: Group, ms_diaz: User, signed_in: SignIn, say: Say) -> None:
    assert "<script>alert" not in say(FIRST, "reject", "<script>alert(1)</script>")


def test_a_class_without_a_curriculum_says_so(school: School, ms_diaz: User, signed_in: SignIn) -> None:
    group = people.a_group(school, "8a", teachers=(ms_diaz,))
    assert "publish one first" in signed_in(ms_diaz).get(f"/classes/{group.pk}/prerequisites/").content.decode()


def test_an_empty_class_has_its_map_too(
    school: School, fractions: Curriculum, ms_diaz: User, signed_in: SignIn
) -> None:
    group = people.a_group(school, "8a", teachers=(ms_diaz,), curriculum=fractions)
    assert "Equal-Parts" in signed_in(ms_diaz).get(url(group)).content.decode()
    assert signed_in(ms_diaz).get(url(group, FIRST)).status_code == 200


def test_the_class_s_page_leads_to_it(class_7b: Group, open_class: Callable[..., Any]) -> None:
    assert f'href="{url(class_7b)}"' in open_class().content.decode()
