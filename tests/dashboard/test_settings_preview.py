"""What a preview says is what saving does: the same statuses, reviews, minutes, offers and scores as the API then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from curricula.models import Curriculum
from tests import people
from tests.dashboard.classroom import a_classroom, answers, take_in
from tests.dashboard.conftest import SignIn
from tests.dashboard.mastery_map import table
from tests.dashboard.test_settings import address, as_typed, words
from tests.flow.agreed import wide
from tests.flow.steps import statements
from tests.people import Caller
from tutor.accounts.models import Group, Learner, School, User
from tutor.dashboard import settings_effect
from tutor.dashboard.settings_effect import MOST_LEARNERS, drawn
from tutor.dashboard.settings_preview import Preview
from tutor.scheduling import agreements
from tutor.scheduling.models import Decision, GroupSettings, Plan
from tutor.tracing.status import BY_CODE

Look = Callable[..., Any]


@pytest.fixture
def look(ms_diaz: User, signed_in: SignIn) -> Look:
    """The preview of a class's form with some fields typed otherwise, as Ms Diaz asks for it: the response."""

    def ask(group: Group, /, *, part: bool = False, **changes: Any) -> Any:
        browser = signed_in(ms_diaz)
        form = browser.get(address(group)).context["page"].form
        headers = {"HX-Request": "true"} if part else {}
        return browser.get(address(group), as_typed(form, **changes), headers=headers)

    return ask


@pytest.fixture
def room(school: School, ms_diaz: User, now: datetime) -> Group:
    return a_classroom(school, ms_diaz, n=6, now=now)


def preview_of(answer: Any) -> Preview:
    assert answer.status_code == 200
    found: Preview = answer.context["page"].preview
    return found


def statuses(client: Caller, preview: Preview) -> list[list[str]]:
    """What the API says, a row a learner, by position."""
    keys = preview.told.content.concept_keys
    said = []
    for learner in preview.told.learners:
        rows = client.get(f"/api/v1/learners/{learner.pk}/mastery").json()["data"]
        by_key = {row["concept"]["key"]: row["estimate"]["status"] for row in rows}
        said.append([by_key[key] for key in keys])
    return said


def named(codes: Any) -> list[list[str]]:
    return [[BY_CODE[code].value for code in row] for row in codes.tolist()]


CHANGES = {"retention": "97", "ready_at": "85", "new_a_day": "0", "quiet_weekdays": ["sunday"]}


def save(group: Group, preview: Preview, ms_diaz: User, now: datetime) -> None:
    agreements.change_group(group, preview.form.changes, by_whom=ms_diaz, now=now)


def test_statuses_are_those_of_the_api_before_and_after_saving(
    room: Group, look: Look, client: Caller, ms_diaz: User, now: datetime
) -> None:
    answer = look(room, **CHANGES)
    preview = preview_of(answer)
    before = statuses(client, preview)
    assert named(preview.told.before.codes) == before
    save(room, preview, ms_diaz, now)
    after = statuses(client, preview)
    assert named(preview.told.after.codes) == after
    moved = sum(a != b for row in zip(before, after, strict=True) for a, b in zip(*row, strict=True))
    assert preview.n_moved == moved > 0
    assert sum(move.n for move in preview.moves) == moved
    assert [each.n for each in preview.touched] == sorted(row.moved for row in preview.rows if row.moved)[::-1][:5]
    assert f"{moved} of {preview.n_cells} cells would have another status" in words(answer)


def test_reviews_and_minutes_are_those_of_the_agenda_after_saving(
    room: Group, look: Look, client: Caller, ms_diaz: User, now: datetime
) -> None:
    preview = preview_of(look(room, **CHANGES))
    save(room, preview, ms_diaz, now)
    for row, until in zip(preview.rows, preview.told.after.ahead.until, strict=True):
        # One more where the learner's day has not ended though the school's has.
        days = until.days
        agenda = client.get(f"/api/v1/learners/{row.learner.pk}/agenda?days={days}").json()
        assert row.after.due == sum(each["is_due"] for each in agenda["data"])
        assert row.after.minutes == pytest.approx(np.mean([day["minutes"] for day in agenda["days"]]), abs=0.02)
        load = client.get(f"/api/v1/learners/{row.learner.pk}/workload?retention=0.8&retention=0.95&days={days}").json()
        told = [dict(zip((0.8, 0.95), load["data"], strict=True))[each]["minutes_per_day"] for each in (0.8, 0.95)]
        at = preview.told.learners.index(row.learner)
        mine = [float(preview.told.after.ahead.option(each).minutes[at]) for each in (0.8, 0.95)]
        assert mine == pytest.approx(told, abs=0.02)
    spreads = [option.spread.median for option in preview.options if option.spread]
    assert spreads == sorted(spreads)


@pytest.mark.parametrize("changes", [{"policy": "curriculum_order"}, {"success": "40", "retention": "99"}])
def test_next_offers_are_what_learners_are_offered_after_saving(
    changes: dict[str, str], room: Group, look: Look, client: Caller, ms_diaz: User, now: datetime
) -> None:
    preview = preview_of(look(room, **changes))
    assert len(preview.swaps) + preview.n_same == 6
    assert preview.swaps
    save(room, preview, ms_diaz, now)
    for row in preview.rows:
        served = client.get(f"/api/v1/learners/{row.learner.pk}/next").json()["data"]
        assert row.after.offer.concept == (served[0]["concept"]["title"] if served else "")
        if served:
            assert row.after.offer.reason == served[0]["reasons"][0]["text"]


def test_scores_on_the_exam_day_are_those_of_the_forecast_after_saving(
    room: Group, look: Look, client: Caller, ms_diaz: User, now: datetime
) -> None:
    day = (now + timedelta(days=30)).date().isoformat()
    goals = [str(at) for at in range(12)]
    preview = preview_of(look(room, exam_on=day, new_a_day="3", goals=goals))
    keys = {preview.told.content.concept_keys[at] for at in range(12)}
    exam = preview.exam
    assert exam is not None
    assert exam.n_concepts == 12
    before = [scores(client, learner, day, keys) for learner in preview.told.learners]
    save(room, preview, ms_diaz, now)
    after = [scores(client, learner, day, keys) for learner in preview.told.learners]
    silent = [belief.as_of is None for belief in preview.told.before.ahead.beliefs]
    assert np.isnan(exam.after).tolist() == silent
    assert any(silent)
    known = ~np.isnan(exam.after)
    assert exam.before[known] == pytest.approx(np.array(before)[known], abs=1e-3)
    assert exam.after[known] == pytest.approx(np.array(after)[known], abs=1e-3)
    assert (exam.alone[known] <= exam.before[known] + 1e-9).all()


def scores(client: Caller, learner: Learner, day: str, keys: set[str]) -> float:
    rows = client.get(f"/api/v1/learners/{learner.pk}/forecast?date={day}").json()["data"]
    return float(np.mean([row["with_agenda"] for row in rows if row["concept"]["key"] in keys]))


def test_a_learner_without_answers_has_no_score_and_an_exam_out_of_reach_no_forecast(
    class_7b: Group, look: Look, now: datetime
) -> None:
    ahead, past = ((now + timedelta(days=days)).date().isoformat() for days in (20, -5))
    text = words(look(class_7b, exam_on=ahead))
    assert "Not enough data: no learner has enough answers to what counts." in text
    assert text.count("not enough data") == 2
    assert "2 learners have not answered anything yet" in text
    assert "past or over a year ahead: there is no forecast of it" in words(look(class_7b, exam_on=past))


def test_looking_writes_nothing(room: Group, ms_diaz: User, signed_in: SignIn) -> None:
    plans = sorted(Plan.objects.values_list("learner_id", "computed_at", "next_due_at"))
    browser = signed_in(ms_diaz)
    typed = as_typed(browser.get(address(room)).context["page"].form, **CHANGES, policy="threshold")
    with statements() as sent:
        assert preview_of(browser.get(address(room), typed)).n_moved
        browser.get(address(room, "preview.csv"), typed)
    assert [each for each in sent if not each.lstrip().upper().startswith("SELECT")] == []
    assert sorted(Plan.objects.values_list("learner_id", "computed_at", "next_due_at")) == plans
    assert not GroupSettings.objects.exists()
    assert not Decision.objects.exists()


def test_what_is_as_saved_changes_nothing(room: Group, look: Look) -> None:
    answer = look(room)
    preview = preview_of(answer)
    assert (preview.n_moved, preview.swaps, preview.is_changed) == (0, [], False)
    assert all(row.before == row.after for row in preview.rows)
    assert "Nothing is changed: this is what holds now." in words(answer)


def test_where_another_class_decides_nothing_changes_and_it_is_said(
    room: Group, school: School, ms_diaz: User, look: Look
) -> None:
    learners = tuple(room.learners.all())
    people.a_group(school, "Support", teachers=(ms_diaz,), learners=learners[:2], curriculum=room.curriculum)
    answer = look(room, **CHANGES)
    preview = preview_of(answer)
    still = {row.learner.pk for row in preview.rows if row.before == row.after and not row.moved}
    assert still >= {each.pk for each in learners[:2]}
    assert "For 2 learners nothing would change: they joined another class" in words(answer)


def test_what_is_not_simulated_is_said(room: Group, look: Look) -> None:
    text = words(look(room, minutes_a_day="1", policy="threshold", exploration="0", in_a_row="1"))
    assert "learners would need more than the minutes agreed for a day" in text
    assert "The simulation of the days ahead does not know policies" in text
    assert "What is drawn by chance is left out" in text
    assert "within a session is not simulated" in text
    assert "does not know policies" not in words(look(room, retention="80"))


def test_what_cannot_be_is_not_computed(room: Group, look: Look) -> None:
    answer = look(room, retention="120")
    assert preview_of(answer).effect is None
    assert "once it is mended, the effect is computed" in words(answer)


def test_a_script_gets_the_preview_and_the_state_of_each_field_alone(room: Group, look: Look) -> None:
    text = look(room, part=True, retention="80").content.decode()
    assert "<html" not in text
    assert text.count('hx-swap-oob="true"') == len(preview_of(look(room)).form.lines) + 2
    assert "Back to the default" in text
    wrong = look(room, part=True, retention="120").content.decode()
    assert "“120” cannot be" in wrong


def test_the_file_holds_the_learners_of_the_page(
    room: Group, look: Look, ms_diaz: User, signed_in: SignIn, now: datetime
) -> None:
    day = (now + timedelta(days=30)).date().isoformat()
    answer = look(room, retention="95", exam_on=day)
    preview = preview_of(answer)
    rows = table(signed_in(ms_diaz).get(address(room, f"preview.csv?{answer.context['page'].query}")))
    assert [row["Learner"] for row in rows] == [row.name for row in preview.rows]
    for row, shown in zip(rows, preview.rows, strict=True):
        assert (row["Reviews due, now agreed"], row["Reviews due, new"]) == (
            str(shown.before.due), str(shown.after.due),
        )  # fmt: skip
        assert row["Next offer, new"] == shown.after.offer.concept
        assert shown.scores is not None
        assert row["Expected score (%), new"] == ("" if shown.scores[1] is None else str(round(100 * shown.scores[1])))
        assert row["Exam date"] == day
    assert table(signed_in(ms_diaz).get(address(room, "preview.csv")))[0].keys() == set(rows[0]) - {
        "Exam date", "Expected score (%), new", "Expected score (%), now agreed"
    }  # fmt: skip


def test_of_a_large_class_some_are_drawn_and_it_is_said(
    school: School, ms_diaz: User, look: Look, now: datetime
) -> None:
    learners = tuple(people.a_learner(school, f"Learner {i:03}") for i in range(MOST_LEARNERS + 12))
    group = people.a_group(school, "All", teachers=(ms_diaz,), learners=learners, curriculum=wide(school.pk))
    answer = look(group, exam_on=(now + timedelta(days=360)).date().isoformat())
    preview = preview_of(answer)
    assert len(preview.rows) == MOST_LEARNERS
    assert f"Figures are of {MOST_LEARNERS} of the {MOST_LEARNERS + 12} learners, drawn by lot." in words(answer)
    assert preview.exam is not None
    assert len(preview.exam.drawn) == settings_effect.MOST_DAYS // 360
    assert "not drawn" in words(answer)


def test_lots_are_the_same_every_time(school: School) -> None:
    learners = [people.a_learner(school, f"Learner {i}") for i in range(9)]
    first = drawn(learners, 4)
    assert first == drawn(learners, 4)
    assert [each for each in learners if each in first] == list(first)
    assert set(drawn(learners[::-1], 4)) == set(first)


def test_statements_do_not_grow_with_the_class(
    class_7b: Group, fractions: Curriculum, school: School, look: Look, now: datetime, ms_diaz: User, signed_in: SignIn
) -> None:
    browser, counts = signed_in(ms_diaz), []
    exam_on = (now + timedelta(days=20)).date().isoformat()
    for n in (2, 12):
        members = [people.a_learner(school, f"Learner {i}") for i in range(n)]
        class_7b.learners.set(members)
        take_in(school, [a for m in members for a in answers(m, fractions, "halves-1", "010", last=now)], now=now)
        form = browser.get(address(class_7b)).context["page"].form
        for asked in ({}, as_typed(form, retention="95", minutes_a_day="5", exam_on=exam_on)):
            browser.get(address(class_7b), asked)
            with statements() as sent:
                browser.get(address(class_7b), asked)
            counts.append(len(sent))
    assert counts[:2] == counts[2:]
    assert counts[0] <= 10
    assert counts[1] <= 40
