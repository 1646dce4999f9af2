from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.dashboard.conftest import SignIn
from tutor.accounts.models import User

PASSWORD = "correct horse battery"


def sign_in(address: str, password: str = PASSWORD, **more: str) -> Any:
    return Client().post("/login/", {"username": address, "password": password, **more})


@pytest.mark.parametrize("address", ["ms.diaz@example.org", "Ms.Diaz@Example.org ", "MS.DIAZ@EXAMPLE.ORG"])
def test_an_address_is_known_however_it_is_written(address: str, ms_diaz: User) -> None:
    answer = sign_in(address)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


def test_afterwards_the_page_asked_for_is_shown(ms_diaz: User) -> None:
    assert sign_in(ms_diaz.email, next="/classes/x/").headers["Location"] == "/classes/x/"


def test_nobody_is_sent_to_another_host(ms_diaz: User) -> None:
    assert sign_in(ms_diaz.email, next="https://evil.example/").headers["Location"] == "/"


@pytest.mark.parametrize(("address", "password"), [("ms.diaz@example.org", "wrong"), ("nobody@example.org", PASSWORD)])
def test_a_refusal_says_what_to_do_and_not_who_is_known(address: str, password: str, ms_diaz: User) -> None:
    shown = sign_in(address, password).content.decode()
    assert "do not belong together" in shown
    assert "administrator of your school" in shown
    assert f'value="{address}"' in shown


def test_a_closed_account_stays_out(ms_diaz: User) -> None:
    ms_diaz.is_active = False
    ms_diaz.save()
    assert sign_in(ms_diaz.email).status_code == 200


def test_signing_out_takes_a_post_and_leads_back(ms_diaz: User, signed_in: SignIn) -> None:
    browser = signed_in(ms_diaz)
    assert browser.get("/logout/").status_code == 405
    assert browser.post("/logout/").headers["Location"] == "/login/"
    assert browser.get("/").status_code == 302


def test_who_is_signed_in_needs_no_form(ms_diaz: User, signed_in: SignIn) -> None:
    assert signed_in(ms_diaz).get("/login/").headers["Location"] == "/"
