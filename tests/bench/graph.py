"""Prerequisites: when is a simulated graph found again, what of junyi's expert graph, what does a graph gain?

`python -m tests.bench.graph [--quick] [--parts curve junyi gain]`

curve: learners of PSI-KT's own kind (`simulation`: pairs linked with chance 0.3), research mode, by answers and
    concepts. `auroc` of all ordered pairs; `direction`: of the linked among the top pairs, as many as there are edges,
    how many run as said; `calibration_error`: expected, five bins of the chance of an edge.
junyi: one answer an exercise, in no order, so nothing tells which of two came first and direction has no ground; what
    is left is that answers on linked exercises go together. `candidates.expert`: the experts' pairs among those that
    were looked at.
gain: held-out learners, next answer; log loss with the graph less without it, 95 % interval over learners: below 0, it
    helps. `expert` is of the experts' edges as prior.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, final

import numpy as np
import torch

from kt_models import data, metrics
from kt_models.data import Dataset
from kt_models.metrics import Answers
from kt_models.psikt import Config, Model, bootstrap, fit, graph, simulation, train
from kt_models.psikt.edges import Edges
from kt_models.psikt.graph import Candidates
from kt_models.psikt.named import Expert
from kt_models.psikt.simulation import Cohort
from kt_models.recall import Float, Int
from tests.bench import harness
from tests.bench.rivals import scores

PARTS: Final = ("curve", "junyi", "gain")
#: Learners by concepts; each gives 100 answers.
CURVE: Final[dict[int, tuple[int, ...]]] = {10: (250, 500, 1_000, 2_000, 4_000), 30: (1_000, 4_000)}
QUICK_CURVE: Final[dict[int, tuple[int, ...]]] = {6: (200,)}
STEPS: Final = 100
RESEARCH: Final = Config(mode="faithful", epochs=14, min_steps=1, batch_learners=250, bootstraps=20)
#: Learners, and answers of each, that real sets are cut to; a third as many learners are held out.
LEARNERS, ANSWERS = 1_500, 150
REPLICATES: Final = 400
BINS: Final = 5


@final
@dataclass(frozen=True)
class Recovery:
    """How well edges stand for a true graph, see the module."""

    auroc: float
    direction: float
    calibration_error: float
    mean: float


def recovery(edges: Edges, truth: Float) -> Recovery:
    """Of chances of edges against a true (K, K) graph; pairs that were no candidates have none."""
    k = len(truth)
    chance, off = edges.matrix(k), ~np.eye(k, dtype=np.bool_)
    p, true = chance[off], truth[off]
    top = np.argsort(-chance, axis=None, kind="stable")[: int(truth.sum())]
    linked = top[(truth + truth.T).flat[top] > 0]
    direction = float(np.mean(truth.flat[linked])) if len(linked) else float("nan")
    place = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    error = np.abs(np.bincount(place, p - true, BINS)).sum() / len(p)
    return Recovery(_auc(p, true), direction, float(error), float(p.mean()))


def curve(sizes: dict[int, tuple[int, ...]]) -> Iterator[dict[str, Any]]:
    for concepts, cohorts in sizes.items():
        for learners in cohorts:
            made = simulation.simulate(Cohort(learners=learners, steps=STEPS, concepts=concepts), seed=0)
            begin = time.process_time()
            found = recovery(_research(made.data), made.adjacency)
            sizes_of = {"answers": learners * STEPS, "concepts": concepts, "seed": 0}
            for name, value in vars(found).items():
                yield {"name": f"curve.{name}", "value": round(value, 4), "unit": "probability", **sizes_of}
            seconds = round(time.process_time() - begin, 1)
            yield {"name": "curve.fit", "value": seconds, "unit": "CPU s", **sizes_of}


def _research(made: Dataset) -> Edges:
    with torch.random.fork_rng(devices=[]):
        found = graph.candidates(RESEARCH, made, made.concepts.size)
        training = train.Training.start(made, RESEARCH, found, seed=0)
        train.optimise(training, None, _quiet)
        return bootstrap.calibrated(training, _quiet)


def junyi(learners: int, epochs: int) -> Iterator[dict[str, Any]]:
    path = harness.DATA / "junyi" / "responses.parquet"
    if not path.exists():
        yield from harness.without_data(path)
        return
    whole = data.read(path)
    expert = _expert(whole)
    fitted, held = _parts(whole, learners)
    config = Config(epochs=epochs, bootstraps=20)
    yield from _candidates("junyi", graph.candidates(config, fitted, whole.concepts.size), expert)
    without = _fit(fitted, replace(config, coupling="none"))
    for name, given in (("learnt", None), ("expert", expert)):
        model = _fit(fitted, config, given)
        yield from _against(f"junyi.{name}", model.fitted.edges, expert, model.n_concepts)
        yield from _gain(f"junyi.{name}", model, without, held)


def gain(name: str, learners: int, epochs: int) -> Iterator[dict[str, Any]]:
    path = harness.DATA / name / "interactions.parquet"
    if not path.exists():
        yield from harness.without_data(path)
        return
    fitted, held = _parts(data.read(path), learners)
    config = Config(epochs=epochs, bootstraps=20)
    model, without = _fit(fitted, config), _fit(fitted, replace(config, coupling="none"))
    edges = model.fitted.edges
    yield {"name": f"{name}.edges_above_half", "value": int((edges.probability > 0.5).sum()), "unit": "edges"}
    yield {"name": f"{name}.mean_edge", "value": round(float(edges.probability.mean()), 4), "unit": "probability"}
    yield {"name": f"{name}.mean_prior", "value": round(float(edges.prior.mean()), 4), "unit": "probability"}
    yield from _gain(name, model, without, held)


def _expert(whole: Dataset) -> Expert:
    with (harness.DATA / "junyi" / "prerequisites.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    ends = (np.array([int(row[name]) for row in rows]) for name in ("prerequisite", "concept"))
    parent, child = (whole.concepts.encode(ids) for ids in ends)
    known = np.maximum(parent, child) < whole.concepts.size
    return Expert(parent[known], child[known])


def _parts(whole: Dataset, learners: int) -> tuple[Dataset, Dataset]:
    """Learners to fit on and others, held out."""
    share = min(learners * 4 / 3 / whole.n_learners, 1.0)
    some, _ = whole.split_learners((share, 1 - share), seed=0)
    fitted, held = some.first(ANSWERS).split_learners((0.75, 0.25), seed=1)
    return fitted, held


def _fit(fitted: Dataset, config: Config, expert: Expert | None = None) -> Model:
    return fit(fitted, config, seed=0, expert=expert).model


def _candidates(name: str, found: Candidates, expert: Expert) -> Iterator[dict[str, Any]]:
    k = found.n_concepts
    pairs = set(_keys(expert.parent, expert.child, k)[expert.parent != expert.child].tolist())
    among = len(pairs & set(_keys(found.lower, found.upper, k).tolist()))
    yield {"name": f"{name}.candidates", "value": found.n_pairs, "unit": "pairs", "of": k * (k - 1) // 2}
    yield {"name": f"{name}.candidates.expert", "value": among, "unit": "pairs", "of": len(pairs)}


def _against(name: str, edges: Edges, expert: Expert, k: int) -> Iterator[dict[str, Any]]:
    """Learnt edges against the experts', among candidates with evidence: who is linked, and which way."""
    edges = Edges(**{key: column[edges.evidence > 0] for key, column in vars(edges).items()})
    one = edges.parent < edges.child
    true = np.isin(_keys(edges.parent, edges.child, k), _keys(expert.parent, expert.child, k)).astype(np.float64)
    yield {
        "name": f"{name}.existence_auroc", "value": round(_auc(edges.existence[one], true[one]), 4),
        "unit": "probability", "pairs": int(one.sum()), "expert": int(true[one].sum()),
    }  # fmt: skip
    directed = np.isin(edges.parent * k + edges.child, expert.parent * k + expert.child)
    right = edges.direction[directed] > 0.5
    yield {"name": f"{name}.direction", "value": round(float(right.mean()), 4), "unit": "share", "n": len(right)}
    reached, by_chance = _mrr(edges, true)
    yield {"name": f"{name}.mrr", "value": round(reached, 4), "unit": "share", "by_chance": round(by_chance, 4)}
    for label, part in (("expert", true > 0), ("other", true == 0)):
        moved = float((edges.existence[part & one]).mean())
        yield {"name": f"{name}.mean_existence.{label}", "value": round(moved, 4), "unit": "probability"}


def _mrr(edges: Edges, true: Float) -> tuple[float, float]:
    """Mean reciprocal rank of the first expert's pair among each concept's candidates; and of shuffled ranks."""
    rng = np.random.default_rng(0)
    found = []
    for chance in (edges.existence, rng.random(len(true))):
        ranks = []
        for child in np.unique(edges.child[true > 0]):
            rows = np.flatnonzero(edges.child == child)
            # Ties in random order.
            order = rows[np.lexsort((rng.random(len(rows)), -chance[rows]))]
            ranks.append(1.0 / (1 + int(np.argmax(true[order]))))
        found.append(float(np.mean(ranks)) if ranks else float("nan"))
    return found[0], found[1]


def _gain(name: str, model: Model, without: Model, held: Dataset) -> Iterator[dict[str, Any]]:
    seen = held.interactions
    with_graph, plain = (
        Answers(seen.learner, m.trace(m.prior(held.n_learners), seen)[1].p, seen.correct.astype(np.float64))
        for m in (model, without)
    )
    found = scores.difference(with_graph, plain, REPLICATES)
    for metric, estimate in found.items():
        yield {**scores.figure(f"{name}.graph-less-none.{metric}", metric, estimate, len(plain)),
               "none": round(float(metrics.log_loss_each(plain).mean()), 5)}  # fmt: skip


def _keys(a: Int, b: Int, k: int) -> Int:
    return np.minimum(a, b) * k + np.maximum(a, b)


def _auc(p: Float, true: Float) -> float:
    return metrics.auc(Answers(np.zeros(len(p), np.int64), p, true))


def _quiet(record: dict[str, float]) -> None:
    """Who asks for no progress."""


def figures(options: Any = None) -> Iterator[dict[str, Any]]:
    quick = getattr(options, "quick", False)
    parts = getattr(options, "parts", None) or PARTS
    learners, epochs = (150, 2) if quick else (LEARNERS, 6)
    if "curve" in parts:
        yield from curve(QUICK_CURVE if quick else CURVE)
    if "junyi" in parts:
        yield from junyi(learners if quick else 4_000, epochs)
    if "gain" in parts:
        for name in ("assist12", "assist17"):
            yield from gain(name, learners, epochs)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.graph", description="PSI-KT's graph, as JSON lines.")
    parser.add_argument("--quick", action="store_true", help="a smoke run: small, and its figures mean little")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    for figure in figures(parser.parse_args()):
        harness.print_figure("graph", figure)


if __name__ == "__main__":
    main()
