"""Policies judged by the log: asked for by anybody, carried out by workers, a row with a lease each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, final
from uuid import UUID

import numpy as np
from django.db.models import QuerySet
from django.utils.translation import gettext, gettext_noop

from tutor.accounts.access import NotFound
from tutor.language import Sentence
from tutor.scheduling import configs, jobs
from tutor.scheduling.ope import reading
from tutor.scheduling.ope.logged import BadLog, Logged
from tutor.scheduling.ope.report import Options, Report, evaluate
from tutor.scheduling.ope.rewards import Kind, Reward
from tutor.scheduling.policy_models import Evaluation, PolicyConfig
from tutor.scheduling.replay import FACTS, CannotReplay, Judged, judge

#: If more of the choices than this cannot be told, those that can are not what learners met.
MOST_LEFT_OUT: Final = 0.05
#: Where fewer of the logged scores come out again, what was believed is not what was had again.
REPRODUCED: Final = 0.99

Tell = Callable[[int, int], None]


def _silent(done: int, total: int) -> None:
    """For whoever does not want to hear how far it is."""


class CannotEvaluate(ValueError):
    """A question that makes no sense; the message says what to do about it."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer


@final
@dataclass(frozen=True)
class Replayed:
    """How much of the log could be told again.

    Attributes:
        choices: on record.     kept: of those that the report is about.     unwanted: in which the policy wants none.
        lost: those that could not be told, by why not.     checked, reproduced: whose logged scores came out again.
    """

    choices: int
    kept: int
    unwanted: int
    lost: dict[str, int] = field(default_factory=dict)
    checked: int = 0
    reproduced: int = 0


@final
@dataclass(frozen=True)
class Outcome:
    """What the log says of a policy, and what it could be asked about."""

    replayed: Replayed
    report: Report

    def to_json(self) -> dict[str, Any]:
        return {"replayed": vars(self.replayed), **self.report.to_json()}


def question(
    school_id: UUID, policy: str, config: PolicyConfig | None, *, since: datetime, until: datetime,
    reward: Reward | None = None, logged_policy: str = "", curriculum_id: UUID | None = None, seed: int = 0,
    requested_by: str = "", now: datetime,
) -> Evaluation:  # fmt: skip
    """What is to be told, not queued yet.

    Args:
        logged_policy: whose choices are looked at, as the decision log names it; "" for all.

    Raises:
        CannotEvaluate: if it makes no sense.
    """
    reward = reward or Reward()
    _check_times(since, until, reward, now)
    if configs.chosen(policy, config).policy.reads_cohort:
        text = gettext("policy '%(policy)s' goes by what whole classes did: judge it in the simulator")
        raise CannotEvaluate("", text % {"policy": policy})
    return Evaluation(
        school_id=school_id, policy=policy, config=config, curriculum_id=curriculum_id, logged_policy=logged_policy,
        since=since, until=until, reward=reward.kind.value, delay_days=reward.delay_days,
        window_days=reward.window_days, seed=seed, requested_by=requested_by, created_at=now,
    )  # fmt: skip


def assess(job: Evaluation, *, now: datetime, tell: Tell = _silent) -> Outcome:
    """What a policy would have been worth a choice in a school, told from what another one did there.

    Args:
        tell: hears how many choices are done, of how many.

    Raises:
        CannotReplay: if the policy reads what the log does not keep.     BadLog: if the log does not add up.
    """
    reward = Reward(Kind(job.reward), job.delay_days, job.window_days)
    logged = reading.read(
        job.school_id, job.logged_policy or None, job.since, job.until, reward=reward,
        curriculum_id=job.curriculum_id, now=now,
    )  # fmt: skip
    tell(0, len(logged))
    chosen = configs.chosen(job.policy, job.config)
    judged = judge(logged, job.school_id, chosen, tell=lambda done: tell(done, len(logged)))
    return _outcome(logged, judged, reward, job.seed)


def visible(school_id: UUID) -> QuerySet[Evaluation]:
    return Evaluation.objects.filter(school_id=school_id).select_related("config")


def access(school_id: UUID, job_id: UUID) -> Evaluation:
    """Raises:
    NotFound: alike for what is absent and what is another school's.
    """
    found = visible(school_id).filter(pk=job_id).first()
    if found is None:
        raise NotFound("evaluation", job_id)
    return found


def run_next(*, now: datetime) -> bool:
    """Takes up the oldest job that nobody works on, and ends it; False if there is none."""
    return jobs.run_next(Evaluation, partial(_work, now), refused=(BadLog, CannotReplay), now=now)


def _work(now: datetime, job: Evaluation) -> dict[str, Any]:
    return assess(job, now=now, tell=partial(jobs.tell, job)).to_json()


def _check_times(since: datetime, until: datetime, reward: Reward, now: datetime) -> None:
    if since >= until:
        text = gettext("until %(until)s is not after since %(since)s")
        raise CannotEvaluate("/until", text % {"until": until.isoformat(), "since": since.isoformat()})
    closed = now - timedelta(days=reward.closes_after_days)
    if since >= closed:
        text = gettext_noop(
            "what choices since {since} are worth shows after {days:g} days: begin before {closed}, or take another "
            "reward"
        )
        days, before = reward.closes_after_days, closed.isoformat(timespec="seconds")
        raise CannotEvaluate("/since", Sentence(text, since=since.isoformat(), days=days, closed=before))


def _outcome(logged: Logged, judged: Judged, reward: Reward, seed: int) -> Outcome:
    kept = judged.kept
    replayed = Replayed(
        len(logged), int(kept.sum()), judged.unwanted, dict(judged.lost), judged.checked, judged.reproduced
    )
    told = replace(
        logged,
        candidate_features=np.column_stack([logged.candidate_features, judged.facts]),
        candidate_feature_names=(*logged.candidate_feature_names, *FACTS),
    ).take(kept)
    probability = judged.probability[kept[logged.row]]
    refusal = _refusal(replayed)
    if refusal:
        report = evaluate(told, lambda _: probability, reward=reward, options=Options(seed, least_effective=np.inf))
        return Outcome(replayed, replace(report, refusal=refusal))
    report = evaluate(told, lambda _: probability, reward=reward, options=Options(seed))
    return Outcome(replayed, replace(report, warnings=(*report.warnings, *_warnings(replayed))))


def _refusal(replayed: Replayed) -> str:
    """Why nothing may be said, "" if something may: choices left out by what the policy makes of them."""
    if replayed.unwanted <= MOST_LEFT_OUT * max(replayed.kept + replayed.unwanted, 1):
        return ""
    share = replayed.unwanted / (replayed.kept + replayed.unwanted)
    text = gettext_noop(
        "in {share:.1%} of the choices the policy wants nothing of what was offered, at most {most:.1%} may be: what "
        "it would have offered instead is not in the log, so try it in the simulator or in a trial"
    )
    return Sentence(text, share=share, most=MOST_LEFT_OUT)


def _warnings(replayed: Replayed) -> list[str]:
    left_out = gettext_noop("{n} choices are left out: {why}")
    found: list[str] = [Sentence(left_out, n=n, why=Sentence(why)) for why, n in sorted(replayed.lost.items())]
    if replayed.unwanted:
        why = gettext_noop("the policy wants nothing of what was offered")
        found.append(Sentence(left_out, n=replayed.unwanted, why=Sentence(why)))
    if replayed.reproduced < REPRODUCED * replayed.checked:
        text = gettext_noop(
            "of {checked} choices only {reproduced} have the scores that were logged: beliefs had again are not quite "
            "those of the time"
        )
        found.append(Sentence(text, checked=replayed.checked, reproduced=replayed.reproduced))
    return found
