"""Does the champion still foretell as it did? Log loss, calibration and input by day, with alerts.

Scores are summed up once a day (`DriftDay`); charts and alerts follow from the days alone, so that calls are
repeatable. Log loss and calibration: `cusum`. Input: the population stability index of the expectations of a week
against those of the version's first days, as far as it is beyond chance.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, final
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import QuerySet

from tutor import db
from tutor.registry import deployments
from tutor.registry.models import Deployment
from tutor.tracing import cusum
from tutor.tracing.models import DriftAlert, DriftDay

log = structlog.get_logger()

#: An answer that came in later than this says nothing of today: imports of old logs are left out.
LIVE: Final = timedelta(days=7)
#: Scores kept go back no further (`tasks.SCORES_KEPT`).
LOOK_BACK: Final = timedelta(days=60)
#: A day is summed up when it has been over for so long: what was under way at midnight is written by then.
OVER: Final = timedelta(hours=1)
#: Days with less are put together with the next, until they have as much.
LEAST_ANSWERS: Final = 50
LEAST_LEARNERS: Final = 5
#: Points that a version's input is compared with, and points that are compared with them.
REFERENCE: Final = 14
WINDOW: Final = 7
#: Population stability index from which on a shift is called large (Siddiqi 2006, Credit Risk Scorecards).
LARGE_PSI: Final = 0.25
#: .999 quantile of chi-square with 9 degrees of freedom: PSI of equal distributions is about that of 1/n + 1/N.
CHANCE: Final = 27.88
#: An alert of the input ends below this part of what raises one.
ENDS_AT: Final = 0.8

KINDS: Final = ("log_loss", "calibration", "input")

_SUM_UP: Final = """
INSERT INTO tracing_driftday (
    version_id, curriculum_id, school_id, day, answers, learners, loss, residual, expected,
    n_n, loss_loss, n_loss, residual_residual, n_residual, tenths)
SELECT %s::uuid, %s::uuid, %s::uuid, day, sum(n), count(*), sum(loss), sum(residual), sum(expected),
    sum(n::float8 * n), sum(loss * loss), sum(n * loss), sum(residual * residual), sum(n * residual),
    ARRAY[sum(t0), sum(t1), sum(t2), sum(t3), sum(t4), sum(t5), sum(t6), sum(t7), sum(t8), sum(t9)]::int[]
FROM (
    SELECT (s.scored_at AT TIME ZONE 'UTC')::date AS day, s.learner_id, count(*) AS n,
        sum(-(s.correct * ln(p.p) + (1 - s.correct) * ln(1 - p.p))) AS loss,
        sum(s.correct - p.p) AS residual, sum(p.p) AS expected,
        {tenths}
    FROM tracing_score s
    JOIN interactions_loghead h ON h.learner_id = s.learner_id AND h.curriculum_id = s.curriculum_id
    CROSS JOIN LATERAL (SELECT LEAST(GREATEST(s.p, 1e-12), 1 - 1e-12) AS p) p
    WHERE s.version_id = %s AND s.curriculum_id = %s AND s.scored_at >= %s AND s.scored_at < %s
        AND s.occurred_at > s.scored_at - %s
        AND (%s::uuid IS NULL OR h.school_id = %s) AND h.school_id <> ALL(%s::uuid[])
    GROUP BY 1, 2
) AS of_learner
GROUP BY day ORDER BY day
ON CONFLICT DO NOTHING
""".replace(
    "{tenths}",
    ", ".join(f"count(*) FILTER (WHERE LEAST(floor(p.p * 10), 9) = {tenth}) AS t{tenth}" for tenth in range(10)),
)


@final
@dataclass(frozen=True)
class Day:
    """A point of the charts: a day, or some with few answers put together; `day` is the last of them.

    Attributes:
        log_loss, error: nats an answer, and its standard error; learners are independent, answers of one are not.
        observed, expected: mean credit, and what was expected of it.     residual_error: of their difference.
        loss_sum, above, below: cumulative sums of log loss, of observed above expected and below; None: too early.
        psi, psi_limit: of the week up to here against the first days; None while there are only these.
        alarms: kinds in alarm.
    """

    day: date
    answers: int
    learners: int
    log_loss: float
    error: float
    observed: float
    expected: float
    residual_error: float
    loss_sum: float | None
    above: float | None
    below: float | None
    psi: float | None
    psi_limit: float | None
    alarms: tuple[str, ...]


def watch(*, now: datetime) -> None:
    """Sums up the days that are over, and raises and clears the alerts of every champion."""
    for deployment in Deployment.objects.order_by("id"):
        try:
            if deployment.follows_since is None:
                sum_up(deployment, now=now)
                _tell(deployment, series(deployment), now)
            else:  # it serves nobody: what stands of its champion is over
                _tell(deployment, [], now)
        except Exception:  # one champion's trouble hides no other's drift
            log.exception("drift_not_watched", version=str(deployment.champion_id))


def sum_up(deployment: Deployment, *, now: datetime) -> None:
    """Writes the days of a champion that are over and not written yet."""
    until = (now - OVER).replace(hour=0, minute=0, second=0, microsecond=0)
    last = _days(deployment).order_by("-day").values_list("day", flat=True).first()
    since = until - LOOK_BACK
    if last:
        since = max(since, until - timedelta(days=(until.date() - last).days - 1))
    version, curriculum, school = deployment.champion_id, deployment.curriculum_id, deployment.school_id
    concerned = school, school, deployments.schools_apart(deployment)
    if since < until:
        db.rows(_SUM_UP, [version, curriculum, school, version, curriculum, since, until, LIVE, *concerned])


def series(deployment: Deployment) -> list[Day]:
    """The charts of the present champion, oldest day first."""
    return charts(_days(deployment).order_by("day"))


def alerts(curriculum_id: UUID, school_id: UUID | None) -> QuerySet[DriftAlert]:
    """Of the deployment of a school, or with None of all that have no own; open ones first, then the newest."""
    found = DriftAlert.objects.filter(curriculum_id=curriculum_id, school_id=school_id)
    return found.order_by("-cleared_at", "-raised_at")  # PostgreSQL puts null before all, descending


def open_alerts() -> QuerySet[DriftAlert]:
    """Of all deployments."""
    return DriftAlert.objects.filter(cleared_at=None)


def charts(days: Iterable[DriftDay]) -> list[Day]:
    """Pure: what the days say."""
    points = _together(days)
    losses = [_mean(p.loss, p.loss_loss, p.n_loss, p) for p in points]
    residuals = [_mean(p.residual, p.residual_residual, p.n_residual, p) for p in points]
    of_loss = cusum.chart(losses, is_falling_bad=False)
    of_residual = cusum.chart(residuals, is_falling_bad=True)
    inputs = _inputs(points)
    return [
        _point(point, losses[i], residuals[i], of_loss[i], of_residual[i], inputs[i]) for i, point in enumerate(points)
    ]


def _days(deployment: Deployment) -> QuerySet[DriftDay]:
    return DriftDay.objects.filter(
        version_id=deployment.champion_id, curriculum_id=deployment.curriculum_id, school_id=deployment.school_id
    )


_SUMS: Final = (
    "answers", "learners", "loss", "residual", "expected",
    "n_n", "loss_loss", "n_loss", "residual_residual", "n_residual",
)  # fmt: skip


def _together(days: Iterable[DriftDay]) -> list[DriftDay]:
    """Days with few answers put together; what is left of them at the end has to wait."""
    points, gathered = list[DriftDay](), None
    for each in days:
        gathered = _sum(gathered, each) if gathered else each
        if gathered.answers >= LEAST_ANSWERS and gathered.learners >= LEAST_LEARNERS:
            points.append(gathered)
            gathered = None
    return points


def _sum(one: DriftDay, other: DriftDay) -> DriftDay:
    tenths = [a + b for a, b in zip(one.tenths, other.tenths, strict=True)]
    sums = {name: getattr(one, name) + getattr(other, name) for name in _SUMS}
    return DriftDay(day=other.day, tenths=tenths, **sums)


def _mean(total: float, squares: float, crossed: float, day: DriftDay) -> tuple[float, float]:
    """The mean of an answer, and its standard error if learners are drawn, with all of their answers."""
    mean = total / day.answers
    variance = (squares - 2.0 * mean * crossed + mean * mean * day.n_n) / day.answers**2
    # Of answers foretold all alike nothing is left to vary; no day may weigh without bound.
    return mean, max(math.sqrt(max(variance, 0.0)), 0.05 / math.sqrt(day.answers))


def _inputs(points: Sequence[DriftDay]) -> list[tuple[float, float, bool] | None]:
    """PSI, from where on it is large, and whether it is in alarm, of the week up to each point."""
    out: list[tuple[float, float, bool] | None] = [None] * len(points)
    is_alarm = False
    for i in range(REFERENCE + WINDOW - 1, len(points)):
        first, week = points[:REFERENCE], points[i - WINDOW + 1 : i + 1]
        found = psi(_pooled(first), _pooled(week))
        limit = max(LARGE_PSI, CHANCE * (_clusters(first) + _clusters(week)))
        is_alarm = found > (limit * ENDS_AT if is_alarm else limit)
        out[i] = found, limit, is_alarm
    return out


def _pooled(points: Sequence[DriftDay]) -> list[int]:
    return [sum(tenth) for tenth in zip(*(point.tenths for point in points), strict=True)]


def _clusters(points: Sequence[DriftDay]) -> float:
    """One by the number of learners that would tell as much, were all answers of one on one day alike (Kish 1965)."""
    return sum(point.n_n for point in points) / sum(point.answers for point in points) ** 2


def psi(reference: Sequence[int], counts: Sequence[int]) -> float:
    """Population stability index: sum of (q - r) log(q / r) over parts, half an answer added to each."""
    parts = len(reference)
    r = [(n + 0.5) / (sum(reference) + 0.5 * parts) for n in reference]
    q = [(n + 0.5) / (sum(counts) + 0.5 * parts) for n in counts]
    return sum((b - a) * math.log(b / a) for a, b in zip(r, q, strict=True))


def _point(
    day: DriftDay,
    loss: tuple[float, float],
    residual: tuple[float, float],
    of_loss: cusum.Point,
    of_residual: cusum.Point,
    of_input: tuple[float, float, bool] | None,
) -> Day:
    raised = of_loss.is_alarm, of_residual.is_alarm, bool(of_input and of_input[2])
    expected, early = day.expected / day.answers, of_loss.z is None
    return Day(
        day=day.day,
        answers=day.answers,
        learners=day.learners,
        log_loss=loss[0],
        error=loss[1],
        observed=expected + residual[0],
        expected=expected,
        residual_error=residual[1],
        loss_sum=None if early else of_loss.up,
        above=None if early else of_residual.up,
        below=None if early else of_residual.down,
        psi=of_input[0] if of_input else None,
        psi_limit=of_input[1] if of_input else None,
        alarms=tuple(kind for kind, is_raised in zip(KINDS, raised, strict=True) if is_raised),
    )


def _tell(deployment: Deployment, days: Sequence[Day], now: datetime) -> None:
    """Makes alerts agree with the charts; those of versions that serve no longer are over."""
    with transaction.atomic():
        # One at a time, so that none is raised twice.
        Deployment.objects.select_for_update().get(pk=deployment.pk)
        standing = {
            (alert.version_id, alert.kind): alert
            for alert in alerts(deployment.curriculum_id, deployment.school_id).filter(cleared_at=None)
        }
        raised = set(days[-1].alarms) if days else set[str]()
        for (version, kind), alert in standing.items():
            if version != deployment.champion_id or kind not in raised:
                _clear(alert, now)
        for kind in sorted(raised):
            if (deployment.champion_id, kind) not in standing:
                _raise(deployment, kind, days[-1], now)


def _raise(deployment: Deployment, kind: str, day: Day, now: datetime) -> None:
    figures: dict[str, Any] = {**asdict(day), "day": day.day.isoformat(), "limit": cusum.LIMIT}
    DriftAlert.objects.create(
        version_id=deployment.champion_id,
        curriculum_id=deployment.curriculum_id,
        school_id=deployment.school_id,
        kind=kind,
        raised_at=now,
        figures=figures,
    )
    log.warning("drift_raised", kind=kind, version=str(deployment.champion_id), **figures)


def _clear(alert: DriftAlert, now: datetime) -> None:
    alert.cleared_at = now
    alert.save(update_fields=["cleared_at"])
    log.info("drift_cleared", kind=alert.kind, version=str(alert.version_id))
