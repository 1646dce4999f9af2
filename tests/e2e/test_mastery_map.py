"""A teacher's way through the mastery map, in a real browser."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests import people
from tests.e2e.browser import DESK, PHONE, Scheme
from tests.e2e.checks import AXE_WINDOWS, assert_definitions_are_readable, assert_page_is_fit
from tests.e2e.conftest import Open
from tests.e2e.test_dashboard import follow, sign_in, tab_to
from tutor.accounts.models import Group, School, User

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]

_IS_ON_TOP: Final = """
() => {
  const box = document.activeElement.getBoundingClientRect();
  const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
  return document.elementFromPoint(x, y) === document.activeElement;
}
"""


def open_map(page: Page, user: User) -> Page:
    sign_in(page, user)
    follow(page, page.locator(".classes a"))
    follow(page, page.get_by_role("link", name="Mastery map"))
    return page


def first_row(page: Page) -> Locator:
    return page.locator(".matrix tbody tr").first


@pytest.mark.parametrize(("scheme", "width"), [*AXE_WINDOWS, ("light", 768), ("light", 1100)])
def test_the_map_fits_its_window_in_both_colour_schemes(
    scheme: Scheme, width: int, group: Group, ms_diaz: User, open_page: Open
) -> None:
    page = open_map(open_page(scheme, width), ms_diaz)
    assert_page_is_fit(page)
    assert_definitions_are_readable(page)
    page.locator(".matrix tbody td.r").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert_page_is_fit(page)
    page.keyboard.press("Escape")
    for address in ("?cells=shapes", "?status=struggling&order=need", "?view=print"):
        page.goto(f"/classes/{group.pk}/mastery/{address}")
        assert_page_is_fit(page)
    follow(page, page.locator(".titles a").first)
    assert_page_is_fit(page)
    assert_definitions_are_readable(page)


def test_a_teacher_narrows_the_map_and_takes_it_along(
    group: Group, ms_diaz: User, open_page: Open, tmp_path: Path
) -> None:
    page = open_map(open_page(), ms_diaz)
    page.get_by_label("Struggling").check()
    page.get_by_label("Subject area").select_option("Whole numbers")
    follow(page, page.get_by_role("button", name="Show"))
    assert page.url.endswith("?status=struggling&area=Whole+numbers")
    expect(page.get_by_text("Cells of another status are blank.")).to_be_visible()
    kinds = page.eval_on_selector_all(".matrix tbody td[class]", "cells => cells.map(cell => cell.className)")
    assert set(kinds) == {"s"}
    follow(page, page.locator(".orders").get_by_role("link", name="shapes"))
    expect(page.get_by_label("Struggling")).to_be_checked()
    with page.expect_download() as taken:
        page.get_by_role("link", name="Table as CSV").click()
    taken.value.save_as(tmp_path / "map.csv")
    rows = list(csv.DictReader(StringIO((tmp_path / "map.csv").read_text("utf-8-sig"))))
    assert len(rows) == len(kinds)
    assert {(row["Status"], row["Subject area"]) for row in rows} == {("Struggling", "Whole numbers")}
    follow(page, page.get_by_role("link", name="Clear all filters"))
    assert page.url.endswith("/mastery/?cells=shapes")


def test_a_cell_opens_without_a_mouse(group: Group, ms_diaz: User, open_page: Open) -> None:
    page = open_map(open_page(), ms_diaz)
    page.get_by_role("button", name="Show").focus()
    tab_to(page, "Skip the map")
    expect(page.get_by_role("link", name="Skip the map")).to_be_in_viewport()
    page.locator(".titles a").last.focus()
    # The first learner's name, and then the cells: one stop for all of them.
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(first_row(page).locator("td").first).to_be_focused()
    for key in ("ArrowDown", "ArrowRight", "End", "ArrowRight", "Home", "ArrowUp"):
        page.keyboard.press(key)
    cell = first_row(page).locator("td").first
    expect(cell).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    name = first_row(page).get_by_role("link").inner_text()
    expect(dialog.get_by_role("heading")).to_have_text(name)
    expect(dialog).to_contain_text("Answers")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(cell).to_be_focused()


def test_the_cell_under_the_focus_is_not_hidden_by_the_heads(group: Group, ms_diaz: User, open_page: Open) -> None:
    for width in (PHONE, DESK):
        page = open_map(open_page("light", width), ms_diaz)
        page.locator(".titles a").last.focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        away, back = ["ArrowDown"] * 5 + ["ArrowRight"] * 12, ["ArrowUp", "ArrowLeft"] * 5
        for key in ("Control+End", "Control+Home", *away, *back):
            page.keyboard.press(key)
            assert page.evaluate(_IS_ON_TOP), (width, key)


def test_the_name_of_a_concept_leads_to_all_of_its_learners(group: Group, ms_diaz: User, open_page: Open) -> None:
    page = open_map(open_page(), ms_diaz)
    concept = page.locator(".titles a").first
    title = concept.inner_text()
    follow(page, concept)
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.locator(".cells > li")).to_have_count(8)


def test_without_scripts_the_same_is_behind_the_names(
    group: Group, ms_diaz: User, browser: Browser, live_server: Any
) -> None:
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    page = open_map(context.new_page(), ms_diaz)
    expect(page.locator("noscript")).to_be_visible()
    expect(page.get_by_text("Choose a cell")).to_be_hidden()
    follow(page, page.locator(".titles a").first)
    expect(page.locator(".cells > li")).to_have_count(8)
    context.close()


def test_on_paper_no_sheet_is_wider_than_the_paper(group: Group, ms_diaz: User, open_page: Open) -> None:
    page = open_map(open_page(), ms_diaz)
    for cells in ("figures", "shapes"):
        page.goto(f"/classes/{group.pk}/mastery/?view=print&cells={cells}")
        page.emulate_media(media="print")
        # A4 across, without its margins, at 96 pixels an inch.
        page.set_viewport_size({"width": 1046, "height": 718})
        widths = page.eval_on_selector_all(".matrix", "tables => tables.map(table => table.scrollWidth)")
        assert len(widths) > 1
        assert max(widths) <= 1046
        assert not page.get_by_role("button", name="Show").is_visible()


def test_a_teacher_of_another_class_finds_no_map(group: Group, school: School, open_page: Open) -> None:
    page = open_page()
    sign_in(page, people.a_teacher(school, "Ms Roth"))
    page.goto(f"/classes/{group.pk}/mastery/")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page")
