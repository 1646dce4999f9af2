"""The door through which versions are tried, promoted and rolled back. Plans follow whoever serves, in batches."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import groupby
from typing import Final
from uuid import UUID

import structlog
from django.db import transaction

from tutor import db
from tutor.registry import deployments
from tutor.registry import services as registry
from tutor.registry.models import Deployment, ModelVersion
from tutor.scheduling import bell, services
from tutor.scheduling.serving import PLAN_HOLDS_SECONDS
from tutor.tracing import rollout, shadow
from tutor.tracing.beliefs import beliefs
from tutor.tracing.rollout import Progress
from tutor.tracing.shadow import Verdict

log = structlog.get_logger()

#: Plans made anew by one message.
FOLLOWED_AT_ONCE: Final = 250

# Plans of the version before; whoever reads one meanwhile is told which version it is of.
_OUTDATED: Final = """
SELECT school_id, curriculum_id, learner_id FROM scheduling_plan
WHERE curriculum_id = %s AND (%s::uuid IS NULL OR school_id = %s) AND school_id <> ALL(%s::uuid[]) AND computed_at < %s
ORDER BY computed_at DESC LIMIT %s FOR UPDATE SKIP LOCKED
"""


class NotLevel(ValueError):
    """A version does not know all learners yet whom it is to serve."""

    def __init__(self, version: ModelVersion, progress: Progress) -> None:
        self.progress = progress
        super().__init__(
            f"model version {version} ({version.pk}) cannot serve yet: {progress}. Put it in shadow and wait until all "
            f"are, or force it: the version before tells of the others until they are"
        )


def challenge(version: ModelVersion, *, school_id: UUID | None = None, now: datetime) -> Deployment:
    """Puts a version in shadow; workers build its states beside those that serve, and it scores what comes in.

    Raises:
        deployments.NotUsable: if it may not serve here, or serves here already.
    """
    registry.ensure_served(version.curriculum_version.curriculum_id)
    with transaction.atomic():
        deployment = deployments.challenge(version, school_id=school_id, now=now)
        transaction.on_commit(bell.ring_rollout)
    return deployment


def withdraw(curriculum_id: UUID, school_id: UUID | None, *, now: datetime) -> Deployment | None:
    """Takes the challenger out of shadow."""
    return deployments.withdraw(curriculum_id, school_id, now=now)


def promote(version: ModelVersion, *, school_id: UUID | None = None, force: bool = False, now: datetime) -> Deployment:
    """Lets a version serve: one UPDATE, however many learners there are.

    Raises:
        deployments.NotUsable: if it failed, was rejected, or is another school's.
        NotLevel: if its states lag; not with `force`.
    """
    deployments.check(version, school_id)
    found = progress(version, school_id=school_id, now=now)
    if not (found.is_level or force):
        raise NotLevel(version, found)
    with transaction.atomic():
        deployment = deployments.promote(version, school_id=school_id, now=now)
        transaction.on_commit(_follow)
    log.info("version_promoted", version=str(version.pk), school=str(school_id), states=str(found), forced=force)
    return deployment


def roll_back(curriculum_id: UUID, school_id: UUID | None, *, now: datetime) -> Deployment:
    """Lets the version before serve again: one UPDATE. Its states were kept level for `PREVIOUS_KEPT`.

    Raises:
        deployments.NothingBefore, deployments.NotUsable: if there is no way back.
    """
    with transaction.atomic():
        deployment = deployments.roll_back(curriculum_id, school_id, now=now)
        transaction.on_commit(_follow)
    log.info("version_rolled_back", version=str(deployment.champion_id), school=str(school_id))
    return deployment


def progress(version: ModelVersion, *, school_id: UUID | None, now: datetime) -> Progress:
    """How far the states of a version are for those whom it is to serve."""
    curriculum_id = version.curriculum_version.curriculum_id
    deployment = deployments.deployed(curriculum_id, school_id)
    if deployment is None:
        # Not made yet; until then a school is served as all others are.
        site_wide = deployments.deployed(curriculum_id, None)
        champion = site_wide.champion if site_wide else version
        deployment = Deployment(curriculum_id=curriculum_id, school_id=school_id, champion=champion)
    return rollout.progress(deployment, version.pk, now=now)


def promote_proved(*, now: datetime) -> list[Deployment]:
    """Promotes challengers that have proved themselves and are level, where the operator has switched that on."""
    switched_on = Deployment.objects.filter(promotes_itself=True, challenger__isnull=False).order_by("id")
    return [promoted for each in switched_on if (promoted := _promote_if_proved(each, now))]


def _promote_if_proved(deployment: Deployment, now: datetime) -> Deployment | None:
    try:
        found = shadow.compare(deployment, now=now)
        if deployment.challenger and found.verdict in (Verdict.BETTER, Verdict.NO_WORSE):
            return promote(deployment.challenger, school_id=deployment.school_id, now=now)
        log.info("challenger_stays", version=str(deployment.challenger_id), reason=found.reason)
    except (deployments.NotUsable, shadow.NoChallenger, NotLevel) as error:
        log.warning("challenger_not_promoted", version=str(deployment.challenger_id), error=str(error))
    return None


def follow(*, now: datetime, limit: int = FOLLOWED_AT_ONCE) -> int:
    """Plans anew for at most `limit` learners whose plans are of before a promotion; how many. The latest made first.

    After `PLAN_HOLDS_SECONDS` nothing is left to do: plans as old are made anew when they are read.
    """
    recent = Deployment.objects.filter(champion_since__gt=now - timedelta(seconds=PLAN_HOLDS_SECONDS))
    for deployment in recent.order_by("id"):
        if planned := _follow_one(deployment, limit, now):
            return planned
    return 0


def _follow_one(deployment: Deployment, limit: int, now: datetime) -> int:
    school, apart = deployment.school_id, deployments.schools_apart(deployment)
    with transaction.atomic():
        concerned = deployment.curriculum_id, school, school, apart, deployment.champion_since, limit
        outdated = sorted(db.rows(_OUTDATED, concerned))
        planned = 0
        for (school_id, curriculum_id), group in groupby(outdated, key=lambda row: row[:2]):
            learners = [learner for *_, learner in group]
            planned += services.plan_again(beliefs(school_id, curriculum_id, learners, now.timestamp()), now=now)
    return planned


def _follow() -> None:
    bell.ring_rollout()
    bell.ring_promotions()
