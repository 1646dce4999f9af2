"""The operator's pages."""

import re

import pytest
from django.test import Client

from tests import people
from tests.people import Caller
from tutor.accounts.models import ApiClient, Group, School, User


@pytest.fixture
def operator(db: None) -> Client:
    pages = Client()
    pages.force_login(User.objects.create_superuser("operator@example.org"))
    return pages


@pytest.mark.parametrize("table", ["school", "user", "learner", "group", "apiclient"])
def test_every_table_has_its_pages(operator: Client, class_7b: Group, client: Caller, table: str) -> None:
    assert operator.get(f"/admin/accounts/{table}/").status_code == 200
    assert operator.get(f"/admin/accounts/{table}/add/").status_code == 200


def test_the_first_key_of_a_school_is_shown_once_and_works(operator: Client, school: School) -> None:
    form = {"school": str(school.pk), "name": "LMS", "scopes": ["roster:read"]}
    page = operator.post("/admin/accounts/apiclient/add/", form, follow=True).content.decode()
    found = re.search(r"trl_[\w-]{43}", page)
    assert found
    assert Caller(found[0]).get("/api/v1/me").json()["school"]["name"] == "Elm School"
    assert found[0] not in operator.get("/admin/accounts/apiclient/").content.decode()


def test_a_key_can_be_revoked_but_not_changed_or_deleted(operator: Client, client: Caller) -> None:
    key = ApiClient.objects.get()
    assert operator.post(f"/admin/accounts/apiclient/{key.pk}/change/", {"name": "other"}).status_code == 403
    assert operator.post(f"/admin/accounts/apiclient/{key.pk}/delete/", {"post": "yes"}).status_code == 403
    operator.post("/admin/accounts/apiclient/", {"action": "revoke", "_selected_action": [str(key.pk)]})
    key.refresh_from_db()
    assert (key.name, key.revoked_at is not None) == ("LMS", True)


def test_a_new_teacher_can_sign_in(operator: Client, school: School) -> None:
    form = {
        "email": "New@Example.org",
        "name": "New",
        "school": str(school.pk),
        "role": "teacher",
        "usable_password": "true",
        "password1": people.PASSWORD,
        "password2": people.PASSWORD,
    }
    operator.post("/admin/accounts/user/add/", form)
    assert Client().login(username="NEW@example.org", password=people.PASSWORD)


def test_a_teacher_has_no_business_there(ms_diaz: User) -> None:
    pages = Client()
    pages.force_login(ms_diaz)
    assert pages.get("/admin/accounts/learner/").status_code == 302
