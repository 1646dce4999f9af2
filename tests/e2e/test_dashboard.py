"""The teacher's way through the pages, in a real browser."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Locator, Page, expect

from tests import people
from tests.e2e.browser import Scheme
from tests.e2e.checks import AXE_WINDOWS, assert_definitions_are_readable, assert_page_is_fit
from tests.e2e.conftest import Open
from tests.people import Caller
from tutor.accounts.models import Group, School, User

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]

PASSWORD = "correct horse battery"


def sign_in(page: Page, user: User) -> None:
    """Through the door for tests: the form takes as long as checking a password should, and has its own."""
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    page.goto("/login/")
    site = page.url.removesuffix("login/")
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": site}])
    page.goto("/")
    assert urlsplit(page.url).path != "/login/"


def sign_in_by_form(page: Page, user: User) -> None:
    page.goto("/login/")
    page.get_by_label("E-mail address").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    follow(page, page.get_by_role("button", name="Sign in"))
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def follow(page: Page, link: Locator) -> None:
    """Clicks, and waits until the next page has its style sheet too."""
    with page.expect_navigation():
        link.click()


def tab_to(page: Page, name: str, *, most: int = 60) -> None:
    """Moves the focus as a keyboard does, until it is on what is called so."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if name in page.evaluate("document.activeElement.textContent"):
            return
    raise AssertionError(f"{name!r} cannot be reached with the Tab key on {page.url}")


def test_a_teacher_finds_what_a_learner_does_next_and_why(
    group: Group, ms_diaz: User, client: Caller, open_page: Open
) -> None:
    page = open_page()
    sign_in_by_form(page, ms_diaz)
    page.get_by_role("link", name="7b").click()
    first = page.get_by_role("table", name="Learners").get_by_role("rowheader").first.get_by_role("link")
    name = first.inner_text()
    first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    learner = page.url.rstrip("/").rsplit("/", 1)[1]
    served = client.get(f"/api/v1/learners/{learner}/next").json()["data"][0]
    offer = page.locator(".offers li").first
    expect(offer.get_by_role("heading")).to_contain_text(served["concept"]["title"])
    for reason in served["reasons"]:
        expect(offer).to_contain_text(reason["text"])


@pytest.mark.parametrize(("scheme", "width"), [*AXE_WINDOWS, ("light", 768), ("light", 1024), ("light", 1100)])
def test_every_page_fits_its_window_in_both_colour_schemes(
    scheme: Scheme, width: int, group: Group, ms_diaz: User, open_page: Open
) -> None:
    page = open_page(scheme, width)
    page.goto("/login/")
    assert_page_is_fit(page)
    sign_in(page, ms_diaz)
    assert_page_is_fit(page)
    follow(page, page.locator(".classes a"))
    assert_page_is_fit(page)
    assert_definitions_are_readable(page)
    follow(page, page.locator(".learners tbody a").first)
    page.get_by_text("Not practised yet").click()
    assert_page_is_fit(page)
    assert_definitions_are_readable(page)
    page.goto("/classes/nowhere/")
    assert_page_is_fit(page)


def test_no_mouse_is_needed(group: Group, ms_diaz: User, open_page: Open) -> None:
    page = open_page()
    page.goto("/")
    expect(page.get_by_label("E-mail address")).to_be_focused()
    page.keyboard.type(ms_diaz.email)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    tab_to(page, "7b")
    page.keyboard.press("Enter")
    page.wait_for_url("**/classes/*/")
    tab_to(page, "How is “Struggling” computed?")
    page.keyboard.press("Enter")
    expect(page.get_by_text("At least 4 answers").first).to_be_visible()
    learner = page.locator(".learners tbody a").first.inner_text()
    tab_to(page, learner)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(learner)
    tab_to(page, "Not practised yet", most=200)
    page.keyboard.press("Enter")
    expect(page.locator("details.untouched")).to_have_attribute("open", "")


def test_the_focus_can_be_seen(group: Group, ms_diaz: User, open_page: Open) -> None:
    page = open_page()
    sign_in(page, ms_diaz)
    follow(page, page.locator(".classes a"))
    for _ in range(12):
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", page.evaluate("document.activeElement.outerHTML")


def test_a_teacher_of_another_class_is_told_that_there_is_no_such_page(
    group: Group, school: School, open_page: Open
) -> None:
    page = open_page()
    sign_in(page, people.a_teacher(school, "Ms Roth"))
    expect(page.get_by_text("You are not the teacher of any class yet")).to_be_visible()
    page.goto(f"/classes/{group.pk}/")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page")


def test_a_wrong_password_says_what_to_do(ms_diaz: User, live_server: Any, open_page: Open) -> None:
    page = open_page()
    page.goto("/login/")
    page.get_by_label("E-mail address").fill(ms_diaz.email)
    page.get_by_label("Password").fill("wrong")
    follow(page, page.get_by_role("button", name="Sign in"))
    expect(page.get_by_role("alert")).to_contain_text("administrator of your school")
    expect(page.get_by_label("E-mail address")).to_have_value(ms_diaz.email)
    assert_page_is_fit(page)


def test_signing_out_leaves_nothing_to_go_back_to(group: Group, ms_diaz: User, open_page: Open) -> None:
    page = open_page()
    sign_in(page, ms_diaz)
    follow(page, page.locator(".classes a"))
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login/")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_the_api_s_documentation_needs_no_other_host(live_server: Any, open_page: Open) -> None:
    page = open_page()
    page.goto("/login/")
    page.get_by_role("link", name="API documentation").click()
    expect(page.locator(".swagger-ui .info .title")).to_contain_text("Trellis")
    expect(page.locator(".opblock").first).to_be_visible()
    expect(page.locator(".opblock", has_text=re.compile("next"))).not_to_have_count(0)
