"""Every page of the dashboard, in each colour scheme, of each width, in each language, as whoever reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests import people
from tests.dashboard import pages, whole_school
from tests.dashboard.pages import Reader
from tests.e2e.browser import DESK, PHONE, Scheme
from tests.e2e.checks import faults
from tests.e2e.conftest import Open
from tests.e2e.test_dashboard import sign_in
from tutor.accounts.models import Learner, School, User

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]

#: Words are longest in German, and windows narrowest on a phone.
WINDOWS: Final[tuple[tuple[Scheme, int, str], ...]] = (
    ("light", DESK, "en"),
    ("dark", DESK, "de"),
    ("light", PHONE, "de"),
    ("dark", PHONE, "de"),
)


@pytest.fixture
def told(transactional_db: None, school: School, ms_diaz: User) -> tuple[Learner, str]:
    return whole_school.fill(school, ms_diaz, now=timezone.now())


@pytest.fixture
def head(school: School) -> User:
    return people.a_teacher(school, "Head", role=User.Role.ADMIN)


def test_every_page_fits_every_window_in_every_language(
    told: tuple[Learner, str], ms_diaz: User, head: User, open_page: Open
) -> None:
    learner, link = told
    wrong: list[str] = []
    for scheme, width, language in WINDOWS:
        readers = {reader: open_page(scheme, width, language=language) for reader in Reader}
        sign_in(readers[Reader.TEACHER], ms_diaz)
        sign_in(readers[Reader.ADMIN], head)
        readers[Reader.LEARNER].goto(link)
        found = dict(looked_at(readers, learner))
        assert found.keys() == {page.name for page in pages.PAGES if page.is_whole}
        wrong += [f"{name}, {scheme} {width} {language}: {fault}" for name, all_ in found.items() for fault in all_]
    assert not wrong, "\n".join(wrong)


def looked_at(readers: dict[Reader, Page], learner: Learner) -> Iterator[tuple[str, list[str]]]:
    """Opens each page as its reader; its name, and what is wrong with it."""

    def html(reader: Reader, address: str) -> str:
        return readers[reader].request.get(address).text()

    for page, address in pages.within_reach(pages.places(html, {"learner_id": str(learner.pk)})):
        if page.is_whole:
            shown = readers[page.reader]
            answer = shown.goto(address)
            assert answer is not None
            assert answer.status == 200, address
            # The parts that it fetches are there too.
            expect(shown.locator(".htmx-request")).to_have_count(0, timeout=20_000)
            yield page.name, faults(shown)
