"""A school's administrator lets it follow the model of all schools again, and takes that back."""

from __future__ import annotations

from datetime import datetime

from curricula.models import Curriculum
from tests.dashboard import models_room as room
from tests.dashboard.classroom import take_in
from tests.dashboard.conftest import Post, SignIn, text_of
from tests.flow.versions import keep_beside
from tutor.accounts.models import School, User
from tutor.registry import deployments
from tutor.registry.models import ModelVersion
from tutor.tracing import beside
from tutor.tracing.models import LearnerState

State = ModelVersion.State


def test_a_school_follows_all_schools_again_and_goes_back(
    practised: None, fractions: Curriculum, school: School, version: ModelVersion, baseline: ModelVersion, post: Post,
    head: User, signed_in: SignIn, now: datetime,
) -> None:  # fmt: skip
    own, theirs = f"PSI-KT {str(version.pk)[-6:]}", f"Half-life {str(baseline.pk)[-6:]}"
    deployments.promote(version, school_id=school.pk, now=now)
    LearnerState.objects.all().delete()
    page = text_of(signed_in(head).get("/models/"))
    assert f"{theirs}, the model of all schools, will serve Elm School on Fractions in place of {own}" in page
    assert f"0 of 2 learners are level under {theirs}, so it would be refused. Put it in shadow first" in page
    refused = post(f"of/{fractions.pk}/follow-site")
    assert "Not followed:" in refused and "0 of 2 learners are level, 2 not begun" in refused
    assert room.served(fractions, school).champion == version
    post(f"{baseline.pk}/shadow")
    beside.look(now=now)
    keep_beside(now=now)
    take_in(school, [], now=now)
    page = text_of(signed_in(head).get("/models/"))
    assert "so it would be refused" not in page and f"{theirs} is no longer in shadow" in page
    followed = post(f"of/{fractions.pk}/follow-site")
    assert f"Elm School follows all schools again: {theirs} serves" in followed
    assert "no longer follows that of all schools" in followed and f"Roll back to {own}" in followed
    assert deployments.deployed(fractions.pk, school.pk) is None
    assert f"{own} serves Elm School again" in post(f"of/{fractions.pk}/roll-back")
    assert room.served(fractions, school).champion == version


def test_a_school_follows_in_haste_if_that_is_said(
    practised: None, fractions: Curriculum, school: School, version: ModelVersion, post: Post, now: datetime
) -> None:
    deployments.promote(version, school_id=school.pk, now=now)
    assert "follows all schools again" in post(f"of/{fractions.pk}/follow-site", force="on")
    assert "Not followed: school" in post(f"of/{fractions.pk}/follow-site", force="on")


def test_an_operator_has_no_school_that_could_follow(
    baseline: ModelVersion, fractions: Curriculum, operator: User, signed_in: SignIn
) -> None:
    browser = signed_in(operator)
    assert "Follow all schools" not in text_of(browser.get("/models/"))
    assert browser.post(f"/models/of/{fractions.pk}/follow-site/", {"force": "on"}).status_code == 404


def test_what_a_school_left_is_not_listed_as_its_own(
    version: ModelVersion, fractions: Curriculum, school: School, operator: User, signed_in: SignIn, now: datetime
) -> None:
    deployments.promote(version, school_id=school.pk, now=now)
    browser = signed_in(operator)
    assert "Schools with a model of their own" in text_of(browser.get("/models/"))
    deployments.follow_site(fractions.pk, school.pk, now=now)
    assert "Schools with a model of their own" not in text_of(browser.get("/models/"))
