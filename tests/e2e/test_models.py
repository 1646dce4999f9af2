"""An administrator's way through the pages of models, in a real browser."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests import people
from tests.dashboard import models_room as room
from tests.dashboard.models_room import Room
from tests.e2e.browser import Scheme
from tests.e2e.checks import AXE_WINDOWS, assert_definitions_are_readable, assert_page_is_fit
from tests.e2e.conftest import Open
from tests.e2e.test_dashboard import follow, sign_in, tab_to
from tutor.accounts.models import Group, School, User
from tutor.registry.models import TrainingRun

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


@pytest.fixture
def head(school: School, group: Group) -> User:
    return people.a_teacher(school, "Head", role=User.Role.ADMIN)


@pytest.fixture
def story(school: School, group: Group) -> Room:
    return room.a_story(school, group, now=timezone.now())


@pytest.fixture
def tried(school: School, group: Group, story: Room) -> Room:
    """The challenger is level, and has foretold some answers."""
    room.in_shadow(school, story, list(group.learners.all()), now=timezone.now())
    return story


def open_models(page: Page, head: User) -> None:
    sign_in(page, head)
    follow(page, page.get_by_role("link", name="Models"))


@pytest.mark.parametrize(("scheme", "width"), [*AXE_WINDOWS, ("light", 768), ("light", 1100)])
def test_every_page_of_models_fits_its_window_in_both_colour_schemes(
    scheme: Scheme, width: int, tried: Room, head: User, open_page: Open
) -> None:
    page = open_page(scheme, width)
    open_models(page, head)
    assert_page_is_fit(page)
    assert_definitions_are_readable(page)
    for act in page.locator("details.act > summary").all():
        act.click()
        assert_page_is_fit(page)
    follow(page, page.locator(".versions tbody a", has_text="CAKT"))
    page.evaluate("for (const each of document.querySelectorAll('.group, .as-table')) each.open = true")
    assert_page_is_fit(page)
    assert_definitions_are_readable(page)
    page.goto(f"/models/runs/{tried.run.pk}/")
    assert_page_is_fit(page)


def test_an_administrator_promotes_what_has_proved_itself_and_takes_it_back(
    tried: Room, head: User, open_page: Open
) -> None:
    page = open_page()
    open_models(page, head)
    challenger = page.locator(".serving .challenger")
    expect(challenger).to_contain_text("32 of 2,000")
    name = challenger.locator(".version").inner_text()
    challenger.get_by_text("Promote…").click()
    expect(challenger).to_contain_text("Estimates and plans follow it")
    follow(page, challenger.get_by_role("button", name=f"Promote {name}"))
    expect(page.get_by_role("status").first).to_have_text(f"{name} now serves Elm School.")
    expect(page.locator(".serving .champion .version")).to_have_text(name)
    before = page.locator(".serving .previous")
    before.get_by_text("Roll back…").click()
    follow(page, before.get_by_role("button", name="Roll back to"))
    expect(page.locator(".serving .previous .version")).to_have_text(name)


def test_a_refusal_is_told_and_changes_nothing(story: Room, head: User, open_page: Open) -> None:
    page = open_page()
    open_models(page, head)
    challenger = page.locator(".serving .challenger")
    challenger.get_by_text("Promote…").click()
    follow(page, challenger.get_by_role("button", name="Promote"))
    expect(page.get_by_role("alert")).to_contain_text("cannot serve yet: 0 of")
    expect(page.locator(".serving .challenger")).to_be_visible()


def test_progress_moves_by_itself_and_the_page_shows_the_end(story: Room, head: User, open_page: Open) -> None:
    page = open_page()
    open_models(page, head)
    bar = page.get_by_role("progressbar", name="PSI-KT: fits (2 of 3)")
    expect(bar).to_have_attribute("value", "40")
    TrainingRun.objects.filter(pk=story.run.pk).update(progress={"epoch": 9.0, "step": 960, "steps": 1600})
    expect(bar).to_have_attribute("value", "60", timeout=15_000)
    TrainingRun.objects.filter(pk=story.run.pk).update(
        status="failed", message="there are 2 answers of 1 learners", finished_at=timezone.now() - timedelta(seconds=1)
    )
    expect(page.locator(".fits")).to_contain_text("failed: there are 2 answers of 1 learners", timeout=15_000)


def test_a_fit_is_begun_and_cancelled_without_a_mouse(group: Group, head: User, open_page: Open) -> None:
    page = open_page()
    open_models(page, head)
    tab_to(page, "Fit a new model…")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="CAKT")).to_be_checked()
    tab_to(page, "Fit it")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_have_text("A CAKT model of Elm School will be fitted.")
    expect(page.locator(".fits tbody tr")).to_contain_text("waits for the training worker")
    tab_to(page, "Cancel…")
    page.keyboard.press("Enter")
    tab_to(page, "Cancel the fit")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_have_text("The fit of a CAKT model is cancelled.")


def test_a_teacher_finds_no_models(story: Room, ms_diaz: User, open_page: Open) -> None:
    page = open_page()
    sign_in(page, ms_diaz)
    expect(page.get_by_role("link", name="Models")).to_have_count(0)
    page.goto("/models/")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page")
