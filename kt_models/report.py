"""An evaluation as text for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kt_models.evaluate import Report, Slice
from kt_models.metrics import Estimate

_LABELS: Final = {
    "auc": "AUC",
    "accuracy": "accuracy",
    "f1": "F1",
    "log_loss": "log loss",
    "brier": "Brier",
    "ece": "ECE",
    "rmse_bins": "RMSE(bins)",
}


def text(report: Report) -> str:
    """Tables of the metrics, whole and in parts, and of calibration."""
    parts = [_head(report), _metrics(report.estimates)]
    parts += [
        _slices(title, slices)
        for title, slices in (
            ("since last practice", report.by_gap),
            ("attempt", report.by_attempt),
            ("step ahead", report.by_ahead),
        )
        if slices
    ]
    parts.append(_reliability(report))
    return "\n\n".join(parts)


def _head(report: Report) -> str:
    how = "next answer" if report.given is None else f"{report.horizon} answers ahead, given {report.given}"
    return (
        f"{report.kind}, {how}: {report.n:,} answers of {report.learners:,} learners, {report.correct:.1%} correct\n"
        f"log loss of that base rate {report.base_log_loss:.4f}"
    )


def _metrics(estimates: dict[str, Estimate]) -> str:
    rows = [(_LABELS[name], *_estimate(estimates[name])) for name in _LABELS if name in estimates]
    return _table(("", "value", "95 % interval"), rows)


def _slices(title: str, slices: Sequence[Slice]) -> str:
    rows = [
        (
            part.name,
            *(f"{part.n:,}", f"{part.correct:.3f}", f"{part.predicted:.3f}"),
            *_estimate(part.estimates["auc"]),
            *_estimate(part.estimates["log_loss"]),
        )
        for part in slices
    ]
    return _table((title, "answers", "correct", "predicted", "AUC", "", "log loss", ""), rows)


def _reliability(report: Report) -> str:
    rows = [
        (f"{b['low']:.2f}-{b['high']:.2f}", f"{b['n']:,.0f}", f"{b['p']:.3f}", f"{b['y']:.3f}")
        for b in report.reliability
    ]
    return _table(("predicted", "answers", "mean", "correct"), rows)


def _estimate(estimate: Estimate) -> tuple[str, str]:
    return f"{estimate.value:.4f}", f"{estimate.low:.4f}-{estimate.high:.4f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (head, *rows)
    ]
    return "\n".join(line.rstrip() for line in lines)
