"""Figures of predictions, for the harness: metrics with 95 % intervals over learners, and differences between two.

Predictions of several seeds are scored together. A learner drawn by two seeds is resampled as one, so intervals do not
take repeats for evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from kt_models import metrics
from kt_models.metrics import Answers, Estimate
from kt_models.recall import Float
from tests.bench.rivals.tasks import Truth

UNITS: Final = {
    "auc": "probability", "log_loss": "nat", "ece": "probability", "accuracy": "probability", "f1": "probability",
    "brier": "probability", "predicted": "probability", "correct": "probability",
}  # fmt: skip
#: Of the bootstrap; the draws are the same for all, so that models can be compared.
SEED: Final = 0


def answers_of(truth: Truth, p: Float) -> Answers:
    return Answers(truth.learner, p, truth.correct)


def whole(
    name: str, answers: Answers, replicates: int, wanted: tuple[str, ...] = ("accuracy", "f1", "auc", "log_loss", "ece")
) -> Iterator[dict[str, Any]]:
    """Figures of all answers with a prediction."""
    answers = answers.take(np.isfinite(answers.p))
    found = metrics.estimates(answers, SEED, replicates=replicates)
    for metric in wanted:
        yield figure(f"{name}.{metric}", metric, found[metric], len(answers))


def by_ahead(name: str, truth: Truth, p: Float, replicates: int) -> Iterator[dict[str, Any]]:
    """AUC and log loss of the first question of each learner, of the second, ..."""
    for ahead in np.unique(truth.ahead).tolist():
        part = answers_of(truth, p).take(truth.ahead == ahead)
        for metric, estimate in metrics.slice_estimates(part, SEED, replicates).items():
            yield {**figure(f"{name}.ahead.{metric}", metric, estimate, len(part)), "ahead": ahead}


def difference(ours: Answers, theirs: Answers, replicates: int) -> dict[str, Estimate]:
    """Ours less theirs on the same answers, each replicate with the same learners: below 0 is better in log loss."""
    return metrics.differences(ours, theirs, SEED, replicates)


def differences(
    name: str, lead: str, truth: Truth, predicted: Mapping[str, Float], replicates: int
) -> Iterator[dict[str, Any]]:
    """The lead against everybody who predicts all answers; `best` marks the strongest of them in that metric."""
    own = answers_of(truth, predicted[lead])
    others = {other: answers_of(truth, p) for other, p in predicted.items() if other != lead and np.isfinite(p).all()}
    found = {other: difference(own, answers, replicates) for other, answers in others.items()}
    for metric, sign in (("log_loss", 1), ("auc", -1)):
        best = max(found, key=lambda other: sign * found[other][metric].value, default=None)
        for other, estimates in found.items():
            shown = figure(f"{name}.{lead}-less-{other}.{metric}", metric, estimates[metric], len(own))
            yield {**shown, "best": other == best}


def deciles(name: str, truth: Truth, p: Float, edges: Float, replicates: int) -> Iterator[dict[str, Any]]:
    """Log loss, ECE, and credit predicted and given on average, by gap since the concept was practised, in seconds."""
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        inside = np.isfinite(truth.gap) & (truth.gap >= low) & (truth.gap < high) & np.isfinite(p)
        part = answers_of(truth, p).take(inside)
        if not len(part):
            continue
        for shown in whole(f"{name}.gap", part, replicates, ("log_loss", "auc", "ece")):
            yield {**shown, "gap_low": low, "gap_high": high}
        for metric, value in (("predicted", part.p.mean()), ("correct", part.correct.mean())):
            yield {
                "name": f"{name}.gap.{metric}", "value": round(float(value), 5), "unit": UNITS[metric],
                "n": len(part), "gap_low": low, "gap_high": high,
            }  # fmt: skip


def decile_edges(truth: Truth) -> Float:
    """(at most 11,) gaps in seconds that cut the repeated practice in ten parts; the last is open."""
    edges = np.unique(np.quantile(truth.gap[truth.repeated], np.linspace(0, 1, 11)))
    edges[0], edges[-1] = 0.0, np.inf
    return np.asarray(edges, dtype=np.float64)


def figure(name: str, metric: str, estimate: Estimate, n: int) -> dict[str, Any]:
    rounded = {key: _number(getattr(estimate, key)) for key in ("value", "low", "high")}
    return {"name": name, **rounded, "unit": UNITS[metric], "n": n}


def _number(value: float) -> float | None:
    return round(value, 5) if np.isfinite(value) else None


def table(title: str, truth: Truth, predicted: Mapping[str, Float]) -> str:
    """For people, on stderr: whole metrics by model, best log loss first; on repeated practice in the last columns."""
    lines = [f"{title}: {len(truth.correct)} answers, {np.unique(truth.learner).size} resampled"]
    rows = []
    for name, p in predicted.items():
        everything, again = answers_of(truth, p), answers_of(truth, p).take(truth.repeated & np.isfinite(p))
        cells = [*_cells(everything), *_cells(again)] if np.isfinite(p).all() else ["-"] * 4 + _cells(again)
        rows.append((cells[1] if cells[1] != "-" else f"9{cells[5]}", f"  {name:28s} " + " ".join(cells)))
    head = f"  {'':28s} auc    loss   acc    ece    auc*   loss*  acc*   ece*"
    return "\n".join([*lines, head, *(line for _, line in sorted(rows))])


def _cells(answers: Answers) -> list[str]:
    hits = (answers.p >= metrics.THRESHOLD) == answers.is_correct
    gaps = [part["n"] * abs(part["p"] - part["y"]) for part in metrics.reliability(answers)]
    loss = float(metrics.log_loss_each(answers).mean())
    values = (metrics.auc(answers), loss, float(hits.mean()), sum(gaps) / len(answers))
    return [f"{value:.4f}" for value in values]
