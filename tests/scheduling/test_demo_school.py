"""`manage.py demo_school`: a school that shows everything, made once."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from curricula import snapshot
from tests import people
from tutor.accounts.models import Group, User
from tutor.interactions.models import ClientKey, Interaction, LogHead
from tutor.scheduling.demo import history, lessons, school
from tutor.scheduling.demo.people import PUPILS, Kind
from tutor.scheduling.models import Plan
from tutor.tracing import beliefs, estimates
from tutor.tracing.status import Status


@pytest.fixture
def secrets_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRELLIS_DEMO_FILE", str(tmp_path / "demo.json"))
    return tmp_path / "demo.json"


@pytest.fixture
def empty_log(transactional_db: None) -> None:
    # Django empties only the tables that it manages; the demo's school has the same id in every test.
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE interactions_interaction, interactions_clientkey")


def make() -> str:
    said = StringIO()
    call_command("demo_school", stdout=said)
    return said.getvalue()


def test_the_school_is_ready_to_look_at(empty_log: None, secrets_file: Path) -> None:
    make()
    group = Group.objects.get(pk=json.loads(secrets_file.read_text())["class_id"])
    answered = Counter(Interaction.objects.values_list("learner_id", flat=True))
    assert group.learners.count() == 30
    assert len(answered) == 29, "one learner is new"
    assert min(answered.values()) >= 100
    assert not LogHead.objects.exclude(behind_since=None).exists()
    assert Plan.objects.count() == 29
    shown = statuses_of(group)
    assert {Status.MASTERED, Status.DUE_FOR_REVIEW, Status.STRUGGLING, Status.LEARNING} <= shown.keys()
    assert min(shown[s] for s in (Status.MASTERED, Status.DUE_FOR_REVIEW, Status.STRUGGLING)) >= 20

    # what is written down opens the doors
    written = json.loads(secrets_file.read_text())
    assert User.objects.get(email=written["teacher_email"]).check_password(written["teacher_password"])
    caller = people.Caller(written["api_key"])
    served = caller.get(f"/api/v1/learners/{written['learner_id']}/next")
    assert served.status_code == 200, served.content
    assert written["curl"].endswith(f"'/api/v1/learners/{written['learner_id']}/next?curriculum={group.curriculum_id}'")
    assert secrets_file.stat().st_mode & 0o077 == 0

    # again: nothing new, and the same keys; without the file, new ones that work
    counts = ClientKey.objects.count(), User.objects.count()
    make()
    assert (ClientKey.objects.count(), User.objects.count()) == counts
    assert json.loads(secrets_file.read_text()) == written
    secrets_file.unlink()
    make()
    renewed = json.loads(secrets_file.read_text())
    assert renewed["api_key"] != written["api_key"]
    assert User.objects.get(email=renewed["admin_email"]).check_password(renewed["admin_password"])


def test_an_interrupted_run_is_finished_by_the_next(empty_log: None, secrets_file: Path) -> None:
    group = school.people_and_content(timezone.now() - timedelta(hours=3))
    given = school.answers(group)
    next(iter(school.submit(group, given, timezone.now())))
    make()
    assert Interaction.objects.count() == len(given)
    assert school.is_complete(group)


@pytest.mark.django_db
@pytest.mark.parametrize("now", [datetime(2026, 3, 30, 12, tzinfo=UTC), datetime(2026, 8, 2, 3, tzinfo=UTC)])
def test_the_history_ends_now_and_repeats_itself(now: datetime) -> None:
    content = snapshot.latest(school.people_and_content(now).curriculum_id)  # type: ignore[arg-type]
    given = history.answers(content, now)
    assert given == history.answers(content, now)
    times = [answer.occurred_at for answer in given]
    assert all(times), times
    assert times == sorted(times)  # type: ignore[type-var]
    assert now - timedelta(days=lessons.DAYS + 1) < times[0]  # type: ignore[operator]
    assert now - timedelta(days=5) < times[-1] < now  # type: ignore[operator]
    away = [n for n, pupil in enumerate(PUPILS) if pupil.kind is Kind.INACTIVE]
    last = {answer.learner: answer.occurred_at for answer in given}
    for n in away:
        assert last[f"external:demo:{school.people.external_id(n)}"] < now - timedelta(days=20)  # type: ignore[operator]
    assert any(len(each.item) and answer_on_two(content, each.item) for each in given)


def answer_on_two(content: snapshot.Snapshot, key: str) -> bool:
    return int(content.item_concepts.counts[content.item_position[key]]) == 2


def statuses_of(group: Group) -> Counter[Status]:
    now = timezone.now().timestamp()
    content = snapshot.latest(group.curriculum_id)  # type: ignore[arg-type]
    learners = list(group.learners.values_list("pk", flat=True))
    found = beliefs.beliefs(group.school_id, content.curriculum_id, learners, now)
    return Counter(each.status for belief in found for each in estimates.estimates(belief, content, now))
