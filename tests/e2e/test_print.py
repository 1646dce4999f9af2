"""On paper there is nothing to press, to fill in or to go to: of every page, what is printed is what is read."""

from __future__ import annotations

from typing import Final

import pytest
from django.utils import timezone
from playwright.sync_api import Page

from tests import people
from tests.dashboard import models_room, pages
from tests.dashboard.pages import Reader
from tests.e2e.conftest import Open
from tests.e2e.test_dashboard import sign_in
from tutor.accounts.models import Group, School, User

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]

#: Navigation but for the line that says of which class a page is, what forms consist of, what opens an action or a
#: definition, links to files.
_FOR_THE_SCREEN: Final = """
() => [...document.querySelectorAll(
  'nav:not(.crumbs), button, select, textarea, input, .why, .act > summary, a[href*=".csv"], .skip, footer'
)].filter((each) => each.checkVisibility() && each.getClientRects().length)
  .map((each) => `${each.tagName.toLowerCase()}.${each.className} ${(each.name || each.innerText || "").slice(0, 40)}`)
"""
#: Pages on which the fields of a form are what is read: what holds now.
FORMS: Final = dict.fromkeys(("settings", "learner_adjust"), ("input", "select", "textarea"))


@pytest.fixture
def readers(school: School, group: Group, ms_diaz: User, open_page: Open) -> dict[Reader, Page]:
    models_room.a_story(school, group, now=timezone.now())
    people.a_client(school, "recommend:read").get(f"/api/v1/learners/{group.learners.order_by('pk')[0].pk}/next")
    found = {}
    for reader, user in (
        (Reader.TEACHER, ms_diaz),
        (Reader.ADMIN, people.a_teacher(school, "Head", role=User.Role.ADMIN)),
    ):
        found[reader] = open_page()
        sign_in(found[reader], user)
    return found


def test_nothing_for_the_screen_is_printed(readers: dict[Reader, Page], group: Group) -> None:
    def read(reader: Reader, address: str) -> str:
        readers[reader].goto(address)
        return readers[reader].content()

    found = {"learner_id": str(group.learners.order_by("pk")[0].pk), "of": "", "table": "", "curriculum_id": ""}
    printed = {}
    for page, address in pages.within_reach(pages.places(read, found)):
        if page.is_whole and page.reader in readers:
            paper = readers[page.reader]
            paper.emulate_media(media="screen")
            paper.goto(address)
            paper.emulate_media(media="print")
            left = {each for each in paper.evaluate(_FOR_THE_SCREEN) if not each.startswith(FORMS.get(page.name, ()))}
            printed[page.name] = sorted(left)
            assert paper.locator("h1").is_visible(), page.name
    assert {name: left for name, left in printed.items() if left} == {}
    assert len(printed) > 20
