"""A school whose models have a story: one serves, one is tried beside it, others were rejected, fits are under way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from curricula.models import Curriculum
from curricula.snapshot import latest
from tests.dashboard.classroom import answers, take_in
from tests.flow import judged
from tests.flow.versions import keep_beside
from tutor.accounts.models import Group, Learner, School
from tutor.registry import deployments, runs
from tutor.registry import services as registry
from tutor.registry.models import Deployment, ModelVersion, TrainingRun
from tutor.tracing import beside, rollout
from tutor.tracing.models import DriftAlert, DriftDay, WorkerStatus


class Room(NamedTuple):
    curriculum: Curriculum
    champion: ModelVersion
    challenger: ModelVersion
    rejected: ModelVersion
    run: TrainingRun


def a_story(school: School, group: Group, *, now: datetime) -> Room:
    """Of the class's curriculum, in the school's own deployment."""
    curriculum = group.curriculum
    assert curriculum is not None
    registry.ensure_served(curriculum.pk)
    sizes = {group.pk: 20}
    champion = judged.a_judged_version(curriculum, school_id=school.pk, groups=sizes, kind="logistic")
    deployments.promote(champion, school_id=school.pk, now=now - timedelta(days=30))
    rejected = judged.a_judged_version(
        curriculum, school_id=school.pk, groups=sizes, found=judged.figures(sizes, overconfident=0.3), kind="cakt",
        judged=judged.verdict(sizes, failing="ahead answer against champion", told_worse=group.pk),
    )  # fmt: skip
    challenger = judged.a_judged_version(curriculum, school_id=school.pk, groups=sizes, intercept=0.4)
    for version in (champion, rejected, challenger):
        judged.a_finished_run(version)
    deployments.challenge(challenger, school_id=school.pk, now=now - timedelta(days=3))
    run = a_run_under_way(school, curriculum, now=now)
    days_of(champion, curriculum, school.pk, now=now)
    a_worker([champion.pk, challenger.pk], now=now)
    return Room(curriculum, champion, challenger, rejected, run)


def in_shadow(school: School, room: Room, learners: Sequence[Learner], *, now: datetime) -> None:
    """States of the champion and the challenger are built, and both foretell some more answers."""
    rollout.rebuild_serving(school_id=school.pk, now=now)
    take_in(school, [], now=now)
    beside.look(now=now)
    keep_beside(now=now)
    item = next(iter(latest(room.curriculum.pk).item_position))
    # After all that they have answered, so that nothing has to be folded anew.
    later = now + timedelta(hours=1)
    given = [one for learner in learners for one in answers(learner, room.curriculum, item, "0110", last=later)]
    take_in(school, given, now=later)
    keep_beside(now=later)


def a_run_under_way(
    school: School | None, curriculum: Curriculum, *, now: datetime, kind: str = "psikt"
) -> TrainingRun:
    run = runs.request(
        kind=kind, curriculum_id=curriculum.pk, school_id=school.pk if school else None, requested_by="schedule",
        now=now - timedelta(minutes=12),
    )  # fmt: skip
    until = now + timedelta(hours=1)
    TrainingRun.objects.filter(pk=run.pk).update(
        status="running", step="fit", started_at=now - timedelta(minutes=11), lease_until=until, worker="host:1",
        progress={"event": "step", "epoch": 7.0, "step": 640, "steps": 1600},
    )  # fmt: skip
    run.refresh_from_db()
    return run


def days_of(version: ModelVersion, curriculum: Curriculum, school_id: UUID | None, *, now: datetime) -> None:
    """Thirty days of the champion, the last of them with an alert."""
    for back in range(30, 0, -1):
        n, off = 400, 0.12 if back < 5 else 0.0
        loss = 0.53 + off + 0.01 * math.sin(2.4 * back)
        residual = -off + 0.012 * math.cos(1.7 * back)
        each = n / 40
        DriftDay.objects.create(
            version_id=version.pk, curriculum_id=curriculum.pk, school_id=school_id, learners=40, answers=n,
            day=(now - timedelta(days=back)).date(), loss=loss * n, residual=residual * n, expected=0.7 * n,
            n_n=40 * each**2, loss_loss=40 * (loss * each) ** 2 * 1.1, n_loss=40 * each * loss * each,
            residual_residual=40 * (0.2 * each) ** 2, n_residual=40 * each * residual * each, tenths=[n // 10] * 10,
        )  # fmt: skip
    DriftAlert.objects.create(
        version_id=version.pk, curriculum_id=curriculum.pk, school_id=school_id, kind="calibration",
        raised_at=now - timedelta(days=3), figures={"expected": 0.70, "observed": 0.58},
    )  # fmt: skip


def a_worker(held: list[UUID], *, now: datetime, name: str = "gpu1:42") -> WorkerStatus:
    return WorkerStatus.objects.create(
        name=name, queues=["inference"], device="cuda:0 (NVIDIA H100)", started_at=now - timedelta(hours=3),
        beat_at=now, drained_at=now, batches=70, learners=3000, answers=9000, batch_sizes=[1, 43, 256], halvings=1,
        memory_bytes=3 * 2**29, device_memory_bytes=2**31, versions=held,
    )  # fmt: skip


def served(curriculum: Curriculum, school: School | None) -> Deployment:
    found = deployments.deployed(curriculum.pk, school.pk if school else None)
    assert found is not None
    return found
