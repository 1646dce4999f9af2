"""Where whole classes are making progress: measured by workers now and then, read at every choice that asks for it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import numpy as np

from tutor.accounts import queries as accounts
from tutor.accounts.models import Group
from tutor.apart import apart
from tutor.scheduling import contents
from tutor.scheduling.histories import histories_of
from tutor.scheduling.models import CohortProgress, GroupSettings
from tutor.scheduling.policies import POLICIES, Cohort, cohort_of

#: Progress longer ago says nothing of a class as it is.
LOOKED_BACK: Final = timedelta(days=60)
#: Measured anew when it is older.
KEPT: Final = timedelta(hours=1)


def read(keys: Collection[tuple[UUID | None, UUID]]) -> dict[tuple[UUID | None, UUID], Cohort]:
    """By class and curriculum, those that have been measured: one statement, none for no keys."""
    if not keys:
        return {}
    rows = CohortProgress.objects.filter(group__in={group for group, _ in keys if group is not None})
    return {
        (row.group_id, row.curriculum_id): Cohort(
            np.frombuffer(row.progress, "<f4").astype(np.float64), np.frombuffer(row.n, "<i4").astype(np.int64)
        )
        for row in rows
        if (row.group_id, row.curriculum_id) in keys
    }


def measure(*, now: datetime) -> int:
    """Measures classes whose policy reads it, where that was not done lately; how many."""
    names = [name for name, policy in POLICIES.items() if policy.reads_cohort]
    fresh = CohortProgress.objects.filter(measured_at__gt=now - KEPT).values("group")
    wanted = GroupSettings.objects.filter(policy__in=names).exclude(group__in=fresh).select_related("group")
    return sum(_measured(settings.group, now) for settings in wanted)


def _measured(group: Group, now: datetime) -> bool:
    with apart("cohort_not_measured", group=str(group.pk)):
        return _measure(group, now)
    return False


def _measure(group: Group, now: datetime) -> bool:
    curriculum_id = group.curriculum_id or contents.only(group.school_id)
    if curriculum_id is None:
        return False
    pairs = [(learner, curriculum_id) for learner in accounts.member_ids(group.pk)]
    histories = histories_of(pairs, since=now - LOOKED_BACK)
    cohort = cohort_of(list(histories.values()), contents.latest(curriculum_id))
    CohortProgress.objects.update_or_create(
        group=group,
        defaults={
            "curriculum_id": curriculum_id,
            "measured_at": now,
            "progress": cohort.progress.astype("<f4").tobytes(),
            "n": cohort.n.astype("<i4").tobytes(),
        },
    )
    return True
