"""No page is left out of what is photographed and measured, and none is for whom it is not."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, resolve, reverse

from tests.dashboard.pages import LEADING, PAGES, Page, Reader
from tutor.dashboard import urls

EVERY = {pattern.name or "": pattern for pattern in urls.urlpatterns if isinstance(pattern, URLPattern)}
SOME = {"group_id", "learner_id", "parent_id", "child_id", "decision_id", "version_id", "run_id", "curriculum_id"}


def filled(page: Page) -> str:
    return page.address.format_map(
        {name: str(UUID(int=1)) for name in SOME}
        | {"key": "k", "item": "i", "of": "o", "table": "t", "models_table": "t", "version_table": "t"}
    )


def some_address(pattern: URLPattern) -> str:
    kinds = pattern.pattern.converters
    given = {name: uuid4() if type(kind).__name__ == "UUIDConverter" else "some" for name, kind in kinds.items()}
    return reverse(f"dashboard:{pattern.name}", kwargs=given)


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_an_address_is_that_of_its_page(page: Page) -> None:
    assert resolve(filled(page)).view_name == f"dashboard:{page.name}"


def test_every_page_is_in_the_table_once() -> None:
    names = [page.name for page in PAGES]
    assert len(set(names)) == len(names)
    assert set(names) | LEADING <= EVERY.keys()


@pytest.mark.parametrize("name", sorted(EVERY.keys() - {page.name for page in PAGES} - LEADING))
def test_what_is_no_page_of_the_table_is_done_by_post_only(name: str, db: None) -> None:
    assert Client().get(some_address(EVERY[name])).status_code == 405


@pytest.mark.parametrize("page", [page for page in PAGES if page.reader in (Reader.TEACHER, Reader.ADMIN)],
                         ids=lambda page: page.name)  # fmt: skip
def test_whoever_is_not_signed_in_is_asked_to_sign_in(page: Page, db: None) -> None:
    answer = Client().get(filled(page))
    assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (302, "/login/")
