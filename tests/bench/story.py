"""A school's models from the first fit to a roll-back, under load: the whole story on a public log.

    python -m tests.bench story [--answers 150000] [--quick]

A real site: PostgreSQL as durable as in production, Valkey, web server, pool of inference workers, training worker,
beat. A school is filled with the earlier answers of assist12's learners; `manage.py retrain` fits logistic, PSI-KT and
CAKT while learners answer; the best that passes its gates is tried in shadow, promoted, and rolled back, while their
later answers come in over HTTP and every learner's next item is asked for. What is measured: how long everything takes,
what the answer path costs meanwhile, whether a request failed, whether an answer was lost, and whether the states of
both versions are the folds of the log.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.bench import harness
from tests.bench._whole_site import Refused, Site
from tutor.children import wait_for

PATH: Final = harness.DATA / "assist12" / "interactions.parquet"
ANSWERS: Final = 150_000
QUICK_ANSWERS: Final = 30_000
KINDS: Final = ("logistic", "psikt", "cakt")
#: Of the answers, by time: in the log before the first fit. The rest come in over HTTP: enough of them that learners
#: are still at work when a challenger serves, although fits go slowly meanwhile.
BEFORE: Final = 0.3
#: Answers of a call, and calls a second in all: a school of 1,000 learners at work.
CALL: Final = 5
PER_SECOND: Final = 4.0
#: Learners whose states are folded anew and compared.
REFOLDED: Final = 50
HOUR: Final = 3600.0


def figures(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    if not PATH.exists():
        yield from harness.without_data(PATH)
        return
    n = options.answers or (QUICK_ANSWERS if options.quick else ANSWERS)
    with tempfile.TemporaryDirectory() as name, Site(Path(name)) as site:
        yield from _story(site, n, quick=options.quick)


def _story(site: Site, n: int, *, quick: bool) -> Iterator[dict[str, Any]]:
    early, late = _parts(n, site.folder)
    started = time.monotonic()
    site.manage("import_log", str(early), "--school", "Elm", "--create-school", "--curriculum", "assist12", "--advance")
    yield {
        "name": "fill",
        "value": round(time.monotonic() - started),
        "unit": "s",
        "n": pq.read_metadata(early).num_rows,
    }
    site.take_key()
    curriculum = site.get("/api/v1/curricula")["data"][0]["id"]
    load = Load(site, curriculum, late)
    with load.running():
        # What came in the last two minutes is not trained on.
        quiet = load.measure(130, "before any training")
        trained = threading.Thread(target=site.retrain, args=(curriculum, KINDS))
        trained.start()
        busy = load.measure_while(trained.is_alive, "while models are fitted")
        yield from _slower("training", quiet, busy)
        yield from site.runs()
        versions = {each["id"]: each for each in site.get("/api/v1/models?limit=200")["data"]}
        challenger = site.get(f"/api/v1/curricula/{curriculum}/deployment")["challenger"]
        if challenger is None:
            harness.remark("no candidate passed its gates: the story ends here")
            return
        kind = versions[challenger]["kind"]
        built = load.measure_while(lambda: not site.is_level(curriculum), "while states are built beside")
        yield {
            "name": "rollout",
            "value": round(built.seconds, 1),
            "unit": "s",
            "kind": kind,
            **site.progress(curriculum),
        }
        yield from _slower("rollout", quiet, built)
        shadowed = load.measure(10 if quick else 60, "in shadow")
        found = site.get(f"/api/v1/models/{challenger}/shadow")
        yield {"name": "shadow_answers", "value": found["answers"], "unit": "answers", "verdict": found["verdict"]}
        if found["differences"]:
            difference = found["differences"]["log_loss"]
            yield {"name": "shadow_log_loss_difference", "unit": "nat", **difference}
        yield from _moved(site, f"/api/v1/models/{challenger}:promote", "promotion", {})
        promoted = load.measure(10 if quick else 30, "promoted")
        yield from _moved(site, f"/api/v1/models/{challenger}:rollback", "rollback", None)
        back = load.measure(10 if quick else 30, "rolled back")
        yield from _slower("promotion", shadowed, promoted)
        yield from _slower("rollback", shadowed, back)
    yield {"name": "requests", "value": load.requests, "unit": "requests"}
    yield {"name": "failed_requests", "value": len(load.failures), "unit": "requests", "failures": load.failures[:5]}
    yield {"name": "models_seen_in_answers", "value": len(load.models), "unit": "kinds", "kinds": sorted(load.models)}
    site.wait(site.all_level, "the last answer in both versions' states")
    yield from _nothing_lost(site, pq.read_metadata(early).num_rows + load.accepted)


def _moved(site: Site, path: str, name: str, body: Any) -> Iterator[dict[str, Any]]:
    started = time.monotonic()
    told = site.post(path, body)
    taken = time.monotonic() - started
    yield {"name": name, "value": round(taken, 3), "unit": "s", "champion": told["champion"]}


def _slower(name: str, quiet: Phase, busy: Phase) -> Iterator[dict[str, Any]]:
    if not (quiet.times["next"] and busy.times["next"]):
        harness.remark(f"{name}: no calls to compare; the log has too few answers left, take more of them")
        return
    for what in ("send", "next"):
        for percent in (50, 95):
            before, now = quiet.percentile(what, percent), busy.percentile(what, percent)
            more = {"before_ms": round(before * 1000, 1), "now_ms": round(now * 1000, 1), "n": len(busy.times[what])}
            yield {"name": f"{name}_{what}_p{percent}_ratio", "value": round(now / before, 2), "unit": "x", **more}
    lag_before, lag = quiet.lag(), busy.lag()
    told = {"before_s": round(lag_before, 2), "now_s": round(lag, 2)}
    yield {"name": f"{name}_state_delay_ratio", "value": round(lag / lag_before, 2), "unit": "x", **told}


@dataclass
class Phase:
    """Seconds of requests, and of answers until states knew them, while something went on."""

    seconds: float = 0.0
    times: dict[str, list[float]] = field(default_factory=lambda: {"send": [], "next": [], "state": []})

    def percentile(self, what: str, percent: float) -> float:
        return float(np.percentile(self.times[what], percent)) if self.times[what] else float("nan")

    def lag(self) -> float:
        return self.percentile("state", 50)


class Load:
    """Learners at work: answers in time order, and after each call what one of them should do next."""

    def __init__(self, site: Site, curriculum: str, late: list[dict[str, Any]]) -> None:
        self.site, self.curriculum = site, curriculum
        self.calls = [late[at : at + CALL] for at in range(0, len(late), CALL)]
        self.connection = site.connection()
        self.requests = self.accepted = 0
        self.failures: list[str] = []
        self.models: set[str] = set()
        self.phase = Phase()
        self.over = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self.over.set()
            thread.join()

    def measure(self, seconds: float, what: str) -> Phase:
        end = time.monotonic() + seconds
        return self.measure_while(lambda: time.monotonic() < end, what)

    def measure_while(self, goes_on: Callable[[], bool], what: str) -> Phase:
        phase = self.phase = Phase()
        started = time.monotonic()
        while goes_on():
            self.over.wait(0.5)
        phase.seconds = time.monotonic() - started
        harness.remark(f"{what}: {phase.seconds:.0f} s, {len(phase.times['send'])} calls")
        self.phase = Phase()
        return phase

    def _run(self) -> None:
        due = time.monotonic()
        for number, answers in enumerate(self.calls):
            if self.over.wait(max(0.0, due - time.monotonic())):
                return
            due = max(due + 1 / PER_SECOND, time.monotonic() - 1.0)
            receipt = self._ask("send", "POST", "/api/v1/interactions:batch", {"interactions": answers})
            self.accepted += receipt["accepted"] if receipt else 0
            learner = answers[-1]["learner"]
            told = self._ask("next", "GET", f"/api/v1/learners/{learner}/next?curriculum={self.curriculum}")
            if told:
                self.models.add(told["model"]["name"])
            if number % 8 == 0:
                self._watch(learner)

    def _ask(self, what: str, method: str, path: str, body: Any = None) -> Any:
        started, phase = time.monotonic(), self.phase
        self.requests += 1
        try:
            said = self.site.ask(method, path, body, self.connection)
        except (Refused, OSError) as error:
            self.failures.append(f"{type(error).__name__}: {error}")
            return None
        phase.times[what].append(time.monotonic() - started)
        return said

    def _watch(self, learner: str) -> None:
        """How long until the learner's state knows what was just sent."""
        started, phase = time.monotonic(), self.phase
        wait_for(lambda: not self.site.is_behind(learner.rpartition(":")[2]), 30)
        phase.times["state"].append(time.monotonic() - started)


def _parts(n: int, folder: Path) -> tuple[Path, list[dict[str, Any]]]:
    """A file of the earlier answers of enough learners, ending about now; their later ones, as an LMS sends them."""
    from tutor.scheduling import logfile

    table = pq.read_table(PATH)
    learner = table["learner"].to_numpy()
    ids, counts = np.unique(learner, return_counts=True)
    order = np.random.default_rng(0).permutation(len(ids))
    some = ids[order[: int(np.searchsorted(np.cumsum(counts[order]), n)) + 1]]
    table = table.filter(pa.array(np.isin(learner, some)))
    seconds = table["timestamp"].to_numpy().astype(np.float64)
    seconds += time.time() - HOUR - seconds.max()
    table = table.set_column(table.column_names.index("timestamp"), "timestamp", pa.array(seconds))
    cut = np.quantile(seconds, BEFORE)
    columns = (table[name].to_numpy() for name in ("learner", "item", "concept"))
    known = [np.isin(column, np.unique(column[seconds < cut])) for column in columns]
    paths = folder / "assist12.parquet", folder / "late.parquet"
    pq.write_table(table.filter(pa.array(seconds < cut)), paths[0])
    late = table.filter(pa.array((seconds >= cut) & np.all(known, axis=0))).sort_by("timestamp")
    pq.write_table(late, paths[1])
    answers = (
        logfile.answer(row, source="assist12", curriculum="assist12")
        for row in logfile.rows(paths[1], logfile.Layout())
    )
    return paths[0], [msgspec.to_builtins(msgspec.structs.replace(each, id=f"late-{each.id}")) for each in answers]


def _nothing_lost(site: Site, sent: int) -> Iterator[dict[str, Any]]:
    """Every answer is in the log once; states of the version that serves and of the one before are its folds."""
    found = site.check(REFOLDED)
    yield {"name": "lost", "value": sent - found["answers"], "unit": "answers", "n": sent}
    for kind, different in found["different"].items():
        yield {"name": f"states_unlike_a_fresh_fold_{kind}", "value": different, "unit": "learners", "n": REFOLDED}
