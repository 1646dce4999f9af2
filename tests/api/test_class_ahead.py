"""What lies ahead of a class, over HTTP: of each learner the figures that are told of them alone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from curricula.models import Curriculum
from tests import people
from tests.api.test_errors import problem
from tests.flow import steps
from tests.flow.agreed import settle_on
from tests.flow.steps import statements
from tests.people import Caller
from tutor.accounts.models import ApiClient, Group, Learner, School, User


@pytest.fixture
def group(school: School, ms_diaz: User, bo: Learner, ana: Learner, fractions: Curriculum) -> Group:
    """Bo has learnt halves, Ana has answered nothing."""
    now = timezone.now()
    times = [(now - timedelta(minutes=60 - n)).timestamp() for n in range(6)]
    steps.record(school, [steps.answer(bo, fractions, 0, seconds=at) for at in times], now=now)
    steps.work(now=now)
    return people.a_group(school, "8a", teachers=(ms_diaz,), learners=(bo, ana), curriculum=fractions)


def path(group: Group, what: str) -> str:
    return f"/api/v1/classes/{group.pk}/{what}"


def in_days(n: int) -> date:
    return (datetime.now(UTC) + timedelta(days=n)).date()


def without_moments(told: dict[str, Any]) -> dict[str, Any]:
    """Recall fades by the second between two questions; days, kinds and minutes are the same."""
    reviews = [(row["concept"]["key"], row["due_at"], row["day"]) for row in told["reviews"]]
    return {**told, "reviews": reviews}


def test_each_learners_agenda_is_the_one_told_of_them_alone(
    client: Caller, group: Group, bo: Learner, ana: Learner
) -> None:
    settle_on(group, retention=0.85, new_a_day=1)
    rows = {row["learner_id"]: row for row in client.get(path(group, "agenda?days=28")).json()["data"]}
    assert rows.keys() == {str(bo.pk), str(ana.pk)}
    for learner in (bo, ana):
        alone = client.get(f"/api/v1/learners/{learner.pk}/agenda?days=28").json()
        alone = {"learner_id": str(learner.pk), "reviews": alone.pop("data"), **alone}
        assert without_moments(rows[str(learner.pk)]) == without_moments(alone)
    assert rows[str(bo.pk)]["retention"] == 0.85
    assert any(visit["kind"] == "new" for day in rows[str(ana.pk)]["days"] for visit in day["visits"])


def test_agendas_come_a_page_at_a_time_and_no_learner_twice(client: Caller, group: Group) -> None:
    seen, to = [], path(group, "agenda?limit=1")
    for _ in range(2):
        page = client.get(to).json()
        seen += [row["learner_id"] for row in page["data"]]
        to = path(group, f"agenda?limit=1&cursor={page['next_cursor']}")
    assert page["next_cursor"] is None
    assert seen == sorted({str(pk) for pk in group.learners.values_list("pk", flat=True)})


def test_a_forecast_of_a_class_is_that_of_its_learners(client: Caller, group: Group, bo: Learner, ana: Learner) -> None:
    day = in_days(30)
    said = client.get(path(group, f"forecast?date={day}&concepts=halves")).json()
    one = client.get(f"/api/v1/learners/{bo.pk}/forecast?date={day}&concepts=halves").json()["data"][0]
    rows = {row["learner_id"]: row for row in said["data"]}
    assert (rows[str(ana.pk)]["alone"], rows[str(ana.pk)]["known"]) == (None, 0), "nothing is known of her"
    row = rows[str(bo.pk)]
    assert row["alone"]["value"] == pytest.approx(one["estimate"]["value"], abs=1e-3)
    assert row["with_agenda"]["value"] == pytest.approx(one["with_agenda"], abs=1e-3)
    assert row["mastered_with_agenda"] == pytest.approx(one["mastered_with_agenda"], abs=0.01)
    assert row["minutes_per_day"] > 0
    [halves] = said["concepts"]
    assert (halves["concept"]["key"], halves["known"]) == ("halves", 1)
    assert halves["alone"] == row["alone"] and halves["mastered"] == row["mastered"]
    assert (said["date"], said["days"]) == (str(day), 30)


def test_what_counts_are_the_goals_of_the_class_or_everything(client: Caller, group: Group) -> None:
    to = path(group, f"forecast?date={in_days(7)}")
    keys = [row["concept"]["key"] for row in client.get(to).json()["concepts"]]
    assert set(keys) == {"equal-parts", "halves", "adding"}
    settle_on(group, goals=("adding",))
    assert [row["concept"]["key"] for row in client.get(to).json()["concepts"]] == ["adding"]


def test_statements_do_not_grow_with_the_class(client: Caller, group: Group, school: School) -> None:
    """Once model and content are in memory."""
    counts = []
    for n in (0, 1, 5):
        group.learners.add(*steps.learners(school, n))
        with statements() as sent:
            for what in ("agenda", f"forecast?date={in_days(7)}"):
                assert len(client.get(path(group, what)).json()["data"]) >= 2 + n
        counts.append(len(sent))
    assert counts[1] == counts[2] <= counts[0]


def test_a_class_without_learners_has_nothing_ahead(client: Caller, school: School, fractions: Curriculum) -> None:
    empty = people.a_group(school, "new", curriculum=fractions)
    assert client.get(path(empty, "agenda")).json() == {"data": [], "next_cursor": None}
    said = client.get(path(empty, f"forecast?date={in_days(7)}")).json()
    assert said["data"] == [] and {row["known"] for row in said["concepts"]} == {0}


def test_what_cannot_be_told_is_refused_with_the_way_out(client: Caller, group: Group, school: School) -> None:
    for what, parameter in (
        (f"forecast?date={in_days(-2)}", "date"), (f"forecast?date={in_days(500)}", "date"),
        (f"forecast?date={in_days(7)}&concepts=physics", "concepts"), ("agenda?cursor=x", "cursor"),
        ("agenda?days=99", "days"), ("agenda?colour=red", "colour"),
    ):  # fmt: skip
        assert parameter in str(problem(client.get(path(group, what)), 400, "bad-parameter")["errors"])
    people.a_curriculum(school.pk, "other")
    lost = people.a_group(school, "of several")
    for what in ("agenda", f"forecast?date={in_days(7)}"):
        problem(client.get(path(lost, what)), 404, "not-found")


def test_another_school_and_a_key_without_the_scope_ask_in_vain(outsider: Caller, group: Group, school: School) -> None:
    roster = people.a_client(school, ApiClient.Scope.ROSTER_READ)
    for what in ("agenda", f"forecast?date={in_days(7)}"):
        problem(outsider.get(path(group, what)), 404, "not-found")
        assert roster.get(path(group, what)).status_code == 403
