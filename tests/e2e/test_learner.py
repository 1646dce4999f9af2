"""A teacher's way through the pages of one learner, in a real browser."""

from __future__ import annotations

import csv
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests import people
from tests.dashboard.classroom import answers, take_in
from tests.e2e.browser import PHONE, Scheme
from tests.e2e.checks import AXE_WINDOWS, assert_definitions_are_readable, assert_page_is_fit
from tests.e2e.conftest import Open
from tests.e2e.test_dashboard import follow, sign_in, tab_to
from tests.flow.agreed import ask, say
from tutor.accounts.models import Group, Learner, School, User
from tutor.scheduling.models import Decision, Override

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


@pytest.fixture
def chiara(group: Group, school: School, ms_diaz: User) -> Learner:
    """She asked the tutor an hour ago, answered the first offer, and a colleague has had a word."""
    now = timezone.now()
    learner = group.learners.get(name="Chiara Rossi")
    served = ask(learner, 3, now=now - timedelta(hours=1))
    assert group.curriculum is not None
    item = served.content.item_keys[served.entries[0].item]
    take_in(school, answers(learner, group.curriculum, item, "1", last=now - timedelta(minutes=30)), now=now)
    say(ms_diaz, learner, group.curriculum, "exclude", served.content.concept_keys[4], now=now)
    return learner


def open_learner(page: Page, user: User, learner: Learner) -> None:
    sign_in(page, user)
    follow(page, page.locator(".classes a"))
    follow(page, page.locator(".learners tbody").get_by_role("link", name=learner.name))


@pytest.mark.parametrize(("scheme", "width"), [*AXE_WINDOWS, ("light", 768), ("light", 1100)])
def test_every_page_of_a_learner_fits_its_window_in_both_colour_schemes(
    scheme: Scheme, width: int, chiara: Learner, ms_diaz: User, open_page: Open
) -> None:
    page = open_page(scheme, width)
    open_learner(page, ms_diaz, chiara)
    here = page.url
    chosen = Decision.objects.filter(learner_id=chiara.pk, outcome="answered").get()
    key = page.locator(".concepts tbody a").first.get_attribute("href") or ""
    pages = (here, key, here + "answers/", here + "answers/?show=offers", here + "adjust/", here + "print/")
    for address in (*pages, here + f"decisions/{chosen.pk}/"):
        page.goto(address)
        assert_page_is_fit(page)
        assert_definitions_are_readable(page)
        page.evaluate("for (const each of document.querySelectorAll('details.group')) each.open = true")
        assert_page_is_fit(page)


def test_a_teacher_sees_why_a_learner_got_an_item(chiara: Learner, ms_diaz: User, open_page: Open) -> None:
    page = open_page()
    open_learner(page, ms_diaz, chiara)
    follow(page, page.get_by_role("link", name="Why this?").first)
    expect(page.get_by_role("heading", level=1)).to_have_text("Why did Chiara Rossi get this?")
    chosen = Decision.objects.filter(learner_id=chiara.pk, outcome="answered").get()
    expect(page.locator(".candidates .chosen")).to_have_count(1)
    expect(page.locator(".because").first.get_by_role("listitem")).to_have_count(len(chosen.reasons))
    expect(page.locator(".versions")).to_contain_text(str(chosen.model_version_id))
    follow(page, page.locator(".offered-item").get_by_role("link"))
    expect(page.get_by_role("heading", level=2, name="Forgetting and planned reviews")).to_be_visible()


def test_a_teacher_filters_the_answers_and_takes_them_along(
    chiara: Learner, ms_diaz: User, open_page: Open, tmp_path: Path
) -> None:
    page = open_page()
    open_learner(page, ms_diaz, chiara)
    follow(page, page.get_by_role("link", name="All answers and offers"))
    page.get_by_label("Result").select_option("wrong")
    follow(page, page.get_by_role("button", name="Show"))
    assert "verdict=wrong" in page.url
    n = page.locator(".log > li").count()
    assert n == page.locator(".log .wrong").count() > 0
    with page.expect_download() as taken:
        page.get_by_role("link", name="Table as CSV").click()
    taken.value.save_as(tmp_path / "answers.csv")
    rows = list(csv.DictReader(StringIO((tmp_path / "answers.csv").read_text("utf-8-sig"))))
    assert {row["Result"] for row in rows} == {"wrong"}
    follow(page, page.get_by_role("link", name="Clear all filters"))
    expect(page.locator(".log .right")).not_to_have_count(0)


def test_a_concept_is_pinned_and_taken_back_without_a_mouse(
    group: Group, chiara: Learner, ms_diaz: User, open_page: Open
) -> None:
    page = open_page()
    open_learner(page, ms_diaz, chiara)
    tab_to(page, "Subtracting whole numbers", most=200)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Subtracting whole numbers")
    tab_to(page, "Do it next, leave it out", most=120)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Concept", exact=True)).to_have_value("subtraction")
    page.get_by_label("Concept", exact=True).focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.get_by_role("radio", name="Do it next")).to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.type("we did it yesterday")
    tab_to(page, "Put it in force")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("is planned anew")
    expect(page.get_by_text("we did it yesterday")).to_be_visible()
    tab_to(page, "Overview")
    page.keyboard.press("Enter")
    expect(page.locator(".offers li").first).to_contain_text("A teacher wants this next.")
    expect(page.locator(".offers li").first).to_contain_text("Subtracting whole numbers")
    tab_to(page, "Take back Subtracting whole numbers", most=120)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Taken back: Subtracting whole numbers.")
    assert Override.objects.get(kind="pin").end == Override.End.WITHDRAWN


def test_a_form_that_cannot_be_is_shown_again_as_it_was_filled_in(
    chiara: Learner, ms_diaz: User, open_page: Open
) -> None:
    page = open_page("dark", PHONE)
    open_learner(page, ms_diaz, chiara)
    follow(page, page.get_by_role("link", name="Adjust", exact=True))
    page.get_by_label("Concept", exact=True).select_option(label="Place value")
    page.get_by_role("radio", name="It is known").check()
    page.get_by_label("Why?").fill("passed the test")
    page.locator("#until").fill("2020-01-01")
    follow(page, page.get_by_role("button", name="Put it in force"))
    assert_page_is_fit(page)
    expect(page.get_by_label("Why?")).to_have_value("passed the test")
    expect(page.locator("#until-problem")).to_contain_text("2020-01-01 is past")
    page.locator("#until").fill("")
    follow(page, page.get_by_role("button", name="Put it in force"))
    expect(page.get_by_role("status").first).to_contain_text("Place value")


def test_the_sheet_for_parents_leaves_the_page_behind(chiara: Learner, ms_diaz: User, open_page: Open) -> None:
    page = open_page()
    open_learner(page, ms_diaz, chiara)
    follow(page, page.get_by_role("link", name="For the parents"))
    page.emulate_media(media="print")
    for hidden in (".bar", ".crumbs", ".of-learner", "footer"):
        expect(page.locator(hidden)).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.set_viewport_size({"width": 718, "height": 1047})
    # An A4 sheet, but for its margins, at 96 pixels an inch.
    assert page.evaluate("document.documentElement.scrollHeight") <= 1047


def test_a_teacher_of_another_class_finds_no_learner(
    group: Group, chiara: Learner, school: School, open_page: Open
) -> None:
    page = open_page()
    sign_in(page, people.a_teacher(school, "Ms Roth"))
    for below in ("", "adjust/", "answers/"):
        page.goto(f"/classes/{group.pk}/learners/{chiara.pk}/{below}")
        expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page")
