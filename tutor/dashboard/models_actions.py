"""What managers do to models: each asks the service that decides, and tells what came of it in a sentence."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.utils.translation import gettext as _

from tutor.accounts.access import NotFound
from tutor.dashboard import models_queries
from tutor.dashboard.models_queries import Manager
from tutor.dashboard.models_words import ENDED
from tutor.registry import card_words, deployments, queries, runs
from tutor.registry.card import label
from tutor.registry.deployments import NotApart, NothingBefore, NotUsable
from tutor.registry.models import Deployment, ModelVersion
from tutor.registry.moves import Order
from tutor.scheduling import rollout
from tutor.scheduling.rollout import NotLevel


class Done(NamedTuple):
    """`text` says what came of it, or why it was refused."""

    curriculum_id: UUID
    is_done: bool
    text: str


def retrain(of: Manager, curriculum_id: UUID, *, kind: str, full: bool, now: datetime) -> Done:
    _access(of, curriculum_id)
    try:
        runs.request(
            kind=kind, curriculum_id=curriculum_id, school_id=of.school_id, full=full, requested_by=of.name, now=now
        )
    except runs.CannotRun as refused:
        return Done(curriculum_id, False, _("Not begun: %(why)s.") % {"why": refused})
    return Done(
        curriculum_id,
        True,
        _("A %(kind)s model of %(whose)s will be fitted.") % {"kind": card_words.kind(kind), "whose": of.whose},
    )


def cancel(of: Manager, run_id: UUID, *, now: datetime) -> Done:
    run = runs.access(of.school_id, run_id)
    kind = card_words.kind(run.kind)
    if run.finished_at is not None:
        text = _("The fit of a %(kind)s model had ended before: it is %(status)s.")
        return Done(run.curriculum_id, False, text % {"kind": kind, "status": ENDED.get(run.status, run.status)})
    run = runs.cancel(run, now=now)
    text = _("The fit of a %(kind)s model will end within seconds.")
    if run.finished_at:
        text = _("The fit of a %(kind)s model is cancelled.")
    return Done(run.curriculum_id, True, text % {"kind": kind})


def challenge(of: Manager, version_id: UUID, *, now: datetime) -> Done:
    version, curriculum_id = _version(of, version_id)
    try:
        rollout.challenge(version, school_id=of.school_id, by=of.name, now=now)
    except NotUsable as refused:
        return Done(curriculum_id, False, _("Not put in shadow: %(why)s.") % {"why": refused})
    return Done(
        curriculum_id,
        True,
        _("%(model)s is in shadow beside the champion of %(whose)s.") % {"model": _called(version), "whose": of.whose},
    )


def withdraw(of: Manager, curriculum_id: UUID, *, now: datetime) -> Done:
    _access(of, curriculum_id)
    own = _own(of, curriculum_id)
    if own is None or own.challenger is None:
        return Done(curriculum_id, False, _("Nothing is in shadow for %(whose)s.") % {"whose": of.whose})
    rollout.withdraw(curriculum_id, of.school_id, by=of.name, now=now)
    return Done(curriculum_id, True, _("%(model)s is a candidate again.") % {"model": _called(own.challenger)})


def promote(of: Manager, version_id: UUID, *, force: bool, now: datetime) -> Done:
    version, curriculum_id = _version(of, version_id)
    try:
        rollout.promote(version, school_id=of.school_id, force=force, now=now, order=Order(of.name))
    except (NotUsable, NotLevel) as refused:
        return Done(curriculum_id, False, _("Not promoted: %(why)s.") % {"why": refused})
    return Done(
        curriculum_id, True, _("%(model)s now serves %(whose)s.") % {"model": _called(version), "whose": of.whose}
    )


def roll_back(of: Manager, curriculum_id: UUID, *, now: datetime) -> Done:
    _access(of, curriculum_id)
    try:
        back = rollout.roll_back(curriculum_id, of.school_id, by=of.name, now=now)
    except (NothingBefore, NotUsable, NotLevel) as refused:
        return Done(curriculum_id, False, _("Not rolled back: %(why)s.") % {"why": refused})
    return Done(
        curriculum_id,
        True,
        _("%(model)s serves %(whose)s again.") % {"model": _called(back.champion), "whose": of.whose},
    )


def follow_site(of: Manager, curriculum_id: UUID, *, force: bool, now: datetime) -> Done:
    """Raises: NotFound: for an operator, who has no school that could follow."""
    _access(of, curriculum_id)
    if of.school_id is None:
        raise NotFound("school", None)
    try:
        followed = rollout.follow_site(curriculum_id, of.school_id, by=of.name, force=force, now=now)
    except (NotApart, NotUsable, NotLevel) as refused:
        return Done(curriculum_id, False, _("Not followed: %(why)s.") % {"why": refused})
    return Done(
        curriculum_id,
        True,
        _("%(whose)s follows all schools again: %(model)s serves.")
        % {"model": _called(followed.champion), "whose": of.whose},
    )


def _called(version: ModelVersion) -> str:
    return label(version.kind, version.pk)


def _access(of: Manager, curriculum_id: UUID) -> None:
    """Raises: NotFound: if it is not among the manager's."""
    if curriculum_id not in {choice.curriculum.pk for choice in models_queries.choices(of)}:
        raise NotFound("curriculum", curriculum_id)


def _version(of: Manager, version_id: UUID) -> tuple[ModelVersion, UUID]:
    version = queries.access_version(of.school_id, version_id)
    return version, version.curriculum_version.curriculum_id


def _own(of: Manager, curriculum_id: UUID) -> Deployment | None:
    return deployments.deployed(curriculum_id, of.school_id)
