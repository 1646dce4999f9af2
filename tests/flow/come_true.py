"""Forecasts of mastery whose day has come, and what came of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from curricula.models import Curriculum
from tests.flow.steps import at, believed, learners
from tutor.accounts.models import Learner, School
from tutor.scheduling.models import ToldForecast

NOW = at(days=40)


def rows(learner: Learner, curriculum: Curriculum, version: UUID, n: int, **changes: Any) -> list[ToldForecast]:
    """As the agenda planned it, three answers each; a chance of .85 was told, .4 came of it."""
    said = {
        "school_id": learner.school_id, "curriculum_id": curriculum.pk, "version_id": version, "mastered_at": 0.8,
        "n": 2, "planned": 3, "alone": 0.5, "followed": 0.9, "believed_mastered": 0.85, "told_mastered": 0.85,
        "answers": 3, "mastered": 0.4, "right": 0.0, "checked_at": NOW, "closed_at": NOW, **changes,
    }  # fmt: skip
    days = [NOW - timedelta(days=i) for i in range(n)]
    return [
        ToldForecast(learner=learner, concept=0, told_at=day - timedelta(days=14), told_on=day.date(), at=day, **said)
        for day in days
    ]


def days_come(school: School, curriculum: Curriculum, *, of: int = 20, n: int = 12, **changes: Any) -> UUID:
    """The version that told them."""
    found = learners(school, of)
    version = believed(found[0], curriculum).version_id
    ToldForecast.objects.bulk_create(row for each in found for row in rows(each, curriculum, version, n, **changes))
    return version
