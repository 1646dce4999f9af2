from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

from django.test import Client
from django.utils import translation

from tests.dashboard import pages
from tests.dashboard.conftest import SignIn
from tests.dashboard.pages import Reader
from tests.people import Caller
from tutor.accounts.models import Group, User
from tutor.language import Figure, grouped, percent

#: Attributes that hold numbers, whatever the language.
NUMBERS: Final = frozenset(
    ("cx", "cy", "d", "dx", "dy", "height", "max", "min", "points", "r", "rx", "ry", "step", "transform", "viewbox",
     "width", "x", "x1", "x2", "y", "y1", "y2")
)  # fmt: skip


def test_pages_speak_the_language_that_the_browser_asks_for(class_7b: Group, ms_diaz: User, signed_in: SignIn) -> None:
    page, browser = f"/classes/{class_7b.pk}/", signed_in(ms_diaz)
    for asked, spoken in [("de-AT,de;q=0.9,en;q=0.5", "de"), ("en-GB", "en"), ("fr", "en"), ("", "en")]:
        answer = browser.get(page, headers={"accept-language": asked})
        assert answer.headers["Content-Language"] == spoken
        assert f'<html lang="{spoken}">' in answer.content.decode()


def test_what_a_reader_has_chosen_goes_before_what_the_browser_asks_for(db: None) -> None:
    browser = Client(headers={"accept-language": "en"})
    assert '<html lang="en">' in browser.get("/login/").content.decode()
    chosen = browser.post("/language/", {"language": "de", "next": "/login/"})
    assert chosen.headers["Location"] == "/login/"
    assert '<html lang="de">' in browser.get("/login/").content.decode()


def test_a_choice_of_language_leads_nowhere_else(db: None) -> None:
    assert Client().post("/language/", {"language": "de", "next": "https://example.org/"}).headers["Location"] == "/"


def test_the_api_speaks_english_whoever_asks(client: Caller, class_7b: Group) -> None:
    said = [client.get(f"/api/v1/learners/{class_7b.pk}", accept_language=language).json() for language in ("en", "de")]
    assert said[0]["detail"] == said[1]["detail"]


class Numbers(HTMLParser):
    """What a page gives a browser to compute with."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        wanted = NUMBERS | ({"value"} if tag == "progress" or said.get("type") == "number" else set())
        self.found += [f"{tag} {name}={value}" for name, value in said.items() if name in wanted and value]


def test_every_page_is_there_in_every_language_and_numbers_stay_numbers(readers: dict[Reader, Client]) -> None:
    def read(reader: Reader, address: str, language: str = "de") -> str:
        answer = readers[reader].get(address, headers={"accept-language": language})
        assert answer.status_code == 200, address
        assert answer.headers["Content-Language"] == language, address
        return b"".join(answer).decode()

    learner = next(iter(Group.objects.get().learners.order_by("pk"))).pk
    places = pages.places(read, {"learner_id": str(learner)})
    seen, wrong = set(), []
    for page, address in pages.within_reach(places):
        shown = read(page.reader, address)
        if not page.address.endswith(".csv"):
            wrong += [(page.name, each) for each in Numbers(shown).found if re.search(r"\d,\d", each)]
        seen.add(page.name)
    assert wrong == []
    assert seen == {page.name for page in pages.PAGES}


def test_what_is_absent_is_absent_in_the_reader_s_language(ms_diaz: User, signed_in: SignIn) -> None:
    answer = signed_in(ms_diaz).get("/classes/nowhere/", headers={"accept-language": "de"})
    assert answer.status_code == 404
    assert "Diese Seite gibt es nicht" in answer.content.decode()


def test_figures_are_written_as_the_language_writes_them() -> None:
    for language, said in [("en", ["63%", "1,234", "0.50"]), ("de", ["63\N{NO-BREAK SPACE}%", "1.234", "0,50"])]:
        with translation.override(language):
            assert [percent(0.63), grouped(1234), f"{Figure(0.5):.2f}"] == said
