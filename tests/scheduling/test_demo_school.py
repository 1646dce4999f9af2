"""`manage.py demo_school`: a school that shows everything, made once."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from curricula import snapshot
from tests import people
from tutor.accounts.models import Group, User
from tutor.interactions.models import ClientKey, Interaction, LogHead
from tutor.scheduling import catchup
from tutor.scheduling.demo import evenings, history, lessons, school
from tutor.scheduling.demo.people import PUPILS, Kind, external_id
from tutor.scheduling.models import Decision, Override, Plan
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

    assert_evenings_were_held(group)

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
    assert Interaction.objects.filter(decision_id=None).count() == len(given)
    assert Decision.objects.exists()
    assert school.has_model(group)


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
        assert last[f"external:demo:{external_id(n)}"] < now - timedelta(days=20)  # type: ignore[operator]
    assert any(len(each.item) and answer_on_two(content, each.item) for each in given)


def assert_evenings_were_held(group: Group) -> None:
    """Eight learners asked what was next: what became of it is in the decision log."""
    offered = Decision.objects.filter(school_id=group.school_id)
    asking = [school.learner(group, n).pk for n, pupil in enumerate(PUPILS) if pupil.asks]
    assert set(offered.values_list("learner_id", flat=True)) == set(asking)
    became = Counter(Decision.Outcome(outcome) for outcome in offered.values_list("outcome", flat=True))
    assert became[Decision.Outcome.ANSWERED] >= 80
    assert became[Decision.Outcome.SKIPPED] >= 3
    assert became[Decision.Outcome.OFFERED] >= 3
    # every answer is joined to the decision that it names
    named = dict(Interaction.objects.exclude(decision_id=None).values_list("decision_id", "seq"))
    joined = dict(offered.filter(outcome=Decision.Outcome.ANSWERED).values_list("id", "answered_seq"))
    assert named == joined
    # a teacher wanted something else than what was offered first, and it came
    override = Override.objects.get(school_id=group.school_id)
    assert override.kind == Override.Kind.PIN
    assert override.learner_id
    pinned = offered.get(
        learner_id=override.learner_id, concept=override.concept, propensity=0.0, served_at__date=override.made_at
    )
    assert pinned.served_at > override.made_at
    # on the evenings, not now
    first, last = (offered.order_by(f"{sign}served_at")[0].served_at for sign in ("", "-"))
    assert group.created_at - timedelta(days=4) < first < last < group.created_at - timedelta(hours=2)


def test_the_evenings_repeat_themselves(empty_log: None) -> None:
    now = timezone.now()
    group = school.people_and_content(now)
    list(school.submit(group, [each for each in school.answers(group) if asks(each.learner)], now))
    list(catchup.catch_up(group.school_id))
    told = []
    for _ in range(2):
        with transaction.atomic():
            evenings.hold(group, now=now)
            rows = Decision.objects.order_by("learner_id", "served_at", "slot")
            told.append(list(rows.values_list("learner_id", "served_at", "item", "propensity", "outcome", "correct")))
            transaction.set_rollback(True)
    assert told[0] == told[1]
    assert len(told[0]) >= 100


def asks(learner: str) -> bool:
    return PUPILS[int(learner[-2:]) - 1].asks


def answer_on_two(content: snapshot.Snapshot, key: str) -> bool:
    return int(content.item_concepts.counts[content.item_position[key]]) == 2


def statuses_of(group: Group) -> Counter[Status]:
    now = timezone.now().timestamp()
    content = snapshot.latest(group.curriculum_id)  # type: ignore[arg-type]
    learners = list(group.learners.values_list("pk", flat=True))
    found = beliefs.beliefs(group.school_id, content.curriculum_id, learners, now)
    return Counter(each.status for belief in found for each in estimates.estimates(belief, content, now))
