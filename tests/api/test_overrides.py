"""Teachers' words about concepts, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from curricula.models import Curriculum
from tests import people
from tests.api.test_errors import problem
from tests.people import Caller
from tutor.accounts.models import Group, Learner, School
from tutor.scheduling.models import Override

PATH = "/api/v1/overrides"


def body(of: Learner | Group, **changes: Any) -> dict[str, Any]:
    field = "learner" if isinstance(of, Learner) else "group"
    return {field: str(of.pk), "concept": "halves", "kind": "exclude", "reason": "known from home", **changes}


def offered(client: Caller, learner: Learner) -> list[str]:
    said = client.get(f"/api/v1/learners/{learner.pk}/next?n=9").json()["data"]
    return [each["concept"]["key"] for each in said]


def test_a_word_is_made_read_and_ended(client: Caller, bo: Learner, class_7b: Group) -> None:
    assert offered(client, bo) == ["halves"]
    made = client.post(PATH, body(bo))
    assert made.status_code == 201
    said = made.json()
    assert (said["learner_id"], said["group_id"], said["concept"]["key"]) == (str(bo.pk), None, "halves")
    assert (said["made_by"], said["holds"], said["end"], said["answers"]) == ("LMS", True, None, None)
    assert client.get(made["Location"]).json() == said
    assert offered(client, bo) == []
    assert [client.delete(made["Location"]).status_code for _ in range(2)] == [204, 204]
    ended = client.get(made["Location"]).json()
    assert (ended["holds"], ended["end"], ended["ended_by"]) == (False, "withdrawn", "LMS")
    assert offered(client, bo) == ["halves"]


def test_why_there_is_nothing_is_told(client: Caller, bo: Learner, class_7b: Group) -> None:
    client.post(PATH, body(bo))
    said = client.get(f"/api/v1/learners/{bo.pk}/next").json()
    assert said["nothing"] == "excluded"
    assert "1 excluded by a teacher, 2 locked" in said["explanation"]


def test_what_is_said_to_be_mastered_is_so_for_everybody_who_asks(client: Caller, bo: Learner, class_7b: Group) -> None:
    client.post(PATH, body(bo, kind="mastered"))
    assert offered(client, bo) == ["equal-parts"]
    rows = client.get(f"/api/v1/learners/{bo.pk}/mastery?explain=true").json()["data"]
    assert [row["estimate"]["status"] for row in rows] == ["mastered", "not_enough_data", "locked"]
    assert rows[0]["explanation"]["text"].startswith("Mastered, a teacher says")


def test_a_class_needs_no_curriculum_named(client: Caller, school: School, class_7b: Group, bo: Learner) -> None:
    people.a_curriculum(school.pk, "algebra")
    assert client.post(PATH, body(class_7b)).json()["curriculum_id"] == str(class_7b.curriculum_id)
    fault = problem(client.post(PATH, body(bo)), 422, "invalid")["errors"][0]
    assert (fault["pointer"], "send which is meant" in fault["message"]) == ("/curriculum", True)
    assert client.post(PATH, body(bo, curriculum="fractions")).status_code == 201


def test_words_are_listed_by_whom_they_concern_and_whether_they_hold(
    client: Caller, class_7b: Group, bo: Learner, ana: Learner
) -> None:
    later = (timezone.now() + timedelta(days=1)).isoformat()
    of_class = client.post(PATH, body(class_7b, kind="pin", expires_at=later)).json()["id"]
    of_bo = client.post(PATH, body(bo)).json()["id"]
    ended = client.post(PATH, body(bo, kind="open")).json()["id"]
    client.delete(f"{PATH}/{ended}")

    def listed(query: str) -> list[str]:
        return [row["id"] for row in client.get(f"{PATH}{query}").json()["data"]]

    assert listed("") == [of_class, of_bo]
    assert listed(f"?learner={bo.pk}") == [of_class, of_bo]
    assert listed(f"?learner={ana.pk}") == listed(f"?group={class_7b.pk}") == [of_class]
    assert (listed("?state=ended"), listed("?state=all")) == ([ended], [of_class, of_bo, ended])
    Override.objects.filter(pk=of_class).update(expires_at=timezone.now())
    assert (listed("?state=ended"), listed("")) == ([of_class, ended], [of_bo])
    assert client.get(f"{PATH}/{of_class}").json()["end"] == "expired"


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"concept": "physics"}, "/concept", "unknown_concept"),
        ({"reason": " "}, "/reason", "blank"),
        ({"kind": "ban"}, "/kind", "invalid_choice"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at", "past"),
        ({"answers": 3}, "/answers", "not_a_pin"),
        ({"kind": "pin", "answers": 0}, "/answers", "min_value"),
        ({"group": "external:lms:7b"}, "/learner", "one_of_two"),
        ({"learner": str(uuid4())}, "/learner", "unknown_learner"),
        ({"curriculum": "physics"}, "/curriculum", "unknown_curriculum"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(
    changes: dict[str, Any], pointer: str, code: str, client: Caller, bo: Learner, fractions: Curriculum
) -> None:
    fault = problem(client.post(PATH, body(bo, **changes)), 422, "invalid")["errors"][0]
    assert (fault["pointer"], fault["code"]) == (pointer, code)
    assert not Override.objects.exists()


def test_a_reason_is_required(client: Caller, bo: Learner, fractions: Curriculum) -> None:
    without = {name: value for name, value in body(bo).items() if name != "reason"}
    assert problem(client.post(PATH, without), 422, "invalid")["errors"][0]["pointer"] == "/reason"


def test_what_still_holds_is_not_said_twice(client: Caller, bo: Learner, fractions: Curriculum) -> None:
    client.post(PATH, body(bo))
    assert "end it first" in problem(client.post(PATH, body(bo)), 409, "conflict")["detail"]


def test_a_repeated_request_is_answered_as_before(client: Caller, bo: Learner, fractions: Curriculum) -> None:
    first, again = (client.post(PATH, body(bo), idempotency_key="one") for _ in range(2))
    assert (again.status_code, again.json()) == (201, first.json())


def test_an_outsider_neither_reads_nor_makes_nor_ends(
    client: Caller, outsider: Caller, bo: Learner, class_7b: Group, other_school: School
) -> None:
    people.a_curriculum(other_school.pk)
    made = client.post(PATH, body(bo))
    problem(outsider.get(made["Location"]), 404, "not-found")
    problem(outsider.delete(made["Location"]), 404, "not-found")
    assert outsider.get(f"{PATH}?state=all").json()["data"] == []
    problem(outsider.get(f"{PATH}?learner={bo.pk}"), 404, "not-found")
    for of in (bo, class_7b):
        problem(outsider.post(PATH, body(of)), 422, "invalid")
    assert client.get(made["Location"]).json()["holds"] is True


def test_reading_is_one_scope_and_saying_another(school: School, bo: Learner, fractions: Curriculum) -> None:
    reader = people.a_client(school, "recommend:read")
    assert reader.get(PATH).status_code == 200
    problem(reader.post(PATH, body(bo)), 403, "missing-scope")
    problem(reader.delete(f"{PATH}/{uuid4()}"), 403, "missing-scope")
