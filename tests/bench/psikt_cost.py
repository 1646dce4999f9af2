"""What PSI-KT costs: fitting an answer, by concepts; updating, predicting and forecasting a learner, by history.

`python -m tests.bench psikt_cost [--quick] [--gpu]`

train: one epoch as `train.optimise` runs it: filter forward, backward, optimiser's step, items. CPU time of a process
    on one thread, median of epochs after a first one; packing answers into batches, once a fit, is `.pack`. Each
    setting has a process of its own: `.peak` is its largest resident memory less that after imports.
    `reference`: 240 learners x 10 answers in one batch, concepts at random, as the published implementation was
    measured; `of_reference` is of its 75 us (10 concepts) and 3,786 us (100), which came from another and loaded
    machine, so they are orders of magnitude, not digits.
    `cohort`: 2,000 learners x 50 answers, each at 20 concepts. `linear`: so many times the learners, in batches of one
    size. `assist12`: learners of that set, their first 150 answers, its own candidate edges.
    `graph`: 6 candidate parents a concept (all up to 30 concepts); `plain`: none; `dense`: research mode, all pairs.
online: numpy alone, CPU time, median call, untrained parameters. Learners have met 50 concepts and, in the last 50
    answers, some 50 items, of which a state holds a row each; then comes an answer at one of the concepts.
    `.maths` is a step's arithmetic on arrays at hand; the rest of an update finds and copies rows of the state.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Final, final

import numpy as np

from kt_models import data
from kt_models.base import ConceptLists, Interactions, Query
from kt_models.data import Dataset, Vocabulary
from kt_models.recall import SECONDS_PER_DAY, Int
from kt_models.state import LearnerState
from tests.bench import harness

#: Concepts, and the reference's CPU microseconds an answer and epoch there, 1 thread (docs/models/psi-kt.md).
REFERENCE: Final = {10: 75.0, 100: 3_786.0}
#: Shares of the reference's cost that are wanted at most.
WANTED: Final = {10: 1 / 5, 100: 1 / 100}
CONCEPTS: Final = (10, 100, 1_000, 5_000)
#: Candidate parents of a concept are its neighbours so far on either side.
NEIGHBOURS: Final = 3
ITEMS_A_CONCEPT: Final = 10
#: Learners a batch where cost is to be linear in answers: with more of them a batch, an answer gets cheaper.
LINEAR_BATCH: Final = 250
#: Online: touched concepts, answers behind, learners a call.
TOUCHED: Final = 50
HISTORIES: Final = (50, 500, 5_000)
BATCHES: Final = (1, 64, 256, 1_024, 10_000)
#: Forecasts hold learners x touched x parents x delays numbers: not at once of thousands.
FORECAST_BATCHES: Final = (1, 64, 256)
#: Each figure is the median of calls that take so long together, and of at least three.
CALL_SECONDS: Final = 0.3
MICRO: Final = 1e6


@final
@dataclass(frozen=True)
class Setting:
    """One fit to be timed.

    Attributes:
        touched: concepts that a learner practises, 0 for any.     one_batch: all learners in one batch; else `batch`
            learners, or as many as the config says if that is 0.
        learners: of the set `name` starts with, where `real`; else simulated.
    """

    name: str
    concepts: int
    learners: int
    answers: int
    touched: int = 0
    kind: str = "graph"
    one_batch: bool = False
    real: bool = False
    epochs: int = 5
    device: str = "cpu"
    batch: int = 0


def settings(quick: bool, device: str) -> Iterator[Setting]:
    if quick:
        yield Setting("reference.graph.10", 10, 40, 10, one_batch=True, epochs=1, device=device)
        yield Setting("cohort.plain.10", 10, 60, 12, 4, "plain", epochs=1, device=device)
        return
    for k in CONCEPTS:
        for kind in ("graph", "plain", "dense"):
            if kind != "dense" or k in REFERENCE:
                yield Setting(f"reference.{kind}.{k}", k, 240, 10, 0, kind, one_batch=True, epochs=9, device=device)
    for k in CONCEPTS:
        for kind in ("graph", "plain"):
            yield Setting(f"cohort.{kind}.{k}", k, 2_000, 50, min(20, k), kind, epochs=3, device=device)
    for times in (1, 2, 4):
        yield Setting(
            f"linear.graph.1000.x{times}", 1_000, 2_000 * times, 50, 20, epochs=2, device=device, batch=LINEAR_BATCH
        )
    yield Setting("assist12.graph", 0, 2_000, 150, real=True, epochs=2, device=device)


def training(quick: bool, device: str) -> Iterator[dict[str, Any]]:
    taken: dict[str, float] = {}
    for setting in settings(quick, device):
        if setting.real and not (path := _real(setting)).exists():
            yield from harness.without_data(path)
            continue
        cost = _apart(setting)
        taken[setting.name] = cost["us"]
        yield from _shown(setting, cost)
    base = taken.get("linear.graph.1000.x1")
    for times in (2, 4):
        if base and (more := taken.get(f"linear.graph.1000.x{times}")):
            name = f"train.linear.graph.1000.x{times}.per_answer"
            yield {"name": name, "value": round(more / base, 3), "unit": "times that of x1"}


def _shown(setting: Setting, cost: dict[str, float]) -> Iterator[dict[str, Any]]:
    name, n = f"train.{setting.name}", int(cost["answers"])
    clock = "CPU" if setting.device == "cpu" else "wall"
    yield {"name": name, "value": round(cost["us"], 2), "unit": f"{clock} us/answer/epoch", "n": n}
    yield {"name": f"{name}.100k", "value": round(cost["us"] / 10, 3), "unit": f"{clock} s/100,000 answers/epoch"}
    yield {"name": f"{name}.peak", "value": round(cost["mib"], 1), "unit": "MiB"}
    yield {"name": f"{name}.pack", "value": round(cost["pack_us"], 2), "unit": f"{clock} us/answer"}
    if setting.name.startswith("reference") and setting.concepts in REFERENCE and setting.device == "cpu":
        share = round(cost["us"] / REFERENCE[setting.concepts], 5)
        yield {"name": f"{name}.of_reference", "value": share, "unit": "ratio", "wanted": WANTED[setting.concepts]}


def _apart(setting: Setting) -> dict[str, float]:
    """The cost of a setting, measured in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.psikt_cost", "--setting", json.dumps(asdict(setting))]
    done = subprocess.run(
        command,
        cwd=harness.ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def cost_of(setting: Setting) -> dict[str, float]:
    """Microseconds an answer and epoch, and to pack one; MiB at the peak; answers."""
    import torch

    from kt_models.psikt import train

    torch.set_num_threads(1)
    clock = time.process_time if setting.device == "cpu" else time.perf_counter
    torch.ones(8, device=setting.device, requires_grad=True).sum().backward()  # type: ignore[no-untyped-call]
    before = peak_mib()
    with torch.device(setting.device):
        begin = clock()
        fit = _started(setting)
        packed = clock() - begin
        run = train.Run(fit, torch.optim.Adam(fit.population.groups(0.01), betas=(0.9, 0.98)))
        taken = [_epoch_seconds(run, clock, setting.device) for _ in range(setting.epochs + 1)]
    peak = peak_mib() - before if setting.device == "cpu" else torch.cuda.max_memory_allocated() / 2**20
    n = fit.own_answers
    return {"us": median(taken[1:]) / n * MICRO, "pack_us": packed / n * MICRO, "mib": peak, "answers": n}


def _epoch_seconds(run: Any, clock: Callable[[], float], device: str) -> float:
    import torch

    begin = clock()
    run.epoch_of_steps(epochs=10, chunks=run.training.chunks, progress=lambda record: None)
    run.training.settle_items()
    if device != "cpu":
        torch.cuda.synchronize()
    return clock() - begin


def _started(setting: Setting) -> Any:
    from kt_models.psikt import Config, batches, train

    made = _learners(setting)
    config = Config(mode="faithful" if setting.kind == "dense" else "product")
    if setting.kind == "plain":
        config = replace(config, coupling="none")
    if setting.batch:
        config = replace(config, batch_learners=setting.batch)
    fit = train.Training.start(made, config, _candidates(setting, made, config), seed=0)
    if setting.one_batch:
        size = made.concepts.size, made.items.size
        fit.batches = list(batches.batches(made, *size, fit.parents.cpu().numpy(), made.n_learners, config.lookback))
    return fit


def _learners(setting: Setting) -> Dataset:
    if setting.real:
        return data.read(_real(setting)).take(np.arange(setting.learners)).first(setting.answers)
    return simulated(setting.learners, setting.answers, setting.concepts, setting.touched)


def _real(setting: Setting) -> Path:
    return harness.DATA / setting.name.partition(".")[0] / "interactions.parquet"


def simulated(learners: int, answers: int, concepts: int, touched: int = 0) -> Dataset:
    """Answers at random, twelve within an hour and then a day's pause, at `touched` concepts of a learner or any."""
    generator, n = np.random.default_rng(0), learners * answers
    concept: Int = generator.integers(0, concepts, n)
    if touched:
        # Neighbours in the course, so that a learner practises concepts together with their candidate parents.
        first = generator.integers(0, concepts, learners)
        concept = (np.repeat(first, answers) + generator.integers(0, touched, n)) % concepts
    step = np.tile(np.arange(answers), learners)
    return data.of_columns(
        learner=np.repeat(np.arange(learners), answers), concepts=ConceptLists.single(concept),
        seconds=(step // 12) * SECONDS_PER_DAY + (step % 12) * 300.0,
        item=concept * ITEMS_A_CONCEPT + generator.integers(0, ITEMS_A_CONCEPT, n),
        correct=generator.integers(0, 2, n).astype(np.float32),
        concept_vocabulary=Vocabulary(np.arange(concepts)),
        item_vocabulary=Vocabulary(np.arange(concepts * ITEMS_A_CONCEPT)),
    )  # fmt: skip


def _candidates(setting: Setting, made: Dataset, config: Any) -> Any:
    from kt_models.psikt import graph

    k = made.concepts.size
    if setting.kind == "plain":
        return graph.Candidates.none(k)
    if setting.real:
        return graph.candidates(config, made, k)
    all_pairs = setting.kind == "dense" or k <= graph.ALL_PAIRS
    pairs = [(i, i + d) for i in range(k) for d in range(1, k if all_pairs else NEIGHBOURS + 1) if i + d < k]
    lower, upper = np.array(pairs, dtype=np.int64).T
    n = len(lower)
    chance = np.full(n, min(graph.MAX_PRIOR, config.edge_prior * k / n))
    support = np.full(n, made.n_learners)
    return graph.Candidates.of(k, lower, upper, chance, np.full(n, 0.5), np.zeros(n, np.bool_), support)


def peak_mib() -> float:
    """The largest resident memory of this process so far. Not `ru_maxrss`: that begins with the parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1_024


def online(quick: bool) -> Iterator[dict[str, Any]]:
    """What a learner in service costs."""
    model = _model()
    histories, batches = (HISTORIES[:1], BATCHES[:2]) if quick else (HISTORIES, BATCHES)
    for history in histories:
        some = model.update(model.prior(64), _history(64, history))
        yield from _sizes(some, history)
        for batch in batches:
            state = some.take(np.arange(batch) % len(some))
            yield from _operations(model, state, history, forecast=batch in FORECAST_BATCHES)
        taken = _seconds(lambda: model.update(model.prior(1), _history(1, history)))  # noqa: B023
        yield {"name": f"online.replay.{history}", "value": round(taken / history * MICRO, 1), "unit": "us/answer"}


def _operations(model: Any, state: LearnerState, history: int, forecast: bool) -> Iterator[dict[str, Any]]:
    batch = len(state)
    later = float(state.seconds.max()) + SECONDS_PER_DAY
    new, times = _answers(batch, later), np.full(batch, later)
    query: Query = new.query()
    calls: dict[str, Callable[[], object]] = {
        "update": lambda: model.update(state, new),
        "update.maths": maths(model, state, new),
        "predict": lambda: model.predict(state, query),
    }
    if forecast:
        calls["forecast"] = lambda: model.forecast(state, times)
    for name, call in calls.items():
        taken = _seconds(call)
        of = {"learners": batch, "history": history, "call_ms": round(taken * 1e3, 3)}
        yield {"name": f"online.{name}.{batch}.{history}", "value": round(taken / batch * MICRO, 2), "unit": "us", **of}


def maths(model: Any, state: LearnerState, new: Interactions) -> Callable[[], object]:
    """An update's arithmetic alone: waiting, settling, expecting, learning, of rows already found."""
    from scipy.special import ndtr

    from kt_models.psikt import algebra, dynamics
    from kt_models.psikt import online as psikt

    setting, config, p = model._setting, model.config, model.fitted.parameters
    asked, _, fields = psikt.ask(setting, state, new.query())
    columns = state.learner[new.learner].astype(np.float64)
    row = psikt.item_rows(setting, state, new.learner, new.item)
    count, stamp = columns[:, psikt.ANSWERS], state.concept_seconds
    memory, known = psikt.recall_items(setting, count, new.seconds, row, state.touched, stamp)
    difficulty, doubt = setting.items(new.item, known)
    gain, correct = setting.gain(asked.concept), new.correct.astype(np.float64)

    def step() -> object:
        learner = dynamics.wait(np, config, p, psikt.unpack_learner(p, columns), asked.since)
        now = psikt.now(setting, learner, asked, fields, state.touched)
        before = dynamics.expect(p, learner, now, asked.share, asked.fresh, difficulty, doubt, memory)
        seen = algebra.surprise(np, ndtr, before.mean, before.variance, correct)
        return dynamics.learn(np, config, p, learner, now, before, seen.push, seen.pull, asked.share, gain, correct)

    return step


def _model() -> Any:
    return model_of(Setting("online", 500, 20, 50, 20))


def model_of(setting: Setting) -> Any:
    """Parameters as a fit starts with: what a step costs does not depend on them."""
    from kt_models.psikt import fitting
    from kt_models.psikt.model import Model

    start = _started(setting)
    made = start.data
    return Model(start.config, fitting.found(start, start.population.edges.edges()), made.concepts, made.items)


def _history(learners: int, answers: int) -> Interactions:
    """Each learner goes round the same concepts, an answer an hour."""
    generator, step = np.random.default_rng(1), np.tile(np.arange(answers), learners)
    concept = step % TOUCHED
    item = concept * ITEMS_A_CONCEPT + generator.integers(0, ITEMS_A_CONCEPT, len(step))
    return Interactions(
        np.repeat(np.arange(learners), answers), 3_600.0 * step.astype(np.float64), item, ConceptLists.single(concept),
        generator.integers(0, 2, len(step)).astype(np.float32),
    )  # fmt: skip


def _answers(learners: int, seconds: float) -> Interactions:
    """One new answer of each learner, at a concept met before."""
    generator = np.random.default_rng(2)
    concept = generator.integers(0, TOUCHED, learners)
    item = concept * ITEMS_A_CONCEPT + generator.integers(0, ITEMS_A_CONCEPT, learners)
    correct = generator.integers(0, 2, learners).astype(np.float32)
    return Interactions(
        np.arange(learners), np.full(learners, seconds, np.float64), item, ConceptLists.single(concept), correct
    )


def _sizes(state: LearnerState, history: int) -> Iterator[dict[str, Any]]:
    from kt_models.psikt.online import ITEMS

    sizes = [len(record) for record in state.to_bytes()]
    rows = {"concepts": TOUCHED, "items": round(float((state.concept >= ITEMS).sum()) / len(state), 1)}
    yield {"name": f"online.state.{history}", "value": round(float(np.mean(sizes))), "unit": "bytes", **rows}


def _seconds(call: Callable[[], object]) -> float:
    """CPU seconds of a call: others on the machine do not count."""
    call()
    taken: list[float] = []
    while len(taken) < 3 or sum(taken) < CALL_SECONDS:
        start = time.process_time()
        call()
        taken.append(time.process_time() - start)
    return median(taken)


def figures(options: Any = None) -> Iterator[dict[str, Any]]:
    quick = bool(getattr(options, "quick", False))
    if getattr(options, "gpu", False):
        import torch

        if not torch.cuda.is_available():
            harness.remark("skipped: no CUDA device on this machine")
            return
        yield from training(quick, "cuda")
        return
    yield from online(quick)
    yield from training(quick, "cpu")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.psikt_cost", description="One setting, as JSON.")
    parser.add_argument("--setting", required=True, help="fields of Setting, as JSON")
    print(json.dumps(cost_of(Setting(**json.loads(parser.parse_args().setting)))))


if __name__ == "__main__":
    main()
