"""Who moved what serves a school, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from curricula.models import Curriculum
from tests import people
from tests.flow.steps import at
from tests.people import Caller
from tests.registry.versions import a_version
from tutor.accounts.models import School
from tutor.registry import deployments
from tutor.registry import services as registry
from tutor.registry.models import ModelVersion
from tutor.registry.moves import Order


@pytest.fixture
def champion(fractions: Curriculum) -> ModelVersion:
    found = registry.ensure_served(fractions.pk)
    assert found
    return found


@pytest.fixture
def candidate(fractions: Curriculum, school: School, champion: ModelVersion) -> ModelVersion:
    return a_version(fractions, school=school)


def moves(caller: Caller, curriculum: Curriculum, more: str = "") -> Any:
    return caller.get(f"/api/v1/curricula/{curriculum.pk}/deployment/moves{more}").json()


def test_every_move_is_told_with_who_wanted_it(
    client: Caller, fractions: Curriculum, school: School, champion: ModelVersion, candidate: ModelVersion
) -> None:
    url, ours, theirs = f"/api/v1/models/{candidate.pk}", str(candidate.pk), str(champion.pk)
    for door in ("shadow", "withdraw", "promote", "rollback"):
        client.post(f"{url}:{door}", {"force": True} if door == "promote" else {})
    client.post(f"/api/v1/curricula/{fractions.pk}/deployment:follow-site", {})
    first, *rest = moves(client, fractions)["data"]
    assert (first["how"], first["school"], first["to_version"], first["by"]) == ("promoted", None, theirs, "")
    told = [(each["how"], each["from_version"], each["to_version"], each["forced"]) for each in rest]
    assert told == [
        ("challenged", None, ours, False),
        ("withdrawn", ours, None, False),
        ("promoted", theirs, ours, True),
        ("rolled_back", ours, theirs, False),
        ("followed", theirs, theirs, False),
    ]
    assert {(each["by"], each["school"], each["from_kind"] or each["to_kind"]) for each in rest} == {
        ("LMS", str(school.pk), "half-life")
    }


def test_they_come_by_pages(client: Caller, fractions: Curriculum, candidate: ModelVersion) -> None:
    client.post(f"/api/v1/models/{candidate.pk}:promote", {})
    page = moves(client, fractions, "?limit=1")
    assert page["data"][0]["by"] == "" and page["next_cursor"]
    rest = moves(client, fractions, f"?limit=1&cursor={page['next_cursor']}")
    assert (rest["data"][0]["by"], rest["next_cursor"]) == ("LMS", None)


def test_another_school_sees_none_of_them(
    outsider: Caller, client: Caller, fractions: Curriculum, school: School, candidate: ModelVersion
) -> None:
    address = f"/api/v1/curricula/{fractions.pk}/deployment/moves"
    assert outsider.get(address).status_code == 404
    assert people.a_client(school, "mastery:read").get(address).status_code == 403
    client.post(f"/api/v1/models/{candidate.pk}:promote", {})
    fractions.owner = None
    fractions.save()
    assert {each["school"] for each in moves(outsider, fractions)["data"]} == {None}


def test_of_those_who_look_after_all_schools_no_name_is_told(client: Caller, fractions: Curriculum) -> None:
    registry.ensure_served(fractions.pk)
    deployments.promote(a_version(fractions), now=at(0), order=Order("Ola Operator", reason="it is better"))
    last = moves(client, fractions)["data"][-1]
    assert (last["by"], last["reason"], last["school"]) == ("the operator", "it is better", None)
