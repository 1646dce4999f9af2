"""The tables of the pages of models as files: what their pages show, as numbers, and for whom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from tests import people
from tests.dashboard import models_room as room
from tests.dashboard.classroom import answers, take_in
from tests.dashboard.conftest import SignIn, text_of
from tests.dashboard.mastery_map import table
from tests.dashboard.models_room import Room
from tests.flow import judged
from tests.flow.steps import statements
from tutor.accounts.models import Group, Learner, School, User
from tutor.dashboard import models_queries
from tutor.dashboard.models_files import OF_MODELS, OF_VERSION
from tutor.registry.models import ModelVersion

Rows = list[dict[str, str]]


@pytest.fixture
def room_of_7b(fractions: Any, school: School, class_7b: Group, now: datetime) -> Room:
    return room.a_story(school, class_7b, now=now)


@pytest.fixture
def read(head: User, signed_in: SignIn) -> Callable[[str], Rows]:
    """A file as the head opens it."""
    return lambda path: table(signed_in(head).get(f"/models/{path}"))


def value(row: dict[str, str], figure: str) -> list[float]:
    """With the ends of its range."""
    return [float(row[each]) for each in (figure, f"{figure}, lowest", f"{figure}, highest")]


def test_versions_come_with_their_figures_and_the_ends_of_their_ranges(
    room_of_7b: Room, read: Callable[[str], Rows]
) -> None:
    rows = {row["Version id"]: row for row in read("versions.csv")}
    assert {row["State"] for row in rows.values()} >= {"champion", "in shadow", "rejected"}
    for version in (room_of_7b.champion, room_of_7b.rejected):
        row, kept = rows[str(version.pk)], version.metrics["log_loss"]
        assert value(row, "Log loss") == pytest.approx([kept["value"], kept["low"], kept["high"]], abs=1e-6)
        assert value(row, "Against the champion") == [judged.BETTER[end] for end in ("value", "low", "high")]
    assert (rows[str(room_of_7b.rejected.pk)]["Gates open"], rows[str(room_of_7b.rejected.pk)]["Gates"]) == ("5", "7")


def test_the_file_of_versions_has_those_of_all_pages(
    room_of_7b: Room, read: Callable[[str], Rows], head: User, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models_queries, "VERSIONS", 1)
    assert len(signed_in(head).get("/models/").context["page"].versions) == 1
    assert {row["Version id"] for row in read("versions.csv")} == {
        str(pk) for pk in ModelVersion.objects.values_list("pk", flat=True)
    }


def test_fits_tell_how_far_they_are_and_how_they_ended(room_of_7b: Room, read: Callable[[str], Rows]) -> None:
    under_way, *done = read("fits.csv")
    assert (under_way["Fit id"], under_way["Status"], under_way["Step done (%)"]) == (
        str(room_of_7b.run.pk),
        "under way",
        "40",
    )
    assert {row["Version"] for row in done} == {
        str(each.pk) for each in (room_of_7b.champion, room_of_7b.challenger, room_of_7b.rejected)
    }


def test_what_was_done_is_told_with_who_did_it(
    room_of_7b: Room, read: Callable[[str], Rows], head: User, signed_in: SignIn
) -> None:
    browser = signed_in(head)
    browser.post(f"/models/{room_of_7b.challenger.pk}/promote/", {"force": "on"})
    browser.post(f"/models/of/{room_of_7b.curriculum.pk}/roll-back/")
    back, promoted, *_, first = read("moves.csv")
    titles = [
        f"{kind} {str(pk)[-6:]}"
        for kind, pk in (("PSI-KT", room_of_7b.challenger.pk), ("Logistic", room_of_7b.champion.pk))
    ]
    assert (back["What was done"], back["Before"], back["After"]) == ("rolled back", *titles)
    assert (promoted["What was done"], promoted["By"], promoted["Forced"]) == ("promoted", head.name, "yes")
    assert (first["Of all schools"], first["By"], first["Before"]) == ("yes", "by itself", "")
    listed = text_of(browser.get("/models/"))
    assert f"promoted forced Before {titles[1]} After {titles[0]} By {head.name}," in listed


def test_the_comparison_in_shadow_is_of_the_same_answers(
    room_of_7b: Room, read: Callable[[str], Rows], school: School, bo: Learner, ana: Learner, now: datetime
) -> None:
    given = [one for who in (bo, ana) for one in answers(who, room_of_7b.curriculum, "halves-1", "01", last=now)]
    take_in(school, given, now=now)
    room.in_shadow(school, room_of_7b, [bo, ana], now=now)
    rows = read("comparison.csv")
    assert [row["Figure"] for row in rows][:1] == ["Log loss"] and {row["Answers"] for row in rows} == {"12"}
    for row in rows:
        difference = float(row["Challenger"]) - float(row["Champion"])
        assert float(row["Less the champion's"]) == pytest.approx(difference, abs=3e-6)


def test_before_anything_is_compared_there_is_nothing_to_tell(room_of_7b: Room, read: Callable[[str], Rows]) -> None:
    assert read("comparison.csv") == []


def test_days_and_workers_of_the_models(room_of_7b: Room, read: Callable[[str], Rows]) -> None:
    days = read("drift.csv")
    assert len(days) == 30 and all(float(day["Log loss, lowest"]) < float(day["Log loss"]) for day in days)
    [worker] = read("workers.csv")
    assert (worker["Worker"], worker["Learners a batch"], worker["Other models"]) == ("gpu1:42", "100.0", "0")
    assert int(worker["Memory (bytes)"]) == 3 * 2**29


def test_a_version_s_figures_stand_beside_its_rivals(room_of_7b: Room, read: Callable[[str], Rows]) -> None:
    version = room_of_7b.challenger
    rows = read(f"{version.pk}/figures.csv")
    assert len(rows) == 1 + len(version.metrics["rivals"])
    kept = version.metrics["auc"]
    assert value(rows[0], "AUC") == pytest.approx([kept["value"], kept["low"], kept["high"]], abs=1e-6)


def test_gates_tell_what_they_ask_and_what_was_found(room_of_7b: Room, read: Callable[[str], Rows]) -> None:
    rows = read(f"{room_of_7b.rejected.pk}/gates.csv")
    assert [row["Result"] for row in rows].count("failed") == 2 and all(row["What it asks"] for row in rows)
    assert any(row["What was found"].startswith("7b is told worse by") for row in rows)


def test_calibration_has_the_bins_of_the_picture(room_of_7b: Room, read: Callable[[str], Rows]) -> None:
    version = room_of_7b.challenger
    rows = read(f"{version.pk}/calibration.csv")
    assert [int(row["Answers"]) for row in rows] == [each["n"] for each in version.metrics["reliability"]]
    assert all(float(row["Expected from (%)"]) <= float(row["Expected on average (%)"]) for row in rows)


def test_the_learning_curve_has_every_epoch(room_of_7b: Room, read: Callable[[str], Rows], school: School) -> None:
    run = judged.a_finished_run(room_of_7b.challenger, epochs=12)
    rows = read(f"runs/{run.pk}/curve.csv")
    assert [float(row["Epoch"]) for row in rows] == list(range(1, 13))
    assert float(rows[3]["Log loss, answers fitted on"]) == pytest.approx(0.55)
    assert read(f"runs/{room_of_7b.run.pk}/curve.csv") == []


def test_what_the_page_hides_the_file_hides_and_says_why(
    fractions: Any, school: School, class_7b: Group, read: Callable[[str], Rows]
) -> None:
    version = judged.a_judged_version(fractions, school_id=school.pk, groups={class_7b.pk: 3})
    rows = {(row["In parts"], row["Part"]): row for row in read(f"{version.pk}/parts.csv")}
    small = rows["By class", "7b"]
    assert small["Hidden"] == "fewer than 5 learners" and small["Learners"] == ""
    figures = ("Expected (%)", "Right (%)", *(f"{of}{end}" for of in ("Log loss", "AUC", "Against the champion")
                                              for end in ("", ", lowest", ", highest")))  # fmt: skip
    assert {small[name] for name in figures} == {""}
    shown = [row for row in rows.values() if not row["Hidden"]]
    assert shown and all(low <= at <= high for at, low, high in (value(row, "Log loss") for row in shown))


def test_a_table_that_is_none_and_a_curriculum_that_is_none_are_absent(
    room_of_7b: Room, head: User, signed_in: SignIn
) -> None:
    browser = signed_in(head)
    for path in ("nothing.csv", f"{room_of_7b.champion.pk}/nothing.csv", "versions.csv?curriculum=nothing",
                 f"versions.csv?curriculum={room_of_7b.champion.pk}"):  # fmt: skip
        assert browser.get(f"/models/{path}").status_code == 404, path


def every_file(of: Room) -> list[str]:
    return [
        *(f"/models/{name}.csv?curriculum={of.curriculum.pk}" for name in OF_MODELS),
        *(f"/models/{of.champion.pk}/{name}.csv" for name in OF_VERSION),
        f"/models/runs/{of.run.pk}/curve.csv",
    ]


@pytest.mark.parametrize("outsider", ["ms_diaz", "mr_chen", "their_head"])
def test_for_teachers_and_for_other_schools_there_are_no_files(
    outsider: str, request: pytest.FixtureRequest, room_of_7b: Room, other_school: School, signed_in: SignIn
) -> None:
    if outsider == "their_head":
        user = people.a_teacher(other_school, "Their Head", role=User.Role.ADMIN)
    else:
        user = request.getfixturevalue(outsider)
    for path in every_file(room_of_7b):
        assert signed_in(user).get(path).status_code == 404, path
        assert Client().get(path).headers["Location"].startswith("/login/"), path


def test_statements_grow_with_nothing(
    room_of_7b: Room, school: School, class_7b: Group, head: User, signed_in: SignIn, now: datetime
) -> None:
    browser, files = signed_in(head), every_file(room_of_7b)
    counts = []
    for _ in range(2):
        for path in files:
            browser.get(path)
        with statements() as sent:
            for path in files:
                b"".join(browser.get(path))
        counts.append(len(sent))
        for n in range(3):
            version = judged.a_judged_version(room_of_7b.curriculum, school_id=school.pk, groups={class_7b.pk: 20})
            judged.a_finished_run(version)
            room.a_worker([version.pk], now=now, name=f"gpu2:{n}-{version.pk}")
    assert counts[0] == counts[1]
