"""A teacher's way to tomorrow's lesson, in a real browser."""

from __future__ import annotations

import csv
import re
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

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


def open_list(page: Page, user: User) -> Page:
    sign_in(page, user)
    follow(page, page.locator(".classes a"))
    follow(page, page.get_by_role("link", name="Reteach", exact=True))
    return page


@pytest.mark.parametrize(("scheme", "width"), [*AXE_WINDOWS, ("light", 768), ("light", 1100)])
def test_the_pages_fit_their_window_in_both_colour_schemes(
    scheme: Scheme, width: int, group: Group, ms_diaz: User, open_page: Open
) -> None:
    page = open_list(open_page(scheme, width), ms_diaz)
    assert_page_is_fit(page)
    assert_definitions_are_readable(page)
    page.locator(".concept > a").nth(1).click()
    expect(page.locator("#detail h2")).to_be_focused()
    assert_page_is_fit(page)
    follow(page, page.get_by_role("link", name="On a page of its own"))
    assert_page_is_fit(page)
    assert_definitions_are_readable(page)
    for address in ("", "?need=due&smallest=3", "?view=print"):
        page.goto(f"/classes/{group.pk}/reteach-groups/{address}")
        assert_page_is_fit(page)
    assert_definitions_are_readable(page)
    page.goto(f"/classes/{group.pk}/reteach-groups/?view=board")
    assert_page_is_fit(page)


def test_a_concept_shows_what_it_opens_without_leaving_the_list(
    group: Group, ms_diaz: User, open_page: Open
) -> None:  # fmt: skip
    page = open_list(open_page(), ms_diaz)
    detail = page.get_by_role("region", name="If you reteach the chosen concept")
    first, third = page.locator(".concept > a").first, page.locator(".concept > a").nth(2)
    # The first of the list is open from the start.
    expect(detail.get_by_role("heading", level=2)).to_have_text(first.inner_text())
    title = third.inner_text()
    third.click()
    expect(detail.get_by_role("heading", level=2)).to_have_text(title)
    expect(detail).to_contain_text(re.compile(r"learners? needs? it"))
    # The address of the list names it, so that it is there again after a reload.
    page.reload()
    expect(detail.get_by_role("heading", level=2)).to_have_text(title)
    expect(page.get_by_role("heading", level=1)).to_contain_text("What to reteach in 7b")
    follow(page, detail.get_by_role("link", name="On a page of its own"))
    expect(page.get_by_role("heading", level=1)).to_have_text(title)


def test_a_teacher_finds_who_needs_what_without_a_mouse(group: Group, ms_diaz: User, open_page: Open) -> None:
    page = open_page()
    sign_in(page, ms_diaz)
    tab_to(page, "7b")
    page.keyboard.press("Enter")
    page.wait_for_url("**/classes/*/")
    tab_to(page, "Reteach")
    page.keyboard.press("Enter")
    page.wait_for_url("**/reteach/")
    title = page.locator(".concept > a").nth(1).inner_text()
    tab_to(page, title, most=90)
    page.keyboard.press("Enter")
    heading = page.locator("#detail h2")
    expect(heading).to_have_text(title)
    expect(heading).to_be_focused()
    tab_to(page, "Back to the list")
    page.keyboard.press("Enter")
    expect(page.locator("tr:target .concept > a")).to_have_text(title)
    page.reload()
    tab_to(page, "Suggested groups for the next lesson")
    page.keyboard.press("Enter")
    page.wait_for_url("**/reteach-groups/")
    page.get_by_label("Learners").focus()
    page.keyboard.press("ArrowDown")
    tab_to(page, "Make groups")
    page.keyboard.press("Enter")
    page.wait_for_url("**need=unmastered**")
    tab_to(page, "For the noticeboard")
    page.keyboard.press("Enter")
    page.wait_for_url("**view=board**")
    expect(page.get_by_role("heading", level=1)).to_have_text("7b")


def test_a_teacher_chooses_the_size_of_groups_and_takes_them_along(
    group: Group, ms_diaz: User, open_page: Open, tmp_path: Path
) -> None:
    page = open_list(open_page(), ms_diaz)
    follow(page, page.get_by_role("link", name="Suggested groups for the next lesson"))
    page.get_by_label("Learners").select_option("who struggle or are learning")
    page.get_by_label("Groups of").select_option("3")
    page.locator("[name=largest]").select_option("4")
    follow(page, page.get_by_role("button", name="Make groups"))
    assert page.url.endswith("?need=unmastered&area=&smallest=3&largest=4")
    cards = page.locator(".groups > li")
    sizes = [cards.nth(n).locator(".members li").count() for n in range(cards.count())]
    assert sizes and all(3 <= size <= 4 for size in sizes)
    with page.expect_download() as taken:
        page.get_by_role("link", name="Table as CSV").click()
    taken.value.save_as(tmp_path / "groups.csv")
    rows = list(csv.DictReader(StringIO((tmp_path / "groups.csv").read_text("utf-8-sig"))))
    assert len(rows) == 8
    assert [sum(row["Group"] == str(n + 1) for row in rows) for n in range(len(sizes))] == sizes


def test_a_narrower_list_keeps_its_order(group: Group, ms_diaz: User, open_page: Open) -> None:
    page = open_list(open_page(), ms_diaz)
    follow(page, page.get_by_role("link", name="what blocks most first"))
    page.get_by_label("Subject area").select_option("Whole numbers")
    page.get_by_label("Enough known of at least").fill("3")
    follow(page, page.get_by_role("button", name="Show"))
    assert page.url.endswith("?sort=blocked&area=Whole+numbers&least=3")
    assert set(page.locator(".area").all_inner_texts()) == {"Whole numbers"}
    blocks = [int(n) for n in page.locator("td.blocks > .figure").all_text_contents()]
    assert blocks == sorted(blocks, reverse=True)


def test_on_paper_the_noticeboard_holds_groups_alone(group: Group, ms_diaz: User, open_page: Open) -> None:
    page = open_list(open_page(), ms_diaz)
    page.goto(f"/classes/{group.pk}/reteach-groups/?view=board&need=unmastered")
    page.emulate_media(media="print")
    # A4 upright, without its margins, at 96 pixels an inch.
    page.set_viewport_size({"width": 718, "height": 1046})
    assert_page_is_fit(page)
    for text in ("Back to the screen view", "Sign out", "English", "Ms Diaz"):
        expect(page.get_by_text(text)).to_be_hidden()
    assert page.locator(".groups > li").count() > 0
    page.goto(f"/classes/{group.pk}/reteach-groups/?view=print&need=unmastered")
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Make groups")).to_be_hidden()
    expect(page.locator(".members").first).to_be_visible()


def test_without_scripts_the_same_is_behind_the_names(
    group: Group, ms_diaz: User, browser: Browser, live_server: Any
) -> None:
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    page = open_list(context.new_page(), ms_diaz)
    title = page.locator(".concept > a").nth(1).inner_text()
    follow(page, page.locator(".concept > a").nth(1))
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.locator(".needing > li").first).to_be_visible()
    context.close()


def test_a_teacher_of_another_class_finds_nothing(group: Group, school: School, open_page: Open) -> None:
    page = open_page()
    sign_in(page, people.a_teacher(school, "Ms Roth"))
    for path in ("reteach/", "reteach-groups/"):
        page.goto(f"/classes/{group.pk}/{path}")
        expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page")
