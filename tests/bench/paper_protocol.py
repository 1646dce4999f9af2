"""The protocols of the PSI-KT paper (Zhou et al. 2024), our kinds beside rivals: which forecasts ten answers best?

`python -m tests.bench.paper_protocol --sets assist12 --kinds psikt half-life --seeds 0 --protocols within-10 ...`

Learners with at least 50 answers, 1,000 of them drawn by seed, their first 50 answers. Nobody sees a horizon answer
before it is scored; what a fit chooses (epochs, trees, spreads), it chooses on a part of what it is given.

within-G: fitted on the first G answers of all 1,000; answers G + 1, ..., G + 10 of the same learners, open loop.
between: fitted on the first 50 answers of 800 of the 1,000; open loop forecasts after 10 (between-10) and 40
    (between-40) given answers of learners outside these 800, nothing refitted: the 200 and others of the set who were
    not drawn, 1,000 in all where there are as many.
continual: fitted on the first 10 answers of 100 of the learners; after each of answers 11, ..., 40 the next ten are
    forecast open loop from all answers so far. Beliefs about learners move with each answer, fitted parameters stay.

Figures pool the seeds; intervals are of a bootstrap over learners, a learner drawn twice counting as one. `.repeated`
is of answers whose concept was practised among those given: all that FSRS speaks of. `A-less-B` are paired differences
of the first kind named, against everybody; `best` marks the strongest other model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, final

import numpy as np

from kt_models import data, metrics
from kt_models.data import Dataset
from kt_models.recall import Float
from tests.bench import harness, rivals
from tests.bench.rivals import contest, scores
from tests.bench.rivals.contest import Contest
from tests.bench.rivals.tasks import Forecaster, Rival, Situation, Truth, open_loop, truth_of_all

SETS: Final = ("assist12", "assist17")
PROTOCOLS: Final = ("within-10", "within-40", "between", "continual")
ANSWERS: Final = 50
HORIZON: Final = 10
RIVALS: Final = tuple(name for name in rivals.RIVALS if not name.endswith("-timed"))
#: Of the continual protocol: learners fitted on, and the first and last step after which a forecast is made.
CONTINUAL_LEARNERS: Final = 100
FIRST_STEP, LAST_STEP = 11, 40


@final
@dataclass(frozen=True)
class Plan(Contest):
    """What to run; `learners` are drawn by each seed."""

    protocols: tuple[str, ...] = PROTOCOLS
    seeds: tuple[int, ...] = (0, 1, 2)


DEFAULT: Final = Plan(sets=SETS, rivals=RIVALS, learners=1_000)
QUICK: Final = Plan(
    sets=("assist17",), kinds=("half-life", "logistic"), seeds=(0,), learners=120, replicates=40,
    rivals=("constant", "learner-mean", "additive-items", "trees", "fsrs-6"),
)  # fmt: skip


@final
@dataclass(frozen=True, eq=False)
class Experiment:
    """Answers to fit on, and the forecasts to make then, by the name of the part they are scored under."""

    fitted: Dataset
    parts: Mapping[str, tuple[tuple[Situation, Truth], ...]]

    def run(self, fit: Rival, seed: int) -> dict[str, Float]:
        fitted: Forecaster = fit(self.fitted, seed)
        return {
            name: np.concatenate([fitted.ahead(situation) for situation, _ in part])
            for name, part in self.parts.items()
        }

    def truths(self) -> dict[str, Truth]:
        return {name: truth_of_all([truth for _, truth in part]) for name, part in self.parts.items()}


def experiment(whole: Dataset, protocol: str, seed: int, learners: int) -> Experiment:
    """One protocol on the learners drawn by a seed."""
    eligible = np.flatnonzero(whole.lengths >= ANSWERS)
    order = np.random.default_rng(seed).permutation(eligible)
    learners = learners or len(order)
    drawn = whole.take(np.sort(order[:learners])).first(ANSWERS)
    kind, _, given = protocol.partition("-")
    if kind == "within":
        return Experiment(drawn.first(int(given)), {protocol: (open_loop(drawn, int(given), HORIZON),)})
    if kind == "between":
        n = int(0.8 * min(learners, len(order)))
        others = whole.take(np.sort(order[n : n + learners])).first(ANSWERS)
        parts = {f"between-{g}": (open_loop(others, g, HORIZON),) for g in (10, 40)}
        return Experiment(whole.take(np.sort(order[:n])).first(ANSWERS), parts)
    few = whole.take(np.sort(order[:CONTINUAL_LEARNERS])).first(ANSWERS)
    steps = tuple(open_loop(few, step, HORIZON) for step in range(FIRST_STEP, LAST_STEP + 1))
    return Experiment(few.first(10), {protocol: steps})


def run(plan: Plan, name: str, whole: Dataset) -> Iterator[dict[str, Any]]:
    """All figures on one data set."""
    for protocol in plan.protocols:
        truths, predicted = _predictions(plan, name, whole, protocol)
        for part, of_seeds in truths.items():
            by_model = {model: np.concatenate(ps) for model, ps in predicted[part].items()}
            harness.remark(scores.table(f"{name}.{part}", truth_of_all(of_seeds), by_model))
            for model in by_model:
                yield from _figures(f"{name}.{part}.{model}", of_seeds, predicted[part][model], plan)
            if plan.lead:
                truth = truth_of_all(of_seeds)
                yield from scores.differences(f"{name}.{part}", plan.lead, truth, by_model, plan.replicates)


def _predictions(
    plan: Plan, name: str, whole: Dataset, protocol: str
) -> tuple[dict[str, list[Truth]], dict[str, dict[str, list[Float]]]]:
    """By part: the truth a seed, and by model the predictions a seed."""
    truths: dict[str, list[Truth]] = {}
    predicted: dict[str, dict[str, list[Float]]] = {}
    for seed in plan.seeds:
        task = experiment(whole, protocol, seed, plan.learners)
        for part, truth in task.truths().items():
            truths.setdefault(part, []).append(truth)
        for model, fit in plan.models().items():
            of = f"{name}.{protocol}.{plan.learners}.seed{seed}"
            made = plan.kept.get(of, model, partial(task.run, fit, seed))
            for part in task.parts:
                predicted.setdefault(part, {}).setdefault(model, []).append(made[part])
    return truths, predicted


def _figures(name: str, truths: list[Truth], ps: list[Float], plan: Plan) -> Iterator[dict[str, Any]]:
    """Of one model: pooled over the seeds, with the values of each beside."""
    truth, p = truth_of_all(truths), np.concatenate(ps)
    scopes = {"": np.ones(len(p), np.bool_), ".repeated": truth.repeated}
    if not np.isfinite(p).all():
        del scopes[""]
    for scope, inside in scopes.items():
        answers = scores.answers_of(truth, p).take(inside & np.isfinite(p))
        yield from (
            {**shown, "seeds": list(plan.seeds)} for shown in scores.whole(name + scope, answers, plan.replicates)
        )
    if "" in scopes:
        each = [scores.answers_of(t, q) for t, q in zip(truths, ps, strict=True)]
        losses = [round(float(metrics.log_loss_each(answers).mean()), 5) for answers in each]
        yield {"name": f"{name}.log_loss.by_seed", "value": losses, "unit": "nat", "seeds": list(plan.seeds)}
        aucs = [round(metrics.auc(answers), 5) for answers in each]
        yield {"name": f"{name}.auc.by_seed", "value": aucs, "unit": "probability", "seeds": list(plan.seeds)}
        yield from scores.by_ahead(name, truth, p, plan.replicates)


def measure(plan: Plan) -> Iterator[dict[str, Any]]:
    for name in plan.sets:
        path = harness.DATA / name / "interactions.parquet"
        yield from run(plan, name, data.read(path)) if path.exists() else harness.without_data(path)


def figures(options: Any = None) -> Iterator[dict[str, Any]]:
    return measure(QUICK if getattr(options, "quick", False) else DEFAULT)


def main() -> None:
    parser = contest.parser("The protocols of the PSI-KT paper, as JSON lines.", DEFAULT, SETS)
    parser.add_argument("--protocols", nargs="+", choices=PROTOCOLS, default=PROTOCOLS)
    parser.add_argument("--seeds", nargs="+", type=int, default=DEFAULT.seeds)
    given = parser.parse_args()
    chosen = Plan(**contest.fields(given), protocols=tuple(given.protocols), seeds=tuple(given.seeds))
    for figure in measure(QUICK if given.quick else chosen):
        harness.print_figure("paper_protocol", figure)


if __name__ == "__main__":
    main()
