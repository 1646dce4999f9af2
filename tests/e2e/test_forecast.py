"""A teacher's way through the forecast of a class, in a real browser."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from tests import people
from tests.e2e.browser import Scheme
from tests.e2e.checks import AXE_WINDOWS, assert_definitions_are_readable, assert_page_is_fit
from tests.e2e.conftest import Open
from tests.e2e.test_dashboard import follow, sign_in, tab_to
from tutor.accounts.models import Group, School, User
from tutor.scheduling import agreements, class_forecasts

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


@pytest.fixture
def exam(group: Group, ms_diaz: User) -> date:
    """Of class 7b, in six weeks; nothing is practised on Sundays."""
    now = timezone.now()
    day = class_forecasts.today(group.school, now) + timedelta(days=42)
    agreements.change_group(group, {"exam_on": day, "quiet_weekdays": ["sunday"]}, by_whom=ms_diaz, now=now)
    return day


def open_forecast(page: Page, user: User) -> Page:
    sign_in(page, user)
    follow(page, page.locator(".classes a"))
    follow(page, page.get_by_role("link", name="Forecast", exact=True))
    return page


def all_of_it(page: Page) -> None:
    """Waits for the parts that the page fetches."""
    expect(page.locator("#minutes .effort-table")).to_be_visible()
    expect(page.locator("#trust .card").first).to_be_visible()


@pytest.mark.parametrize(("scheme", "width"), [*AXE_WINDOWS, ("light", 768), ("light", 1100)])
def test_the_forecast_fits_its_window_in_both_colour_schemes(
    scheme: Scheme, width: int, group: Group, exam: date, ms_diaz: User, open_page: Open
) -> None:
    page = open_forecast(open_page(scheme, width), ms_diaz)
    all_of_it(page)
    assert_page_is_fit(page)
    assert_definitions_are_readable(page)
    for address in ("?show=mastery&area=Whole+numbers", "?date=2020-01-01&list=all", "minutes/?wanted=95", "trust/"):
        page.goto(f"/classes/{group.pk}/forecast/{address}")
        assert_page_is_fit(page)


def test_a_teacher_finds_who_needs_what_before_the_exam(
    group: Group, exam: date, ms_diaz: User, open_page: Open, tmp_path: Path
) -> None:
    page = open_forecast(open_page(), ms_diaz)
    expect(page.get_by_role("heading", level=1)).to_have_text("How 7b will stand on the day of the exam")
    expect(page.get_by_label("Day", exact=True)).to_have_value(exam.isoformat())
    page.get_by_role("spinbutton", name="Wanted score").fill("99")
    follow(page, page.get_by_role("button", name="Show"))
    below = page.get_by_role("region", name="Below 99%").first
    expect(below.locator("li").first).to_contain_text("expected")
    follow(page, page.locator(".cell-table thead").get_by_role("link", name="Fractions"))
    expect(page.get_by_role("heading", name="Fractions")).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Wanted score")).to_have_value("99")
    with page.expect_download() as taken:
        page.locator(".heading", has=page.locator("#cells")).get_by_role("link", name="Table as CSV").click()
    taken.value.save_as(tmp_path / "cells.csv")
    rows = list(csv.DictReader(StringIO((tmp_path / "cells.csv").read_text("utf-8-sig"))))
    assert {row["Subject area"] for row in rows} == {"Fractions"}
    assert {row["Day"] for row in rows} == {exam.isoformat()}


def test_other_retentions_are_compared_without_leaving_the_page(
    group: Group, exam: date, ms_diaz: User, open_page: Open
) -> None:
    page = open_forecast(open_page(), ms_diaz)
    all_of_it(page)
    at = page.url
    heads = page.locator(".effort-table thead tr").first.locator("th")
    expect(heads).to_have_count(2 + 4)
    page.get_by_role("textbox", name="Retentions to compare").fill("60, 75")
    page.get_by_role("button", name="Compare").click()
    expect(heads).to_have_count(2 + 3)
    expect(heads.nth(2)).to_have_text("60%")
    page.get_by_role("textbox", name="Retentions to compare").fill("all")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#minutes .notice")).to_contain_text("“all” are no retentions to compare")
    assert page.url == at


def test_no_mouse_is_needed(group: Group, exam: date, ms_diaz: User, open_page: Open) -> None:
    page = open_forecast(open_page(), ms_diaz)
    all_of_it(page)
    page.get_by_label("Day", exact=True).focus()
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "wanted":
            break
    page.keyboard.press("Control+a")
    page.keyboard.type("55")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "wanted=55" in page.url
    all_of_it(page)
    tab_to(page, "How is “Expected score” computed?")
    page.keyboard.press("Enter")
    expect(page.get_by_text("one item of average difficulty").first).to_be_visible()
    page.locator(".cell-table thead a").first.focus()
    area = page.locator(".cell-table thead a").first.inner_text()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=area)).to_be_visible()


def test_without_scripts_every_part_is_a_page(
    group: Group, exam: date, ms_diaz: User, browser: Browser, live_server: Any
) -> None:
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    page = open_forecast(context.new_page(), ms_diaz)
    follow(page, page.get_by_role("link", name="Minutes a day for each learner and retention"))
    page.get_by_role("textbox", name="Retentions to compare").fill("60")
    follow(page, page.get_by_role("button", name="Compare"))
    expect(page.locator(".effort-table tbody tr")).to_have_count(8)
    page.go_back()
    page.go_back()
    follow(page, page.get_by_role("link", name="Past forecasts and what came of them"))
    expect(page.get_by_role("heading", name="Can this be trusted?")).to_be_visible()
    context.close()


def test_on_paper_there_is_all_of_it_and_no_form(group: Group, exam: date, ms_diaz: User, open_page: Open) -> None:
    page = open_forecast(open_page(), ms_diaz)
    all_of_it(page)
    page.emulate_media(media="print")
    # A4 across, without its margins, at 96 pixels an inch.
    page.set_viewport_size({"width": 1046, "height": 718})
    assert not page.get_by_role("button", name="Show").is_visible()
    tables = page.eval_on_selector_all(".cell-table, .effort-table", "all => all.map(each => each.scrollWidth)")
    assert len(tables) >= 2 and max(tables) <= 1046
    assert page.locator(".cell-table tbody tr").last.is_visible()


def test_a_teacher_of_another_class_finds_no_forecast(group: Group, school: School, open_page: Open) -> None:
    page = open_page()
    sign_in(page, people.a_teacher(school, "Ms Roth"))
    page.goto(f"/classes/{group.pk}/forecast/")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page")
