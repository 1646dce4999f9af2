"""What came of a contest: figures of each policy in each world with intervals, and differences between policies.

Learners of all seeds are taken together and resampled; the same learners met the same luck under every policy, so
differences are of pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np

from kt_models.metrics import Estimate
from kt_models.recall import Float, Int
from kt_models.simulate import Bootstrap, deciles
from kt_models.simulate.measures import DECILES
from tutor.scheduling.tournament.contest import Plan, Result

#: What others are compared with, as far as they play.
REFERENCES: Final = ("threshold", "fixed_ladder", "fsrs")
#: Policies of Trellis: all others are baselines.
OURS: Final = frozenset({"gain", "exam", "threshold", "placement"})
#: Of the resamples.
_SEED: Final = 0
_DAYS_A_WEEK: Final = 7


@final
@dataclass(frozen=True)
class Figures:
    """Of one policy in one world, over all learners of all seeds.

    Attributes:
        mean: knowledge averaged over all days.     exam: at the end of the last day.
        per_hour: concepts learnt, and still known at the exam, for each hour of practice.
        minutes, answers: a day, days without a visit included.
        knowledge_by_day, minutes_by_day: means over learners; the latter over weeks, for weekends are not practised.
    """

    version: int
    mean: Estimate
    exam: Estimate
    per_hour: Estimate
    minutes: Estimate
    answers: float
    knowledge_by_day: tuple[float, ...]
    minutes_by_day: tuple[float, ...]


@final
@dataclass(frozen=True)
class Difference:
    """One policy by another, less 1: 0.01 is one per cent better. `deciles`: of the mean, weakest learners first."""

    mean: Estimate
    exam: Estimate
    deciles: tuple[Estimate, ...]


@final
@dataclass(frozen=True)
class Standing:
    """A world: figures by label, best mean first; differences by reference and label."""

    kind: str
    start: float
    figures: Mapping[str, Figures]
    differences: Mapping[str, Mapping[str, Difference]]

    @property
    def best_baseline(self) -> str | None:
        """By the mean over days; None if no baseline plays."""
        return next((label for label in self.figures if _policy(label) not in OURS), None)


@final
@dataclass(frozen=True)
class Outcome:
    """`hero` is the policy that pictures dwell on; `codes` are the digests of the sources that played."""

    plan: Plan
    hero: str
    references: tuple[str, ...]
    standings: tuple[Standing, ...]
    codes: tuple[str, ...]


def _policy(label: str) -> str:
    return label.partition(":")[0]


def references(plan: Plan, named: Sequence[str] = ()) -> tuple[str, ...]:
    """Labels to compare with: those named, or those of `REFERENCES` that play.

    Raises:
        ValueError: if one of those named does not play.
    """
    labels = [entrant.label for entrant in plan.entrants]
    if missing := [name for name in named if name not in labels]:
        raise ValueError(f"{missing[0]!r} does not play: compare with one of {', '.join(labels)}")
    return tuple(named) or tuple(name for name in REFERENCES if name in labels)


def compare(plan: Plan, found: Mapping[str, Mapping[str, Sequence[Result]]], chosen: tuple[str, ...]) -> Outcome:
    """Args: chosen: `references`."""
    labels = [entrant.label for entrant in plan.entrants]
    hero = "gain" if "gain" in labels else labels[0]
    codes = {result.code for of_world in found.values() for runs in of_world.values() for result in runs}
    standings = tuple(_standing(plan, kind, of_world, chosen) for kind, of_world in found.items())
    return Outcome(plan, hero, chosen, standings, tuple(sorted(codes)))


def _standing(plan: Plan, kind: str, runs: Mapping[str, Sequence[Result]], references: Sequence[str]) -> Standing:
    whole = {label: _Runs.of(results) for label, results in runs.items()}
    versions = {entrant.label: entrant.version for entrant in plan.entrants}
    figures = {label: _figures(each, versions[label], plan.concepts) for label, each in whole.items()}
    ranked = dict(sorted(figures.items(), key=lambda item: -item[1].mean.value))
    compared = list(references)
    if (best := next((label for label in ranked if _policy(label) not in OURS), None)) and best not in compared:
        compared.append(best)
    differences = {
        reference: {label: _difference(each, whole[reference]) for label, each in whole.items() if label != reference}
        for reference in compared
    }
    start = float(np.mean([result.start.mean() for result in next(iter(runs.values()))]))
    return Standing(kind, start, ranked, differences)


@final
@dataclass(frozen=True, eq=False)
class _Runs:
    """All seeds of a policy in a world: (days, learners of all seeds), and (learners,)."""

    knowledge: Float
    minutes: Float
    answers: Float
    start: Float
    decile: Int

    @classmethod
    def of(cls, results: Sequence[Result]) -> _Runs:
        return cls(
            knowledge=np.hstack([r.record.knowledge for r in results]),
            minutes=np.hstack([r.record.minutes for r in results]),
            answers=np.hstack([r.record.answers for r in results]),
            start=np.concatenate([r.start for r in results]),
            decile=np.concatenate([deciles(r.ability, min(DECILES, len(r.ability))) for r in results]),
        )


def _figures(runs: _Runs, version: int, concepts: int) -> Figures:
    bootstrap, days = Bootstrap(_SEED), len(runs.knowledge)
    hours = runs.minutes.sum(0) / 60.0
    learnt = (runs.knowledge[-1] - runs.start) * concepts
    return Figures(
        version=version,
        mean=bootstrap.mean(runs.knowledge.mean(0)),
        exam=bootstrap.mean(runs.knowledge[-1]),
        per_hour=_plus_one(bootstrap.relative(learnt, hours)),
        minutes=bootstrap.mean(runs.minutes.mean(0)),
        answers=float(runs.answers.mean()),
        knowledge_by_day=_rounded(runs.knowledge.mean(1)),
        minutes_by_day=_rounded(_weekly(runs.minutes.mean(1), days)),
    )


def _plus_one(found: Estimate) -> Estimate:
    """Ratios are told less 1."""
    return replace(found, value=found.value + 1.0, low=found.low + 1.0, high=found.high + 1.0)


def _weekly(values: Float, days: int) -> Float:
    """Means of the week before each day, of fewer days at the beginning."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    first = np.maximum(np.arange(1, days + 1) - _DAYS_A_WEEK, 0)
    return np.asarray((total[1:] - total[first]) / (np.arange(1, days + 1) - first))


def _rounded(values: Float) -> tuple[float, ...]:
    return tuple(np.round(values, 5).tolist())


def _difference(one: _Runs, other: _Runs) -> Difference:
    bootstrap = Bootstrap(_SEED)
    mean, others = one.knowledge.mean(0), other.knowledge.mean(0)
    return Difference(
        mean=bootstrap.relative(mean, others),
        exam=bootstrap.relative(one.knowledge[-1], other.knowledge[-1]),
        deciles=tuple(bootstrap.by_group(mean, others, one.decile)),
    )
