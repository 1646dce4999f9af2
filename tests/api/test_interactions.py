"""Answers in, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from curricula import services
from curricula.models import Curriculum
from tests import people
from tests.api.test_errors import problem
from tests.people import Caller
from tutor.accounts.models import Learner, School
from tutor.interactions.models import Interaction

ONE = "/api/v1/interactions"
BATCH = "/api/v1/interactions:batch"

pytestmark = pytest.mark.usefixtures("fractions")


def answer(by: Learner, name: str = "a1", **fields: Any) -> dict[str, Any]:
    return {"id": name, "learner": str(by.pk), "item": "halves-1", "correct": 1, **fields}


def refused(client: Caller, body: dict[str, Any]) -> dict[str, Any]:
    """The one reason why a row of a batch is not taken."""
    result = client.post(BATCH, {"interactions": [body]}).json()["results"][0]
    assert result["status"] == "rejected"
    return dict(result["error"])


def test_an_answer_is_taken_and_said_to_be_there_when_sent_again(client: Caller, bo: Learner) -> None:
    at = datetime.now(UTC).isoformat()
    first = client.post(ONE, answer(bo, occurred_at=at))
    again = client.post(ONE, answer(bo, occurred_at=at))
    assert (first.status_code, first.json()) == (202, {"id": "a1", "status": "accepted"})
    assert (again.status_code, again.json()) == (200, {"id": "a1", "status": "duplicate"})
    assert Interaction.objects.count() == 1


def test_an_answer_without_a_time_may_be_sent_again_later(client: Caller, bo: Learner) -> None:
    assert [client.post(ONE, answer(bo)).status_code for _ in range(2)] == [202, 200]


def test_everything_that_was_sent_is_kept(client: Caller, bo: Learner) -> None:
    sent = answer(
        bo,
        item="adding-2",
        concepts=["adding", "halves"],
        correct=0.25,
        occurred_at="2026-03-02T10:00:00.123456+02:00",
        source="quiz",
        response_seconds=7.5,
        hints=2,
        attempt=3,
    )
    assert client.post(ONE, sent).status_code == 202
    row = Interaction.objects.get()
    assert row.occurred_at == datetime(2026, 3, 2, 8, 0, 0, 123456, tzinfo=UTC)
    assert (row.item, row.concepts, row.correct, row.source, row.client_id) == (5, [2, 0], 0.25, "quiz", "a1")
    assert (row.response_seconds, row.hints, row.attempt) == (7.5, 2, 3)


def test_figures_too_small_for_the_log_are_kept_as_zero(client: Caller, bo: Learner) -> None:
    assert client.post(ONE, answer(bo, correct=1e-60, response_seconds=1e-300)).status_code == 202
    row = Interaction.objects.get()
    assert (row.correct, row.response_seconds) == (0, 0)


def test_an_id_cannot_be_used_for_another_answer(client: Caller, bo: Learner) -> None:
    client.post(ONE, answer(bo))
    said = problem(client.post(ONE, answer(bo, correct=0)), 409, "conflict")
    assert "a1" in said["detail"]
    assert Interaction.objects.get().correct == 1


def test_two_senders_may_use_the_same_id(client: Caller, bo: Learner) -> None:
    bodies = [answer(bo, source=source) for source in ("lms", "app")]
    assert [client.post(ONE, body).status_code for body in bodies] == [202, 202]


def test_a_learner_answers_to_the_rosters_name(client: Caller, bo: Learner) -> None:
    assert client.post(ONE, answer(bo, learner="external:lms:bo")).status_code == 202
    assert Interaction.objects.get().learner_id == bo.pk


def test_another_schools_learner_cannot_be_written_for(outsider: Caller, other_school: School, bo: Learner) -> None:
    people.a_curriculum(other_school.pk)
    said = problem(outsider.post(ONE, answer(bo)), 422, "unknown-reference")
    assert said["errors"][0]["pointer"] == "/learner"
    assert not Interaction.objects.exists()


def test_a_key_without_the_scope_is_refused(school: School, bo: Learner) -> None:
    problem(people.a_client(school, "mastery:read").post(ONE, answer(bo)), 403, "missing-scope")


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"item": "nowhere-9"}, "unknown_item", "/item"),
        ({"learner": "01900000-0000-7000-8000-000000000000"}, "unknown_learner", "/learner"),
        ({"learner": "external:lms:nobody"}, "unknown_learner", "/learner"),
        ({"learner": "Bo"}, "unknown_learner", "/learner"),
        ({"concepts": ["halves", "physics"]}, "unknown_concept", "/concepts/1"),
        ({"curriculum": "physics"}, "unknown_curriculum", "/curriculum"),
        ({"occurred_at": "1969-12-31T23:00:00Z"}, "implausible_time", "/occurred_at"),
        ({"occurred_at": "2026-03-02T10:00:00"}, "invalid_value", "/occurred_at"),
        ({"correct": 1.5}, "invalid_value", "/correct"),
        ({"correct": "yes"}, "invalid_value", "/correct"),
        ({"colour": "red"}, "unknown_field", "/colour"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused_with_its_reason(
    client: Caller, bo: Learner, changes: dict[str, Any], code: str, pointer: str
) -> None:
    error = refused(client, answer(bo, **changes))
    assert (error["code"], error["pointer"]) == (code, pointer)
    assert not Interaction.objects.exists()


def test_a_time_ahead_of_the_clock_is_refused(client: Caller, bo: Learner) -> None:
    ahead = datetime.now(UTC) + timedelta(minutes=6)
    assert refused(client, answer(bo, occurred_at=ahead.isoformat()))["code"] == "future_time"
    problem(client.post(ONE, answer(bo, occurred_at=ahead.isoformat())), 422, "invalid")


def test_a_clock_a_little_fast_is_forgiven(client: Caller, bo: Learner) -> None:
    ahead = datetime.now(UTC) + timedelta(minutes=4)
    assert client.post(ONE, answer(bo, occurred_at=ahead.isoformat())).status_code == 202


def test_a_school_with_two_curricula_says_which(client: Caller, school: School, bo: Learner) -> None:
    people.a_curriculum(school.pk, "ratios")
    assert refused(client, answer(bo))["code"] == "ambiguous_curriculum"
    assert client.post(ONE, answer(bo, curriculum="ratios")).status_code == 202


def test_each_row_of_a_batch_stands_for_itself(client: Caller, bo: Learner, ana: Learner) -> None:
    rows = [answer(bo), answer(ana, "a2"), answer(bo, "a3", item="nowhere"), answer(bo, "a4", correct="x"), answer(bo)]
    said = client.post(BATCH, {"interactions": rows})
    assert said.status_code == 202
    assert [row["status"] for row in said.json()["results"]] == [
        "accepted",
        "accepted",
        "rejected",
        "rejected",
        "duplicate",
    ]
    assert [row["id"] for row in said.json()["results"]] == ["a1", "a2", "a3", "a4", "a1"]
    assert {k: v for k, v in said.json().items() if k != "results"} == {"accepted": 2, "duplicate": 1, "rejected": 2}


def test_a_thousand_rows_are_taken_and_one_more_is_not(client: Caller, bo: Learner) -> None:
    rows = [answer(bo, f"a{i}") for i in range(1001)]
    problem(client.post(BATCH, {"interactions": rows}), 422, "invalid")
    assert not Interaction.objects.exists()
    assert client.post(BATCH, {"interactions": rows[:1000]}).json()["accepted"] == 1000


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        (b'{"interactions": [', 400, "malformed-json"),
        (b'{"interactions": [{"id": "\xff"}]}', 400, "malformed-json"),
        (b"[]", 422, "invalid"),
        (b'{"interactions": []}', 422, "invalid"),
        (b"{}", 422, "invalid"),
        (b" " * (8 * 1024 * 1024 + 1), 413, "body-too-large"),
    ],
)
def test_a_body_that_is_no_batch_is_refused_whole(client: Caller, body: bytes, status: int, slug: str) -> None:
    problem(client.post(BATCH, body), status, slug)


def test_an_item_published_a_moment_ago_can_be_answered(client: Caller, fractions: Curriculum, bo: Learner) -> None:

    client.post(ONE, answer(bo))
    document = people.a_document()
    document["items"].append({"key": "new-1", "concepts": ["halves"], "statement": "?"})
    services.import_document(document, owner=fractions.owner, now=timezone.now())
    services.publish(fractions, now=timezone.now())
    assert client.post(ONE, answer(bo, "a2", item="new-1")).status_code == 202


def three(client: Caller, learner: Learner) -> None:
    for day, item in enumerate(("halves-1", "equal-parts-1", "halves-2"), start=1):
        client.post(ONE, answer(learner, f"d{day}", item=item, occurred_at=f"2026-03-0{day}T08:00:00Z"))


def listed(client: Caller, learner: Learner, query: str = "") -> Any:
    return client.get(f"{ONE}?learner={learner.pk}{query}")


def test_answers_are_listed_page_by_page_in_the_order_in_which_they_happened(client: Caller, bo: Learner) -> None:
    three(client, bo)
    first = listed(client, bo, "&limit=2").json()
    second = listed(client, bo, f"&limit=2&cursor={first['next_cursor']}").json()
    assert [row["id"] for row in first["data"] + second["data"]] == ["d1", "d2", "d3"]
    assert second["next_cursor"] is None
    assert (first["data"][0]["item"], first["data"][0]["concepts"]) == ("halves-1", ["halves"])


def test_a_list_is_narrowed_by_time_and_concept(client: Caller, bo: Learner) -> None:
    three(client, bo)
    later = listed(client, bo, "&since=2026-03-02T00:00:00Z&until=2026-03-03T00:00:00Z").json()["data"]
    assert [row["id"] for row in later] == ["d2"]
    assert [row["id"] for row in listed(client, bo, "&concept=halves").json()["data"]] == ["d1", "d3"]


@pytest.mark.parametrize("query", ["&cursor=x", "&concept=physics", "&since=yesterday", "&limit=0", "&colour=red"])
def test_a_list_with_a_parameter_without_sense_is_refused(client: Caller, bo: Learner, query: str) -> None:
    problem(listed(client, bo, query), 400, "bad-parameter")


def test_another_school_cannot_list_answers(
    client: Caller, outsider: Caller, other_school: School, bo: Learner
) -> None:
    three(client, bo)
    people.a_curriculum(other_school.pk)
    problem(listed(outsider, bo), 404, "not-found")


def test_a_character_that_cannot_be_stored_spoils_its_own_row_only(client: Caller, bo: Learner) -> None:
    said = client.post(BATCH, {"interactions": [answer(bo, "a\0"), answer(bo, "a2")]}).json()
    assert [row["status"] for row in said["results"]] == ["rejected", "accepted"]
    assert said["results"][0]["error"]["code"] == "nul_character"
