from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from curricula.models import Curriculum
from tests import people
from tests.dashboard.classroom import a_classroom, answers, take_in
from tests.dashboard.conftest import SignIn
from tests.flow.agreed import say, settle_on
from tests.flow.steps import statements
from tests.people import Caller
from tutor.accounts.models import Group, Learner, School, User
from tutor.dashboard.class_page import ClassPage, class_page
from tutor.interactions import services as interactions
from tutor.registry import reviews
from tutor.registry.reviews import Verb
from tutor.scheduling import contents
from tutor.scheduling.models import Decision, Plan
from tutor.tracing.beliefs import belief
from tutor.tracing.status import Status, due_at

Open = Callable[..., Any]


def page_of(answer: Any) -> ClassPage:
    page: ClassPage = answer.context["page"]
    return page


def test_the_page_counts_what_the_api_says(school: School, ms_diaz: User, client: Caller, now: datetime) -> None:
    group = a_classroom(school, ms_diaz, n=8, now=now)
    seen = set()
    for line in class_page(group, by_name=True, now=timezone.now()).lines:
        said = client.get(f"/api/v1/learners/{line.learner.pk}/mastery").json()["data"]
        by_status = Counter(row["estimate"]["status"] for row in said)
        assert {count.status.value: count.n for count in line.counts if count.n} == by_status
        seen |= by_status.keys()
    assert seen == {status.value for status in Status}


def test_page_and_api_go_by_what_is_agreed(school: School, ms_diaz: User, client: Caller, now: datetime) -> None:
    group = a_classroom(school, ms_diaz, n=8, now=now)
    usual = [[count.n for count in line.counts] for line in class_page(group, by_name=True, now=now).lines]
    settle_on(group, retention=0.99, ready_at=0.95, now=now)
    assert group.curriculum is not None
    say(ms_diaz, group, group.curriculum, "mastered", contents.latest(group.curriculum.pk).concept_keys[0], now=now)
    page = class_page(group, by_name=True, now=now)
    for line in page.lines:
        said = client.get(f"/api/v1/learners/{line.learner.pk}/mastery").json()["data"]
        assert said[0]["estimate"]["status"] == Status.MASTERED
        assert {c.status.value: c.n for c in line.counts if c.n} == Counter(row["estimate"]["status"] for row in said)
    assert [[count.n for count in line.counts] for line in page.lines] != usual
    assert "to 99% of what it was" in page.definitions["due_for_review"].text


def test_the_page_shows_next_what_the_api_then_serves(
    class_7b: Group, fractions: Curriculum, school: School, bo: Learner, open_class: Open, client: Caller, now: datetime
) -> None:
    take_in(school, answers(bo, fractions, "halves-1", "0101", last=now - timedelta(hours=1)), now=now)
    shown = open_class()
    served = client.get(f"/api/v1/learners/{bo.pk}/next?n=1").json()["data"][0]
    line = next(line for line in page_of(shown).lines if line.learner == bo)
    offer = line.upcoming.first
    assert offer is not None
    assert (offer.concept, offer.statement) == (served["concept"]["title"], served["item"]["statement"])
    assert list(offer.reasons) == [reason["text"] for reason in served["reasons"]]
    assert served["reasons"][0]["text"] in shown.content.decode()


def test_looking_is_no_offer(
    class_7b: Group, fractions: Curriculum, school: School, bo: Learner, open_class: Open, now: datetime
) -> None:
    # A plan of yesterday no longer holds, and Ana has none.
    yesterday = now - timedelta(days=1)
    take_in(school, answers(bo, fractions, "halves-1", "01", last=yesterday), now=yesterday)
    before = list(Plan.objects.values())
    assert page_of(open_class()).lines[0].upcoming.first
    assert not Decision.objects.exists()
    assert list(Plan.objects.values()) == before


def test_who_struggles_comes_first_and_who_never_came_last(
    class_7b: Group, fractions: Curriculum, school: School, bo: Learner, open_class: Open, now: datetime
) -> None:
    take_in(school, answers(bo, fractions, "halves-1", "00000000", last=now), now=now)
    page = page_of(open_class())
    assert [line.name for line in page.lines] == ["Bo", "Ana"]
    assert [line.struggling for line in page.lines] == [1, 0]
    assert [(concept.title, concept.struggling) for concept in page.look] == [("Halves", 1)]
    assert [line.name for line in page_of(open_class(sort="name")).lines] == ["Ana", "Bo"]


def test_what_to_look_at_first_leads_to_teaching_it_again(
    class_7b: Group, fractions: Curriculum, school: School, bo: Learner, open_class: Open, now: datetime
) -> None:
    take_in(school, answers(bo, fractions, "halves-1", "00000000", last=now), now=now)
    shown = open_class()
    text, here = shown.content.decode(), f"/classes/{class_7b.pk}"
    for link, said in (
        (f"{here}/reteach/halves/", "Halves"),
        (f"{here}/reteach/", "All concepts to reteach"),
        (f"{here}/reteach/?sort=due", "with reviews due"),
        (f"{here}/need/", "struggling with a concept"),
    ):
        assert f'<a href="{link}">{said}</a>' in text
        assert "Bo" in shown.client.get(link).content.decode()


def test_absence_is_marked(
    class_7b: Group, fractions: Curriculum, school: School, bo: Learner, open_class: Open, now: datetime
) -> None:
    long_ago = now - timedelta(days=30)
    take_in(school, answers(bo, fractions, "halves-1", "1", last=long_ago), now=now)
    shown = open_class()
    lines = {line.name: line for line in page_of(shown).lines}
    assert (lines["Bo"].is_inactive, lines["Ana"].is_inactive) == (True, False)
    text = shown.content.decode()
    assert "no answers yet" in text
    assert '<span class="tag">inactive</span>' in text


def test_answers_on_their_way_are_announced(
    class_7b: Group, fractions: Curriculum, school: School, bo: Learner, open_class: Open, now: datetime
) -> None:
    interactions.record(school_id=school.pk, answers=answers(bo, fractions, "halves-1", "11", last=now), now=now)
    assert "2 new answers are being taken in" in open_class().content.decode()


def test_a_review_that_falls_due_within_a_week_is_counted_as_soon(
    class_7b: Group, fractions: Curriculum, school: School, bo: Learner, now: datetime
) -> None:
    take_in(school, answers(bo, fractions, "halves-1", "0011111", last=now), now=now)
    known = belief(school.pk, bo.pk, fractions.pk, now.timestamp())
    due = datetime.fromtimestamp(due_at(known.table, known.evidence, contents.latest(fractions.pk))[0], UTC)

    def reviews(at: datetime) -> tuple[int, int]:
        bo_s = next(line for line in class_page(class_7b, by_name=True, now=at).lines if line.learner == bo)
        return bo_s.due, bo_s.soon

    assert timedelta(0) < due - now < timedelta(days=7)
    assert reviews(now) == (0, 1)
    assert reviews(due + timedelta(hours=1)) == (1, 0)


def test_statements_do_not_grow_with_the_class(
    class_7b: Group, fractions: Curriculum, school: School, ms_diaz: User, signed_in: SignIn, now: datetime
) -> None:
    browser, page = signed_in(ms_diaz), f"/classes/{class_7b.pk}/"
    counts = []
    for n in (2, 12):
        members = [people.a_learner(school, f"Learner {i}") for i in range(n)]
        class_7b.learners.set(members)
        late = now - timedelta(days=1)
        take_in(school, [a for m in members for a in answers(m, fractions, "halves-1", "010", last=late)], now=late)
        waiting = [a for m in members for a in answers(m, fractions, "halves-2", "1", last=now)]
        interactions.record(school_id=school.pk, answers=waiting, now=now)
        browser.get(page)
        with statements() as sent:
            assert browser.get(page).status_code == 200
        counts.append(len(sent))
    assert counts[0] == counts[1] <= 15


def test_an_empty_class_says_how_to_fill_it(
    school: School, fractions: Curriculum, ms_diaz: User, signed_in: SignIn
) -> None:
    group = people.a_group(school, "8a", teachers=(ms_diaz,), curriculum=fractions)
    assert "Nobody is in this class yet" in signed_in(ms_diaz).get(f"/classes/{group.pk}/").content.decode()


def test_a_class_without_a_curriculum_says_so(school: School, ms_diaz: User, signed_in: SignIn) -> None:
    group = people.a_group(school, "8a", teachers=(ms_diaz,), learners=(people.a_learner(school, "Eve"),))
    browser, page = signed_in(ms_diaz), f"/classes/{group.pk}/"
    assert "publish one first" in browser.get(page).content.decode()
    people.a_curriculum(school.pk)
    people.a_curriculum(school.pk, "decimals")
    assert "choose which" in browser.get(page).content.decode()


def test_a_learner_without_a_name_is_still_called_something(class_7b: Group, school: School, open_class: Open) -> None:
    coded, nameless = people.a_learner(school, "", source="lms", external_id="s-17"), people.a_learner(school, "")
    class_7b.learners.set([coded, nameless])
    names = {line.name for line in page_of(open_class()).lines}
    assert names == {"s-17", f"Learner {str(nameless.pk)[-6:]}"}


def test_names_and_titles_cannot_carry_markup(class_7b: Group, school: School, open_class: Open) -> None:
    class_7b.learners.set([people.a_learner(school, "<script>alert(1)</script>")])
    assert "<script>" not in open_class().content.decode()


def test_the_list_of_classes_tells_size_and_last_answer(
    class_7b: Group,
    fractions: Curriculum,
    school: School,
    bo: Learner,
    ms_diaz: User,
    signed_in: SignIn,
    now: datetime,
) -> None:
    take_in(school, answers(bo, fractions, "halves-1", "1", last=now - timedelta(hours=3)), now=now)
    people.a_group(school, "Empty", teachers=(ms_diaz,))
    shown = signed_in(ms_diaz).get("/").content.decode()
    assert "2 learners" in shown
    assert "3\xa0hours ago" in shown
    assert "0 learners · no answers yet" in shown


def test_the_page_goes_by_the_prerequisites_that_hold(
    class_7b: Group, fractions: Curriculum, ms_diaz: User, now: datetime
) -> None:
    def locked() -> list[int]:
        contents.forget()
        return [line.n(Status.LOCKED) for line in class_page(class_7b, by_name=True, now=now).lines]

    assert locked() == [2, 2]
    reviews.review(ms_diaz, fractions.pk, (0, 1), Verb.REJECT, now=now)
    assert locked() == [1, 1]
