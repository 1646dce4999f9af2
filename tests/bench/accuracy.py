"""How well the baselines predict learners whom they were not fitted on: `python -m tests.bench.accuracy [--sets ...]`.

One JSON line a figure: {"name", "value", "low", "high", "unit", "n", "seed", "machine", "commit"}; low and high are the
95 % interval of a bootstrap over learners. Every answer is predicted from the learner's earlier ones (protocol `next`).
Timed sets are split 80/20 by learner (`Dataset.split_learners`, seed 0); the others have the split they were published
with. Test learners are used once, for the figures; what a fit chooses, it chooses on learners of the training part.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kt_models import data, evaluate, kinds, metrics
from kt_models.data import Dataset

ROOT: Final = Path(__file__).parents[2]
DATA: Final = ROOT.parent / "shared" / "data"
SEED: Final = 0
METRICS: Final = {"auc": "probability", "log_loss": "nat", "ece": "probability"}


@dataclass(frozen=True)
class Source:
    """A data set: its file, and the AUC of the plain logistic regression that its SOURCE.md states."""

    path: str
    floor: float
    published_split: bool = False

    def parts(self) -> tuple[Dataset, Dataset]:
        """Training and test learners."""
        if not self.published_split:
            training, test = data.read(DATA / self.path).split_learners((0.8, 0.2), SEED)
            return training, test
        path = DATA / self.path
        training = data.read(path, where={"split": "train"})
        test = data.read(path, where={"split": "test"}, concepts=training.concepts, items=training.items)
        return training, test


SETS: Final = {
    "assist12": Source("assist12/interactions.parquet", 0.7513),
    "assist17": Source("assist17/interactions.parquet", 0.7114),
    "cloze": Source("cloze/interactions.parquet", 0.8186),
    "assist2009": Source("cakt/assist2009.parquet", 0.7313, published_split=True),
    "assist2015": Source("cakt/assist2015.parquet", 0.7088, published_split=True),
    "statics2011": Source("cakt/statics2011.parquet", 0.8162, published_split=True),
    "synthetic_v0": Source("cakt/synthetic_v0.parquet", 0.6819, published_split=True),
}


def figures(name: str, source: Source, kind: str, replicates: int) -> Iterator[dict[str, object]]:
    """The figures of one kind of model, fitted with its defaults, on one data set."""
    training, test = source.parts()
    module = kinds.resolve(kind)
    start = time.perf_counter()
    model = module.fit(training, module.Config(), seed=SEED).model
    seconds = time.perf_counter() - start
    answers = evaluate.score_next(model, test).answers
    estimates = metrics.estimates(answers, SEED, replicates=replicates)
    for metric, unit in METRICS.items():
        estimate = estimates[metric]
        yield {
            "name": f"{name}.{kind}.{metric}", "value": estimate.value, "low": estimate.low, "high": estimate.high,
            "unit": unit, "n": len(answers),
        }  # fmt: skip
    yield {
        "name": f"{name}.{kind}.fit", "value": seconds, "low": seconds, "high": seconds, "unit": "s",
        "n": training.n_answers,
    }  # fmt: skip


def context() -> dict[str, object]:
    """Where and from what the figures come."""
    git = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return {"seed": SEED, "machine": _processor(), "commit": git.stdout.strip() or "unknown"}


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(models)} x {models[0]}" if models else platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description="Accuracy of the baselines on held-out learners, as JSON lines.")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS), help="data sets; all by default")
    parser.add_argument("--kinds", nargs="+", choices=kinds.KINDS, default=["half-life", "logistic"])
    parser.add_argument("--replicates", type=int, default=metrics.REPLICATES, help="draws of the bootstrap")
    given = parser.parse_args()
    where = context()
    for name in given.sets:
        for kind in given.kinds:
            for figure in figures(name, SETS[name], kind, given.replicates):
                print(json.dumps({**figure, **where}), flush=True)


if __name__ == "__main__":
    main()
