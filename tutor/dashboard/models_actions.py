"""What managers do to models: each asks the service that decides, and tells what came of it in a sentence."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from tutor.accounts.access import NotFound
from tutor.dashboard import models_queries
from tutor.dashboard.models_queries import Manager
from tutor.registry import card_words, deployments, queries, runs
from tutor.registry.card import label
from tutor.registry.deployments import NothingBefore, NotUsable
from tutor.registry.models import Deployment, ModelVersion
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
        return Done(curriculum_id, False, f"Not begun: {refused}.")
    return Done(curriculum_id, True, f"A {card_words.kind(kind)} model of {of.whose} will be fitted.")


def cancel(of: Manager, run_id: UUID, *, now: datetime) -> Done:
    run = runs.access(of.school_id, run_id)
    what = f"The fit of a {card_words.kind(run.kind)} model"
    if run.finished_at is not None:
        return Done(run.curriculum_id, False, f"{what} had ended before: it is {run.status}.")
    run = runs.cancel(run, now=now)
    ends = "is cancelled" if run.finished_at else "will end within seconds"
    return Done(run.curriculum_id, True, f"{what} {ends}.")


def challenge(of: Manager, version_id: UUID, *, now: datetime) -> Done:
    version, curriculum_id = _version(of, version_id)
    try:
        rollout.challenge(version, school_id=of.school_id, now=now)
    except NotUsable as refused:
        return Done(curriculum_id, False, f"Not put in shadow: {refused}.")
    return Done(curriculum_id, True, f"{_called(version)} is in shadow beside the champion of {of.whose}.")


def withdraw(of: Manager, curriculum_id: UUID, *, now: datetime) -> Done:
    _access(of, curriculum_id)
    own = _own(of, curriculum_id)
    if own is None or own.challenger is None:
        return Done(curriculum_id, False, f"Nothing is in shadow for {of.whose}.")
    rollout.withdraw(curriculum_id, of.school_id, now=now)
    return Done(curriculum_id, True, f"{_called(own.challenger)} is a candidate again.")


def promote(of: Manager, version_id: UUID, *, force: bool, now: datetime) -> Done:
    version, curriculum_id = _version(of, version_id)
    try:
        rollout.promote(version, school_id=of.school_id, force=force, now=now)
    except (NotUsable, NotLevel) as refused:
        return Done(curriculum_id, False, f"Not promoted: {refused}.")
    return Done(curriculum_id, True, f"{_called(version)} now serves {of.whose}.")


def roll_back(of: Manager, curriculum_id: UUID, *, now: datetime) -> Done:
    _access(of, curriculum_id)
    try:
        back = rollout.roll_back(curriculum_id, of.school_id, now=now)
    except (NothingBefore, NotUsable, NotLevel) as refused:
        return Done(curriculum_id, False, f"Not rolled back: {refused}.")
    return Done(curriculum_id, True, f"{_called(back.champion)} serves {of.whose} again.")


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
