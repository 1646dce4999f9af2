"""Training runs: asked for, watched and cancelled by anybody; `trainer` carries them out. No torch in here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from curricula.models import CurriculumVersion
from kt_models.kinds import KINDS
from tutor import db
from tutor.accounts.access import NotFound
from tutor.language import Texts
from tutor.registry import services, store
from tutor.registry.models import Deployment, ModelVersion, TrainingRun

log = structlog.get_logger()

State, Status = ModelVersion.State, TrainingRun.Status
#: Whose parameters a fit may begin with.
_ACCEPTED: Final = (State.CANDIDATE, State.SHADOW, State.CHAMPION, State.RETIRED)


#: Of a run that has not ended.
_STATUSES: Final[Mapping[str, str]] = Texts({"queued": gettext_noop("queued"), "running": gettext_noop("running")})


class CannotRun(ValueError):
    """A run that is asked for makes no sense."""


class AlreadyOpen(CannotRun):
    """A run of the same target has not ended."""


def request(
    *, kind: str, curriculum_id: UUID, school_id: UUID | None = None, settings: Mapping[str, Any] | None = None,
    seed: int = 0, full: bool = False, requested_by: str = "", now: datetime,
) -> TrainingRun:  # fmt: skip
    """Queues a fit and rings for the worker.

    Args:
        school_id: whose answers; None for all schools.     full: from scratch, not from the newest model of the kind.
    Raises:
        CannotRun: if the kind or a setting is none, or nothing is published.
        AlreadyOpen: if a run of this target is.
    """
    target = {"kind": kind, "curriculum": curriculum_id, "school": school_id}
    # Their worker died before it saw that they were cancelled.
    _end_left(TrainingRun.objects.filter(**target, cancel_requested=True, lease_until__lt=now), now)
    # So that what comes of it has a champion to be compared with.
    services.ensure_served(curriculum_id)
    run = TrainingRun(
        kind=_known(kind),
        curriculum_id=curriculum_id,
        curriculum_version=published(curriculum_id),
        school_id=school_id,
        settings=_plain(settings or {}),
        seed=_seed(seed),
        warm_start=None if full else newest(kind, curriculum_id, school_id),
        requested_by=requested_by,
        created_at=now,
    )
    try:
        with transaction.atomic():
            run.save(force_insert=True)
            transaction.on_commit(ring)
    except IntegrityError as error:
        open_ = TrainingRun.objects.filter(**target, finished_at=None).first()
        if open_ is None:
            raise
        text = _("a %(kind)s model of this curriculum is %(status)s already (run %(id)s): wait for it, or cancel it")
        raise AlreadyOpen(
            text % {"kind": kind, "status": _STATUSES.get(open_.status, open_.status), "id": open_.pk}
        ) from error
    return run


def cancel(run: TrainingRun, *, now: datetime) -> TrainingRun:
    """Ends a run: at once if nobody works on it, else as soon as its worker sees it, within seconds."""
    this = TrainingRun.objects.filter(pk=run.pk)
    if not _end_left(this.filter(status=Status.QUEUED), now) and not _end_left(this.filter(lease_until__lt=now), now):
        this.filter(finished_at=None).update(cancel_requested=True)
    run.refresh_from_db()
    return run


def _end_left(left: QuerySet[TrainingRun], now: datetime) -> int:
    """Ends runs that nobody works on; how many. A worker that comes back finds that its lease is gone."""
    unfinished = left.filter(finished_at=None)
    ended: dict[str, Any] = {"finished_at": now, "lease_until": None, "said": {}}
    # Too late for one whose model is registered.
    done = unfinished.exclude(version=None).update(status=Status.DONE, message="", **ended)
    return done + unfinished.filter(version=None).update(status=Status.CANCELLED, message="cancelled", **ended)


def kinds() -> list[str]:
    """Names of what can be fitted."""
    return sorted(KINDS)


def visible(school_id: UUID | None) -> QuerySet[TrainingRun]:
    """A school sees its own, the operator (None) all."""
    return TrainingRun.objects.filter(school=school_id) if school_id else TrainingRun.objects.all()


def access(school_id: UUID | None, run_id: UUID) -> TrainingRun:
    """Raises:
    NotFound: alike for what is absent and what is another school's.
    """
    found = visible(school_id).filter(pk=run_id).first()
    if found is None:
        raise NotFound("training run", run_id)
    return found


def newest(kind: str, curriculum_id: UUID, school_id: UUID | None) -> ModelVersion | None:
    """The newest accepted version of a kind that a school may use, its own before one of all schools."""
    accepted = ModelVersion.objects.filter(
        Q(school=school_id) | Q(school=None), kind=kind, curriculum_version__curriculum=curriculum_id,
        state__in=_ACCEPTED,
    )  # fmt: skip
    return accepted.order_by("is_baseline", F("school").asc(nulls_last=True), "-id").first()


# Answers of a target that no model of its kind knows yet.
_NEW: Final = """
SELECT count(*) FROM interactions_interaction
WHERE curriculum_id = %s AND (%s::uuid IS NULL OR school_id = %s) AND received_at >= %s
"""


def request_due(*, now: datetime) -> list[TrainingRun]:
    """Queues the nightly fits: of every deployment and kind for which enough new answers have come."""
    return [
        run
        for deployment in Deployment.objects.filter(follows_since=None).select_related("curriculum").order_by("id")
        if not _is_shadowed(deployment)
        for kind in deployment.retrains
        if (run := _request_if_due(deployment, kind, now)) is not None
    ]


def _is_shadowed(deployment: Deployment) -> bool:
    """Whether it serves nobody: its curriculum is one school's, which has a deployment of its own."""
    owner = deployment.curriculum.owner
    own = Deployment.objects.filter(curriculum=deployment.curriculum_id, school=owner, follows_since=None)
    return deployment.school_id is None and owner is not None and own.exists()


def _request_if_due(deployment: Deployment, kind: str, now: datetime) -> TrainingRun | None:
    target = {"kind": kind, "curriculum_id": deployment.curriculum_id, "school_id": deployment.school_id}
    runs = TrainingRun.objects.filter(**target)
    if runs.filter(finished_at=None).exclude(cancel_requested=True, lease_until__lt=now).exists():
        return None
    last = runs.filter(status=Status.DONE).order_by("-created_at").first()
    since = last.created_at if last else datetime.fromtimestamp(0, now.tzinfo)
    (count,) = db.rows(_NEW, [deployment.curriculum_id, deployment.school_id, deployment.school_id, since])[0]
    if count < max(deployment.retrain_after, 1):
        return None
    try:
        return request(**target, requested_by="schedule", now=now)  # type: ignore[arg-type]
    except CannotRun as error:
        log.warning("retraining_not_queued", error=str(error), **{name: str(value) for name, value in target.items()})
        return None


def prune(*, before: datetime) -> int:
    """Deletes versions that were last of use before a time and never served, with their artifacts; how many.

    Rejected ones all; candidates but for the newest of each kind, with which the next fit begins. One that was in
    shadow is of use until it is withdrawn.
    """
    idle = Q(idle_since=None) | Q(idle_since__lt=before)
    old = ModelVersion.objects.filter(idle, created_at__lt=before, state__in=(State.REJECTED, State.CANDIDATE))
    gone = [version.pk for version in old.select_related("curriculum_version") if not _is_start(version)]
    for version_id in gone:
        ModelVersion.objects.filter(pk=version_id).delete()
        store.delete(version_id)
    # Learning curves of fits as old; what came of them stays.
    TrainingRun.objects.filter(finished_at__lt=before).exclude(log=[]).update(log=[])
    return len(gone)


def _is_start(version: ModelVersion) -> bool:
    if version.is_baseline or version.state == State.REJECTED:
        return version.is_baseline
    return newest(version.kind, version.curriculum_version.curriculum_id, version.school_id) == version


def ring() -> None:
    """A run is waiting."""
    from tutor.registry import tasks

    try:
        # One try: beat is the retry.
        tasks.run_training.apply_async(expires=60, retry=False)
    except Exception as error:
        log.warning("bell_not_published", task="run_training", error=f"{type(error).__name__}: {error}")


def _known(kind: str) -> str:
    if kind not in KINDS:
        text = _("no model is named '%(kind)s': give one of %(kinds)s")
        raise CannotRun(text % {"kind": kind, "kinds": ", ".join(sorted(KINDS))})
    return kind


def published(curriculum_id: UUID) -> CurriculumVersion:
    """The newest version. Raises CannotRun if there is none."""
    every = CurriculumVersion.objects.filter(curriculum=curriculum_id, published_at__isnull=False)
    newest_ = every.order_by("-number").first()
    if newest_ is None:
        text = _("curriculum %(id)s has no published version: publish it first")
        raise CannotRun(text % {"id": curriculum_id})
    return newest_


def _seed(seed: int) -> int:
    if not 0 <= seed < 2**31:
        raise CannotRun(f"seed {seed}: must be from 0 to {2**31 - 1}")
    return seed


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in settings.items():
        if not isinstance(value, (bool, int, float, str)):
            raise CannotRun(f"setting {name} is {value!r}: must be a number, a string or true or false")
    return dict(settings)
