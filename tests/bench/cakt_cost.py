"""What CAKT costs: fitting and scoring an answer beside a plain recurrent network, memory, and a learner in service.

`python -m tests.bench cakt_cost [--quick] [--gpu]`

Answers are simulated in the shape of ASSISTments 2009 as the paper's code selects it: about 50 answers a learner, 110
concepts, runs of practice on one of them. Weights are untrained: what a step costs does not depend on them.
train: an epoch as `train.Run.train` runs it: batches, forward, backward, Adam. CPU time of one thread. The peer is a
    network of the size of DKT, one LSTM as wide as the paper's (225), on the same minibatches, of which each answer's
    logit alone is computed. Peer and candidate take turns, for a machine's speed changes: seconds are medians of the
    rounds, `.ratio` is the median of each round's quotient. `.windows`: windows encoded an answer, equal ones once.
score: `Model.score`, the same way, beside the peer's logits of the same learners at once.
memory: largest resident memory of a process of its own, less that after a fit of two learners. `length`: 32 learners
    who all have so many answers, in chunks of 200; `concepts`: 200 learners x 50 answers. `score` and `replay` (an
    update of blank learners): 256 learners x 200 answers, as many as are folded at once.
online: CPU time, median call. `update.history` is of one learner at 10 concepts after so many answers; the rest of
    learners who have met 50 of 110 concepts. `predict` asks all concepts of a learner in one call.
--gpu: answers a second of training and scoring, wall time, on the device and on one thread of its machine (`large`: 256
    learners a minibatch), and microseconds a learner to update and to forecast there.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain
from statistics import median
from typing import Any, Final, final

import numpy as np
import torch
from torch import Tensor, nn

from kt_models import data
from kt_models.base import ConceptLists, Interactions, Query
from kt_models.cakt import Config, Model, batches, sequence
from kt_models.cakt.config import Encoder, Mode
from kt_models.cakt.fitting import standardise
from kt_models.cakt.model import network
from kt_models.cakt.network import Network
from kt_models.cakt.reference import Reference
from kt_models.cakt.sequence import Sequences
from kt_models.cakt.stream import Calibration
from kt_models.cakt.train import MAX_NORM, SCORED, Run
from kt_models.data import Dataset, Vocabulary
from kt_models.levels import Levels
from kt_models.recall import SECONDS_PER_DAY, Float, Int, sigmoid
from kt_models.state import LearnerState
from tests.bench import harness
from tests.bench.psikt_cost import peak_mib

CONCEPTS: Final = 110
ITEMS_A_CONCEPT: Final = 10
#: Beta shape, over learners, of the chance to go on with a concept; of those who turn, share to a concept never met;
#: share of concepts practised in turn with the next one.
STAY, NEW, PAIRED = (3.0, 1.0), 0.5, 0.3
#: Answers of a learner: median and log-spread, and what the paper's code selects.
ANSWERS, LOG_SD, LEAST, MOST = 35, 0.9, 10, 200
#: Width of the peer and learners a minibatch, of it and of every candidate.
WIDTH, BATCH = 225, 32
LEARNERS: Final = 300
ROUNDS: Final = 3
LENGTHS: Final = (50, 200, 1_000, 5_000)
MANY_CONCEPTS: Final = (50, 500, 5_000)
HISTORIES: Final = (10, 1_000, 100_000)
MODES: Final[tuple[Mode, ...]] = ("product", "paper")
#: Answers folded at once where a history is built.
PART: Final = 5_000
TOUCHED: Final = (0, 10, 50)
BATCHES: Final = (64, 256)
FORECAST_BATCHES: Final = (1, 64)
GPU_BATCHES: Final = (64, 256, 4_096)
#: Settings of fits on a device.
GPU_FITS: Final[dict[str, dict[str, Any]]] = {
    "float32": {}, "bfloat16": {"precision": "bfloat16"}, "compiled": {"compile": True},
    "large": {"batch_learners": 256},
}  # fmt: skip
#: Each figure online is the median of calls that take so long together, and of at least three.
CALL_SECONDS: Final = 0.5
MICRO: Final = 1e6
UNIT, SECONDS = 100_000, "CPU s/100,000 answers"


def candidates() -> dict[str, Config]:
    paper = Config(mode="paper", batch_learners=BATCH)
    encoders: tuple[Encoder, ...] = ("dense", "recurrent", "none", "capsule")
    return {
        "paper": paper, "reference": Config(mode="reference", batch_learners=BATCH),
        **{f"paper.{encoder}": replace(paper, encoder=encoder) for encoder in encoders},
        "product": Config(batch_learners=BATCH), "paper.bfloat16": replace(paper, precision="bfloat16"),
    }  # fmt: skip


def practised(learners: int, answers: int = 0, concepts: int = CONCEPTS) -> Dataset:
    """Runs of practice on a concept or two in turn, met before or new; `answers` each, 0 for a spread of them."""
    rng = np.random.default_rng(0)
    drawn = np.clip(np.exp(rng.normal(np.log(ANSWERS), LOG_SD, learners)), LEAST, MOST).astype(np.int64)
    lengths = np.full(learners, answers) if answers else drawn
    learner, n = np.repeat(np.arange(learners), lengths), int(lengths.sum())
    row, begin = np.arange(n), np.repeat(np.cumsum(lengths) - lengths, lengths)
    turn = (row == begin) | (rng.random(n) >= rng.beta(*STAY, learners)[learner])
    new = turn & ((row == begin) | (rng.random(n) < NEW))
    met = np.cumsum(new)
    met -= met[begin]
    last = np.maximum.accumulate(np.where(turn, row, 0))
    pick = np.where(new, met, (rng.random(n) * (met + 1)).astype(np.int64))[last]
    share = 1.0 / np.arange(1, concepts + 1) ** 0.7
    pool = rng.choice(concepts, (learners, int(met.max()) + 1), p=share / share.sum())
    other = (rng.random(pool.shape) < PAIRED)[learner, pick] & ((row - last) % 2 == 1)
    concept = (pool[learner, pick] + other) % concepts
    # Outcomes in runs, as those of one learner at one concept are.
    level, step = rng.normal(0.9, 1.7, pool.shape)[learner, pick], row - begin
    return data.of_columns(
        learner=learner, concepts=ConceptLists.single(concept),
        correct=(rng.random(n) < sigmoid(level)).astype(np.float32),
        seconds=(step // 12) * SECONDS_PER_DAY + (step % 12) * 60.0,
        item=concept * ITEMS_A_CONCEPT + rng.integers(0, ITEMS_A_CONCEPT, n),
        concept_vocabulary=Vocabulary(np.arange(concepts)),
        item_vocabulary=Vocabulary(np.arange(concepts * ITEMS_A_CONCEPT)),
    )  # fmt: skip


@final
class Peer(nn.Module):
    """An LSTM on (concept, correct) tokens, and a logit for the concept of each answer from the state before it."""

    def __init__(self, made: Sequences, n_concepts: int) -> None:
        super().__init__()
        self.n_concepts, self.made, self.lengths = n_concepts, made, np.diff(made.offset)
        self.token = nn.Embedding(2 * n_concepts + 1, WIDTH)
        self.recurrent = nn.LSTM(WIDTH, WIDTH, batch_first=True)
        self.out, self.bias = nn.Embedding(n_concepts, WIDTH), nn.Embedding(n_concepts, 1)
        self.adam = torch.optim.Adam(self.parameters(), lr=1e-3)

    def train_epoch(self) -> None:
        self.train()
        for group in batches.by_length(self.lengths, BATCH, np.random.default_rng(0)):
            logit, credit = self(group)
            self.adam.zero_grad()
            nn.functional.binary_cross_entropy_with_logits(logit, credit).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.parameters(), MAX_NORM)
            self.adam.step()

    @torch.inference_mode()
    def score(self) -> None:
        self.eval()
        for group in batches.by_length(self.lengths, SCORED):
            self(group)

    def forward(self, group: Int) -> tuple[Tensor, Tensor]:
        """Logits and credits of the answers of some learners, (answers,)."""
        made, lengths = self.made, self.lengths[group]
        mask = np.arange(lengths.max()) < lengths[:, None]
        rows = np.where(mask, made.offset[group][:, None] + np.arange(lengths.max()), made.offset[group][:, None])
        concept, credit = torch.as_tensor(made.known[rows]), torch.as_tensor(made.credit[rows])
        start = torch.full((len(group), 1), 2 * self.n_concepts)
        hidden, _ = self.recurrent(self.token(torch.cat([start, 2 * concept + credit.long()], dim=1)[:, :-1]))
        there = torch.as_tensor(mask)
        of = concept[there]
        return (hidden[there] * self.out(of)).sum(1) + self.bias(of)[:, 0], credit[there]


@final
class Job:
    """A network as `fitting.fit_model` begins with it, and a model of such a network."""

    def __init__(self, config: Config, answers: Dataset, device: str = "cpu") -> None:
        torch.manual_seed(0)
        self.config, self.answers, self.model = config, answers, untrained(config, answers, device)
        state = self.model.prior(answers.n_learners)
        self.made = sequence.prepare(config, state, answers.interactions, self.model.reference)
        net = _network(config, answers, device)
        standardise(net, self.made.head)
        self.run = Run(net, config, 0, torch.device(device))

    def train(self) -> None:
        self.run.train(self.made, lambda record: None)

    def score(self) -> None:
        self.model.score(self.answers)

    def replay(self) -> None:
        self.model.update(self.model.prior(self.answers.n_learners), self.answers.interactions)

    def windows(self) -> float:
        """Windows encoded an answer, those of equal content in a minibatch once."""
        total, lengths, cpu = 0, np.diff(self.made.offset), torch.device("cpu")
        for group in batches.by_length(lengths, BATCH, np.random.default_rng((0, 0))):
            for who, start, stop in batches.chunks(lengths, group, self.config.chunk):
                made = batches.batch(self.config, self.made, who, start, stop, cpu, merge=True)
                total += len(made.window.concept)
        return total / len(self.made)


def _network(config: Config, answers: Dataset, device: str) -> Network:
    net = network(config, answers.concepts.size).to(torch.device(device))
    if config.compile and net.encoder is not None:
        net.encoder.compile()
    return net


def untrained(config: Config, answers: Dataset, device: str = "cpu") -> Model:
    reference = Reference(Levels.zero(answers.concepts.size, answers.items.size))
    if config.transitions:
        reference = reference.with_tables(answers.interactions, answers.offset, items=bool(config.items))
    calibration = Calibration(1.0, 0.0, np.ones(3))
    return Model(config, _network(config, answers, device), reference, calibration, answers.concepts, answers.items)


def fitting(quick: bool) -> Iterator[dict[str, Any]]:
    """Training and scoring beside the peer."""
    answers = practised(8 if quick else LEARNERS)
    n, of_peer = len(answers.interactions), {"train": list[float](), "score": list[float]()}
    for name, config in candidates().items():
        job = Job(config, answers)
        peer = Peer(job.made, answers.concepts.size)
        # The first steps of a network cost more.
        Job(config, practised(2 if quick else BATCH)).train()
        for task, theirs, ours in (("train", peer.train_epoch, job.train), ("score", peer.score, job.score)):
            # Precision is of the fit alone.
            if task == "score" and config.precision != "float32":
                continue
            pairs = [(spent(theirs), spent(ours)) for _ in range(1 if quick else ROUNDS)]
            of_peer[task] += [seconds for seconds, _ in pairs]
            yield figure(f"{task}.{name}", median(b for _, b in pairs) / n * UNIT, SECONDS, n=n)
            yield figure(f"{task}.{name}.ratio", median(b / a for a, b in pairs), "ratio")
        if name in ("paper", "reference"):
            yield figure(f"train.{name}.windows", job.windows(), "windows/answer")
    for task, found in of_peer.items():
        yield figure(f"{task}.peer", median(found) / n * UNIT, SECONDS, n=n, rounds=len(found))


def figure(name: str, value: float, unit: str, **of: Any) -> dict[str, Any]:
    return {"name": name, "value": float(f"{value:.4g}"), "unit": unit, **of}


def spent(call: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    begin = time.process_time()
    call()
    return time.process_time() - begin


@final
@dataclass(frozen=True)
class Setting:
    """What a process does whose memory is measured. `task`: train, score or replay."""

    task: str
    mode: Mode
    learners: int
    answers: int
    concepts: int = CONCEPTS


def settings(quick: bool) -> Iterator[tuple[str, Setting]]:
    if quick:
        yield "train.product.length.50", Setting("train", "product", 4, 50)
        return
    for mode in MODES:
        for length in LENGTHS:
            yield f"train.{mode}.length.{length}", Setting("train", mode, BATCH, length)
        for concepts in MANY_CONCEPTS:
            yield f"train.{mode}.concepts.{concepts}", Setting("train", mode, 200, 50, concepts)
        for task in ("score", "replay"):
            yield f"{task}.{mode}", Setting(task, mode, SCORED, 200)


def memory(quick: bool) -> Iterator[dict[str, Any]]:
    for name, setting in settings(quick):
        command = [sys.executable, "-m", "tests.bench.cakt_cost", json.dumps(asdict(setting))]
        done = subprocess.run(command, cwd=harness.ROOT, check=True, stdout=subprocess.PIPE, text=True)
        of = {"learners": setting.learners, "answers": setting.answers, "concepts": setting.concepts}
        yield figure(f"memory.{name}", json.loads(done.stdout), "MiB", **of)


def mib_of(setting: Setting) -> float:
    """Resident memory at the peak, less that before."""
    config = Config(mode=setting.mode, batch_learners=BATCH)
    Job(config, practised(2, 5)).train()
    before = peak_mib()
    job = Job(config, practised(setting.learners, setting.answers, setting.concepts))
    {"train": job.train, "score": job.score, "replay": job.replay}[setting.task]()
    return peak_mib() - before


def online(quick: bool) -> Iterator[dict[str, Any]]:
    """What a learner in service costs."""
    for mode in MODES:
        model = untrained(Config(mode=mode), practised(1))
        for history in HISTORIES[:2] if quick else HISTORIES:
            state = after(model, history, 10)
            taken = typical(partial(model.update, state, next_answers(state)))
            yield figure(f"online.update.{mode}.history.{history}", taken * MICRO, "us/answer")
        for touched in TOUCHED:
            size = len(after(model, touched, touched).to_bytes()[0])
            yield {"name": f"online.state.{mode}.{touched}", "value": size, "unit": "bytes", "concepts": touched}
        some = after(model, 2 * TOUCHED[-1], TOUCHED[-1])
        yield from _batches(model, some, mode, BATCHES, FORECAST_BATCHES[: 1 if quick else None])
        every = Query(
            np.zeros(CONCEPTS, np.int64), np.full(CONCEPTS, float(some.seconds[0]) + 60.0), np.full(CONCEPTS, -1),
            ConceptLists.single(np.arange(CONCEPTS)),
        )  # fmt: skip
        yield figure(f"online.predict.{mode}.{CONCEPTS}", typical(partial(model.predict, some, every)) * MICRO, "us")


def _batches(
    model: Model, one: LearnerState, of: str, updates: Sequence[int], forecasts: Sequence[int], wall: bool = False
) -> Iterator[dict[str, Any]]:
    """Of learners who all are like one: updates and forecasts in batches."""
    for batch in updates:
        state = one.take(np.zeros(batch, np.int64))
        taken = typical(partial(model.update, state, next_answers(state)), wall)
        yield figure(f"online.update.{of}.{batch}", taken / batch * MICRO, "us/learner")
    for batch in forecasts:
        state = one.take(np.zeros(batch, np.int64))
        taken = typical(partial(model.forecast, state, state.seconds + SECONDS_PER_DAY, CONCEPTS), wall)
        yield figure(f"online.forecast.{of}.{batch}", taken / batch * MICRO, "us/learner", touched=TOUCHED[-1])


def after(model: Model, answers: int, touched: int) -> LearnerState:
    """One learner who has gone round so many concepts, an answer an hour."""
    state, rng = model.prior(1), np.random.default_rng(1)
    for start in range(0, answers, PART):
        step = np.arange(start, min(start + PART, answers))
        state = model.update(state, _given(0 * step, 3_600.0 * step.astype(np.float64), step % touched, rng))
    return state


def next_answers(state: LearnerState) -> Interactions:
    """One answer of each learner, at a concept met before."""
    n, rng = len(state), np.random.default_rng(2)
    concept = state.concept[state.offset[:-1] + rng.integers(0, np.diff(state.offset))]
    return _given(np.arange(n), state.seconds + 3_600.0, concept, rng)


def _given(learner: Int, seconds: Float, concept: Int, rng: np.random.Generator) -> Interactions:
    item = concept * ITEMS_A_CONCEPT + rng.integers(0, ITEMS_A_CONCEPT, len(learner))
    correct = rng.integers(0, 2, len(learner)).astype(np.float32)
    return Interactions(learner, seconds, item, ConceptLists.single(concept), correct)


def typical(call: Callable[[], object], wall: bool = False) -> float:
    """Median seconds of a call: CPU, or wall where a device works; it is done by then, for results are numbers here."""
    clock, taken = time.perf_counter if wall else time.process_time, list[float]()
    call()
    while len(taken) < 3 or sum(taken) < CALL_SECONDS:
        begin = clock()
        call()
        taken.append(clock() - begin)
    return median(taken)


def on_device(device: str, quick: bool) -> Iterator[dict[str, Any]]:
    """Answers a second on a device and on the CPU, and learners in batches there."""
    answers = {"cpu": practised(4 if quick else 200), device: practised(4 if quick else 4_000)}
    fits = [("float32", "cpu"), *((name, device) for name in GPU_FITS if not (quick and name == "compiled"))]
    for mode in MODES:
        for name, place in fits:
            config = replace(Config(mode=mode, batch_learners=BATCH), **GPU_FITS[name])
            job = Job(config, answers[place], place)
            for task, call in (("train", job.train), ("score", job.score)):
                if task == "train" or name in ("float32", "compiled"):
                    rate = len(job.made) / typical(call, wall=True)
                    yield figure(f"device.{task}.{mode}.{name}.{place}", rate, "answers/s", batch=config.batch_learners)
        model = untrained(Config(mode=mode), answers["cpu"], device)
        some = after(model, 2 * TOUCHED[-1], TOUCHED[-1])
        sizes = (GPU_BATCHES[:1], FORECAST_BATCHES[:1]) if quick else (GPU_BATCHES, FORECAST_BATCHES)
        yield from _batches(model, some, f"{mode}.{device}", *sizes, wall=True)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def figures(options: Any = None) -> Iterator[dict[str, Any]]:
    quick = bool(getattr(options, "quick", False))
    with one_thread():
        if not getattr(options, "gpu", False):
            yield from chain(fitting(quick), memory(quick), online(quick))
        elif torch.cuda.is_available():
            yield from on_device("cuda", quick)
        else:
            harness.remark("skipped: no CUDA device on this machine")


if __name__ == "__main__":
    with one_thread():
        print(json.dumps(mib_of(Setting(**json.loads(sys.argv[1])))))
