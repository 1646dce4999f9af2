"""What a learner was offered and answered: filtered, paged, with what was expected, and why each was chosen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from curricula.models import Curriculum
from tests.dashboard.classroom import answers, take_in
from tests.dashboard.conftest import SignIn
from tests.dashboard.mastery_map import table
from tests.flow.agreed import ask, say, settle_on
from tests.flow.steps import answer
from tutor.accounts.models import Group, Learner, School, User
from tutor.dashboard import learner_history
from tutor.dashboard.learner_answers import AnswersPage
from tutor.scheduling import decisions
from tutor.scheduling.models import Decision
from tutor.tracing.models import Score

Look = Callable[..., Any]


@pytest.fixture
def look(ms_diaz: User, class_7b: Group, bo: Learner, signed_in: SignIn) -> Look:
    def open_(below: str = "answers/", **parameters: str) -> Any:
        return signed_in(ms_diaz).get(f"/classes/{class_7b.pk}/learners/{bo.pk}/{below}", parameters)

    return open_


@pytest.fixture
def told(school: School, bo: Learner, fractions: Curriculum, now: datetime) -> None:
    given = answers(bo, fractions, "halves-1", "101", last=now - timedelta(days=3))
    given += answers(bo, fractions, "equal-parts-1", "00", last=now - timedelta(days=2))
    given += answers(bo, fractions, "adding-1", "1", last=now - timedelta(days=1))
    given[-1].correct = 0.5
    take_in(school, given, now=now)


def page_of(answer: Any) -> AnswersPage:
    page: AnswersPage = answer.context["page"]
    return page


def listed(answer: Any) -> list[tuple[str, str]]:
    return [(given.keys[0], given.answer.verdict) for given in page_of(answer).part.answers]


def test_answers_are_filtered_by_concept_and_result_in_the_address(told: None, look: Look) -> None:
    everything = listed(look())
    assert everything == [
        ("adding", "partly"),
        ("equal-parts", "wrong"),
        ("equal-parts", "wrong"),
        ("halves", "right"),
        ("halves", "wrong"),
        ("halves", "right"),
    ]
    assert listed(look(concept="halves")) == everything[3:]
    assert listed(look(verdict="wrong")) == [each for each in everything if each[1] == "wrong"]
    assert listed(look(verdict="partly")) == everything[:1]
    both = look(concept="halves", verdict="wrong")
    assert listed(both) == [("halves", "wrong")]
    assert page_of(both).links["file"] == "?concept=halves&verdict=wrong"
    assert [row["Result"] for row in table(look("answers.csv", concept="halves", verdict="wrong"))] == ["wrong"]


def test_what_cannot_be_read_is_named_and_left_out(told: None, look: Look) -> None:
    shown = look(concept="nowhere", verdict="maybe", page="zero")
    assert len(page_of(shown).part.answers) == 6
    html = shown.content.decode()
    assert all(f"“{value}”" in html for value in ("nowhere", "maybe", "zero"))


def test_pages_follow_each_other(school: School, bo: Learner, fractions: Curriculum, look: Look, now: datetime) -> None:
    outcomes = "10" * 20 + "0" * (learner_history.PER_PAGE - 30)
    take_in(school, answers(bo, fractions, "halves-1", outcomes, last=now), now=now)
    first = look()
    assert page_of(first).links["older"] == "?page=2"
    assert f"1 to {learner_history.PER_PAGE} of {len(outcomes)}" in first.content.decode()
    second = look(page="2")
    shown = [verdict for _, verdict in listed(first) + listed(second)]
    assert shown == ["right" if outcome == "1" else "wrong" for outcome in reversed(outcomes)]
    assert (page_of(second).links["older"], page_of(second).links["newer"]) == ("", "?")
    assert len(table(look("answers.csv"))) == len(outcomes)
    assert "There is nothing on this page." in look(page="9").content.decode()


def test_each_answer_tells_what_was_expected_before_it(told: None, look: Look, bo: Learner) -> None:
    kept = dict(Score.objects.filter(learner_id=bo.pk).values_list("occurred_at", "p"))
    rows = page_of(look()).part.answers
    assert len(kept) == 6
    for given in rows:
        assert given.expected == kept[given.answer.at]
        assert given.model == "half-life"
    Score.objects.all().delete()
    assert {given.expected for given in page_of(look()).part.answers} == {None}


@pytest.fixture
def chosen(school: School, bo: Learner, fractions: Curriculum, class_7b: Group, now: datetime) -> Decision:
    """What Bo was offered half an hour ago, and has answered."""
    entry = ask(bo, now=now - timedelta(minutes=30)).entries[0]
    at = (now - timedelta(minutes=20)).timestamp()
    take_in(school, [answer(bo, fractions, entry.item, seconds=at, decision_id=entry.decision_id)], now=now)
    return Decision.objects.get(pk=entry.decision_id)


def test_an_answer_leads_to_why_it_was_chosen(chosen: Decision, look: Look) -> None:
    given = page_of(look()).part.answers[0]
    assert given.decision == chosen.pk
    assert f"decisions/{chosen.pk}/" in look("").content.decode()
    shown = look(f"decisions/{chosen.pk}/")
    html = shown.content.decode()
    assert "New, and needs no prerequisite." in html
    assert "2 locked" in html
    page = shown.context["page"]
    assert [row.is_chosen for row in page.candidates].count(True) == 1
    assert {row.key for row in page.candidates} == {"halves"}
    assert (page.decision.policy, page.decision.policy_version) == (chosen.policy, chosen.policy_version)
    assert str(chosen.model_version_id) in html
    rows = table(look(f"decisions/{chosen.pk}.csv"))
    assert [(row["Concept key"], row["Offered"]) for row in rows] == [("halves", "1")]


def test_a_teacher_s_word_explains_what_was_offered(
    ms_diaz: User, bo: Learner, fractions: Curriculum, class_7b: Group, look: Look, now: datetime
) -> None:
    say(ms_diaz, bo, fractions, "open", "adding", now=now)
    say(ms_diaz, bo, fractions, "pin", "adding", now=now)
    settle_on(class_7b, minutes_a_day=30, now=now)
    offered = ask(bo, now=now).entries[0]
    html = look(f"decisions/{offered.decision_id}/").content.decode()
    assert "A teacher wants this next." in html
    assert "Nobody drew it: a teacher wanted it next" in html
    assert "A teacher did not wait for the prerequisites of: Adding." in html
    assert "Of the minutes agreed for the day, 30 were left." in html


def test_skipped_and_replaced_offers_are_listed_too(
    school: School, bo: Learner, fractions: Curriculum, class_7b: Group, look: Look, now: datetime
) -> None:
    entries = ask(bo, 2, now=now - timedelta(hours=1)).entries
    skipped = Decision.objects.get(pk=entries[0].decision_id)
    decisions.report(skipped, Decision.Outcome.SKIPPED, now=now)
    again = ask(bo, now=now).entries[0]
    take_in(
        school, [answer(bo, fractions, again.item, seconds=now.timestamp(), decision_id=again.decision_id)], now=now
    )
    offers = page_of(look(show="offers")).part.offers
    outcomes = {offer.decision: offer.outcome for offer in offers}
    assert outcomes[skipped.pk] == "skipped"
    assert outcomes[again.decision_id] == "answered"
    assert len(offers) == Decision.objects.filter(learner_id=bo.pk).count()
    only = page_of(look(show="offers", outcome="skipped")).part.offers
    assert [offer.decision for offer in only] == [skipped.pk]
    assert [row["Outcome"] for row in table(look("answers.csv", show="offers", outcome="skipped"))] == ["skipped"]
    assert {offer.verdict for offer in page_of(look(show="offers", verdict="right")).part.offers} == {"right"}


def test_what_a_teacher_set_aside_is_listed_as_that(
    ms_diaz: User, bo: Learner, fractions: Curriculum, class_7b: Group, look: Look, now: datetime
) -> None:
    offered = ask(bo, now=now - timedelta(minutes=30)).entries[0]
    say(ms_diaz, bo, fractions, "exclude", "halves", now=now)
    [only] = page_of(look(show="offers", outcome="overridden")).part.offers
    assert (only.decision, only.verdict) == (offered.decision_id, "")
    assert [row["Outcome"] for row in table(look("answers.csv", show="offers"))] == ["set aside by a teacher"]
    assert "set aside by a teacher" in look(f"decisions/{offered.decision_id}/").content.decode()


def test_a_choice_for_another_learner_is_not_this_one_s(
    chosen: Decision, class_7b: Group, ana: Learner, ms_diaz: User, signed_in: SignIn
) -> None:
    page = f"/classes/{class_7b.pk}/learners/{ana.pk}/decisions/{chosen.pk}/"
    assert signed_in(ms_diaz).get(page).status_code == 404


def test_nobody_has_asked_the_tutor(told: None, look: Look) -> None:
    html = look(show="offers").content.decode()
    assert "The tutor has offered nothing yet" in html
