"""Next answers of learners whom nothing was fitted on, all data, our kinds beside boosted trees and memory models.

`python -m tests.bench.full_data --sets assist12 --kinds psikt half-life ...`

Learners are split 80/20 (`Dataset.split_learners`, seed 0), as in `accuracy`. Each answer of the 20 % is predicted from
the learner's earlier ones. `.repeated` is of concepts practised before, and `.gap` cuts those in ten by the gap since
(`gap_low` to `gap_high` seconds): log loss, AUC, ECE, and credit predicted and given on average.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import numpy as np

from kt_models import data
from kt_models.data import Dataset
from kt_models.recall import Float
from tests.bench import harness
from tests.bench.rivals import contest, scores
from tests.bench.rivals.contest import Contest
from tests.bench.rivals.tasks import Rival, Truth, follow, prequential

SETS: Final = ("assist12", "assist17")
RIVALS: Final = ("trees-next", "trees-next-timed", "constant", "learner-mean", "fsrs-6", "fsrs-6-calibrated")
SEED: Final = 0


DEFAULT: Final = Contest(sets=SETS, rivals=RIVALS)
QUICK: Final = Contest(sets=("assist17",), rivals=RIVALS, kinds=("half-life", "logistic"), learners=80, replicates=40)


def parts(plan: Contest, name: str) -> tuple[Dataset, Dataset]:
    """Learners to fit on, and to predict."""
    whole = data.read(harness.DATA / name / "interactions.parquet")
    if plan.learners:
        whole = whole.take(np.arange(min(plan.learners, whole.n_learners)))
    training, test = whole.split_learners((0.8, 0.2), SEED)
    return training, test


def run(plan: Contest, name: str) -> Iterator[dict[str, Any]]:
    """All figures on one data set."""
    training, test = parts(plan, name)
    predicted = {}
    for model, fit in plan.models().items():
        made = plan.kept.get(f"{name}.full.{plan.learners}", model, partial(_fit_and_follow, fit, training, test))
        predicted[model] = made["p"]
        seconds = round(float(made["seconds"]), 1)
        yield {"name": f"{name}.{model}.fit_and_predict", "value": seconds, "unit": "s", "n": training.n_answers}
    yield from report(name, prequential(test), predicted, plan.lead, plan.replicates)


def _fit_and_follow(fit: Rival, training: Dataset, test: Dataset) -> dict[str, Float]:
    return {"p": follow(fit(training, SEED), test)}


def report(
    name: str, truth: Truth, predicted: dict[str, Float], lead: str, replicates: int
) -> Iterator[dict[str, Any]]:
    """Whole, on repeated practice and by gap; and the lead, if there is one, less everybody."""
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


def measure(plan: Contest, run: Callable[[Contest, str], Iterator[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """The figures of every set that is on this machine."""
    for name in plan.sets:
        path = harness.DATA / name / "interactions.parquet"
        yield from run(plan, name) if path.exists() else harness.without_data(path)


def figures(options: Any = None) -> Iterator[dict[str, Any]]:
    return measure(QUICK if getattr(options, "quick", False) else DEFAULT, run)


def main() -> None:
    given = contest.parser("Next answers of held-out learners, as JSON lines.", DEFAULT, SETS).parse_args()
    for figure in measure(QUICK if given.quick else Contest(**contest.fields(given)), run):
        harness.print_figure("full_data", figure)


if __name__ == "__main__":
    main()
