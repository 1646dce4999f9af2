"""Next answers of learners whom nothing was fitted on, all data, our kinds beside boosted trees and memory models.

`python -m tests.bench.full_data --sets assist12 --kinds psikt half-life ...`

Learners are split 80/20 (`Dataset.split_learners`, seed 0), as in `accuracy`. Each answer of the 20 % is predicted from
the learner's earlier ones. `.repeated` is of concepts practised before, and `.gap` cuts those in ten by the gap since
(`gap_low` to `gap_high` seconds): log loss, AUC, ECE, and credit predicted and given on average.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from kt_models import data, kinds, metrics
from kt_models.data import Dataset
from kt_models.recall import Float
from tests.bench import harness, rivals
from tests.bench.rivals import scores
from tests.bench.rivals.kept import Kept
from tests.bench.rivals.tasks import Rival, Truth, prequential

SETS: Final = ("assist12", "assist17")
RIVALS: Final = ("trees-next", "trees-next-timed", "constant", "learner-mean", "fsrs-6", "fsrs-6-calibrated")
SEED: Final = 0


@final
@dataclass(frozen=True)
class Plan:
    """What to run. `settings` are of the first kind; `learners` limits a smoke run, 0 takes all."""

    sets: tuple[str, ...] = SETS
    kinds: tuple[str, ...] = tuple(sorted(kinds.KINDS, reverse=True))
    rivals: tuple[str, ...] = RIVALS
    settings: tuple[str, ...] = ()
    learners: int = 0
    replicates: int = metrics.REPLICATES
    kept: Kept = field(default_factory=Kept)

    @property
    def lead(self) -> str:
        """The first kind, with its settings."""
        return f"{self.kinds[0]}[{','.join(self.settings)}]" if self.settings else self.kinds[0]

    def models(self) -> dict[str, Rival]:
        others = {name: rivals.resolve(name) for name in (*self.kinds[1:], *self.rivals)}
        return {self.lead: rivals.resolve(self.kinds[0], self.settings), **others} if self.kinds else others


QUICK: Final = Plan(sets=("assist17",), kinds=("half-life", "logistic"), learners=80, replicates=40)


def parts(plan: Plan, name: str) -> tuple[Dataset, Dataset]:
    """Learners to fit on, and to predict."""
    whole = data.read(harness.DATA / name / "interactions.parquet")
    if plan.learners:
        whole = whole.take(np.arange(min(plan.learners, whole.n_learners)))
    training, test = whole.split_learners((0.8, 0.2), SEED)
    return training, test


def run(plan: Plan, name: str) -> Iterator[dict[str, Any]]:
    """All figures on one data set."""
    training, test = parts(plan, name)
    predicted = {}
    for model, fit in plan.models().items():
        made = plan.kept.get(f"{name}.full.{plan.learners}", model, partial(_fit_and_follow, fit, training, test))
        predicted[model] = made["p"]
        seconds = round(float(made["seconds"]), 1)
        yield {"name": f"{name}.{model}.fit_and_predict", "value": seconds, "unit": "s", "n": training.n_answers}
    yield from report(name, prequential(test), predicted, plan.lead if plan.kinds else None, plan.replicates)


def _fit_and_follow(fit: Rival, training: Dataset, test: Dataset) -> dict[str, Float]:
    return {"p": fit(training, SEED).following(test)}


def report(
    name: str, truth: Truth, predicted: dict[str, Float], lead: str | None, replicates: int
) -> Iterator[dict[str, Any]]:
    """Whole, on repeated practice, by gap; and the lead less everybody, of all answers and of the repeated ones."""
    harness.remark(scores.table(name, truth, predicted))
    edges = scores.decile_edges(truth)
    for model, p in predicted.items():
        if np.isfinite(p).all():
            yield from scores.whole(f"{name}.{model}", scores.answers_of(truth, p), replicates)
        again = scores.answers_of(truth, p).take(truth.repeated)
        yield from scores.whole(f"{name}.{model}.repeated", again, replicates)
        yield from scores.deciles(f"{name}.{model}", truth, p, edges, replicates)
    if lead:
        yield from scores.differences(name, lead, truth, predicted, replicates)
        again_truth, rows = truth.take(truth.repeated), np.flatnonzero(truth.repeated)
        again_predicted = {model: p[rows] for model, p in predicted.items()}
        yield from scores.differences(f"{name}.repeated", lead, again_truth, again_predicted, replicates)


def measure(plan: Plan, run: Callable[[Plan, str], Iterator[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """The figures of every set that is on this machine."""
    for name in plan.sets:
        path = harness.DATA / name / "interactions.parquet"
        yield from run(plan, name) if path.exists() else harness.without_data(path)


def figures(options: Any = None) -> Iterator[dict[str, Any]]:
    return measure(QUICK if getattr(options, "quick", False) else Plan(), run)


def plan_of_arguments(description: str, default: Plan, quick: Plan, sets: Sequence[str]) -> Plan:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--sets", nargs="+", choices=sets, default=default.sets)
    parser.add_argument("--kinds", nargs="*", choices=kinds.KINDS, default=default.kinds, help="the first is compared")
    parser.add_argument("--rivals", nargs="*", choices=rivals.RIVALS, default=default.rivals)
    parser.add_argument("--set", nargs="+", default=[], metavar="key=value", help="settings of the first kind")
    parser.add_argument("--learners", type=int, default=default.learners, help="at most; all by default")
    parser.add_argument("--replicates", type=int, default=default.replicates, help="draws of the bootstrap")
    parser.add_argument("--keep", type=Path, help="folder of predictions, which are taken from there if they are there")
    parser.add_argument("--again", nargs="+", default=[], help="models to fit anew although they are kept")
    parser.add_argument("--quick", action="store_true", help="a smoke run: small, and its figures mean little")
    given = parser.parse_args()
    if given.quick:
        return quick
    return Plan(
        tuple(given.sets), tuple(given.kinds), tuple(given.rivals), tuple(given.set), given.learners, given.replicates,
        Kept(given.keep, tuple(given.again)),
    )  # fmt: skip


def main() -> None:
    plan = plan_of_arguments("Next answers of held-out learners on all data, as JSON lines.", Plan(), QUICK, SETS)
    for figure in measure(plan, run):
        harness.print_figure("full_data", figure)


if __name__ == "__main__":
    main()
