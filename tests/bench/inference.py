"""Inference in service: learners advanced a second, and seconds from an answer to the state that knows it.

`python -m tests.bench inference [--kind psikt] [--concepts 1000] [--quick] [--gpu]`

Each learner has eight answers behind him, and one new one. Models are not fitted: what a step costs does not depend on
parameters. Of every kind, for curricula of 100, 1,000 and 5,000 concepts, one thread:
advance: `tracing.advance` in this process on a real database: claim, read, fold, forecast, write, commit; learners a
    second by learners a batch. `.ratio`: how many times as fast a batch of 64 is as 64 batches of one; measured in
    turn, median of the rounds, for machines are shared.
state: seconds from the call that hands answers of so many learners in at once, to the commit of the last state, through
    intake, the broker and a worker of its own process (median; `p90`). Plans are made in the same transaction.
memory: largest resident memory of this process so far, MiB.
agreement: largest difference of P(correct), over histories of 200 answers and the forecasts after them, of a small
    fitted CAKT in another precision, on this device, or (--gpu) on the card.
--gpu: `agreement` on the card, and `model`, without servers: microseconds a learner for the model's part of `advance`
    (`trace`, `predict`, `forecast` and both encodings), on the card, on one thread of its machine, and `compiled`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from statistics import median, quantiles
from typing import Any, Final, TypeVar

import numpy as np

from kt_models.base import ConceptLists, Interactions, Query
from tests.bench import _pool_site as pool
from tests.bench import harness
from tests.bench._pool_site import KINDS, School, Servers
from tests.bench.psikt_cost import peak_mib

T = TypeVar("T")
CONCEPTS: Final = (100, 1_000, 5_000)
BATCHES: Final = (1, 8, 64, 256, 1_024)
#: Rounds of a batch size.
ROUNDS: Final = {1: 20, 8: 10, 64: 6, 256: 4, 1_024: 3}
RATIO_ROUNDS: Final = 3
HISTORY: Final = 8
WANTED_RATIO: Final = 5.0
#: Of P(correct), between devices and precisions.
WANTED_AGREEMENT: Final = 1e-4
LONG_HISTORY: Final = 200
#: Batches of which a call would take longer are left out.
LONGEST_SECONDS: Final = 20.0


def figures(options: Any = None) -> Iterator[dict[str, Any]]:
    quick = bool(getattr(options, "quick", False))
    if getattr(options, "gpu", False):
        import torch

        if not torch.cuda.is_available():
            harness.remark("skipped: no CUDA device on this machine")
            return
        for device in ("cpu", "cuda", "compiled"):
            yield from _model_figures(device, quick)
        yield from _agreements("cuda", quick)
        return
    with pool.servers() as servers:
        for concepts in CONCEPTS[:1] if quick else asked(options, "concepts", CONCEPTS):
            for kind in asked(options, "kind", KINDS):
                yield from _in_service(servers, kind, concepts, quick)
    yield from _agreements("cpu", quick)


def asked(options: Any, name: str, known: tuple[T, ...]) -> tuple[T, ...]:
    """What the command line asks for, or all."""
    one = getattr(options, name, None)
    return known if one is None else (one,)


def _in_service(servers: Servers, kind: str, concepts: int, quick: bool) -> Iterator[dict[str, Any]]:
    sizes, done = BATCHES[:3] if quick else BATCHES, list[int]()
    stage, name = Stage(School.create(kind, concepts, max(sizes))), f"{kind}.{concepts}"
    for size in sizes:
        stage.prepare(size)
        taken = median(stage.timed(size, size) for _ in range(2 if quick else ROUNDS[size]))
        yield figure(f"advance.{name}.{size}", size / taken, "learners/s", call_ms=round(1e3 * taken, 2))
        done.append(size)
        if 4 * taken > LONGEST_SECONDS:
            harness.remark(f"{name}: no larger batches than {size}, a call of which takes {taken:.1f} s")
            break
    pairs = [(stage.timed(64, 1), stage.timed(64, 64)) for _ in range(1 if quick else RATIO_ROUNDS)]
    ratio = median(singles / batch for singles, batch in pairs)
    yield figure(f"advance.{name}.ratio", ratio, "times", wanted=WANTED_RATIO)
    yield figure(f"memory.{name}", peak_mib(), "MiB")
    with servers.worker():
        stage.send(1)
        for size in done:
            waits = [stage.send(size) for _ in range(2 if quick else max(4, ROUNDS[size] // 2))]
            tail = quantiles(waits, n=10)[-1]
            yield figure(f"state.{name}.{size}", median(waits), "s", p90=round(tail, 3))


class Stage:
    """A school, and how far its learners are."""

    def __init__(self, school: School) -> None:
        from django.utils import timezone

        self.school, self.step, self.prepared, self._now = school, 0, 0, timezone.now

    def prepare(self, learners: int) -> None:
        """Gives those of the first so many their history who have none."""
        if learners > self.prepared:
            for _ in range(HISTORY):
                self.answer(learners)
            self.advance(256)
            self.prepared = learners

    def answer(self, learners: int) -> None:
        self.step += 1
        self.school.answer(self.step, learners, self._now())

    def advance(self, limit: int) -> int:
        """In calls of so many learners; how many calls."""
        from tutor.tracing import services as tracing

        calls = 0
        while tracing.advance(limit=limit, now=self._now()):
            calls += 1
        return calls

    def timed(self, learners: int, limit: int) -> float:
        """Seconds that it takes to advance so many, in batches."""
        from tutor.tracing import services as tracing

        self.answer(learners)
        begin, done = time.perf_counter(), 0
        while done < learners:
            done += len(tracing.advance(limit=limit, now=self._now()))
        return time.perf_counter() - begin

    def send(self, learners: int) -> float:
        """Seconds until all who answer at once have states that know it, by a worker."""
        from tutor.scheduling import bell

        begin = time.perf_counter()
        self.answer(learners)
        bell.ring()
        pool.until(lambda: self.school.behind() == 0)
        return time.perf_counter() - begin


def figure(name: str, value: float, unit: str, **of: Any) -> dict[str, Any]:
    return {"name": name, "value": float(f"{value:.4g}"), "unit": unit, **of}


def _model_figures(device: str, quick: bool) -> Iterator[dict[str, Any]]:
    """Of CAKT, the only kind that a card helps: the others compute in numpy."""
    for concepts in CONCEPTS[:1] if quick else CONCEPTS:
        model = pool.a_model("cakt", concepts).to("cpu" if device == "cpu" else "cuda")
        if device == "compiled":
            model.network.encoder.compile()
        state = model.update(model.prior(1_024), _answers(1_024, HISTORY, concepts))
        for size in BATCHES[:3] if quick else BATCHES:
            some = state.take(np.arange(size))
            taken = _seconds(lambda: _step(model, some, concepts))  # noqa: B023
            yield figure(f"model.{device}.cakt.{concepts}.{size}", taken / size * 1e6, "us/learner")
            if 4 * taken > LONGEST_SECONDS:
                break


def _step(model: Any, state: Any, concepts: int) -> None:
    """What `advance` asks of a model for one answer each."""
    schema, records = state.schema, state.to_bytes()
    state = type(state).from_bytes(records, schema=schema)
    new = _answers(len(state), 1, concepts, float(state.seconds.max()) + 60.0)
    state, _ = model.trace(state, new)
    model.predict(state, Query(new.learner, new.seconds, np.full(len(new), -1), new.concepts))
    model.forecast(state, state.seconds, concepts).to_bytes()
    state.to_bytes()


def _answers(learners: int, each: int, concepts: int, start: float = 0.0) -> Interactions:
    generator, step = np.random.default_rng(0), np.tile(np.arange(each), learners)
    learner = np.repeat(np.arange(learners), each)
    concept = (learner * 31 + step * step % 20) % concepts
    return Interactions(
        learner, start + 3_600.0 * step, concept, ConceptLists.single(concept),
        (generator.random(len(step)) < 0.7).astype(np.float32),
    )  # fmt: skip


def _seconds(call: Callable[[], object]) -> float:
    """Wall time, median: results are numbers here, so a card is done by then."""
    call()
    taken = list[float]()
    while len(taken) < 3 or sum(taken) < 0.5:
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return median(taken)


def _agreements(device: str, quick: bool) -> Iterator[dict[str, Any]]:
    """Of every way to compute with float32 on the CPU."""
    model, ways = fitted(quick), precisions(device)
    exact = beliefs(model.to("cpu"))
    for name, precision in ways.items():
        with precision:
            found = beliefs(model.to(device))
        for part, (a, b) in {"p": (exact[0], found[0]), "forecast": (exact[1], found[1])}.items():
            far = float(np.abs(a - b).max())
            yield figure(f"agreement.{device}.{name}.{part}", far, "largest difference", wanted=WANTED_AGREEMENT)
    model.to("cpu")


def precisions(device: str) -> dict[str, contextlib.AbstractContextManager[Any]]:
    """Ways to compute, by the name that TRELLIS_PRECISION has for them."""
    import torch

    half = torch.autocast(device, dtype=torch.bfloat16)
    if device == "cpu":
        return {"float32": contextlib.nullcontext(), "bfloat16": half}
    return {"float32": _tf32(False), "tf32": _tf32(True), "bfloat16": half}


@contextlib.contextmanager
def _tf32(allowed: bool) -> Iterator[None]:
    import torch

    places = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [place.allow_tf32 for place in places]
    for place in places:
        place.allow_tf32 = allowed
    try:
        yield
    finally:
        for place, value in zip(places, before, strict=True):
            place.allow_tf32 = value


def fitted(quick: bool = False) -> Any:
    """A CAKT of thirty concepts, fitted for a moment: weights that mean something, and calibration."""
    from kt_models.cakt import Config, fit
    from tests.bench.cakt_cost import practised

    return fit(practised(40 if quick else 200, 0, 30), Config(epochs=1 if quick else 3, min_steps=1), seed=0).model


def beliefs(model: Any) -> tuple[Any, Any]:
    """P(correct) of long histories answer by answer, as a worker folds them, and the forecasts after them."""
    seen, p = _answers(32, LONG_HISTORY, model.n_concepts), list[Any]()
    state = model.prior(32)
    for rows in seen.rounds():
        state, before = model.trace(state, seen.take(rows))
        p.append(before.p)
    tables = model.forecast(state, state.seconds + 86_400.0).tables
    return np.concatenate(p), np.concatenate([table.recall.ravel() for table in tables])
