"""What others hear of: reviews that have fallen due, and a class's day. Once each, and in numbers only."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction

from curricula.models import Curriculum
from curricula.snapshot import latest
from tests import people
from tests.flow.agreed import ask, concepts, say
from tests.flow.steps import at, believed, learners, plan_of, record, right_and_wrong, statements, work
from tutor.accounts import services as accounts
from tutor.accounts.models import Group, Learner, School, User
from tutor.scheduling import agreements, events, forecasts, services
from tutor.scheduling.event_models import Digest, Event
from tutor.scheduling.models import Plan
from tutor.scheduling.plans import decode

pytestmark = pytest.mark.django_db

Kind = Event.Kind
SECOND = timedelta(seconds=1)
BERLIN = ZoneInfo("Europe/Berlin")


def due_of(learner: Learner) -> datetime:
    due = plan_of(learner).next_due_at
    assert due is not None
    return due


def told(kind: str) -> list[dict[str, Any]]:
    return [event.payload for event in Event.objects.filter(kind=kind).order_by("key")]


def master(school: School, group: list[Learner], curriculum: Curriculum, *, now: datetime | None = None) -> datetime:
    """All have mastered halves; the time by which reviews of all are due."""
    record(school, [a for learner in group for a in right_and_wrong(learner, curriculum, "111111")])
    work(now=now)
    return max(map(due_of, group)) + SECOND


@pytest.fixture
def due(school: School, class_7b: Group, bo: Learner, ana: Learner, fractions: Curriculum) -> datetime:
    return master(school, [bo, ana], fractions)


def be_quiet(group: Group, day: date, by_whom: User) -> None:
    agreements.change_group(group, {"quiet_dates": (day,)}, by_whom=by_whom, now=at(0))


def test_a_review_that_falls_due_is_announced(due: datetime, bo: Learner, fractions: Curriculum) -> None:
    services.release_due(now=due)
    (event,) = Event.objects.filter(kind=Kind.REVIEW_DUE, learner_id=bo.pk)
    next_due = decode(plan_of(bo).body).next_due_at
    assert event.payload == {
        "learner_id": str(bo.pk),
        "curriculum_id": str(fractions.pk),
        "due": 1,
        "waits": 0,
        "minutes": 2.0,
        "next_due_at": next_due and datetime.fromtimestamp(next_due, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
    }
    assert (event.school_id, event.curriculum_id, event.relayed_at) == (bo.school_id, fractions.pk, None)


def test_each_learner_is_announced_once_a_day_however_often_the_bell_rings(due: datetime) -> None:
    for minutes in range(3):
        Plan.objects.update(next_due_at=due)
        assert services.release_due(now=due + timedelta(minutes=minutes)) == 2
    assert len(told(Kind.REVIEW_DUE)) == 2


def test_what_is_released_on_another_day_is_announced_again(due: datetime, bo: Learner) -> None:
    services.release_due(now=due)
    Plan.objects.update(next_due_at=due)
    services.release_due(now=due + timedelta(days=1))
    assert Event.objects.filter(kind=Kind.REVIEW_DUE, learner_id=bo.pk).count() == 2


def test_a_day_is_the_learners_own(school: School, fractions: Curriculum) -> None:
    """Twenty minutes apart, and a night between them in Auckland alone."""
    berlin = people.a_learner(school, "Berlin", timezone="Europe/Berlin")
    auckland = people.a_learner(school, "Auckland", timezone="Pacific/Auckland")
    master(school, [berlin, auckland], fractions)
    # Days begin at four in the morning; in Auckland it is four in the afternoon of the day before in UTC.
    for moment in (datetime(2026, 6, 1, 15, 50, tzinfo=UTC), datetime(2026, 6, 1, 16, 10, tzinfo=UTC)):
        Plan.objects.update(next_due_at=moment)
        services.release_due(now=moment)
    announced = Event.objects.filter(kind=Kind.REVIEW_DUE).values_list("learner_id", flat=True)
    assert sorted(announced) == sorted([berlin.pk, auckland.pk, auckland.pk])


def test_nothing_is_announced_on_a_quiet_day(due: datetime, class_7b: Group, ms_diaz: User) -> None:
    # Past midnight, and still the evening before.
    be_quiet(class_7b, (due.astimezone(BERLIN) - timedelta(hours=4)).date(), ms_diaz)
    Plan.objects.update(next_due_at=due)
    services.release_due(now=due)
    events.announce_days(now=due)
    assert Event.objects.count() == 0


def test_a_learner_who_cannot_be_told_of_holds_up_nobody(
    due: datetime, bo: Learner, ana: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = events.due_reviews

    def known_but_for_bo(ahead: forecasts.Ahead, until: float) -> events.Due:
        if ahead.learner.pk == bo.pk:
            raise ValueError("nothing to say of Bo")
        return known(ahead, until)

    monkeypatch.setattr(events, "due_reviews", known_but_for_bo)
    assert services.release_due(now=due) == 2
    assert [each["learner_id"] for each in told(Kind.REVIEW_DUE)] == [str(ana.pk)]


def test_what_a_teacher_has_excluded_is_not_announced(
    due: datetime, class_7b: Group, ms_diaz: User, bo: Learner, fractions: Curriculum
) -> None:
    """For nothing of it will be offered, nor planned."""
    say(ms_diaz, class_7b, fractions, "exclude", "halves")
    Plan.objects.update(next_due_at=due)
    services.release_due(now=due)
    events.announce_days(now=due)
    assert Event.objects.count() == 0
    content = latest(fractions.pk)
    ahead = forecasts.ahead(bo, believed(bo, fractions, now=due), content, now=due)
    assert content.concept_position["halves"] not in ahead.agenda.concept
    served = ask(bo, 8, now=due)
    assert "halves" not in concepts(served)


def test_a_school_in_no_zone_that_is_known_holds_up_no_other(
    due: datetime, class_7b: Group, other_school: School, dee: Learner, fractions: Curriculum
) -> None:
    School.objects.filter(pk=other_school.pk).update(timezone="Europe/Nowhere")
    Learner.objects.filter(pk=dee.pk).update(timezone="")
    people.a_group(other_school, "9c", learners=(dee,), curriculum=people.a_curriculum(other_school.pk, "theirs"))
    assert events.announce_days(now=morning_of(due)) == 1


def test_where_nothing_is_due_nothing_is_announced(due: datetime) -> None:
    early = at(120)
    Plan.objects.update(next_due_at=early)
    assert services.release_due(now=early) == 2
    assert told(Kind.REVIEW_DUE) == []


def test_an_event_lives_and_dies_with_what_it_tells_of(due: datetime) -> None:
    with suppress(RuntimeError), transaction.atomic():
        services.release_due(now=due)
        raise RuntimeError
    assert Event.objects.count() == 0
    services.release_due(now=due)
    assert Event.objects.count() == 2


def test_statements_of_a_release_do_not_grow_with_the_announcements(school: School, fractions: Curriculum) -> None:
    used = []
    for size in (1, 2, 20):
        group = learners(school, size)
        due = master(school, group, fractions)
        with statements() as sent:
            services.release_due(now=due)
        assert Event.objects.filter(learner_id__in=[learner.pk for learner in group]).count() == size
        used.append(len(sent))
    assert used[1] == used[2]


def test_a_class_is_told_of_its_day_as_it_begins(
    due: datetime, class_7b: Group, bo: Learner, ana: Learner, fractions: Curriculum
) -> None:
    morning = morning_of(due)
    assert events.announce_days(now=morning) == 1

    def day_minutes(pk: UUID) -> float:
        """Of the review, and of what is begun besides."""
        one = Learner.objects.get(pk=pk)
        look = forecasts.ahead(one, believed(one, fractions, now=morning), latest(fractions.pk), now=morning)
        return round(float(look.minutes()[0]), 1)

    assert told(Kind.AGENDA_DAILY) == [
        {
            "class_id": str(class_7b.pk),
            "curriculum_id": str(fractions.pk),
            "date": due.date().isoformat(),
            "page": 1,
            "pages": 1,
            "learners": [
                {"learner_id": str(pk), "due": 1, "waits": 0, "minutes": 2.0, "day_minutes": day_minutes(pk)}
                for pk in sorted([bo.pk, ana.pk])
            ],
        }
    ]
    assert events.announce_days(now=morning + timedelta(hours=3)) == 0


def test_a_day_without_reviews_is_not_told_of_and_not_asked_for_again(due: datetime, class_7b: Group) -> None:
    assert events.announce_days(now=at(120)) == 0
    with statements() as sent:
        assert events.announce_days(now=at(130)) == 0
    assert len(sent) == 1
    assert told(Kind.AGENDA_DAILY) == []


def test_the_next_day_is_told_of_again(due: datetime, class_7b: Group) -> None:
    morning = morning_of(due)
    assert [events.announce_days(now=morning + timedelta(days=n)) for n in range(3)] == [1, 1, 1]
    assert [each["date"] for each in told(Kind.AGENDA_DAILY)] == [
        (due.date() + timedelta(days=n)).isoformat() for n in range(3)
    ]


def test_a_class_without_a_curriculum_works_on_the_only_one(
    due: datetime, school: School, bo: Learner, fractions: Curriculum
) -> None:
    club = people.a_group(school, "Club", learners=(bo,))
    events.announce_days(now=morning_of(due))
    assert str(club.pk) in {each["class_id"] for each in told(Kind.AGENDA_DAILY)}


def test_learners_elsewhere_are_told_of_when_their_own_day_begins(
    school: School, class_7b: Group, fractions: Curriculum
) -> None:
    away = people.a_learner(school, "Away", timezone="America/New_York")
    accounts.add_member(class_7b, away.pk)
    master(school, [away], fractions)
    events.announce_days(now=datetime(2026, 6, 1, 7, tzinfo=UTC))
    events.announce_days(now=datetime(2026, 6, 1, 8, tzinfo=UTC))
    assert [(each["date"], len(each["learners"])) for each in told(Kind.AGENDA_DAILY)] == [
        ("2026-05-31", 1),
        ("2026-06-01", 1),
    ]


def test_large_classes_are_told_of_in_pages(
    school: School, fractions: Curriculum, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "PAGE", 4)
    group = learners(school, 10)
    people.a_group(school, "All", learners=tuple(group), curriculum=fractions)
    due = master(school, group, fractions)
    assert events.announce_days(now=morning_of(due)) == 1
    pages = told(Kind.AGENDA_DAILY)
    assert [(each["page"], each["pages"], len(each["learners"])) for each in pages] == [(1, 3, 4), (2, 3, 4), (3, 3, 2)]
    assert {each["learner_id"] for page in pages for each in page["learners"]} == {str(one.pk) for one in group}


def test_events_say_no_more_than_numbers(due: datetime, class_7b: Group) -> None:
    services.release_due(now=due)
    events.announce_days(now=due)
    # Ids are random letters and digits, and may spell anything.
    said = re.sub(r"[0-9a-f-]{36}", "", " ".join(str(event.payload) for event in Event.objects.all()))
    assert not [word for word in ("Bo", "Ana", "7b", "lms", "halves") if word in said]


def test_old_events_go(due: datetime, class_7b: Group) -> None:
    services.release_due(now=due)
    events.announce_days(now=due)
    before = Event.objects.count()
    assert events.prune(now=due + events.KEPT) == 0
    assert events.prune(now=due + events.KEPT + timedelta(days=1)) == before
    assert (Event.objects.count(), Digest.objects.count()) == (0, 0)


def morning_of(moment: datetime) -> datetime:
    """Four o'clock in Berlin, when that day begins."""
    return datetime.combine(moment.date(), time(4), BERLIN)
