"""A teacher's way through the learners in need, in a real browser."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import people
from tests.e2e.browser import Scheme
from tests.e2e.checks import AXE_WINDOWS, assert_definitions_are_readable, assert_page_is_fit
from tests.e2e.conftest import Open
from tests.e2e.test_dashboard import follow, sign_in, tab_to
from tutor.accounts.models import Group, School, User
from tutor.scheduling import agreements
from tutor.scheduling.models import AlertMark

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


def open_need(page: Page, user: User) -> Page:
    sign_in(page, user)
    follow(page, page.locator(".classes a"))
    follow(page, page.get_by_role("link", name="Learners in need"))
    return page


@pytest.mark.parametrize(("scheme", "width"), [*AXE_WINDOWS, ("light", 768), ("light", 1024)])
def test_the_page_fits_its_window_in_both_colour_schemes(
    scheme: Scheme, width: int, group: Group, ms_diaz: User, open_page: Open
) -> None:
    page = open_need(open_page(scheme, width), ms_diaz)
    assert_page_is_fit(page)
    assert_definitions_are_readable(page)
    page.locator(".say > form").first.get_by_role("button", name="Not useful").click()
    expect(page.locator(".alert.folded")).to_be_visible()
    page.evaluate("for (const each of document.querySelectorAll('.more, .noting, .others')) each.open = true")
    page.get_by_label("In need from").fill("3")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".effect")).to_be_visible()
    assert_page_is_fit(page)
    page.goto(f"/classes/{group.pk}/need/?view=print")
    assert_page_is_fit(page)


def test_without_a_mouse_an_alert_is_put_aside_and_taken_back(group: Group, ms_diaz: User, open_page: Open) -> None:
    page = open_page()
    sign_in(page, ms_diaz)
    tab_to(page, "7b")
    page.keyboard.press("Enter")
    page.wait_for_url("**/classes/*/")
    tab_to(page, "Learners in need")
    page.keyboard.press("Enter")
    page.wait_for_url("**/need/")
    alert = page.locator(".needs .alert").first
    name = alert.get_attribute("id")
    tab_to(page, "Not useful: ", most=120)
    page.keyboard.press("Enter")
    marked = page.locator(f"[id='{name}']")
    expect(marked).to_contain_text("Put aside until there are 5 more answers")
    # The focus stays where it was: at what was just said.
    expect(marked.locator("summary").first).to_be_focused()
    assert [row.useful for row in AlertMark.objects.all()] == [False]
    page.keyboard.press("Enter")
    tab_to(page, "Note")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("seen in class")
    marked.get_by_role("button", name="Useful", exact=False).first.focus()
    page.keyboard.press("Enter")
    expect(marked).to_contain_text("seen in class")
    expect(marked).not_to_have_class("folded")
    row = AlertMark.objects.get()
    assert (row.useful, row.note, row.marked_by) == (True, "seen in class", ms_diaz)


def test_all_alerts_of_a_learner_are_one_click_away(group: Group, ms_diaz: User, open_page: Open) -> None:
    page = open_need(open_page(), ms_diaz)
    card = page.locator(".needs .learner").filter(has=page.locator("p.more")).first
    name = card.get_by_role("heading").inner_text()
    card = page.locator(".needs .learner").filter(has=page.get_by_role("heading", name=name, exact=True))
    more = int(card.locator("p.more").inner_text().split()[0])
    card.locator("p.more a").click()
    expect(card.locator(".alert")).to_have_count(3 + more)
    expect(card.locator("p.more")).to_have_count(0)


def test_the_effect_of_a_threshold_is_seen_before_it_is_saved(group: Group, ms_diaz: User, open_page: Open) -> None:
    page = open_need(open_page(), ms_diaz)
    names = page.locator(".glance tbody th a").all_inner_texts()
    page.get_by_label("In need from").fill("50")
    page.get_by_label("In need from").press("Tab")
    effect = page.locator(".effect")
    expect(effect).to_contain_text("What would change")
    dropped = effect.locator("tbody tr").first.locator("td").last.inner_text()
    assert set(dropped.split(", ")) <= set(names)
    assert agreements.of_group(group).chosen == {}
    follow(page, page.get_by_role("button", name="Save these thresholds"))
    expect(page.get_by_role("status").first).to_contain_text("The thresholds are saved")
    left = page.locator(".glance tbody th a").all_inner_texts()
    assert set(left) == set(names) - set(dropped.split(", "))
    expect(page.get_by_text("last changed by Ms Diaz")).to_be_visible()


def test_without_scripts_the_same_goes_by_whole_pages(
    group: Group, ms_diaz: User, browser: Browser, live_server: Any
) -> None:
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    page = open_need(context.new_page(), ms_diaz)
    follow(page, page.locator(".say > form").first.get_by_role("button", name="Not useful"))
    expect(page.get_by_role("status").first).to_contain_text("Marked: ")
    page.get_by_label("In need from").fill("0")
    # What a browser would not send, the server refuses in words.
    page.goto(f"/classes/{group.pk}/need/?in_need_from=0")
    expect(page.get_by_role("alert")).to_contain_text("take a whole number from 1 to 50")
    page.get_by_label("In need from").fill("2")
    follow(page, page.get_by_role("button", name="Preview"))
    expect(page.locator(".effect")).to_be_visible()
    follow(page, page.get_by_role("button", name="Save these thresholds"))
    assert agreements.knobs_of(agreements.of_group(group)).in_need_from == 2
    context.close()


def test_the_table_is_taken_along(group: Group, ms_diaz: User, open_page: Open, tmp_path: Path) -> None:
    page = open_need(open_page(), ms_diaz)
    with page.expect_download() as taken:
        page.get_by_role("link", name="Table as CSV").click()
    taken.value.save_as(tmp_path / "need.csv")
    rows = list(csv.DictReader(StringIO((tmp_path / "need.csv").read_text("utf-8-sig"))))
    ranked = dict.fromkeys(row["Learner"] for row in rows if row["Rank"])
    assert list(ranked) == page.locator(".glance tbody th a").all_inner_texts()


def test_on_paper_nothing_waits_to_be_clicked(group: Group, ms_diaz: User, open_page: Open) -> None:
    page = open_need(open_page(), ms_diaz)
    page.goto(f"/classes/{group.pk}/need/?view=print")
    page.emulate_media(media="print")
    # A4 upright, without its margins, at 96 pixels an inch.
    page.set_viewport_size({"width": 718, "height": 1046})
    assert page.locator("details.more:not([open]), details.others:not([open])").count() == 0
    assert not page.get_by_role("button", name="Useful").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 718


def test_a_teacher_of_another_class_finds_nobody_in_need(group: Group, school: School, open_page: Open) -> None:
    page = open_page()
    sign_in(page, people.a_teacher(school, "Ms Roth"))
    page.goto(f"/classes/{group.pk}/need/")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page")
