"""Forgetting over days: our kinds beside FSRS-6, a constant and, where it left one, SuperMemo's own prediction.

`python -m tests.bench.forgetting --sets cloze --kinds psikt half-life ...`

cloze: learners are split 80/20 (seed 0); each answer of the 20 % is predicted from the learner's earlier ones.
supermemo: six learners, each item a concept of its own. The first 70 % of each learner's answers are fitted on, the
others predicted one by one from all earlier ones, and reported learner by learner, since these differ by size and
rate; intervals are over the learner's items. Its constant is the learner's own rate in the first 70 %. `.predicted` is
of the answers for which SuperMemo had left an expectation.
Repeated practice is what counts (`.repeated`), whole and by decile of the gap (`.gap`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np

from kt_models import data
from kt_models.data import Dataset
from kt_models.metrics import Bool
from kt_models.recall import Float
from tests.bench import full_data, harness
from tests.bench.full_data import SEED, measure, report
from tests.bench.rivals import contest, scores
from tests.bench.rivals.contest import Contest
from tests.bench.rivals.tasks import Rival, Truth, follow, prequential

SETS: Final = ("cloze", "supermemo")
RIVALS: Final = ("constant", "fsrs-6", "fsrs-6-calibrated", "trees-next", "trees-next-timed")
#: Of each learner's answers on supermemo.
FITTED_SHARE: Final = 0.7
DEFAULT: Final = Contest(sets=SETS, rivals=RIVALS)
QUICK: Final = Contest(sets=SETS, rivals=RIVALS[:3], kinds=("half-life", "logistic"), learners=60, replicates=40)
#: Answers of a learner of supermemo that a smoke run takes.
QUICK_ANSWERS: Final = 400


def run(plan: Contest, name: str) -> Iterator[dict[str, Any]]:
    """All figures on one data set."""
    return _supermemo(plan) if name == "supermemo" else full_data.run(plan, name)


def _supermemo(plan: Contest) -> Iterator[dict[str, Any]]:
    whole, own = _with_expectations()
    if plan.learners:
        kept = whole.step < QUICK_ANSWERS
        whole, own = whole.where(kept), own[kept]
    fitted = whole.step < FITTED_SHARE * whole.lengths[whole.interactions.learner]
    predicted = {"supermemo": own}
    for model, fit in plan.models().items():
        of = f"supermemo.forgetting.{plan.learners}"
        made = plan.kept.get(of, model, partial(_fit_and_follow, fit, whole, fitted))
        predicted[model] = made["p"] if model != "constant" else _own_rates(whole, fitted)
        yield {"name": f"supermemo.{model}.fit_and_predict", "value": round(float(made["seconds"]), 1), "unit": "s"}
    for row, learner in enumerate(whole.learner_ids.tolist()):
        rows = (whole.interactions.learner == row) & ~fitted
        # Of one learner, the items are what might have been others: they are resampled in its place.
        truth = replace(prequential(whole), learner=whole.interactions.item).take(rows)
        yield from _of_learner(f"supermemo.learner{learner}", truth, {m: p[rows] for m, p in predicted.items()}, plan)


def _of_learner(name: str, truth: Truth, predicted: dict[str, Float], plan: Contest) -> Iterator[dict[str, Any]]:
    own = predicted.pop("supermemo")
    yield from report(name, truth, predicted, plan.lead, plan.replicates)
    rows = np.isfinite(own) & truth.repeated
    if not rows.any():
        return
    there = {model: p[rows] for model, p in predicted.items()} | {"supermemo": own[rows]}
    harness.remark(scores.table(f"{name}, where SuperMemo predicts", truth.take(rows), there))
    for model, p in there.items():
        answers = scores.answers_of(truth.take(rows), p)
        yield from scores.whole(f"{name}.{model}.predicted", answers, plan.replicates)
    if plan.lead:
        yield from scores.differences(f"{name}.predicted", plan.lead, truth.take(rows), there, plan.replicates)


def _fit_and_follow(fit: Rival, whole: Dataset, fitted: Bool) -> dict[str, Float]:
    return {"p": follow(fit(whole.where(fitted), SEED), whole)}


def _own_rates(whole: Dataset, fitted: Bool) -> Float:
    """(answers,) the rate of the answer's learner among its answers fitted on."""
    learner, correct = whole.interactions.learner, whole.interactions.correct
    right = np.bincount(learner[fitted], correct[fitted], whole.n_learners)
    return np.asarray((right / np.bincount(learner[fitted], minlength=whole.n_learners))[learner], dtype=np.float64)


def _with_expectations() -> tuple[Dataset, Float]:
    """The answers, and what SuperMemo expected of each, NaN where it did not."""
    import pyarrow.parquet

    path = harness.DATA / "supermemo" / "interactions.parquet"
    table = pyarrow.parquet.read_table(path, columns=["learner", "timestamp", "predicted_recall"])
    learner, seconds, expected = (table[name].to_numpy() for name in table.column_names)
    # The order that `data.read` puts answers in: by learner, then time, then place in the file.
    order = np.lexsort((seconds, learner))
    return data.read(path), np.asarray(expected, dtype=np.float64)[order]


def figures(options: Any = None) -> Iterator[dict[str, Any]]:
    return measure(QUICK if getattr(options, "quick", False) else DEFAULT, run)


def main() -> None:
    given = contest.parser("Forgetting over days, as JSON lines.", DEFAULT, SETS).parse_args()
    for figure in measure(QUICK if given.quick else Contest(**contest.fields(given)), run):
        harness.print_figure("forgetting", figure)


if __name__ == "__main__":
    main()
