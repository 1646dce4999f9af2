from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from curricula import services as curricula
from curricula.models import Curriculum
from tests import people
from tests.dashboard.classroom import a_classroom, answers, take_in
from tests.dashboard.conftest import SignIn
from tests.flow.steps import statements
from tests.people import Caller
from tutor.accounts.models import Group, Learner, School, User
from tutor.dashboard.learner_page import LearnerPage
from tutor.interactions import services as interactions
from tutor.registry import reviews
from tutor.registry.reviews import Verb
from tutor.scheduling import contents
from tutor.scheduling.models import Decision
from tutor.tracing.status import Status

Open = Callable[[Learner], Any]


def page_of(answer: Any) -> LearnerPage:
    page: LearnerPage = answer.context["page"]
    return page


def test_every_figure_is_the_api_s(
    class_7b: Group,
    fractions: Curriculum,
    school: School,
    bo: Learner,
    open_learner: Open,
    client: Caller,
    now: datetime,
) -> None:
    take_in(school, answers(bo, fractions, "halves-1", "1101", last=now - timedelta(days=1)), now=now)
    page = page_of(open_learner(bo))
    said = {row["concept"]["title"]: row for row in client.get(f"/api/v1/learners/{bo.pk}/mastery").json()["data"]}
    rows = [*page.practised, *page.untouched]
    assert {row.title for row in rows} == said.keys()
    for row in rows:
        told = said[row.title]["estimate"]
        assert (row.status.value, row.estimate.n) == (told["status"], told["n"])
        shown = (row.estimate.value, row.estimate.low, row.estimate.high)
        assert all(abs(a - told[b]) < 1e-3 for a, b in zip(shown, ("value", "low", "high"), strict=True))


def test_practised_concepts_have_a_curve_and_the_others_say_what_they_wait_for(
    class_7b: Group, fractions: Curriculum, school: School, bo: Learner, open_learner: Open, now: datetime
) -> None:
    take_in(school, answers(bo, fractions, "halves-1", "0000", last=now), now=now)
    shown = open_learner(bo)
    page = page_of(shown)
    assert [(row.title, row.curve is not None) for row in page.practised] == [("Halves", True)]
    assert [(row.title, row.status, row.waits_for) for row in page.untouched] == [
        ("Equal-Parts", Status.LOCKED, ("Halves",)),
        ("Adding", Status.LOCKED, ("Equal-Parts",)),
    ]
    assert "waits for Halves" in shown.content.decode()


def test_what_comes_next_has_its_reasons_and_is_no_offer(class_7b: Group, bo: Learner, open_learner: Open) -> None:
    shown = open_learner(bo).content.decode()
    assert "New, and needs no prerequisite." in shown
    assert "this would be chosen now" in shown
    assert not Decision.objects.exists()


def test_the_last_answers_come_newest_first(
    class_7b: Group, fractions: Curriculum, school: School, bo: Learner, open_learner: Open, now: datetime
) -> None:
    given = answers(bo, fractions, "halves-1", "0", last=now - timedelta(days=2))
    given += answers(bo, fractions, "adding-2", "1", last=now - timedelta(days=1))
    given += answers(bo, fractions, "halves-2", "1", last=now)
    given[-1].correct, given[-1].hints = 0.5, 2
    interactions.record(school_id=school.pk, answers=given, now=now)
    shown = open_learner(bo)
    assert [(a.statement, a.verdict) for a in page_of(shown).answers] == [
        ("halves 2?", "partly"),
        ("adding 2?", "right"),
        ("halves 1?", "wrong"),
    ]
    assert "2 hints" in shown.content.decode()


def test_an_answer_to_an_item_that_was_removed_since_stays_listed(
    class_7b: Group, fractions: Curriculum, school: School, bo: Learner, open_learner: Open, now: datetime
) -> None:
    interactions.record(school_id=school.pk, answers=answers(bo, fractions, "halves-1", "1", last=now), now=now)
    document = people.a_document()
    document["items"] = [item for item in document["items"] if item["key"] != "halves-1"]
    curricula.save_draft(fractions, document, expected_digest=None, now=now)
    curricula.publish(fractions, now=now)
    assert "an item that has been removed since" in open_learner(bo).content.decode()


def test_a_learner_without_answers_has_a_page_too(class_7b: Group, bo: Learner, open_learner: Open) -> None:
    shown = open_learner(bo).content.decode()
    assert "No answers yet" in shown
    assert "Not practised yet" in shown


def test_times_are_the_school_s(
    class_7b: Group, fractions: Curriculum, school: School, bo: Learner, open_learner: Open
) -> None:
    noon = datetime.fromisoformat("2026-07-01T12:00:00+00:00")
    interactions.record(school_id=school.pk, answers=answers(bo, fractions, "halves-1", "1", last=noon), now=noon)
    assert "1 Jul 2026, 14:00" in open_learner(bo).content.decode()


def test_statements_do_not_grow_with_the_history(
    school: School, ms_diaz: User, signed_in: SignIn, now: datetime
) -> None:
    group = a_classroom(school, ms_diaz, n=6, now=now)
    browser = signed_in(ms_diaz)
    counts = set()
    for learner in group.learners.all():
        page = f"/classes/{group.pk}/learners/{learner.pk}/"
        browser.get(page)
        with statements() as sent:
            assert browser.get(page).status_code == 200
        counts.add(len(sent))
    # One more for who never came: no version knows them, so those that served before are asked too.
    assert max(counts) - min(counts) <= 1


def test_a_prerequisite_that_the_school_rejected_keeps_nobody_waiting(
    class_7b: Group,
    fractions: Curriculum,
    school: School,
    bo: Learner,
    open_learner: Open,
    ms_diaz: User,
    now: datetime,
) -> None:
    def waiting() -> dict[str, tuple[str, ...]]:
        contents.forget()
        return {row.title: row.waits_for for row in page_of(open_learner(bo)).untouched}

    chain = {"Halves": (), "Equal-Parts": ("Halves",), "Adding": ("Equal-Parts",)}
    assert waiting() == chain
    reviews.review(ms_diaz, fractions.pk, (1, 2), Verb.REJECT, now=now)
    assert waiting() == {**chain, "Adding": ()}
