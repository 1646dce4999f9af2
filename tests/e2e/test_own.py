"""A learner's way to the own page and through it, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.own_pages import a_link
from tests.e2e.browser import PHONE, Scheme
from tests.e2e.checks import AXE_WINDOWS, assert_definitions_are_readable, assert_page_is_fit
from tests.e2e.conftest import Open
from tests.e2e.test_dashboard import follow, sign_in, tab_to
from tutor.accounts.models import Group, Learner, User

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


@pytest.fixture
def ada(group: Group) -> Learner:
    return group.learners.get(name="Ada Okafor")


def open_own(page: Page, learner: Learner) -> Page:
    page.goto(a_link(learner))
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Hello {learner.name}")
    return page


@pytest.mark.parametrize(("scheme", "width"), AXE_WINDOWS)
def test_the_page_fits_its_window_in_both_colour_schemes(
    scheme: Scheme, width: int, ada: Learner, open_page: Open
) -> None:
    page = open_own(open_page(scheme, width), ada)
    assert_page_is_fit(page)
    assert_definitions_are_readable(page)
    page.evaluate("document.querySelectorAll('details.group').forEach((group) => { group.open = true; })")
    assert_page_is_fit(page)
    follow(page, page.get_by_role("button", name="Close this page"))
    assert_page_is_fit(page)


def test_a_learner_without_answers_finds_a_page_too(group: Group, open_page: Open) -> None:
    page = open_own(open_page("light", PHONE), group.learners.get(name="Finn Berg"))
    expect(page.get_by_role("heading", level=2).first).to_have_text("Your first answer starts this page.")
    assert_page_is_fit(page)


def test_the_token_stays_in_no_history(ada: Learner, open_page: Open) -> None:
    page = open_page("light", PHONE)
    page.goto("/login/")
    open_own(page, ada)
    assert page.url.endswith("/me/")
    assert page.evaluate("document.cookie").find("trellis_own") == -1, "no script reads it"
    page.go_back()
    assert page.url.endswith("/login/")
    page.go_forward()
    assert page.url.endswith("/me/")
    assert [cookie["path"] for cookie in page.context.cookies() if cookie.get("name") == "trellis_own"] == ["/me/"]


def test_a_learner_reads_the_page_without_a_mouse(ada: Learner, open_page: Open) -> None:
    page = open_own(open_page("light", PHONE), ada)
    tab_to(page, "How is “Mastered” computed?")
    page.keyboard.press("Enter")
    expect(page.locator(".why[open] .said")).to_contain_text("80% likely or more")
    page.keyboard.press("Enter")
    mastered = page.locator("details.group", has=page.locator("summary", has_text="Mastered"))
    expect(mastered.get_by_role("listitem").first).to_be_hidden()
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('details.group > summary')") and "Mastered" in page.evaluate(
            "document.activeElement.textContent"
        ):
            break
    page.keyboard.press("Enter")
    expect(mastered.get_by_role("listitem").first).to_be_visible()


def test_whoever_closes_the_page_needs_the_link_again(ada: Learner, open_page: Open) -> None:
    page = open_own(open_page("light", PHONE), ada)
    follow(page, page.get_by_role("button", name="Close this page"))
    expect(page.get_by_role("heading", level=1)).to_have_text("This page opens with a link")
    page.goto("/me/")
    expect(page.get_by_role("heading", level=1)).to_have_text("This page opens with a link")


def test_a_teacher_and_a_stranger_are_told_what_it_is(group: Group, ms_diaz: User, open_page: Open) -> None:
    page = open_page()
    page.goto("/me/enter/?token=trlt_guess")
    expect(page.get_by_role("heading", level=1)).to_have_text("This link opens nothing any more")
    assert_page_is_fit(page)
    sign_in(page, ms_diaz)
    page.goto("/me/")
    follow(page, page.get_by_role("link", name="To your classes"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Your classes")
