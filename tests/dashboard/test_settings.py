"""A class's settings: shown with what they mean, judged as they are typed, saved by whoever may, never over others."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from tests import people
from tests.dashboard.conftest import SignIn
from tutor.accounts.models import Group, School, User
from tutor.dashboard.settings_fields import BY_NAME
from tutor.dashboard.settings_form import Form
from tutor.scheduling import agreements
from tutor.scheduling.knobs import ALERTS, DEFAULTS, NAMES, RANGES, Knobs
from tutor.scheduling.models import GroupSettings, Plan
from tutor.scheduling.policies import POLICIES, Spinning

Typed = dict[str, Any]
Send = Callable[..., Any]


def address(group: Group, rest: str = "") -> str:
    return f"/classes/{group.pk}/settings/{rest}"


def as_typed(form: Form, **changes: Any) -> Typed:
    """What a browser sends of the form as it was shown, with some fields typed otherwise."""
    sent: Typed = {"of": form.of}
    for name, line in form.lines.items():
        if line.typed not in (False, []):
            sent[name] = "on" if line.typed is True else line.typed
    sent |= changes
    return {name: value for name, value in sent.items() if value is not None}


@pytest.fixture
def shown(class_7b: Group, ms_diaz: User, signed_in: SignIn) -> Callable[..., Any]:
    """The page as Ms Diaz opens it."""

    def open_(**parameters: Any) -> Any:
        return signed_in(ms_diaz).get(address(class_7b), parameters)

    return open_


@pytest.fixture
def save(class_7b: Group, ms_diaz: User, signed_in: SignIn) -> Send:
    """Opens the form, types, and presses Save."""

    def send(*, by: User | None = None, form: Form | None = None, **changes: Any) -> Any:
        browser = signed_in(by or ms_diaz)
        form = form or browser.get(address(class_7b)).context["page"].form
        return browser.post(address(class_7b, "save/"), as_typed(form, **changes), follow=True)

    return send


def knobs(group: Group) -> Knobs:
    return agreements.knobs_of(agreements.of_group(group))


def words(answer: Any) -> str:
    text = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return re.sub(r"\s+", " ", text.replace("\N{NO-BREAK SPACE}", " ").replace("&nbsp;", " "))


def test_everything_that_a_class_can_be_configured_by_has_its_field() -> None:
    assert set(BY_NAME) == (set(NAMES) - set(ALERTS)) | {"policy"}
    assert {name for name, field in BY_NAME.items() if field.is_typed} == set(RANGES) - set(ALERTS)


def test_each_field_tells_its_unit_bounds_default_and_what_it_does(shown: Any) -> None:
    text = words(shown())
    for name, field in BY_NAME.items():
        assert str(field.label) in text, name
        assert str(field.about) in text.replace("&#x27;", "'"), name
    assert "50 to 99%" in text  # retention
    assert "1 to 600 minutes; default: empty, no limit" in text
    assert "Nobody has changed anything: the defaults hold." in text
    assert 'name="reset"' not in shown().content.decode()


def test_what_is_sent_back_as_it_was_shown_changes_nothing(save: Send, class_7b: Group) -> None:
    answer = save()
    assert "there was nothing to save" in words(answer)
    assert not GroupSettings.objects.exists()


def test_what_is_typed_is_saved_said_and_signed(save: Send, class_7b: Group, now: datetime) -> None:
    exam = (now + timedelta(days=40)).date()
    answer = save(
        retention="85", minutes_a_day="12,5", new_a_day="0", exam_on=exam.isoformat(), quiet_weekdays=["saturday"],
        quiet_dates="2026-12-24 to 2026-12-26\n2027-01-06", spread_reviews=None, spinning="rest", policy="exam",
        goals=["1"], exploration="5", explores=None,
    )  # fmt: skip
    assert knobs(class_7b) == Knobs(
        retention=0.85, minutes_a_day=12.5, new_a_day=0, exam_on=exam, quiet_weekdays=("saturday",),
        quiet_dates=(date(2026, 12, 24), date(2026, 12, 25), date(2026, 12, 26), date(2027, 1, 6)),
        spread_reviews=False, spinning=Spinning.REST, goals=("equal-parts",), exploration=0.05, explores=False,
    )  # fmt: skip
    assert agreements.of_group(class_7b).policy == "exam"
    text = words(answer)
    assert "Saved. Exam date: no exam →" in text
    assert "Desired retention: 90% → 85%" in text
    assert "The plans of 2 learners are made anew." in text
    assert "Changed by Ms Diaz on" in text
    assert answer.content.decode().count('name="reset"') == len(knobs_that_differ(class_7b)) + 1


def knobs_that_differ(group: Group) -> list[str]:
    return [name for name in NAMES if getattr(knobs(group), name) != getattr(DEFAULTS, name)]


def test_plans_are_marked_to_be_made_anew(save: Send, class_7b: Group, client: people.Caller) -> None:
    learner = class_7b.learners.first()
    assert learner is not None
    client.get(f"/api/v1/learners/{learner.pk}/next")
    save(retention="80")
    plan = Plan.objects.get()
    assert plan.next_due_at is not None
    assert plan.next_due_at <= agreements.of_group(class_7b).updated_at
    assert Plan.objects.count() == 1


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"retention": "120"}, "“120” cannot be: give a number, 50 to 99% (less lets most be forgotten"),
        ({"retention": "much"}, "“much” cannot be: give a number, 50 to 99%"),
        ({"retention": ""}, "A value is missing: give one, 50 to 99%"),
        ({"answers_a_day": "2.5"}, "“2.5” cannot be: give a whole number, 1 to 1000 answers"),
        ({"look_ahead": "4"}, "“4” cannot be: give a whole number, 1 to 3 steps (1 is practice itself)"),
        ({"exam_on": "14.6.2027"}, "“14.6.2027” is no day: write year, month and day, such as 2027-06-14."),
        ({"policy": "exam"}, "“no exam” cannot be: the policy “Towards an exam” needs a day ahead."),
        ({"policy": "magic"}, "“magic” cannot be: choose one of the list."),
        ({"after_placement": "placement"}, "“placement” cannot be: choose one of the list."),
        ({"spinning": "dance"}, "“dance” cannot be: choose one of the list."),
        ({"quiet_weekdays": ["noday"]}, "“noday” is no day of the week"),
        ({"quiet_weekdays": ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]},
         "leave at least one to learn on"),
        ({"quiet_dates": "soon"}, "“soon” is no day: write 2026-12-24, or 2026-12-24 to 2027-01-06."),
        ({"quiet_dates": "2027-01-06 to 2026-12-24"}, "the last day is not before the first"),
        ({"goals": ["99"]}, "“99” is no concept of Fractions: choose from the list."),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_beside_the_field_and_stays_as_typed(
    typed: Typed, said: str, save: Send, class_7b: Group
) -> None:
    answer = save(**typed, in_a_row="5")
    assert answer.status_code == 422
    assert said in words(answer)
    assert not GroupSettings.objects.exists()
    form = answer.context["page"].form
    name = next(iter(typed))
    wrong = form.errors[0].field.name
    assert wrong == ("exam_on" if typed == {"policy": "exam"} else name)
    assert f'id="state-{wrong}"' in answer.content.decode()
    assert form.lines["in_a_row"].typed == "5"
    assert form.lines[name].typed == typed[name]


def test_several_wrong_values_are_all_said_at_once(save: Send) -> None:
    form = save(retention="1", success="x", item_gap="99").context["page"].form
    assert [line.field.name for line in form.errors] == ["retention", "success", "item_gap"]


def test_an_exam_that_is_over_keeps_nobody_from_other_settings(
    save: Send, class_7b: Group, ms_diaz: User, now: datetime
) -> None:
    then, exam = now - timedelta(days=9), (now - timedelta(days=3)).date()
    agreements.change_group(class_7b, {"policy": "exam", "exam_on": exam}, by_whom=ms_diaz, now=then)
    save(retention="85")
    assert knobs(class_7b) == Knobs(retention=0.85, exam_on=exam)


def test_one_field_goes_back_to_its_default_and_the_rest_stays_typed(
    shown: Any, class_7b: Group, ms_diaz: User, now: datetime
) -> None:
    agreements.change_group(class_7b, {"retention": 0.8}, by_whom=ms_diaz, now=now)
    form = shown().context["page"].form
    again = shown(**as_typed(form, in_a_row="5"), reset="retention").context["page"].form
    assert (again.lines["retention"].typed, again.lines["in_a_row"].typed) == ("90", "5")
    assert again.changes == {"retention": DEFAULTS.retention, "in_a_row": 5}
    assert knobs(class_7b).retention == 0.8


def test_whole_areas_become_goals_and_all_of_them_are_none_chosen(
    shown: Any, save: Send, class_7b: Group
) -> None:  # fmt: skip
    form = shown().context["page"].form
    assert [area.title for area in form.lines["goals"].areas] == ["No subject area"]
    save(goals=["0", "2"])
    assert knobs(class_7b).goals == ("halves", "adding")
    assert "Concepts to be learnt" in words(shown())
    save(goal_area=["0"])
    assert knobs(class_7b).goals == ()


def test_goals_that_have_left_the_curriculum_are_no_change(
    shown: Any, save: Send, class_7b: Group, ms_diaz: User, now: datetime
) -> None:
    agreements.change_group(class_7b, {"goals": ("halves",)}, by_whom=ms_diaz, now=now)
    GroupSettings.objects.update(chosen={"goals": ["halves", "gone"]})
    assert shown().context["page"].form.changes == {}
    save(retention="85")
    assert knobs(class_7b).goals == ("halves", "gone")


def test_what_a_colleague_has_saved_meanwhile_is_shown_and_not_overwritten(
    save: Send, shown: Any, class_7b: Group, head: User, ms_diaz: User, signed_in: SignIn
) -> None:
    form = shown().context["page"].form
    save(by=head, retention="95", in_a_row="4")
    answer = save(form=form, retention="80")
    assert answer.status_code == 409
    assert knobs(class_7b) == Knobs(retention=0.95, in_a_row=4)
    text = words(answer)
    assert "somebody else has saved meanwhile" in text
    assert "Head changed these settings on" in text
    assert "Desired retention : saved 95%, typed 80%" in text
    again = answer.context["page"].form
    assert {line.field.name for line in again.contested} == {"retention", "in_a_row"}
    taken = shown(**as_typed(again), take="in_a_row").context["page"].form
    assert taken.changes == {"retention": 0.8}
    save(form=taken)
    assert knobs(class_7b) == Knobs(retention=0.8, in_a_row=4)


def test_who_typed_what_a_colleague_has_saved_is_told_that_it_holds(
    save: Send, shown: Any, class_7b: Group, head: User
) -> None:  # fmt: skip
    form = shown().context["page"].form
    save(by=head, retention="95")
    assert "there was nothing to save" in words(save(form=form, retention="95"))


def test_a_key_that_has_changed_something_is_named(shown: Any, class_7b: Group, client: people.Caller) -> None:
    client.patch(f"/api/v1/classes/{class_7b.pk}/settings", {"retention": 0.8}, if_match="*")
    assert "Changed by LMS on" in words(shown())


def test_a_class_that_works_on_nothing_has_settings_too(
    school: School, ms_diaz: User, signed_in: SignIn
) -> None:  # fmt: skip
    group = people.a_group(school, "8z", teachers=(ms_diaz,))
    browser = signed_in(ms_diaz)
    answer = browser.get(address(group))
    assert "choose a curriculum first" in words(answer)
    browser.post(address(group, "save/"), as_typed(answer.context["page"].form, retention="80"))
    assert knobs(group).retention == 0.8


def test_every_policy_is_offered_with_what_it_does(shown: Any) -> None:
    text = words(shown()).replace("&#x27;", "'")
    for policy in POLICIES.values():
        assert policy.about in text


@pytest.fixture
def pages(class_7b: Group) -> list[str]:
    return [address(class_7b), address(class_7b, "preview.csv"), address(class_7b) + "?of=x"]


@pytest.mark.parametrize("outsider", ["mr_chen", "ms_roth", "operator", "their_head"])
def test_for_others_the_settings_do_not_exist(
    outsider: str, pages: list[str], class_7b: Group, mr_chen: User, ms_roth: User, other_school: School,
    signed_in: SignIn,
) -> None:  # fmt: skip
    users = {
        "mr_chen": mr_chen,
        "ms_roth": ms_roth,
        "operator": User.objects.create_superuser("op@example.org", "x"),
        "their_head": people.a_teacher(other_school, "Their Head", role=User.Role.ADMIN),
    }
    browser = signed_in(users[outsider])
    assert [browser.get(page).status_code for page in pages] == [404] * 3
    assert browser.post(address(class_7b, "save/"), {"of": "x", "retention": "80"}).status_code == 404
    assert not GroupSettings.objects.exists()


def test_whoever_is_not_signed_in_is_asked_to(class_7b: Group, pages: list[str]) -> None:
    assert Client().get(pages[0]).headers["Location"] == f"/login/?next={pages[0]}"
    assert Client().post(address(class_7b, "save/")).status_code == 302


def test_pages_are_only_read_and_only_saving_saves(
    pages: list[str], class_7b: Group, head: User, signed_in: SignIn
) -> None:
    browser = signed_in(head)
    assert [browser.post(page).status_code for page in pages] == [405] * 3
    assert browser.get(address(class_7b, "save/")).status_code == 405
    assert [browser.get(page).status_code for page in pages] == [200] * 3


def test_saving_needs_the_token_and_no_address_carries_it(class_7b: Group, ms_diaz: User, shown: Any) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ms_diaz)
    page = browser.get(address(class_7b))
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)">Save', page.content.decode())
    typed = as_typed(page.context["page"].form, retention="80")
    assert token is not None
    assert browser.post(address(class_7b, "save/"), typed).status_code == 403
    assert browser.post(address(class_7b, "save/"), {**typed, "csrfmiddlewaretoken": token[1]}).status_code == 302
    form = re.search(r'<form id="settings".*?</form>', page.content.decode(), re.DOTALL)
    assert form is not None
    assert not re.search(r"<input[^>]+csrfmiddlewaretoken", form[0])
