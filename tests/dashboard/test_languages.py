from __future__ import annotations

from django.test import Client

from tests.dashboard.conftest import SignIn
from tests.people import Caller
from tutor.accounts.models import Group, User


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
