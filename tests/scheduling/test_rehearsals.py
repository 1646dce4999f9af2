"""A policy meets simulated learners of the school's own curriculum before it meets real ones."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from curricula import services as curricula
from curricula.models import Curriculum
from tests import people
from tests.dashboard.classroom import a_classroom
from tutor.accounts.models import Group, School, User
from tutor.scheduling import configs, jobs, rehearsals, trials
from tutor.scheduling.guard import Promise
from tutor.scheduling.models import PolicyTrial, Rehearsal
from tutor.scheduling.rehearsals import CannotRehearse
from tutor.scheduling.tournament import gate
from tutor.scheduling.trials import CannotTry, Side

pytestmark = pytest.mark.django_db

NOW = timezone.now()
GAIN, THRESHOLD = Side("gain", None), Side("threshold", None)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    trials.forget()
    monkeypatch.setattr(gate, "LEARNERS", 16)
    monkeypatch.setattr(gate, "DAYS", 10)


@pytest.fixture
def group(school: School, ms_diaz: User) -> Group:
    return a_classroom(school, ms_diaz, n=6, now=NOW)


def rehearsed(group: Group, new: Side, against: Side = GAIN, **options: Any) -> Rehearsal:
    assert group.curriculum_id is not None
    job = rehearsals.question(group.school_id, group.curriculum_id, new, against, now=NOW, **options)
    jobs.request(job)
    assert rehearsals.run_next(now=timezone.now())
    job.refresh_from_db()
    return job


def begin(group: Group, new: Side, *, now: datetime | None = None, **options: Any) -> PolicyTrial:
    assert group.curriculum is not None
    asked = {"approved": GAIN, "new": new, "promise": Promise(), "now": now or timezone.now(), **options}
    return trials.begin(group.school_id, group.curriculum, group, **asked)


def test_both_meet_the_same_learners_of_the_schools_curriculum(group: Group) -> None:
    config = configs.create(group.school_id, name="soon", policy="gain", parameters={"retention": 0.95}, now=NOW)
    job = rehearsed(group, Side("gain", config))
    assert (job.status, job.message, job.done, job.total) == ("done", "", 2, 2)
    told = job.report
    assert told["worlds"].keys() == {"psikt", "power"}
    assert (told["learners"], told["days"], told["concepts"]) == (16, 10, gate.CONCEPTS)
    assert told["answers"] > 100
    for figures in told["worlds"].values():
        for side in ("new", "approved"):
            assert 0 < figures[side]["low"] < figures[side]["value"] < figures[side]["high"] < 1
        ratio = figures["new"]["value"] / figures["approved"]["value"] - 1
        assert figures["mean"]["value"] == pytest.approx(ratio)
    assert not rehearsals.run_next(now=timezone.now())


def test_what_changes_nothing_teaches_as_much(group: Group) -> None:
    config = configs.create(group.school_id, name="same", policy="gain", parameters={}, now=NOW)
    told = rehearsed(group, Side("gain", config)).report
    assert told["passed"]
    assert [figures["mean"]["value"] for figures in told["worlds"].values()] == [0.0, 0.0]


def test_who_teaches_less_is_not_tried_without_a_word(group: Group) -> None:
    new = Side("curriculum_order", None)
    slow = rehearsed(group, new)
    assert not slow.report["passed"], slow.report["reason"]
    with pytest.raises(CannotTry, match=rf"'curriculum_order' gives -.*rehearsal {slow.pk}.*unrehearsed"):
        begin(group, new)
    assert begin(group, new, unrehearsed="for a study").unrehearsed == "for a study"


def test_real_learners_meet_what_has_passed(group: Group) -> None:
    config = configs.create(group.school_id, name="same", policy="gain", parameters={}, now=NOW)
    new = Side("gain", config)
    with pytest.raises(CannotTry, match="'same' has not been tried against 'gain' on simulated learners"):
        begin(group, new)
    job = rehearsed(group, new)
    trial = begin(group, new)
    assert (trial.rehearsal_id, trial.unrehearsed) == (job.pk, "")


def test_a_rehearsal_speaks_for_one_pair_and_a_season(group: Group) -> None:
    config = configs.create(group.school_id, name="same", policy="gain", parameters={}, now=NOW)
    rehearsed(group, Side("gain", config))
    later = timezone.now() + rehearsals.HOLDS + timedelta(hours=1)
    for new, approved, now in [
        (THRESHOLD, GAIN, timezone.now()),
        (Side("gain", config), THRESHOLD, timezone.now()),
        (Side("gain", config), GAIN, later),
    ]:
        with pytest.raises(CannotTry, match="has not been tried"):
            begin(group, new, approved=approved, now=now)


def test_questions_without_sense_are_refused(school: School, fractions: Curriculum) -> None:
    with pytest.raises(CannotRehearse, match="both are 'gain'"):
        rehearsals.question(school.pk, fractions.pk, GAIN, GAIN, now=NOW)
    unpublished = curricula.create(people.a_document("draft"), owner=school.pk, now=NOW).curriculum
    with pytest.raises(CannotRehearse, match="publish one first"):
        rehearsals.question(school.pk, unpublished.pk, GAIN, THRESHOLD, now=NOW)


def test_a_course_of_few_concepts_says_that_it_is_too_small(class_7b: Group, fractions: Curriculum) -> None:
    job = rehearsals.question(class_7b.school_id, fractions.pk, THRESHOLD, GAIN, now=NOW)
    jobs.request(job)
    rehearsals.run_next(now=timezone.now())
    job.refresh_from_db()
    assert job.status == "failed"
    assert job.message
