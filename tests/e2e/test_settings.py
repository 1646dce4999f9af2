"""A teacher sets an exam date and sees what changes, before and after saving, in a real browser."""

from __future__ import annotations

import csv
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from tests import people
from tests.e2e.browser import DESK, PHONE, Scheme
from tests.e2e.checks import AXE_WINDOWS, assert_definitions_are_readable, assert_page_is_fit
from tests.e2e.conftest import Open
from tests.e2e.test_dashboard import follow, sign_in, tab_to
from tutor.accounts.models import Group, School, User
from tutor.scheduling import agreements, rehearsals, trials
from tutor.scheduling.guard import Promise
from tutor.scheduling.models import GroupSettings, PolicyTrial
from tutor.scheduling.trials import Side

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


def open_settings(page: Page, user: User) -> Page:
    sign_in(page, user)
    follow(page, page.locator(".classes a"))
    follow(page, page.get_by_role("link", name="Settings"))
    expect(page.locator(".effects")).to_be_visible()
    return page


def in_days(days: int) -> str:
    return (timezone.now() + timedelta(days=days)).date().isoformat()


@pytest.mark.parametrize(("scheme", "width"), [*AXE_WINDOWS, ("light", 768), ("light", 1060)])
def test_the_settings_fit_their_window_in_both_colour_schemes(
    scheme: Scheme, width: int, group: Group, ms_diaz: User, open_page: Open
) -> None:
    page = open_settings(open_page(scheme, width), ms_diaz)
    page.get_by_label("Exam date").fill(in_days(40))
    page.get_by_role("textbox", name="Desired retention").fill("97")
    page.get_by_role("textbox", name="Desired retention").blur()
    expect(page.locator(".effects")).to_contain_text("Expected score on")
    assert_page_is_fit(page)
    assert_definitions_are_readable(page)
    for part in page.locator("details.part:not([open]) > summary, details.area > summary").all():
        part.click()
    assert_page_is_fit(page)
    page.get_by_role("textbox", name="Desired retention").fill("120")
    follow(page, page.get_by_role("button", name="Save", exact=True))
    expect(page.get_by_role("alert")).to_contain_text("“120” cannot be")
    assert_page_is_fit(page)


@pytest.mark.parametrize(("scheme", "width"), [*AXE_WINDOWS])
def test_the_policies_fit_their_window_in_both_colour_schemes(
    scheme: Scheme, width: int, group: Group, school: School, open_page: Open
) -> None:
    assert group.curriculum is not None
    gain, threshold = Side("gain", None), Side("threshold", None)
    rehearsals.question(school.pk, group.curriculum.pk, threshold, gain, now=timezone.now()).save()
    trials.begin(
        school.pk, group.curriculum, group, approved=gain, new=threshold, promise=Promise(),
        unrehearsed="agreed with the parents", now=timezone.now(),
    )  # fmt: skip
    head = people.a_teacher(school, "Head", role=User.Role.ADMIN)
    page = open_page(scheme, width)
    sign_in(page, head)
    page.goto(f"/classes/{group.pk}/settings/policy/")
    assert_page_is_fit(page)
    assert_definitions_are_readable(page)
    page.locator("form", has_text="Judge a policy").locator("select[name=policy]").select_option("threshold")
    follow(page, page.get_by_role("button", name="Judge it"))
    expect(page.get_by_role("status")).to_contain_text("will be judged by the log")
    assert_page_is_fit(page)
    for opened in ("Begin a trial…", "End the trial…"):
        page.locator("summary", has_text=opened).click()
        assert_page_is_fit(page)


def test_a_trial_is_begun_and_ended_with_the_keyboard_alone(group: Group, school: School, open_page: Open) -> None:
    page = open_page()
    sign_in(page, people.a_teacher(school, "Head", role=User.Role.ADMIN))
    page.goto(f"/classes/{group.pk}/settings/policy/")
    page.locator("#main").focus()
    tab_to(page, "Begin a trial…")
    page.keyboard.press("Enter")
    will_happen = page.locator("#would")
    expect(will_happen).to_contain_text("makes 5% of the plans")
    tab_to_field(page, "policy")
    page.keyboard.type("Reviews")
    tab_to_field(page, "alpha")
    page.keyboard.type("10")
    tab_to_field(page, "unrehearsed")
    page.keyboard.type("agreed with the parents")
    expect(will_happen).to_contain_text("“Reviews first” makes 10% of the plans")
    expect(will_happen).to_contain_text("It has not been rehearsed")
    tab_to(page, "Begin the trial")
    assert not PolicyTrial.objects.exists()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("The trial has begun: “Reviews first” makes 10.0% of the plans")
    page.locator("#main").focus()
    tab_to(page, "End the trial…")
    page.keyboard.press("Enter")
    tab_to_field(page, "reason")
    page.keyboard.type("it was enough")
    tab_to(page, "End the trial of")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("The trial of “Reviews first” has ended")
    trial = PolicyTrial.objects.get()
    assert (trial.alpha, trial.reason, trial.decided_by) == (0.1, "it was enough", "Head")


def tab_to_field(page: Page, name: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == name:
            return
    raise AssertionError(f"the field {name!r} cannot be reached with the Tab key on {page.url}")


def test_without_scripts_what_a_trial_would_do_is_a_button(
    group: Group, school: School, browser: Browser, live_server: Any
) -> None:
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, people.a_teacher(school, "Head", role=User.Role.ADMIN))
    page.goto(f"/classes/{group.pk}/settings/policy/")
    page.locator("summary", has_text="Begin a trial…").click()
    page.locator(".says [name=alpha]").fill("70")
    follow(page, page.get_by_role("button", name="Preview"))
    assert "csrfmiddlewaretoken" not in page.url
    expect(page.locator("#would")).to_contain_text("“70” cannot be")
    page.locator(".says [name=alpha]").fill("7")
    follow(page, page.get_by_role("button", name="Begin the trial"))
    expect(page.get_by_role("alert")).to_contain_text("has not been tried against")
    expect(page.locator("#would")).to_contain_text("makes 7% of the plans")
    assert not PolicyTrial.objects.exists()
    context.close()


def test_a_teacher_sets_an_exam_and_sees_what_changes_with_the_keyboard_alone(
    group: Group, ms_diaz: User, open_page: Open
) -> None:
    page = open_settings(open_page(), ms_diaz)
    page.locator("#main").focus()
    date = page.get_by_label("Exam date")
    for _ in range(40):
        page.keyboard.press("Tab")
        if date.evaluate("field => field === document.activeElement"):
            break
    expect(date).to_be_focused()
    exam = timezone.localdate() + timedelta(days=40)
    page.keyboard.type(f"{exam:%m%d%Y}")
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "new_a_day":
            break
    page.keyboard.type("3")
    page.keyboard.press("Tab")
    effects = page.locator(".effects")
    expect(effects).to_contain_text("Expected score on")
    expect(page.locator("#pending")).to_have_text("2 changes")
    expect(page.locator("#state-new_a_day")).to_contain_text("differs from the default")
    expect(page.get_by_role("table", name="Learner by learner")).to_contain_text("not enough data")
    assert not GroupSettings.objects.exists()
    tab_to(page, "Save", most=120)
    assert page.evaluate(IS_UNCOVERED)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Saved. Exam date: no exam →")
    expect(page.get_by_role("status").first).to_contain_text("The plans of 8 learners are made anew.")
    expect(page.locator(".lead")).to_contain_text("Changed by Ms Diaz on")
    assert agreements.knobs_of(agreements.of_group(group)).exam_on == exam


IS_UNCOVERED = """
() => {
  const box = document.activeElement.getBoundingClientRect();
  const on_top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return document.activeElement.contains(on_top);
}
"""


def test_no_field_is_hidden_by_the_bar_when_it_is_reached(group: Group, ms_diaz: User, open_page: Open) -> None:
    for width in (PHONE, DESK):
        page = open_settings(open_page("light", width), ms_diaz)
        page.get_by_label("Exam date").focus()
        for _ in range(45):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.closest('form#settings') !== null"):
                assert page.evaluate(IS_UNCOVERED), page.evaluate("document.activeElement.outerHTML")


def test_what_is_wrong_is_said_beside_the_field_as_it_is_typed_and_goes_again(
    group: Group, ms_diaz: User, open_page: Open
) -> None:
    page = open_settings(open_page(), ms_diaz)
    retention = page.get_by_role("textbox", name="Desired retention")
    retention.fill("120")
    retention.blur()
    expect(page.locator("#state-retention")).to_contain_text("“120” cannot be: give a number, 50 to 99%")
    expect(page.locator("#pending")).to_have_text("1 value cannot be")
    expect(retention).to_have_value("120")
    retention.fill("95")
    retention.blur()
    expect(page.locator("#state-retention .error")).to_have_count(0)
    expect(page.locator(".effects")).to_contain_text("cells would have another status")
    follow(page, page.get_by_role("button", name="Back to the default Desired retention"))
    expect(page.get_by_role("textbox", name="Desired retention")).to_have_value("90")
    expect(page.locator("#preview")).to_contain_text("Nothing is changed")


def test_two_who_save_at_once_are_told_of_each_other(
    group: Group, ms_diaz: User, school: School, open_page: Open
) -> None:
    page = open_settings(open_page(), ms_diaz)
    head = people.a_teacher(school, "Head", role=User.Role.ADMIN)
    agreements.change_group(group, {"retention": 0.95}, by_whom=head, now=timezone.now())
    page.get_by_role("textbox", name="Questions in a row").fill("5")
    follow(page, page.get_by_role("button", name="Save", exact=True))
    expect(page.get_by_role("alert")).to_contain_text("somebody else has saved meanwhile. Head changed these settings")
    assert_page_is_fit(page)
    follow(page, page.get_by_role("button", name="Take that Desired retention"))
    follow(page, page.get_by_role("button", name="Save", exact=True))
    expect(page.get_by_role("status").first).to_contain_text("Saved. Questions in a row: 3 questions → 5 questions.")
    assert agreements.knobs_of(agreements.of_group(group)).retention == 0.95


def test_without_scripts_preview_and_save_are_buttons(
    group: Group, ms_diaz: User, browser: Browser, live_server: Any
) -> None:
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, ms_diaz)
    page.goto(f"/classes/{group.pk}/settings/")
    page.get_by_role("textbox", name="Desired retention").fill("97")
    follow(page, page.get_by_role("button", name="Preview", exact=True).last)
    expect(page.locator("#preview")).to_contain_text("cells would have another status")
    assert "csrfmiddlewaretoken" not in page.url
    expect(page.get_by_role("textbox", name="Desired retention")).to_have_value("97")
    assert not GroupSettings.objects.exists()
    follow(page, page.get_by_role("button", name="Save", exact=True))
    expect(page.get_by_role("status").first).to_contain_text("Desired retention: 90% → 97%")
    context.close()


def test_the_preview_is_taken_along_and_printed(group: Group, ms_diaz: User, open_page: Open, tmp_path: Path) -> None:
    page = open_settings(open_page(), ms_diaz)
    page.get_by_role("textbox", name="Desired retention").fill("97")
    page.get_by_role("textbox", name="Desired retention").blur()
    expect(page.locator(".effects")).to_contain_text("cells would have another status")
    with page.expect_download() as taken:
        page.get_by_role("link", name="Table as CSV").click()
    taken.value.save_as(tmp_path / "preview.csv")
    rows = list(csv.DictReader(StringIO((tmp_path / "preview.csv").read_text("utf-8-sig"))))
    assert len(rows) == 8
    assert sum(int(row["Concepts of another status"]) for row in rows) > 0
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 718, "height": 1046})
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_hidden()
    assert page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_a_teacher_of_another_class_finds_no_settings(group: Group, school: School, open_page: Open) -> None:
    page = open_page()
    sign_in(page, people.a_teacher(school, "Ms Roth"))
    for rest in ("", "policy/"):
        page.goto(f"/classes/{group.pk}/settings/{rest}")
        expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page")
