"""A teacher's way through the map of prerequisites, in a real browser."""

from __future__ import annotations

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from curricula import services as curricula
from curricula import snapshot
from tests import people
from tests.dashboard.wide_curriculum import a_wide_document
from tests.e2e.browser import DESK, PHONE, Scheme
from tests.e2e.checks import AXE_WINDOWS, assert_definitions_are_readable, assert_page_is_fit
from tests.e2e.conftest import Open
from tests.e2e.test_dashboard import follow, sign_in, tab_to
from tests.flow import learnt
from tutor.accounts.models import Group, School, User
from tutor.registry import effective, reviews
from tutor.registry.models import EdgeReview
from tutor.registry.reviews import Verb

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


@pytest.fixture
def mapped(group: Group, ms_diaz: User) -> Group:
    """Class 7b, whose model has learnt some prerequisites and whose teacher has said something of others."""
    assert group.curriculum is not None
    place = snapshot.latest(group.curriculum.pk).concept_position
    learnt.serve(
        group.curriculum,
        {
            (place["rounding"], place["decimal-place-value"]): 0.94,
            (place["percent-basics"], place["probability"]): 0.62,
            (place["place-value"], place["multiplication-facts"]): 0.71,
        },
    )
    for parent, child, verb in (
        ("place-value", "addition", Verb.ACCEPT),
        ("unit-fractions", "equivalent-fractions", Verb.REJECT),
    ):
        pair = place[parent], place[child]
        reviews.review(ms_diaz, group.curriculum.pk, pair, verb, reason="as we teach it", now=timezone.now())
    effective.forget()
    return group


@pytest.fixture
def wide(school: School, ms_diaz: User, transactional_db: None) -> Group:
    """150 concepts."""
    draft = curricula.create(a_wide_document(), owner=school.pk, now=timezone.now())
    curricula.publish(draft.curriculum, now=timezone.now())
    learners = tuple(people.a_learner(school, f"Learner {i}") for i in range(3))
    return people.a_group(school, "9c", teachers=(ms_diaz,), learners=learners, curriculum=draft.curriculum)


def open_map(page: Page, user: User, group: Group) -> None:
    sign_in(page, user)
    page.goto(f"/classes/{group.pk}/prerequisites/")


@pytest.mark.parametrize(("scheme", "width"), [*AXE_WINDOWS, ("light", 768)])
def test_the_pages_fit_their_window_in_both_colour_schemes(
    scheme: Scheme, width: int, mapped: Group, ms_diaz: User, open_page: Open
) -> None:
    page = open_page(scheme, width)
    open_map(page, ms_diaz, mapped)
    assert_page_is_fit(page)
    assert_definitions_are_readable(page)
    page.evaluate("for (const each of document.querySelectorAll('.entry')) each.open = true")
    assert_page_is_fit(page)
    for choice in ("open", "reviewed"):
        page.goto(f"/classes/{mapped.pk}/prerequisites/?edges={choice}")
        assert_page_is_fit(page)
        follow(page, page.locator(".edge-list a").first)
        assert_page_is_fit(page)
        assert_definitions_are_readable(page)
    follow(page, page.get_by_role("button", name="Take the review back"))
    assert_page_is_fit(page)


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_a_hundred_and_fifty_concepts_stay_readable(width: int, wide: Group, ms_diaz: User, open_page: Open) -> None:
    page = open_page("light", width)
    open_map(page, ms_diaz, wide)
    assert_page_is_fit(page)
    assert page.locator(".map .box").count() == 150
    # At first titles are at least 10 pixels high, whatever the window; and none leaves its box.
    assert page.evaluate(_SMALLEST_TITLE) >= 10
    assert page.evaluate(_OVERFULL) == []


def test_a_concept_is_found_while_one_types_and_the_map_goes_to_it(wide: Group, ms_diaz: User, open_page: Open) -> None:
    page = open_page()
    open_map(page, ms_diaz, wide)
    page.get_by_label("Find a concept").fill("cylinders")
    n = page.locator(".box.found").count()
    expect(page.get_by_text(f"{n} concepts are called so")).to_be_visible()
    assert page.locator(".entry:not([hidden])").count() == n > 1
    first = page.locator(".box.at")
    expect(first).to_be_in_viewport()
    before = first.get_attribute("data-concept")
    page.keyboard.press("Enter")
    expect(page.locator(".box.at")).not_to_have_attribute("data-concept", before or "")
    expect(page.locator(".box.at")).to_be_in_viewport()
    page.get_by_label("Find a concept").fill("")
    assert page.locator(".entry:not([hidden])").count() == 150


def test_the_map_zooms_and_shows_what_a_concept_hangs_together_with(
    mapped: Group, ms_diaz: User, open_page: Open
) -> None:
    page = open_page()
    open_map(page, ms_diaz, mapped)
    wide_before = page.locator("#map").bounding_box()
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Zoom in").click()
    wide_after = page.locator("#map").bounding_box()
    assert wide_before and wide_after and wide_after["width"] > 1.5 * wide_before["width"]
    page.get_by_role("button", name="Whole width").click()
    assert page.evaluate("frame.scrollWidth <= frame.clientWidth")
    page.get_by_role("region", name="Map of prerequisites").focus()
    page.keyboard.press("0")
    expect(page.locator("#scale")).to_have_text("100 %")
    page.locator(".box", has_text="Percent").first.click()
    expect(page.locator("#chosen")).to_contain_text("builds on: ")
    assert 0 < page.locator(".of.on").count() < page.locator(".of").count()
    page.get_by_role("button", name="Show all").click()
    assert page.locator(".of.on").count() == 0


def test_a_wrong_prerequisite_is_corrected_without_a_mouse(mapped: Group, ms_diaz: User, open_page: Open) -> None:
    page = open_page()
    sign_in(page, ms_diaz)
    tab_to(page, "7b")
    page.keyboard.press("Enter")
    page.wait_for_url("**/classes/*/")
    tab_to(page, "Prerequisites")
    page.keyboard.press("Enter")
    page.wait_for_url("**/prerequisites/")
    page.get_by_label("Find a concept").focus()
    page.keyboard.type("Equations in two steps")
    tab_to(page, "builds on 2, leads to 3")
    page.keyboard.press("Enter")
    tab_to(page, "Equations in one step before Equations in two steps")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Equations in one step before Equations in two steps")
    expect(page.locator(".previews li", has_text="Reject")).to_contain_text("wait no longer")
    page.get_by_label("Note: why?").focus()
    page.keyboard.type("taught together")
    tab_to(page, "Reject")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_have_text(
        "Rejected: “Equations in one step” is no prerequisite of “Equations in two steps” at Elm School."
    )
    expect(page.get_by_text("taught together")).to_be_visible()
    assert EdgeReview.objects.filter(reason="taught together", decision="rejected", reviewer=ms_diaz).exists()


def test_a_circle_is_told_before_it_is_tried(mapped: Group, ms_diaz: User, open_page: Open) -> None:
    page = open_page()
    open_map(page, ms_diaz, mapped)
    page.get_by_label("Who learns …").select_option(label="Place value")
    page.get_by_label("… has to know first").select_option(label="Long division")
    follow(page, page.get_by_role("button", name="Look at it"))
    accept = page.locator(".previews li").first
    expect(accept).to_contain_text("it would run in a circle, Place value →")
    expect(accept.get_by_role("button")).to_have_count(0)


def test_without_scripts_the_map_is_there_and_searching_asks_the_server(
    mapped: Group, ms_diaz: User, open_page: Open
) -> None:
    signed = open_page()
    sign_in(signed, ms_diaz)
    assert signed.context.browser is not None
    bare = signed.context.browser.new_context(
        base_url=signed.url, java_script_enabled=False, storage_state=signed.context.storage_state()
    )
    page = bare.new_page()
    page.goto(f"/classes/{mapped.pk}/prerequisites/")
    expect(page.locator("#map")).to_be_visible()
    expect(page.get_by_role("button", name="Zoom in")).to_be_hidden()
    page.get_by_label("Find a concept").fill("percent")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator(".entry")).to_have_count(3)
    bare.close()


_SMALLEST_TITLE = """
() => Math.min(...[...document.querySelectorAll(".box text:not(.figures)")].map(
  (text) => parseFloat(getComputedStyle(text).fontSize) * map.clientWidth / map.viewBox.baseVal.width))
"""
_OVERFULL = """
() => [...document.querySelectorAll(".box")].flatMap((box) => {
  const [x, width] = ["x", "width"].map((name) => box.querySelector("rect")[name].baseVal.value);
  return [...box.querySelectorAll("text")].map((text) => [text.textContent, text.getBBox()])
    .filter(([, at]) => at.x < x || at.x + at.width > x + width).map(([said]) => said);
})
"""
