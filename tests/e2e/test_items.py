"""A teacher finds a broken item, in a real browser."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from tests import people
from tests.dashboard.item_school import a_school_of_items
from tests.e2e.browser import Scheme
from tests.e2e.checks import AXE_WINDOWS, assert_definitions_are_readable, assert_page_is_fit
from tests.e2e.conftest import Open
from tests.e2e.test_dashboard import follow, sign_in, tab_to
from tutor.accounts.models import Group, School, User

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


@pytest.fixture
def group(transactional_db: None, school: School, ms_diaz: User) -> Group:
    return a_school_of_items(school, ms_diaz, now=timezone.now())


def open_items(page: Page, user: User) -> Page:
    sign_in(page, user)
    follow(page, page.locator(".classes a"))
    follow(page, page.locator(".tabs").get_by_role("link", name="Items"))
    return page


@pytest.mark.parametrize(("scheme", "width"), [*AXE_WINDOWS, ("light", 768), ("light", 1100)])
def test_the_pages_of_items_fit_their_window_in_both_colour_schemes(
    scheme: Scheme, width: int, group: Group, ms_diaz: User, open_page: Open
) -> None:
    page = open_items(open_page(scheme, width), ms_diaz)
    assert_page_is_fit(page)
    assert_definitions_are_readable(page)
    for address in ("items/reversed/", "items/unmet/", "items/?q=nothing+like+it"):
        page.goto(f"/classes/{group.pk}/{address}")
        assert_page_is_fit(page)
    page.goto(f"/classes/{group.pk}/items/lengthy/")
    assert_definitions_are_readable(page)
    page.get_by_text("As a table").click()
    assert_page_is_fit(page)


def test_a_teacher_finds_the_wrong_key_and_its_evidence(group: Group, ms_diaz: User, open_page: Open) -> None:
    page = open_items(open_page(), ms_diaz)
    first = page.locator(".items tbody tr").first
    expect(first.locator(".flags b")).to_contain_text("Probably a wrong key")
    follow(page, first.get_by_role("link"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Item reversed")
    expect(page.locator(".finding")).to_contain_text("Learners who are good at other items get it wrong more often")
    expect(page.locator(".choices .tag")).to_have_text("key")
    expect(page.get_by_role("img", name="Share right from the least able to the ablest")).to_be_visible()
    expect(page.locator(".log li")).not_to_have_count(0)
    follow(page, page.locator(".log a").first)
    assert "/learners/" in page.url


def test_the_list_is_narrowed_and_taken_along(group: Group, ms_diaz: User, open_page: Open, tmp_path: Path) -> None:
    page = open_items(open_page(), ms_diaz)
    page.get_by_label("Search in the text").fill("half of")
    page.get_by_label("Subject area").select_option("Fractions")
    follow(page, page.get_by_role("button", name="Show"))
    assert page.url.endswith("?q=half+of&area=Fractions&concept=&flag=")
    follow(page, page.locator(".tallies").get_by_role("link", name="Probably a wrong key"))
    assert page.url.endswith("?area=Fractions&flag=wrong_key&q=half+of")
    expect(page.locator(".items tbody tr")).to_have_count(1)
    with page.expect_download() as taken:
        page.get_by_role("link", name="Table as CSV").click()
    taken.value.save_as(tmp_path / "items.csv")
    rows = list(csv.DictReader(StringIO((tmp_path / "items.csv").read_text("utf-8-sig"))))
    assert [row["Item key"] for row in rows] == ["reversed"]
    follow(page, page.get_by_role("link", name="Clear all filters").first)
    assert page.url.endswith("/items/?")


def test_no_mouse_is_needed(group: Group, ms_diaz: User, open_page: Open) -> None:
    page = open_items(open_page(), ms_diaz)
    page.get_by_role("heading", level=1).focus()
    tab_to(page, "1 ✗ Probably a wrong key")
    page.keyboard.press("Enter")
    page.wait_for_url("**/items/?flag=wrong_key")
    row = page.locator(".items tbody tr")
    expect(row).to_have_count(1)
    page.get_by_role("button", name="Show").focus()
    tab_to(page, row.get_by_role("link").inner_text())
    page.keyboard.press("Enter")
    page.wait_for_url("**/items/reversed/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Item reversed")


def test_without_scripts_all_of_it_works(group: Group, ms_diaz: User, browser: Browser, live_server: Any) -> None:
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    page = open_items(context.new_page(), ms_diaz)
    page.locator("select[name=flag]").select_option("too_hard")
    follow(page, page.get_by_role("button", name="Show"))
    expect(page.locator(".items tbody tr")).to_have_count(1)
    follow(page, page.locator(".items tbody a").first)
    expect(page.get_by_role("heading", level=1)).to_have_text("Item steep")
    context.close()


def test_a_teacher_of_another_class_finds_no_items(group: Group, school: School, open_page: Open) -> None:
    page = open_page()
    sign_in(page, people.a_teacher(school, "Ms Roth"))
    for address in ("items/", "items/reversed/"):
        page.goto(f"/classes/{group.pk}/{address}")
        expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page")
