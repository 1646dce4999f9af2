"""A learner's own page as a browser reads it, and the way to it."""

from __future__ import annotations

from html.parser import HTMLParser

from django.test import Client

from tests import people
from tests.people import Caller
from tutor.accounts.models import Learner


def a_link(learner: Learner) -> str:
    """As an LMS gets it."""
    lms: Caller = people.a_client(learner.school, name="LMS of links")
    page: str = lms.post("/api/v1/learner-tokens", {"learner": str(learner.pk)}).json()["page"]
    return page.removeprefix("http://testserver")


def browser_of(learner: Learner) -> Client:
    """That has followed the learner's link."""
    browser = Client()
    assert browser.get(a_link(learner)).status_code == 303
    return browser


class OwnReader(HTMLParser):
    """By key of the concept: its status, and what stands there."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.statuses: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self._key: str | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "li" and "data-concept" in said:
            self._key = said["data-concept"]
            self.statuses[self._key], self.texts[self._key] = said["data-status"], ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "li":
            self._key = None

    def handle_data(self, data: str) -> None:
        if self._key is not None:
            self.texts[self._key] += data
