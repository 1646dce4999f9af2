"""Versions that passed their gates, and the one place in shadow for which they wait."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Final

from tutor.registry import deployments
from tutor.registry.models import Deployment, ModelVersion

#: Models fitted within it are of one night.
NIGHT: Final = timedelta(hours=12)
#: A challenger that its own run has put in shadow was there within it.
AT_ONCE: Final = timedelta(minutes=1)

State = ModelVersion.State


def put_in_shadow(version: ModelVersion, *, now: datetime) -> None:
    """Beside the champion, if it may serve and no other has begun to prove itself there."""
    if version.state != State.CANDIDATE:
        return
    current = deployments.deployed(version.curriculum_version.curriculum_id, version.school_id)
    other = current.challenger if current else None
    if other is not None and other.state == State.FAILED:
        other = None
    # Of those fitted in one night, the best: they were judged on the same answers. What people chose stays.
    same_night = (
        other is not None
        and current is not None
        and came_by_itself(current)
        and version.created_at - other.created_at < NIGHT
    )
    if other is None or (same_night and _loss(version) < _loss(other)):
        deployments.challenge(version, school_id=version.school_id, now=now)


def came_by_itself(deployment: Deployment) -> bool:
    """Whether the challenger was put in shadow by its own run, and not by people."""
    since, challenger = deployment.challenger_since, deployment.challenger
    return since is not None and challenger is not None and since - challenger.created_at < AT_ONCE


def newer(deployment: Deployment) -> ModelVersion | None:
    """The best of the last night, of those that passed their gates after the challenger and were never tried."""
    challenger = deployment.challenger
    if challenger is None:
        return None
    waiting = ModelVersion.objects.filter(
        curriculum_version__curriculum=deployment.curriculum_id, school=deployment.school_id, state=State.CANDIDATE,
        idle_since=None, created_at__gt=challenger.created_at, verdict__passed=True,
    ).order_by("-created_at")  # fmt: skip
    last = waiting.first()
    return min(waiting.filter(created_at__gt=last.created_at - NIGHT), key=_loss) if last else None


def _loss(version: ModelVersion) -> float:
    return float(version.metrics.get("log_loss", {}).get("value") or math.inf)
