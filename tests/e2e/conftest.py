"""A browser of the system's, a school behind it, and a watch over both."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page

from tests.dashboard.classroom import a_classroom
from tests.e2e.browser import DESK, PROGRAMS, Scheme, Watch, chromium, program
from tutor.accounts.models import Group, School, User

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if program() is None:
        missing = f"no Chromium: none of {', '.join(PROGRAMS)} is on the PATH; apt-get install chromium"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)
    with pytest.MonkeyPatch.context() as patch:
        # Playwright's loop runs in this thread, and Django takes that for an asynchronous program.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        with chromium() as opened:
            yield opened


@pytest.fixture
def group(transactional_db: None, school: School, ms_diaz: User) -> Group:
    return a_classroom(school, ms_diaz, n=8, now=timezone.now())


@pytest.fixture
def open_page(browser: Browser, live_server: Any) -> Iterator[Open]:
    """A fresh page for a person who is not signed in; at the end of the test nothing must have gone wrong behind it."""
    watch = Watch(urlsplit(live_server.url).netloc)
    contexts = []

    def open_(scheme: Scheme = "light", width: int = DESK, *, language: str = "en") -> Page:
        context = browser.new_context(
            base_url=live_server.url, viewport={"width": width, "height": 900}, color_scheme=scheme, locale=language
        )
        contexts.append(context)
        page = context.new_page()
        watch.over(page)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert watch.complaints == []
