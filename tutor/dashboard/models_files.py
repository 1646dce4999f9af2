"""The tables of the pages of models as files: figures as numbers, the ends of their 95 % range beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar, final
from uuid import UUID

from django.utils.translation import gettext as _

from curricula.models import Curriculum
from kt_models.metrics import Estimate
from tutor.accounts.access import NotFound
from tutor.dashboard import models_queries as queries
from tutor.dashboard.csv import Cell
from tutor.dashboard.models_moves import MoveLine, move_lines
from tutor.dashboard.models_page import RunLine, curriculum_of, run_line, shadow_of, workers_of
from tutor.dashboard.models_pictures import band, by_epoch
from tutor.dashboard.models_queries import Manager, VersionLine
from tutor.dashboard.models_words import ALERTS
from tutor.dashboard.version_page import VersionPage
from tutor.registry import card
from tutor.registry.card import Slice, Value
from tutor.registry.card_words import FIGURES
from tutor.registry.models import Deployment, ModelVersion, TrainingRun
from tutor.tracing import drift

File = tuple[list[str], Iterator[Sequence[Cell]]]
Table = TypeVar("Table")


@final
@dataclass(frozen=True)
class Asked:
    """`serving`: what learners get, of the manager's school or of all."""

    manager: Manager
    curriculum: Curriculum
    serving: Deployment | None
    now: datetime


def asked(of: Manager, chosen: UUID | None, *, now: datetime) -> Asked:
    """Raises: NotFound: if the curriculum chosen is not the manager's."""
    curriculum = curriculum_of(queries.choices(of), chosen)
    own, site = queries.deployments_of(of, curriculum.pk)
    return Asked(of, curriculum, own or site, now)


def of_models(found: Asked, table: str) -> File:
    """Head and rows, which ask the database for nothing: those of all pages, however many a page shows.

    Raises:
        NotFound: if there is no such table.
    """
    return _known(OF_MODELS, table)(found)


def of_version(page: VersionPage, table: str) -> File:
    """The same, of one version."""
    return _known(OF_VERSION, table)(page)


def of_run(run: TrainingRun) -> File:
    """The learning curve of a fit."""
    head = [_("Epoch"), _("Log loss, answers fitted on"), _("Log loss, learners set aside")]
    rows: Iterator[Sequence[Cell]] = (
        [epoch, _number(told.get("train_log_loss")), _number(told.get("validation_log_loss", told.get("log_loss")))]
        for epoch, told in by_epoch(run.log)
    )
    return head, rows


def _comparison(found: Asked) -> File:
    told = shadow_of(found.serving, found.now) if found.serving and found.serving.challenger_id else None
    head = [
        _("Figure"), *_of_range(_("Less the champion's")), *_of_range(_("Challenger")), *_of_range(_("Champion")),
        _("Answers"), _("Learners"),
    ]  # fmt: skip
    compared = told.comparison if told else None
    if compared is None or not (compared.differences and compared.challenger and compared.champion):
        return head, iter(())
    own, theirs = compared.challenger.estimates, compared.champion.estimates
    rows: Iterator[Sequence[Cell]] = (
        [
            title, *_estimate(compared.differences.get(key)), *_estimate(own.get(key)), *_estimate(theirs.get(key)),
            compared.answers, compared.learners,
        ]
        for key, title in FIGURES.items()
        if key in compared.differences
    )  # fmt: skip
    return head, rows


def _fits(found: Asked) -> File:
    head = [
        _("Kind"), _("Fit id"), _("From scratch"), _("Status"), _("How far"), _("Step done (%)"), _("Asked for"),
        _("Asked for by"), _("Begun"), _("Ended"), _("Version"), _("Message"),
    ]  # fmt: skip
    runs = queries.training_runs(found.manager, found.curriculum.pk, most=None)
    return head, (_of_fit(run_line(run)) for run in runs)


def _of_fit(line: RunLine) -> Sequence[Cell]:
    run = line.run
    return [
        line.title, str(run.pk), _said(not run.warm_start_id), _("under way") if line.is_open else line.ended,
        line.step if line.is_open else "", line.percent if line.is_open else None, run.created_at, run.requested_by,
        run.started_at, run.finished_at, str(run.version_id or ""), line.message,
    ]  # fmt: skip


def _versions(found: Asked) -> File:
    head = [
        _("Version"), _("Version id"), _("State"), _("Made"), _("Of all schools"), *_of_range(_("Log loss")),
        *_of_range(_("AUC")), *_of_range(_("Against the champion")), _("Gates open"), _("Gates"), _("Note"),
    ]  # fmt: skip
    champion = found.serving.champion_id if found.serving else None
    lines = queries.every_version(found.manager, found.curriculum.pk)
    return head, (_of_version_line(line, serves=line.id == champion) for line in lines)


def _of_version_line(line: VersionLine, *, serves: bool) -> Sequence[Cell]:
    is_elsewhere = line.state == ModelVersion.State.CHAMPION and not serves
    gates = (line.passed, line.gates) if line.gates else (None, None)
    return [
        line.title, str(line.id), _("champion elsewhere") if is_elsewhere else line.state_title, line.created_at,
        _said(line.school_id is None), *_value(line.log_loss), *_value(line.auc), *_value(line.better), *gates,
        line.note,
    ]  # fmt: skip


def _drift(found: Asked) -> File:
    head = [
        _("Day"), _("Answers"), _("Learners"), *_of_range(_("Log loss")), _("Expected (%)"), _("Right (%)"),
        _("Alarms"),
    ]  # fmt: skip
    days = drift.series(found.serving) if found.serving else []
    rows: Iterator[Sequence[Cell]] = (
        [
            day.day.isoformat(), day.answers, day.learners, _number(day.log_loss), *map(_number, band(day)),
            _percent(day.expected), _percent(day.observed), "; ".join(ALERTS.get(kind, kind) for kind in day.alarms),
        ]
        for day in days
    )  # fmt: skip
    return head, rows


def _moves(found: Asked) -> File:
    head = [
        _("What was done"), _("When"), _("Of all schools"), _("Before"), _("Before, version id"), _("After"),
        _("After, version id"), _("By"), _("Forced"), _("Why"),
    ]  # fmt: skip
    lines = move_lines(found.manager, found.curriculum.pk, most=None)
    return head, (_of_move(line) for line in lines)


def _of_move(line: MoveLine) -> Sequence[Cell]:
    before, after = ((each.title, str(each.id)) if each else ("", "") for each in (line.before, line.after))
    return [
        line.how, line.at, _said(not line.is_own), *before, *after, line.by, _said(line.forced), line.reason
    ]  # fmt: skip


def _schools(found: Asked) -> File:
    lines = queries.schools_apart(found.curriculum.pk) if found.manager.is_operator else []
    rows: Iterator[Sequence[Cell]] = ([each.name, each.version, str(each.version_id)] for each in lines)
    return [_("School"), _("Version"), _("Version id")], rows


def _workers(found: Asked) -> File:
    head = [
        _("Worker"), _("Device"), _("State"), _("Last batch"), _("Learners a batch"), _("Batches that did not fit"),
        _("Memory (bytes)"), _("Memory of the device (bytes)"), _("Models of this curriculum"), _("Other models"),
    ]  # fmt: skip
    titles = {line.id: line.title for line in queries.every_version(found.manager, found.curriculum.pk)}
    lines = workers_of(found.manager, titles, found.now)[1]
    rows: Iterator[Sequence[Cell]] = (
        [
            line.worker.status.name, line.worker.status.device, line.state, line.worker.status.drained_at,
            None if line.mean_batch is None else round(line.mean_batch, 1), line.worker.status.halvings,
            line.worker.status.memory_bytes, line.worker.status.device_memory_bytes, ", ".join(line.models),
            line.others,
        ]
        for line in lines
    )  # fmt: skip
    return head, rows


def _figures(page: VersionPage) -> File:
    """The version first, then its rivals on the same answers."""
    head = [_("Model"), *_ranges(figure.title for figure in page.headlines)]
    beside = [(page.card.title, page.card.figures), *((each.title, each.figures) for each in page.card.rivals)]
    rows: Iterator[Sequence[Cell]] = (
        [title, *_cells({each.key: each.value for each in figures}.get(figure.key) for figure in page.headlines)]
        for title, figures in beside
    )
    return head, rows


def _gates(page: VersionPage) -> File:
    rows: Iterator[Sequence[Cell]] = (
        [gate.title, gate.asks, _("passed") if gate.passed else _("failed"), gate.reason] for gate in page.card.gates
    )
    return [_("Gate"), _("What it asks"), _("Result"), _("What was found")], rows


def _calibration(page: VersionPage) -> File:
    head = [_("Expected from (%)"), _("Expected to (%)"), _("Expected on average (%)"), _("Right (%)"), _("Answers")]
    rows: Iterator[Sequence[Cell]] = (
        [*(_percent(each) for each in (bin.low, bin.high, bin.predicted, bin.correct)), bin.n]
        for bin in page.card.reliability
    )
    return head, rows


def _parts(page: VersionPage) -> File:
    head = [
        _("In parts"), _("Part"), _("Answers"), _("Learners"), _("Expected (%)"), _("Right (%)"),
        *_of_range(_("Log loss")), *_of_range(_("AUC")), *_of_range(_("Against the champion")), _("Hidden"),
    ]  # fmt: skip
    return head, (_of_part(table.title, row.part) for table in page.tables for row in table.rows)


def _of_part(of: str, part: Slice) -> Sequence[Cell]:
    """Where the page hides figures, so does the file."""
    what: list[Cell] = [of, part.title, part.n, part.learners]
    if part.hidden:
        return [*what, *[None] * 11, part.hidden]
    shares = (None if each is None else _percent(each) for each in (part.predicted, part.correct))
    return [*what, *shares, *_cells((part.log_loss, part.auc, part.worse)), ""]


OF_MODELS: Final[Mapping[str, Callable[[Asked], File]]] = {
    "comparison": _comparison,
    "fits": _fits,
    "versions": _versions,
    "drift": _drift,
    "moves": _moves,
    "schools": _schools,
    "workers": _workers,
}
OF_VERSION: Final[Mapping[str, Callable[[VersionPage], File]]] = {
    "figures": _figures,
    "gates": _gates,
    "calibration": _calibration,
    "parts": _parts,
}


def _known(tables: Mapping[str, Table], table: str) -> Table:
    if table not in tables:
        raise NotFound(f"table of models; there are {', '.join(tables)}", table)
    return tables[table]


def _ranges(titles: Iterable[str]) -> list[str]:
    return [head for title in titles for head in _of_range(title)]


def _of_range(of: str) -> list[str]:
    return [of, *(each % {"figure": of} for each in (_("%(figure)s, lowest"), _("%(figure)s, highest")))]


def _cells(found: Iterable[Value | None]) -> list[Cell]:
    return [cell for each in found for cell in _value(each)]


def _value(found: Value | None) -> list[Cell]:
    return [None] * 3 if found is None else [_number(each) for each in (found.value, found.low, found.high)]


def _estimate(found: Estimate | None) -> list[Cell]:
    return _value(card.of_estimate(found) if found else None)


def _number(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 6)


def _percent(share: float) -> float:
    return round(100 * share, 1)


def _said(is_so: bool) -> str:
    return _("yes") if is_so else _("no")
