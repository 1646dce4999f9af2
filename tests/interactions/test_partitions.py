"""Months of the log: made before they are needed, and what came too early or too late for them is moved or kept."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from curricula.models import Curriculum
from tests.flow.steps import answer, learners, log_of, record
from tests.flow.together import together
from tutor.accounts.models import Learner, School
from tutor.interactions import partitions
from tutor.interactions.models import Interaction
from tutor.interactions.partitions import HASHES, TABLE, make, make_ahead, month_of, months_between
from tutor.interactions.tasks import make_partitions

OLD = datetime(2019, 5, 17, 12, tzinfo=UTC)


def place_of(learner: Learner) -> list[str]:
    """The tables that a learner's answers lie in, in the order of their numbers."""
    with connection.cursor() as cursor:
        sql = f"SELECT tableoid::regclass::text FROM {TABLE} WHERE learner_id = %s ORDER BY seq"  # noqa: S608
        cursor.execute(sql, [learner.pk])
        return [name for (name,) in cursor.fetchall()]


def test_months_are_counted_by_their_first_moment_in_utc() -> None:
    last_moment = datetime.fromisoformat("2026-01-01T00:59:59.999999+01:00")
    assert month_of(last_moment) == datetime(2025, 12, 1, tzinfo=UTC)
    assert months_between(last_moment, OLD.replace(year=2026, month=2)) == [
        datetime(2025, 12, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC),
    ]  # fmt: skip


def test_this_month_and_the_next_are_there_after_installation(
    school: School, bo: Learner, fractions: Curriculum
) -> None:
    now = timezone.now()
    for when in (now, now + timedelta(days=31)):
        record(school, [answer(bo, fractions, seconds=when.timestamp())], now=when)
    assert [name[-7:] for name in place_of(bo)] == [f"_{m:%Y%m}" for m in (now, now + timedelta(days=31))]


def test_a_month_is_made_once(db: None) -> None:
    later = timezone.now() + timedelta(days=365)
    assert len(make_ahead(later)) >= 3 * HASHES
    assert make_ahead(later) == []


def test_half_a_month_is_completed(db: None) -> None:
    """As after the death of the process that made it."""
    made = make([OLD])
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {made[3]}")
    assert make([OLD]) == [made[3]]


def test_strays_move_into_their_month_when_it_is_made(school: School, bo: Learner, fractions: Curriculum) -> None:
    for days in (0, 1, 31):
        record(school, [answer(bo, fractions, seconds=(OLD + timedelta(days=days)).timestamp())])
    before = log_of(bo)
    assert {name[-7:] for name in place_of(bo)} == {"default"}
    make([OLD])
    assert [name[-7:] for name in place_of(bo)] == ["_201905", "_201905", "default"]
    assert log_of(bo) == before


@pytest.mark.parametrize("moment", ["2019-05-01T00:00:00+00:00", "2019-05-31T23:59:59.999999+00:00"])
def test_the_first_and_the_last_moment_of_a_month_belong_to_it(
    moment: str, school: School, bo: Learner, fractions: Curriculum
) -> None:
    record(school, [answer(bo, fractions, seconds=datetime.fromisoformat(moment).timestamp())])
    make([OLD])
    assert place_of(bo)[0].endswith("_201905")


def test_a_past_month_is_made_when_many_answers_lie_outside_it(
    school: School, bo: Learner, fractions: Curriculum
) -> None:
    crowded, lonely = OLD, OLD - timedelta(days=400)
    record(school, [answer(bo, fractions, seconds=crowded.timestamp() + i) for i in range(3)])
    record(school, [answer(bo, fractions, seconds=lonely.timestamp())])
    made = partitions.make_crowded(strays=3)
    assert {name[-6:] for name in made} == {f"{crowded:%Y%m}"}
    assert Interaction.objects.filter(learner_id=bo.pk).count() == 4


@pytest.mark.django_db(transaction=True)
def test_the_log_stays_append_only_after_strays_were_moved(school: School, bo: Learner, fractions: Curriculum) -> None:
    record(school, [answer(bo, fractions, seconds=OLD.timestamp())])
    make([OLD])
    with pytest.raises(Exception, match="append-only"):
        Interaction.objects.filter(learner_id=bo.pk).update(correct=0.0)


@pytest.mark.django_db(transaction=True)
def test_two_beats_at_once_make_a_month_once() -> None:
    month = datetime(2031, 1, 1, tzinfo=UTC)
    made = together(*[lambda: make([month])] * 4)
    assert Counter(name for names in made for name in names).most_common(1)[0][1] == 1
    assert sum(map(len, made)) == HASHES


@pytest.mark.django_db(transaction=True)
def test_months_are_made_while_their_answers_stream_in(school: School, fractions: Curriculum) -> None:
    months = [datetime(2018, month, 1, tzinfo=UTC) for month in range(1, 13)]
    group = learners(school, 16)

    def send(part: int) -> None:
        for i in range(60):
            when = months[i % 12] + timedelta(hours=i)
            answers = [answer(learner, fractions, seconds=when.timestamp()) for learner in group[part::4]]
            for _ in range(HASHES):
                with suppress(psycopg.errors.CheckViolation):
                    record(school, answers)
                    break

    together(*[lambda part=part: send(part) for part in range(4)], lambda: make(months), lambda: make(months[::-1]))  # type: ignore[misc]
    make(months)
    assert Interaction.objects.filter(school_id=school.pk).count() == 60 * 16
    assert {name[-7:] for learner in group for name in place_of(learner)} == {f"_2018{m:02}" for m in range(1, 13)}


def test_the_task_makes_the_coming_months(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[datetime] = []
    monkeypatch.setattr(partitions, "make_ahead", asked.append)
    make_partitions()
    assert timezone.now() - asked[0] < timedelta(minutes=1)
