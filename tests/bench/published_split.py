"""Next answers on the published split of the sets of the CAKT paper (Su et al. 2023), our kinds beside plain rivals.

`python -m tests.bench.published_split --sets assist2009 --models 'cakt[mode=paper]' cakt logistic lstm trees ...`

Two selections of rows. `reference` is that of the published code: whole sequences of 10 to 201 answers, of 5 and more
on statics2011; everybody else is left out. `folded` takes all answers: each sequence is cut into pieces of at most 200,
every piece a learner of its own for the models, while intervals are over the true learners.

Seed s takes the published fold s + 1 for validation and the other folds for training (synthetic_v0 has one validation
part, for all seeds). Models choose epochs and the like on the validation learners only and are not refitted, but for
those named with `+all`: they are fitted again on training and validation learners for the epochs so chosen. The test
part is predicted once; scored is every answer but the first of a sequence or piece. `.by_seed` has the figures of each
seed and `auc_mean` their mean; the others score the predictions of all seeds together, with intervals of a bootstrap in
which a learner is one whatever the seed. `A-less-B` are paired differences of the first model against everybody.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, final

import numpy as np
from pyarrow import parquet

from kt_models import data, kinds, metrics
from kt_models.base import Interactions
from kt_models.data import Dataset
from kt_models.metrics import Bool
from kt_models.recall import Float, Int
from tests.bench import harness
from tests.bench.rivals import scores
from tests.bench.rivals.kept import Kept
from tests.bench.rivals.tasks import Truth, prequential, truth_of_all

FOLDER: Final = harness.DATA / "cakt"
SETS: Final = ("assist2009", "assist2015", "statics2011", "synthetic_v0")
SELECTIONS: Final = ("reference", "folded")
#: Fewest and most answers of a sequence that the published code keeps.
BOUNDS: Final = {"statics2011": (5, None)}
USUAL_BOUNDS: Final = (10, 201)
#: Most answers of a piece.
PIECE: Final = 200
RIVALS: Final = ("lstm", "trees")
METRICS: Final = ("auc", "log_loss", "accuracy", "ece")


class Fitted(Protocol):
    def following(self, data: Dataset) -> Float:
        """P(correct) of each answer, from the learner's earlier ones alone."""


#: Of training and validation learners, and a seed.
Fit = Callable[[Dataset, Dataset, int], Fitted]


@final
@dataclass(frozen=True, eq=False)
class Histories:
    """Sequences as models see them, and (sequences,) the id of the learner whose each is."""

    data: Dataset
    owner: Int

    def take(self, rows: Int) -> Histories:
        return Histories(self.data.take(rows), self.owner[rows])


@final
@dataclass(frozen=True, eq=False)
class Source:
    """A set with its published split, by learner row: test or not, and fold of validation (0: of none)."""

    data: Dataset
    test: Bool
    fold: Int


@final
@dataclass(frozen=True, eq=False)
class Parts:
    """Sequences to fit on, to choose on and to predict."""

    training: Histories
    validation: Histories
    test: Histories


@final
@dataclass(frozen=True)
class Plan:
    """What to run: `models` are `kind[key=value,...]` or rivals, the first compared with the others.

    Attributes:
        learners: at most so many sequences of each part; 0 takes all.     device: of our kinds' fits.
    """

    sets: tuple[str, ...] = SETS
    selections: tuple[str, ...] = SELECTIONS
    models: tuple[str, ...] = (*sorted(set(kinds.KINDS) - {"psikt"}), *RIVALS)
    seeds: tuple[int, ...] = (0, 1, 2)
    learners: int = 0
    replicates: int = metrics.REPLICATES
    device: str = "cpu"
    kept: Kept = field(default_factory=Kept)


DEFAULT: Final = Plan()
QUICK: Final = Plan(sets=("synthetic_v0",), models=("logistic", "trees"), seeds=(0, 1), learners=60, replicates=40)


def read(path: Path) -> Source:
    """A set and its published split."""
    whole = data.read(path)
    table = parquet.read_table(path, columns=["learner", "split", "fold"])
    learner, first = np.unique(table["learner"].to_numpy(), return_index=True)
    if not np.array_equal(learner, whole.learner_ids):
        raise data.BadDataset(f"{path}: rows without a learner: give every answer one")
    split, fold = (np.asarray(table[name].to_numpy(zero_copy_only=False))[first] for name in ("split", "fold"))
    return Source(whole, split == "test", fold.astype(np.int64))


def parts(source: Source, name: str, selection: str, seed: int, learners: int = 0) -> Parts:
    """The parts of a seed under a selection of rows."""
    folds = np.unique(source.fold[source.fold > 0])
    chosen = source.fold == folds[seed % len(folds)]
    found = []
    for rows in (~source.test & ~chosen, chosen, source.test):
        part = source.data.take(np.flatnonzero(rows))
        selected = folded(part) if selection == "folded" else reference(part, *BOUNDS.get(name, USUAL_BOUNDS))
        found.append(selected.take(np.arange(min(learners or len(selected.owner), len(selected.owner)))))
    return Parts(*found)


def reference(whole: Dataset, least: int, most: int | None) -> Histories:
    """The whole sequences of `least` to `most` answers."""
    kept = whole.take(np.flatnonzero((whole.lengths >= least) & (whole.lengths <= (most or np.inf))))
    return Histories(kept, kept.learner_ids)


def folded(whole: Dataset, most: int = PIECE) -> Histories:
    """All answers in order, each sequence cut into pieces of at most `most`, numbered 0, 1, ... as learners."""
    seen, step = whole.interactions, whole.step
    first = step % most == 0
    piece = np.cumsum(first) - 1
    # Without times, seconds count the answers of a learner from 0.
    seconds = seen.seconds if whole.has_time else (step % most).astype(np.float64)
    cut: Interactions = replace(seen, learner=piece, seconds=seconds)
    owner = whole.learner_ids[seen.learner[first]]
    return Histories(replace(whole, learner_ids=np.arange(len(owner)), interactions=cut), owner)


def scored(test: Histories) -> tuple[Truth, Bool]:
    """What is scored, by true learner, and which (answers,) of the test part these are: all but first ones."""
    rows = test.data.step > 0
    truth = prequential(test.data)
    return replace(truth, learner=test.owner[test.data.interactions.learner]).take(rows), rows


def resolve(model: str, device: str = "cpu") -> Fit:
    """A rival, or one of our kinds with the settings in brackets.

    Raises:
        ValueError: if nobody has this name, or a kind has no such setting.
    """
    if model == "lstm":
        from tests.bench.rivals.lstm import Lstm

        return Lstm.for_next_chosen_on
    if model == "trees":
        from tests.bench.rivals.order_trees import OrderTrees

        return OrderTrees.fit
    from tests.bench.rivals import ours

    found = re.fullmatch(r"([\w-]+)(?:\[(.*)\])?(\+all)?", model)
    if not found or found[1] not in kinds.KINDS:
        known = ", ".join((*kinds.KINDS, *RIVALS))
        raise ValueError(f"nobody is named {model!r}: give one of {known}, kinds with settings as kind[key=value,...]")
    # A setting may be a list: a comma separates settings where a key follows.
    given = re.split(r",(?=\w+=)", found[2]) if found[2] else []
    return (ours.on_all if found[3] else ours.on_validation)(found[1], given, device)


def run(plan: Plan, name: str) -> Iterator[dict[str, Any]]:
    """All figures on one set."""
    source, fits = read(FOLDER / f"{name}.parquet"), {model: resolve(model, plan.device) for model in plan.models}
    for selection in plan.selections:
        truths: list[Truth] = []
        predicted: dict[str, list[Float]] = {model: [] for model in fits}
        for seed in plan.seeds:
            of_seed = parts(source, name, selection, seed, plan.learners)
            truth, rows = scored(of_seed.test)
            truths.append(truth)
            for model, fit in fits.items():
                of = f"{name}.published-{selection}.{plan.learners}.seed{seed}"
                made = plan.kept.get(of, model, partial(_fit_and_follow, fit, of_seed, seed))
                predicted[model].append(made["p"][rows])
                yield {
                    "name": f"{name}.{selection}.{model}.fit_and_predict", "value": round(float(made["seconds"]), 1),
                    "unit": "s", "n": of_seed.training.data.n_answers, "seed": seed,
                }  # fmt: skip
        yield from report(f"{name}.{selection}", truths, predicted, plan)


def _fit_and_follow(fit: Fit, of_seed: Parts, seed: int) -> dict[str, Float]:
    fitted = fit(of_seed.training.data, of_seed.validation.data, seed)
    return {"p": fitted.following(of_seed.test.data)}


def report(name: str, truths: list[Truth], predicted: dict[str, list[Float]], plan: Plan) -> Iterator[dict[str, Any]]:
    """Each model over the seeds and at each, and the first less everybody."""
    truth, pooled = truth_of_all(truths), {model: np.concatenate(ps) for model, ps in predicted.items()}
    harness.remark(f"{name}: {len(truths[0].correct)} answers of {np.unique(truth.learner).size} learners")
    for model, ps in predicted.items():
        figures = list(
            scores.whole(f"{name}.{model}", scores.answers_of(truth, pooled[model]), plan.replicates, METRICS)
        )
        each = [_plain(scores.answers_of(t, p)) for t, p in zip(truths, ps, strict=True)]
        by_seed = {metric: [values[metric] for values in each] for metric in METRICS}
        harness.remark(f"  {model:40s} " + " ".join(f"{m} {np.mean(v):.4f}" for m, v in by_seed.items()))
        mean = {"value": round(float(np.mean(by_seed["auc"])), 5), "unit": scores.UNITS["auc"]}
        yield {"name": f"{name}.{model}.auc_mean", **mean, "n": len(truths[0].correct), "seeds": list(plan.seeds)}
        yield from ({**figure, "seeds": list(plan.seeds)} for figure in figures)
        for metric, values in by_seed.items():
            shown = {"value": [round(value, 5) for value in values], "unit": scores.UNITS[metric]}
            yield {"name": f"{name}.{model}.{metric}.by_seed", **shown, "seeds": list(plan.seeds)}
    yield from scores.differences(name, plan.models[0], truth, pooled, plan.replicates)


def _plain(answers: metrics.Answers) -> dict[str, float]:
    """The metrics of one seed, without intervals."""
    hits = (answers.p >= metrics.THRESHOLD) == answers.is_correct
    gaps = sum(part["n"] * abs(part["p"] - part["y"]) for part in metrics.reliability(answers))
    loss = float(metrics.log_loss_each(answers).mean())
    return {
        "auc": metrics.auc(answers), "log_loss": loss, "accuracy": float(hits.mean()), "ece": gaps / len(answers),
    }  # fmt: skip


def measure(plan: Plan) -> Iterator[dict[str, Any]]:
    """The figures of every set that is on this machine."""
    for name in plan.sets:
        path = FOLDER / f"{name}.parquet"
        yield from run(plan, name) if path.exists() else harness.without_data(path)


def figures(options: Any = None) -> Iterator[dict[str, Any]]:
    return measure(QUICK if getattr(options, "quick", False) else DEFAULT)


def main() -> None:
    parser = argparse.ArgumentParser(description="Next answers on the published split, as JSON lines.")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=DEFAULT.sets)
    parser.add_argument("--selections", nargs="+", choices=SELECTIONS, default=DEFAULT.selections)
    parser.add_argument(
        "--models", nargs="+", default=DEFAULT.models, metavar="kind[key=value,...]", help="first leads"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=DEFAULT.seeds)
    parser.add_argument("--replicates", type=int, default=DEFAULT.replicates, help="draws of the bootstrap")
    parser.add_argument("--device", default=DEFAULT.device, help="where our kinds are fitted")
    parser.add_argument("--keep", type=Path, help="folder of predictions, which are taken from there if they are there")
    parser.add_argument("--again", nargs="+", default=[], metavar="model", help="fit these anew although they are kept")
    parser.add_argument("--quick", action="store_true", help="a smoke run: small, and its figures mean little")
    given = vars(parser.parse_args())
    quick, kept = given.pop("quick"), Kept(given.pop("keep"), tuple(given.pop("again")))
    lists: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    for figure in measure(QUICK if quick else Plan(**lists, kept=kept)):
        harness.print_figure("published_split", figure)


if __name__ == "__main__":
    main()
