"""The door through which versions are tried, promoted and rolled back. Plans follow whoever serves, in batches."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from tutor import db
from tutor.language import Sentence
from tutor.registry import candidates, deployments
from tutor.registry import services as registry
from tutor.registry.deployments import PREVIOUS_KEPT
from tutor.registry.models import Deployment, ModelVersion
from tutor.registry.moves import ITSELF, Order
from tutor.scheduling import bell, services
from tutor.scheduling.serving import PLAN_HOLDS_SECONDS
from tutor.tracing import rollout, shadow
from tutor.tracing.beliefs import beliefs
from tutor.tracing.rollout import Progress
from tutor.tracing.shadow import Comparison, Verdict

log = structlog.get_logger()

#: A challenger that came by itself makes room for a newer candidate after so many times `shadow_days` undecided, and
#: while it still gathers answers, of which a small school has few a day, after so many.
PATIENCE: Final = 3.0
PATIENCE_GATHERING: Final = 9.0
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
        text = _(
            "model version %(version)s (%(id)s) cannot serve yet: %(progress)s. Put it in shadow and wait until all "
            "are, or force it: the version before tells of the others until they are"
        )
        super().__init__(text % {"version": version, "id": version.pk, "progress": progress})


def challenge(version: ModelVersion, *, school_id: UUID | None = None, by: str = "", now: datetime) -> Deployment:
    """Puts a version in shadow; workers build its states beside those that serve, and it scores what comes in.

    Raises:
        deployments.NotUsable: if it may not serve here, or serves here already.
    """
    registry.ensure_served(version.curriculum_version.curriculum_id)
    with transaction.atomic():
        deployment = deployments.challenge(version, school_id=school_id, now=now, order=Order(by))
        transaction.on_commit(bell.ring_rollout)
    return deployment


def withdraw(curriculum_id: UUID, school_id: UUID | None, *, by: str = "", now: datetime) -> Deployment | None:
    """Takes the challenger out of shadow."""
    return deployments.withdraw(curriculum_id, school_id, now=now, order=Order(by))


def promote(
    version: ModelVersion, *, school_id: UUID | None = None, force: bool = False, now: datetime, order: Order = ITSELF
) -> Deployment:
    """Lets a version serve: one UPDATE, however many learners there are.

    Raises:
        deployments.NotUsable: if it failed, was rejected, is another school's, or its files are not sound.
        NotLevel: if its states lag; not with `force`.
    """
    deployments.check(version, school_id)
    # Forced, it may be one that no worker has loaded yet.
    deployments.check_files(version)
    with transaction.atomic():
        # So that no school comes to follow meanwhile whose learners were not among those looked at.
        _locked(curriculum=version.curriculum_version.curriculum_id, school=school_id)
        found = progress(version, school_id=school_id, now=now)
        if not (found.is_level or force):
            raise NotLevel(version, found)
        deployment = deployments.promote(version, school_id=school_id, now=now, order=replace(order, forced=force))
        transaction.on_commit(_follow)
    log.info("version_promoted", version=str(version.pk), school=str(school_id), states=str(found), forced=force)
    return deployment


def roll_back(
    curriculum_id: UUID, school_id: UUID | None, *, by: str = "", force: bool = False, now: datetime
) -> Deployment:
    """Lets the version before serve again: one UPDATE. Its states were kept level for `PREVIOUS_KEPT`.

    Of a school that follows all others again, that is what it had of its own.

    Raises:
        deployments.NothingBefore, deployments.NotUsable: if there is no way back, or forced, none that is sound.
        NotLevel: if its states lag, by more than answers under way, or are gone; not with `force`.
    """
    with transaction.atomic():
        _check_way_back(_locked(curriculum=curriculum_id, school=school_id), force, now)
        deployment = deployments.roll_back(curriculum_id, school_id, now=now, order=Order(by, force))
        transaction.on_commit(_follow)
    log.info("version_rolled_back", version=str(deployment.champion_id), school=str(school_id), forced=force)
    return deployment


def follow_site(
    curriculum_id: UUID, school_id: UUID, *, by: str = "", force: bool = False, now: datetime
) -> Deployment:
    """Lets what serves all schools serve one that has had its own: one UPDATE. Its own is kept level as a way back.

    `roll_back` undoes it, and so does the promotion of what it had. Returns the deployment of all schools.

    Raises:
        deployments.NotApart: if it has none of its own.
        deployments.NotUsable: if what serves all schools cannot be loaded.
        NotLevel: if the states of its learners lag under that; not with `force`.
    """
    registry.ensure_served(curriculum_id)
    with transaction.atomic():
        # What is found level must be what serves then.
        site_wide = _locked(curriculum=curriculum_id, school=None)
        own = deployments.deployed(curriculum_id, school_id)
        if site_wide and own and own.champion_id != site_wide.champion_id and not force:
            found = progress(site_wide.champion, school_id=school_id, now=now)
            if not found.is_level:
                raise NotLevel(site_wide.champion, found)
        deployment = deployments.follow_site(curriculum_id, school_id, now=now, order=Order(by, force))
        transaction.on_commit(_follow)
    log.info("site_followed", version=str(deployment.champion_id), school=str(school_id), forced=force)
    return deployment


def _check_way_back(current: Deployment | None, force: bool, now: datetime) -> None:
    deployment = current and deployments.reopened(current)
    if deployment is None or deployment.previous is None:
        return
    deployments.check(deployment.previous, deployment.school_id)
    if force:
        deployments.check_files(deployment.previous)
        return
    # As long as its states are kept, whoever is noted is on the way, however long the queue is when haste is needed.
    kept = deployment.champion_since is not None and deployment.champion_since > now - PREVIOUS_KEPT
    under_way = PREVIOUS_KEPT if kept else rollout.UNDER_WAY
    found = rollout.progress(deployment, deployment.previous.pk, now=now, under_way=under_way)
    if not found.is_level:
        raise NotLevel(deployment.previous, found)


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
    """Promotes challengers that have proved themselves and are level, where the operator has switched that on.

    Those that failed or have lost leave the place to the next, wherever they are, and so do those that came by
    themselves and of which nothing will be known.
    """
    tried = Deployment.objects.filter(challenger__isnull=False).select_related("champion", "challenger").order_by("id")
    return [promoted for each in tried if (promoted := _settle(each, now))]


def _settle(deployment: Deployment, now: datetime) -> Deployment | None:
    """What follows from the shadow so far; the deployment, if its challenger was promoted."""
    try:
        if deployment.challenger and deployment.challenger.state == ModelVersion.State.FAILED:
            _withdraw_lost(deployment, f"it failed: {deployment.challenger.note or 'no reason was kept'}", now)
            return None
        found = shadow.compare(deployment, now=now)
        if found.verdict == Verdict.WORSE:
            text = gettext_noop("{reason}; {answers:,} answers in {days:.1f} days")
            said = Sentence(text, reason=found.reason, answers=found.answers, days=found.days)
            _withdraw_lost(deployment, said, now)
        elif deployment.promotes_itself and found.verdict in (Verdict.BETTER, Verdict.NO_WORSE):
            return _promote_compared(deployment, now, found.reason)
        elif (heir := _heir(deployment, found)) is not None:
            text = gettext_noop("undecided after {days:.1f} days and {answers:,} answers ({reason}), it makes room")
            said = Sentence(text, days=found.days, answers=found.answers, reason=found.reason)
            _withdraw_lost(deployment, said, now, heir)
        else:
            log.info("challenger_stays", version=str(deployment.challenger_id), reason=found.reason)
    except (deployments.NotUsable, shadow.NoChallenger, NotLevel) as error:
        log.warning("challenger_not_promoted", version=str(deployment.challenger_id), error=str(error))
    return None


def _promote_compared(deployment: Deployment, now: datetime, reason: str) -> Deployment | None:
    with transaction.atomic():
        current = _as_compared(deployment)
        if current and current.challenger and current.promotes_itself:
            return promote(current.challenger, school_id=current.school_id, now=now, order=Order(reason=reason))
    log.info("challenger_not_promoted", version=str(deployment.challenger_id), error="people changed that meanwhile")
    return None


def _heir(deployment: Deployment, found: Comparison) -> ModelVersion | None:
    """Who follows a challenger that its own run put in shadow, once it has been undecided for long."""
    gathering = 0 < found.answers < deployment.shadow_answers
    patience = PATIENCE_GATHERING if gathering else PATIENCE
    decided = found.verdict != Verdict.TOO_EARLY
    if decided or found.days < patience * max(deployment.shadow_days, 1.0) or not candidates.came_by_itself(deployment):
        return None
    return candidates.newer(deployment)


def _withdraw_lost(deployment: Deployment, reason: str, now: datetime, heir: ModelVersion | None = None) -> None:
    with transaction.atomic():
        current = _as_compared(deployment)
        if current is None or current.challenger is None:
            return
        lost = current.challenger
        deployments.withdraw(current.curriculum_id, current.school_id, now=now, order=Order(reason=reason))
        # Of a version that others see, the figures of one school's answers are not for them.
        if lost.school_id == current.school_id and lost.state != ModelVersion.State.FAILED:
            said = Sentence(gettext_noop("withdrawn from shadow: {reason}"), reason=reason)
            verdict = lost.verdict | {"withdrawn": said.kept()}
            ModelVersion.objects.filter(pk=lost.pk).update(reason=said, verdict=verdict)
        if heir is not None:
            deployments.challenge(heir, school_id=current.school_id, now=now)
            transaction.on_commit(bell.ring_rollout)
    log.warning("challenger_withdrawn", version=str(lost.pk), school=str(current.school_id), reason=reason)


def _as_compared(deployment: Deployment) -> Deployment | None:
    """Locked; nothing if somebody has moved its pointers since it was read: a comparison takes seconds."""
    return _locked(
        pk=deployment.pk, champion=deployment.champion_id,
        challenger=deployment.challenger_id, challenger_since=deployment.challenger_since,
    )  # fmt: skip


def _locked(**which: object) -> Deployment | None:
    return Deployment.objects.select_for_update().filter(**which).first()


def follow(*, now: datetime, limit: int = FOLLOWED_AT_ONCE) -> int:
    """Plans anew for at most `limit` learners whose plans are of before a promotion; how many. The latest made first.

    After `PLAN_HOLDS_SECONDS` nothing is left to do: plans as old are made anew when they are read.
    """
    since = now - timedelta(seconds=PLAN_HOLDS_SECONDS)
    recent = Deployment.objects.filter(Q(champion_since__gt=since) | Q(follows_since__gt=since))
    for deployment in recent.order_by("id"):
        if planned := _follow_one(deployments.reopened(deployment), limit, now):
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
