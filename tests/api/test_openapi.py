"""The document is what the code says, and the code does what the document says of scopes and schools."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
import yaml

from api import openapi
from curricula.models import Curriculum
from tests import people
from tests.api.test_errors import problem
from tests.people import Caller
from tutor.accounts.models import ApiClient, Group, Learner, School

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi.yaml"


@cache
def document() -> dict[str, Any]:
    return openapi.build()


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    paths = yaml.safe_load(COMMITTED.read_text())["paths"]
    return [(method.upper(), path, one) for path, each in paths.items() for method, one in each.items()]


def needed(one: dict[str, Any]) -> str:
    """A query string with the parameters that the operation requires."""
    required = [each for each in one["parameters"] if each["in"] == "query" and each.get("required")]
    nobody = "01900000-0000-7000-8000-000000000001"
    values = {"date": "2030-01-01", "date-time": "2030-01-01T00:00:00Z", "uuid": nobody}
    pairs = {each["name"]: values.get(each["schema"].get("format"), "1") for each in required}
    return f"?{urlencode(pairs)}" if pairs else ""


def test_the_committed_document_is_current() -> None:
    assert COMMITTED.read_text() == openapi.text(), "run manage.py write_openapi"


def test_every_operation_is_named_once_and_says_what_it_is_for() -> None:
    names = [one["operationId"] for _, _, one in operations()]
    assert len(names) == len(set(names))
    assert all(one["summary"] and one["tags"] for _, _, one in operations())


def test_the_document_and_its_pages_are_public(db: None) -> None:
    assert Caller().get("/api/v1/schema").json() == json.loads(msgspec.json.encode(document()))
    page = Caller().get("/api/v1/docs", accept="text/html")
    assert page.status_code == 200
    assert not re.search(r'(src|href)="https?://', page.content.decode()), "a page of ours asks no foreign host"


@pytest.mark.parametrize(
    ("method", "path", "one"), operations(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_key_without_the_scope_is_refused(school: School, method: str, path: str, one: dict[str, Any]) -> None:
    if "x-scope" not in one:
        pytest.skip("open to every key")
    others = [scope for scope in people.ALL_SCOPES if scope != one["x-scope"]]
    address = re.sub(r"\{\w+\}", "01900000-0000-7000-8000-000000000001", path)
    response = people.a_client(school, *others).send(method, address, {})
    assert one["x-scope"] in problem(response, 403, "missing-scope")["detail"]


@pytest.mark.parametrize(
    ("method", "path", "one"), operations(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_another_schools_key_finds_nothing(
    outsider: Caller,
    client: Caller,
    class_7b: Group,
    bo: Learner,
    fractions: Curriculum,
    method: str,
    path: str,
    one: dict[str, Any],
) -> None:
    key = ApiClient.objects.get(name="LMS")
    ours = {"learner": bo.pk, "group": class_7b.pk, "curriculum": fractions.pk, "key": key.pk}
    names = re.findall(r"\{(\w+)\}", path)
    if not names or not set(names) <= ours.keys():
        pytest.skip("no one school's address, or tested at its resource")
    address = re.sub(r"\{(\w+)\}", lambda name: str(ours[name[1]]), path) + needed(one)
    problem(outsider.send(method, address, {}, if_match="*"), 404, "not-found")
