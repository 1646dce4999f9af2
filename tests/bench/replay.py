"""A year of a public log through intake, a real worker and the planner: as fast as they go, at half that, and at a
load that one school never reaches.

    python -m tests.bench replay [--answers 260000] [--quick]

PostgreSQL (fsync and synchronous commit on, as in production), Valkey and one Celery worker (queue "inference", one
thread) are processes of their own on this machine; the driver submits batches of 100 answers, in time order across
learners. Times are PostgreSQL's commit timestamps, so measuring costs nothing. Every answer's prediction, as it was
written when the answer was folded in, is compared with the same model run over the same answers in batch.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import psycopg

from tests.bench import harness
from tests.bench._meters import Meters
from tutor.embedded import Postgres, Valkey

if TYPE_CHECKING:
    from tests.bench._replay_school import Log, School

PATH: Final = harness.DATA / "assist12" / "interactions.parquet"
ANSWERS: Final = 260_000
QUICK_ANSWERS: Final = 20_000
#: Of the answers, sent as fast as they are taken; at half the rate that came of it; at `SCHOOL_RATE`.
SHARES: Final = (0.77, 0.18, 0.05)
#: Answers a second: half of the 1,500 that two cores have to manage.
SCHOOL_RATE: Final = 750.0
#: Learners whose states are folded anew and compared.
REFOLDED: Final = 500
#: Longest wait for the worker to come up, or to get level.
PATIENCE_SECONDS: Final = 600.0


def figures(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    if not PATH.exists():
        yield from harness.without_data(PATH)
        return
    with _servers() as roots:
        from tests.bench import _replay_school as school_of_log

        n = options.answers or (QUICK_ANSWERS if options.quick else ANSWERS)
        log = school_of_log.Log.read(PATH, n)
        harness.remark(f"{log.replayed.n_answers:,} answers of {log.replayed.n_learners:,} learners; fitting")
        model = school_of_log.fit(log, quick=options.quick)
        school = school_of_log.build(log, model)
        meters = Meters(roots | {"driver": os.getpid()}, alone="driver")
        phases = _replay(log, school, meters)
        meters.close()
        yield from _throughput(phases, meters)
        yield from _accuracy(log, school, model)
        yield from _sizes(school)
        yield from _nothing_lost(log, school, model)


@dataclass
class Phase:
    """What was sent, when (Unix time of the call), and what it cost."""

    sent_at: dict[tuple[int, int], float] = field(default_factory=dict)
    ended: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    latency: Any = None

    @property
    def rate(self) -> float:
        return len(self.sent_at) / (self.ended - min(self.sent_at.values()))


def _replay(log: Log, school: School, meters: Meters) -> dict[str, Phase]:
    batches = list(log.batches())
    first, second = (int(len(batches) * share) for share in (SHARES[0], SHARES[0] + SHARES[1]))
    full = _send(batches[:first], school, meters, per_second=None)
    harness.remark(f"{full.rate:,.0f} answers/s; now half of that, then {SCHOOL_RATE:.0f}")
    half = _send(batches[first:second], school, meters, per_second=full.rate / 2)
    school_load = _send(batches[second:], school, meters, per_second=SCHOOL_RATE)
    return {"full": full, "half": half, "school": school_load}


def _send(batches: list[Any], school: School, meters: Meters, *, per_second: float | None) -> Phase:
    """All batches, evenly paced if a rate is given; ends when every learner is level."""
    from django.utils import timezone

    from tutor.scheduling import intake

    phase, before = Phase(), meters.cpu()
    decoder = msgspec.json.Decoder(list[intake.AnswerIn])
    due = time.time()
    for raw, places in batches:
        if per_second:
            time.sleep(max(0.0, due - time.time()))
            due += len(places) / per_second
        phase.sent_at |= dict.fromkeys(places, time.time())
        receipts = intake.submit(school.client, decoder.decode(raw), now=timezone.now())
        if any(receipt.status != "accepted" for receipt in receipts):
            raise RuntimeError(f"refused: {next(r for r in receipts if r.status != 'accepted')}")
    _wait_until_level()
    phase.cpu = {name: after - before[name] for name, after in meters.cpu().items()}
    committed = _committed(school)
    phase.ended = max(committed[place] for place in phase.sent_at)
    phase.latency = np.array([committed[place] - sent for place, sent in phase.sent_at.items()])
    return phase


def _wait_until_level() -> None:
    from tutor import db
    from tutor.scheduling import bell

    deadline, rung = time.monotonic() + PATIENCE_SECONDS, time.monotonic()
    while db.rows("SELECT 1 FROM interactions_loghead WHERE behind_since IS NOT NULL LIMIT 1"):
        if time.monotonic() > deadline:
            raise RuntimeError("the worker did not get level: see its log")
        if time.monotonic() - rung > 10:  # as beat does
            bell.ring()
            rung = time.monotonic()
        time.sleep(0.05)


def _committed(school: School) -> dict[tuple[int, int], float]:
    """Of each answer, by (learner row, seq), when the state that knows it was committed: it and its score are one."""
    from tutor import db

    row_of = {pk: row for row, pk in enumerate(school.learner_ids)}
    found = db.rows(
        "SELECT learner_id, seq, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 FROM tracing_score"
    )
    return {(row_of[learner], seq): at for learner, seq, at in found}


def _throughput(phases: dict[str, Phase], meters: Meters) -> Iterator[dict[str, Any]]:
    full = phases["full"]
    durable = "PostgreSQL fsync=on, synchronous_commit=on (off for states and plans), one worker thread"
    yield {"name": "rate", "value": round(full.rate), "unit": "answers/s", "n": len(full.sent_at), "with": durable}
    for name, phase in phases.items():
        for percent in (50, 99):
            value = round(float(np.percentile(phase.latency, percent)), 3)
            load = f"{phase.rate:.0f} answers/s"
            yield {"name": f"delay_{name}_load_p{percent}", "value": value, "unit": "s", "load_given": load}
        for process, seconds in phase.cpu.items():
            value = round(seconds / len(phase.sent_at) * 1000, 3)
            yield {"name": f"cpu_{name}_load_{process}", "value": value, "unit": "s/1000 answers"}
    for process, peak in meters.peak_mib.items():
        yield {"name": f"peak_rss_{process}", "value": round(peak), "unit": "MiB"}


def _accuracy(log: Log, school: School, model: Any) -> Iterator[dict[str, Any]]:
    """Prequential: of every answer before it was known, as served, and by the same model in one batch."""
    from kt_models import metrics
    from kt_models.metrics import Answers
    from tutor import db

    row_of = {pk: row for row, pk in enumerate(school.learner_ids)}
    offset = log.replayed.offset
    served = np.full(log.replayed.n_answers, np.nan)
    for learner, seq, p in db.rows("SELECT learner_id, seq, p FROM tracing_score"):
        served[offset[row_of[learner]] + seq - 1] = p
    seen = log.replayed.interactions
    _, batch = model.trace(model.prior(log.replayed.n_learners), seen)
    found = {}
    for name, p in (("served", served), ("batch", batch.p)):
        answers = Answers(seen.learner, p, seen.correct.astype(np.float64))
        found[name] = float(metrics.auc(answers)), float(metrics.log_loss_each(answers).mean())
        common = {"n": len(seen), "model": f"{model.kind}, fitted on {log.fitted.n_learners} other learners"}
        yield {"name": f"auc_{name}", "value": round(found[name][0], 5), "unit": "probability", **common}
        yield {"name": f"log_loss_{name}", "value": round(found[name][1], 5), "unit": "nat", **common}
    yield {"name": "auc_difference", "value": round(found["served"][0] - found["batch"][0], 5), "unit": "probability"}


def _sizes(school: School) -> Iterator[dict[str, Any]]:
    from tutor import db

    for column in ("state", "recall", "evidence"):
        ((mean,),) = db.rows(f"SELECT avg(octet_length({column}))::float8 FROM tracing_learnerstate")  # noqa: S608
        yield {"name": f"bytes_{column}", "value": round(mean), "unit": "bytes/learner"}
    ((plan,),) = db.rows("SELECT avg(octet_length(body))::float8 FROM scheduling_plan")
    yield {"name": "bytes_plan", "value": round(plan), "unit": "bytes/learner"}


def _nothing_lost(log: Log, school: School, model: Any) -> Iterator[dict[str, Any]]:
    from kt_models.state import LearnerState
    from tutor import db

    ((logged,),) = db.rows("SELECT count(*) FROM interactions_interaction")
    yield {"name": "lost", "value": log.replayed.n_answers - logged, "unit": "answers", "n": log.replayed.n_answers}
    ((behind,),) = db.rows(
        "SELECT count(*) FROM interactions_loghead h LEFT JOIN tracing_learnerstate s "
        "USING (learner_id, curriculum_id) WHERE s.applied_seq IS DISTINCT FROM h.seq OR h.behind_since IS NOT NULL"
    )
    yield {"name": "not_level", "value": behind, "unit": "learners", "n": log.replayed.n_learners}
    rows = np.random.default_rng(0).permutation(log.replayed.n_learners)[:REFOLDED]
    part = log.replayed.take(rows)
    fresh = model.update(model.prior(len(rows)), part.interactions)
    ids = [school.learner_ids[row] for row in rows]
    stored = dict(db.rows("SELECT learner_id, state FROM tracing_learnerstate WHERE learner_id = ANY(%s)", [ids]))
    kept = LearnerState.from_bytes([bytes(stored[each]) for each in ids], schema=fresh.schema)
    apart = max(
        _apart(getattr(kept, name), getattr(fresh, name)) for name in ("learner", "touched", "concept", "offset")
    )
    yield {"name": "refold_difference", "value": apart, "unit": "logits, largest", "n": len(rows)}


def _apart(one: Any, other: Any) -> float:
    return float(np.max(np.abs(one - other), initial=0.0)) if one.shape == other.shape else float("inf")


@contextmanager
def _servers() -> Iterator[dict[str, int]]:
    """PostgreSQL, Valkey and a worker, and Django set up in this process; pids by name."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres, valkey = Postgres(folder / "pg"), Valkey(folder / "valkey")
        for server in (postgres, valkey):
            server.start()
            stack.callback(server.stop)
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
        postgres.stop()
        postgres.start()
        os.environ |= {
            "DATABASE_URL": postgres.url, "BROKER_URL": valkey.url, "SECRET_KEY": "bench", "OMP_NUM_THREADS": "1",
            "DJANGO_SETTINGS_MODULE": "tutor.settings", "TRELLIS_MODEL_STORE": str(folder / "models"),
        }  # fmt: skip
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=harness.ROOT, check=True)
        import django

        django.setup()
        worker = stack.enter_context(_worker(folder / "worker.log"))
        yield {"worker": worker.pid, "postgres": _pid(postgres), "valkey": _pid(valkey)}


def _pid(server: Postgres | Valkey) -> int:
    assert server.child.process is not None
    return server.child.process.pid


@contextmanager
def _worker(log: Path) -> Iterator[subprocess.Popen[bytes]]:
    line = "-A tutor worker -n bench@%h -Q inference --pool threads --concurrency 1 --prefetch-multiplier 1 -l WARNING"
    with log.open("wb") as said:
        command = [sys.executable, "-m", "celery", *line.split()]
        process = subprocess.Popen(command, cwd=harness.ROOT, stdout=said, stderr=said)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
            if problems := log.read_text(errors="replace").strip():
                harness.remark(f"the worker said:\n{problems[-2000:]}")
