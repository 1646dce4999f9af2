"""What each switch of CAKT is worth, where no answer stands twice in the data: one change at a time, beside rivals.

`python -m tests.bench.cakt_ablations --sets assist17 --learners 800 --test-learners 300 --only 'paper|rivals' ...`

`assist2009-clean` is the published file with each answer once. The file repeats an answer to a question of several
skills once a skill, without saying so: the row before tells the outcome of the row after (`Rule` finds these rows).
Test learners who are a training learner row by row are left out; nothing else is cut or dropped. Seed s validates on
the published fold s + 1. CAKT and logistic take the lists of skills; trees and the LSTM, which know one concept an
answer, take each combination of skills for a concept of its own.

`assist12` and `assist17` have times and items. Learners are split 80/20 as in `full_data`, and seed s validates on the
(s + 1)th tenth of the training learners.

Models learn from the training learners less those they validate on, and are not refitted; `trees-next` sets learners
aside itself and ignores the validation learners. Scored is every answer but a learner's first. Figures are those of
`published_split`; `A-less-B` is the unablated model of a group (GROUPS) less another of it, and product less paper.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from kt_models import data, metrics
from kt_models.base import ConceptLists
from kt_models.data import Dataset, Vocabulary
from kt_models.metrics import Bool
from kt_models.recall import Float, Int
from tests.bench import full_data, harness, published_split, rivals
from tests.bench.published_split import Fit, Fitted, Histories, Source, report, scored
from tests.bench.rivals import scores
from tests.bench.rivals.kept import Kept
from tests.bench.rivals.tasks import Follower, Truth, folds, truth_of_all

CLEAN: Final = "assist2009-clean"
TIMED: Final = ("assist12", "assist17")
SETS: Final = (CLEAN, *TIMED)
#: Parts of the training learners of a timed set; a seed validates on one.
_TENTHS: Final = 10
PAPER: Final = "cakt[mode=paper]"
PRODUCT: Final = "cakt"
#: By group: the unablated model, and the one switch that is changed.
GROUPS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "paper": (PAPER, (
        "window_key=current", "encoder=none", "encoder=dense", "encoder=recurrent", "encoder=capsule", "decay=none",
        "decay=days", "fusion=sum", "second_lstm=false", "items=true", "time=true", "counts=true",
        "transitions=true",
    )),
    "product": (PRODUCT, (
        "items=false", "time=false", "counts=false", "transitions=false", "ema=0", "calibrate=false",
        "label_smoothing=0.05",
        "window_key=current", "encoder=conv", "encoder=capsule", "encoder=recurrent", "encoder=none", "decay=days",
        "fusion=sum", "second_lstm=false",
    )),
}  # fmt: skip
#: Switches that change nothing where there are no items and no times.
_OF_TIMED: Final = ("items", "time", "decay=days")
#: Compared with the product.
RIVALS: Final = {CLEAN: ("logistic", "trees", "lstm")} | dict.fromkeys(TIMED, ("logistic", "trees-next", "lstm"))
#: Rivals that know one concept an answer.
_OF_ONE_CONCEPT: Final = ("trees", "trees-next", "lstm")


@final
@dataclass(frozen=True)
class Plan:
    """What to run: the ablations whose name `only` (a pattern) is found in, or the models named, the first leading.

    Attributes:
        settings: key=value, of every CAKT of the table.
        learners, test_learners: at most, drawn; 0 takes all. Training learners include those validated on.
        device: of our kinds' fits.
    """

    sets: tuple[str, ...] = SETS
    only: str = ""
    models: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0, 1, 2)
    learners: int = 0
    test_learners: int = 0
    replicates: int = metrics.REPLICATES
    device: str = "cpu"
    kept: Kept = field(default_factory=Kept)

    def groups(self, name: str) -> list[tuple[str, ...]]:
        """Models by group, the unablated first."""
        if self.models:
            return [self.models]
        return [
            tuple(self._set(model) for label, model in named.items() if label == group or re.search(self.only, label))
            for group, named in table(name).items()
            if any(re.search(self.only, label) for label in named)
        ]

    def _set(self, model: str) -> str:
        return reduce(changed, self.settings, model) if model.startswith(PRODUCT) else model


QUICK: Final = Plan(
    only="fusion|logistic", settings=("epochs=1", "min_steps=1"), seeds=(0,), learners=60, test_learners=30,
    replicates=40,
)  # fmt: skip


def table(name: str) -> dict[str, dict[str, str]]:
    """Models of a set by group and label: `group` the unablated, `group/switch=value` one change, `rivals/name`."""
    found = {}
    for group, (lead, changes) in GROUPS.items():
        told = [change for change in changes if name in TIMED or not change.startswith(_OF_TIMED)]
        found[group] = {group: lead} | {f"{group}/{change}": changed(lead, change) for change in told}
    found["product"] |= {f"rivals/{rival}": rival for rival in RIVALS[name]}
    return found


def changed(model: str, change: str) -> str:
    """A model with one more setting."""
    return f"{model[:-1]},{change}]" if model.endswith("]") else f"{model}[{change}]"


@final
@dataclass(frozen=True, eq=False)
class Rule:
    """Where a row repeats the answer of the row before under another concept of the same question.

    `pairs`: ordered pairs of different concepts that stand next to each other `LEAST` times and more among the training
    rows, with equal outcomes in `AGREEING` of them and more. `contexts`: the same of pairs together with whether the
    rows before and after are of the one concept, the other or neither: questions of one concept each also follow one
    another, but not one by one in turn.
    """

    pairs: Int
    contexts: Int

    LEAST = 50
    AGREEING = 0.995

    @classmethod
    def of(cls, training: Dataset) -> Rule:
        pair, context, candidate = _transitions(training)
        agree = _agree(training)
        return cls(*(cls._certain(key[candidate], agree[candidate]) for key in (pair, context)))

    @classmethod
    def _certain(cls, key: Int, agree: Bool) -> Int:
        found, of, n = np.unique(key, return_inverse=True, return_counts=True)
        share = np.bincount(of, agree, len(found)) / n
        return found[(n >= cls.LEAST) & (share >= cls.AGREEING)]

    def repeats(self, rows: Dataset) -> Bool:
        """(rows,) whether each is the answer of the row before once more. Outcomes have no say."""
        pair, context, candidate = _transitions(rows)
        repeats = candidate & (np.isin(pair, self.pairs) | np.isin(context, self.contexts))
        concept = rows.interactions.concepts.flat
        while True:
            # A question has a concept once: with the second row of one, another question begins.
            run = np.cumsum(~repeats)
            first = np.unique(np.stack([run, concept]), axis=1, return_index=True)[1]
            again = np.setdiff1d(np.arange(len(run)), first)
            if not len(again):
                return repeats
            repeats[again[np.unique(run[again], return_index=True)[1]]] = False


def _transitions(rows: Dataset) -> tuple[Int, Int, Bool]:
    """(rows,) numbers of the pair that a row makes with the one before and of its context, and whether there is one."""
    learner, concept, n = rows.interactions.learner, rows.interactions.concepts.flat, rows.concepts.size
    # A learner of its own at each end: nobody's row before, nobody's row after.
    of = np.concatenate([[-1, -1], learner, [-1]])
    asked = np.concatenate([[-1, -1], concept, [-1]])
    two_before, before, here, after = (asked[i : i + len(concept)] for i in (0, 1, 2, 3))
    owner, owner_before, owner_after = (of[i : i + len(concept)] for i in (0, 1, 3))
    pair = before * n + here

    def place(other: Int, whose: Int) -> Int:
        return np.where(whose != learner, 0, np.where(other == before, 1, np.where(other == here, 2, 0)))

    context = 9 * pair + 3 * place(two_before, owner) + place(after, owner_after)
    return pair, context, (owner_before == learner) & (before != here)


def _agree(rows: Dataset) -> Bool:
    """(rows,) whether the outcome is that of the row before."""
    correct = rows.interactions.correct
    return np.concatenate([[False], correct[1:] == correct[:-1]])


def merged(rows: Dataset, repeats: Bool) -> Dataset:
    """Each run of repeated rows as one answer with the list of their concepts and the outcome of the first."""
    seen, starts = rows.interactions, np.flatnonzero(~repeats)
    lists = ConceptLists(rows.concepts.decode(seen.concepts.flat), np.append(starts, len(seen)))
    return data.of_columns(
        learner=rows.learner_ids[seen.learner[starts]], concepts=lists, correct=seen.correct[starts],
        concept_vocabulary=rows.concepts,
    )  # fmt: skip


def doubles(source: Source) -> Bool:
    """(learners,) test learners whose rows are, one by one, those of a training learner."""
    seen, offset = source.data.interactions, source.data.offset
    row = np.stack([seen.concepts.flat, seen.correct.astype(np.int64)], axis=1)
    told = [row[a:b].tobytes() for a, b in pairwise(offset.tolist())]
    known = {history for history, test in zip(told, source.test, strict=True) if not test}
    return source.test & np.array([history in known for history in told], np.bool_)


def clean(source: Source) -> tuple[Source, list[dict[str, Any]]]:
    """Answers once each, without doubles among the test learners, and what was found."""
    rows, double = source.data, doubles(source)
    rule = Rule.of(rows.take(np.flatnonzero(~source.test)))
    repeats, agree, test = rule.repeats(rows), _agree(rows), source.test[rows.interactions.learner]
    found: list[dict[str, Any]] = []
    for part, inside in (("training", ~test), ("test", test)):
        there, n = repeats & inside, int((inside & (rows.step > 0)).sum())
        shares = (("repeated", there.sum() / max(n, 1), n), ("repeated_agree", agree[there].mean(), int(there.sum())))
        found += [
            {"name": f"{CLEAN}.{part}.{what}", "value": round(float(value), 5), "unit": "share", "n": of}
            for what, value, of in shares
        ]
    found += [
        {"name": f"{CLEAN}.rule_pairs", "value": len(rule.pairs), "unit": "pairs"},
        {"name": f"{CLEAN}.rule_contexts", "value": len(rule.contexts), "unit": "contexts"},
        {"name": f"{CLEAN}.answers", "value": int((~repeats).sum()), "unit": "answers", "n": len(repeats)},
        {"name": f"{CLEAN}.test.doubles", "value": int(double.sum()), "unit": "learners", "n": int(source.test.sum())},
    ]  # fmt: skip
    return taken(Source(merged(rows, repeats), source.test, source.fold), np.flatnonzero(~double)), found


def taken(source: Source, rows: Int) -> Source:
    return Source(source.data.take(rows), source.test[rows], source.fold[rows])


def limited(source: Source, learners: int, test_learners: int) -> Source:
    """At most so many of the training and of the test learners; 0 takes all. More learners include the fewer."""
    generator = np.random.default_rng(0)
    drawn = []
    for rows, most in ((np.flatnonzero(~source.test), learners), (np.flatnonzero(source.test), test_learners)):
        drawn.append(generator.permutation(rows)[: most or len(rows)])
    return taken(source, np.sort(np.concatenate(drawn)))


def of_one_concept(whole: Dataset) -> Dataset:
    """The same answers with each combination of concepts, in any order, a concept of its own."""
    lists = whole.interactions.concepts
    place = np.arange(len(lists.flat)) - lists.offset[lists.owner]
    padded = np.full((len(lists), int(lists.counts.max(initial=1))), -1)
    padded[lists.owner, place] = lists.flat
    found, of = np.unique(np.sort(padded, axis=1), axis=0, return_inverse=True)
    seen = replace(whole.interactions, concepts=ConceptLists.single(of.reshape(-1)))
    return replace(whole, interactions=seen, concepts=Vocabulary(np.arange(len(found))))


def read(name: str) -> tuple[Source, list[dict[str, Any]]]:
    """A set with its split, and what is to be said of it."""
    if name == CLEAN:
        return clean(published_split.read(path_of(name)))
    whole = data.read(path_of(name))
    test = np.isin(whole.learner_ids, whole.split_learners((0.8, 0.2), full_data.SEED)[1].learner_ids)
    fold = np.zeros(len(test), np.int64)
    fold[~test] = 1 + folds(int((~test).sum()), _TENTHS, full_data.SEED)
    return Source(whole, test, fold), []


def path_of(name: str) -> Path:
    return harness.DATA / ("cakt/assist2009.parquet" if name == CLEAN else f"{name}/interactions.parquet")


def parts(source: Source, seed: int) -> tuple[Dataset, Dataset, Dataset]:
    """Learners to fit on, to choose on and to predict."""
    present = np.unique(source.fold[~source.test])
    chosen = ~source.test & (source.fold == present[seed % len(present)])
    training, validation, test = (
        source.data.take(np.flatnonzero(rows)) for rows in (~source.test & ~chosen, chosen, source.test)
    )
    return training, validation, test


def resolve(model: str, device: str = "cpu") -> Fit:
    """Whom `published_split` knows, or trees told the counts, items and pauses of timed sets."""
    return _trees_next if model == "trees-next" else published_split.resolve(model, device)


def _trees_next(training: Dataset, validation: Dataset, seed: int) -> Fitted:
    del validation
    fitted = rivals.resolve("trees-next")(training, seed)
    assert isinstance(fitted, Follower)
    return fitted


def run(plan: Plan, name: str) -> Iterator[dict[str, Any]]:
    """All figures on one set."""
    source, found = read(name)
    yield from found
    source = limited(source, plan.learners, plan.test_learners)
    single = replace(source, data=of_one_concept(source.data))
    groups = plan.groups(name)
    models = list(dict.fromkeys(model for group in groups for model in group))
    fits = {model: resolve(model, plan.device) for model in models}
    truths: list[Truth] = []
    predicted: dict[str, list[Float]] = {model: [] for model in models}
    for seed in plan.seeds:
        test = parts(source, seed)[2]
        truth, rows = scored(Histories(test, test.learner_ids))
        truths.append(truth)
        for model, fit in fits.items():
            told = parts(single if model in _OF_ONE_CONCEPT else source, seed)
            of = f"{name}.ablations.{plan.learners}-{plan.test_learners}.seed{seed}"
            made = plan.kept.get(of, model, partial(_fit_and_follow, fit, told, seed))
            predicted[model].append(made["p"][rows])
            yield {
                "name": f"{name}.{model}.fit_and_predict", "value": round(float(made["seconds"]), 1), "unit": "s",
                "n": told[0].n_answers, "learners": told[0].n_learners, "seed": seed,
            }  # fmt: skip
    yield from _report(plan, name, groups, truths, predicted)


def _fit_and_follow(fit: Fit, told: tuple[Dataset, Dataset, Dataset], seed: int) -> dict[str, Float]:
    training, validation, test = told
    return {"p": fit(training, validation, seed).following(test)}


def _report(
    plan: Plan, name: str, groups: list[tuple[str, ...]], truths: list[Truth], predicted: dict[str, list[Float]]
) -> Iterator[dict[str, Any]]:
    for group in groups:
        shown = published_split.Plan(models=group, seeds=plan.seeds, replicates=plan.replicates)
        yield from report(name, truths, {model: predicted[model] for model in group}, shown)
    if len(groups) > 1:
        paper, product = (group[0] for group in groups)
        both = {model: np.concatenate(predicted[model]) for model in (product, paper)}
        yield from scores.differences(name, product, truth_of_all(truths), both, plan.replicates)


def measure(plan: Plan) -> Iterator[dict[str, Any]]:
    """The figures of every set that is on this machine."""
    for name in plan.sets:
        path = path_of(name)
        yield from run(plan, name) if path.exists() else harness.without_data(path)


def figures(options: Any = None) -> Iterator[dict[str, Any]]:
    return measure(QUICK if getattr(options, "quick", False) else Plan())


def main() -> None:
    default = Plan()
    parser = argparse.ArgumentParser(description="What each switch of CAKT is worth, as JSON lines.")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=default.sets)
    parser.add_argument(
        "--only", default="", metavar="pattern", help="of names such as paper/encoder=none, rivals/lstm"
    )
    parser.add_argument("--models", nargs="+", default=(), metavar="kind[key=value,...]", help="these; the first leads")
    parser.add_argument("--set", nargs="+", default=(), dest="settings", metavar="key=value", help="of every CAKT")
    parser.add_argument("--seeds", nargs="+", type=int, default=default.seeds)
    parser.add_argument("--learners", type=int, default=0, help="training learners at most; 0 takes all")
    parser.add_argument("--test-learners", type=int, default=0, help="test learners at most; 0 takes all")
    parser.add_argument("--replicates", type=int, default=default.replicates, help="draws of the bootstrap")
    parser.add_argument("--device", default=default.device, help="where our kinds are fitted")
    parser.add_argument("--keep", type=Path, help="folder of predictions, which are taken from there if they are there")
    parser.add_argument("--again", nargs="+", default=[], metavar="model", help="fit these anew although they are kept")
    parser.add_argument("--quick", action="store_true", help="a smoke run: small, and its figures mean little")
    given = vars(parser.parse_args())
    quick, kept = given.pop("quick"), Kept(given.pop("keep"), tuple(given.pop("again")))
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    for figure in measure(QUICK if quick else Plan(**fields, kept=kept)):
        harness.print_figure("cakt_ablations", figure)


if __name__ == "__main__":
    main()
