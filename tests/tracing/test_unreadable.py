"""A version whose files cannot be had here and now: its own learners wait for it, and nobody else does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.core.files.storage import FileSystemStorage

from curricula.models import Curriculum
from tests import people
from tests.flow.steps import advance, answer, at, believed, is_behind, learners, record, work
from tests.flow.versions import a_version
from tutor.accounts.models import Learner, School
from tutor.registry import deployments, loader
from tutor.registry import services as registry
from tutor.registry.models import ModelVersion
from tutor.tracing import claims

SECOND = 1 / 60


class Closed(FileSystemStorage):
    """A store that does not let everybody have everything."""

    denied: set[str] = set()
    asked: Counter[str] = Counter()

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        self.asked[path] += 1
        if path in self.denied:
            raise PermissionError(13, "Permission denied")
        return super().listdir(path)


@pytest.fixture
def closed(school: School, fractions: Curriculum, settings: Any) -> Iterator[ModelVersion]:
    """The school's own champion, which the store does not give away."""
    registry.ensure_served(fractions.pk)
    version = a_version(fractions)
    deployments.promote(version, school_id=school.pk, now=at(0))
    settings.STORAGES = settings.STORAGES | {
        "models": settings.STORAGES["models"] | {"BACKEND": f"{__name__}.{Closed.__name__}"}
    }
    Closed.denied.add(str(version.pk))
    loader.forget()
    yield version
    Closed.denied.clear()
    Closed.asked.clear()


@pytest.fixture
def shapes(other_school: School) -> Curriculum:
    """Of another school, served by a model that everybody may read."""
    curriculum = people.a_curriculum(other_school.pk, "shapes")
    registry.ensure_served(curriculum.pk)
    return curriculum


def told(advanced: list[Any]) -> list[UUID]:
    return [each.belief.learner_id for each in advanced]


def test_learners_of_a_version_that_cannot_be_read_hold_up_no_other_school(
    closed: ModelVersion,
    school: School,
    other_school: School,
    fractions: Curriculum,
    shapes: Curriculum,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More of them than a batch holds, and than are looked at."""
    monkeypatch.setattr(claims, "LOOK_AHEAD", 6)
    group = learners(school, 8)
    record(school, [answer(learner, fractions) for learner in group], now=at(60))
    (zed,) = learners(other_school, 1)
    record(other_school, [answer(zed, shapes)], now=at(61))
    assert told(advance(limit=4, now=at(62))) == [zed.pk]
    assert believed(zed, shapes, now=at(62)).applied_seq == 1
    assert all(map(is_behind, group))
    closed.refresh_from_db()
    assert closed.state == ModelVersion.State.CHAMPION


def test_what_they_leave_of_a_batch_is_given_to_others(
    closed: ModelVersion, school: School, other_school: School, fractions: Curriculum, shapes: Curriculum
) -> None:
    """Half of those of one claim wait, half do not."""
    group, others = learners(school, 4), learners(other_school, 6)
    for minute, pair in enumerate(zip(group, others[:4], strict=True)):
        record(school, [answer(pair[0], fractions)], now=at(60 + minute))
        record(other_school, [answer(pair[1], shapes)], now=at(60 + minute))
    record(other_school, [answer(learner, shapes) for learner in others[4:]], now=at(65))
    assert {*told(advance(limit=4, now=at(70)))} == {learner.pk for learner in others[:4]}
    assert {*told(advance(limit=4, now=at(70)))} == {learner.pk for learner in others[4:]}
    assert all(map(is_behind, group))


def test_a_store_that_says_no_is_not_asked_at_every_bell(
    closed: ModelVersion, school: School, bo: Learner, fractions: Curriculum
) -> None:
    record(school, [answer(bo, fractions)], now=at(60))
    for second in range(0, 30, 10):
        work(now=at(61 + second * SECOND))
    assert Closed.asked[str(closed.pk)] == 1
    Closed.denied.clear()
    work(now=at(61 + 29 * SECOND))
    assert is_behind(bo)
    work(now=at(61 + 31 * SECOND))
    assert not is_behind(bo)
    assert believed(bo, fractions, now=at(62)).version_id == closed.pk
