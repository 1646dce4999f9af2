"""The card of a model version as a page: pictures and tables of its figures, and what may be done with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tutor.dashboard import models_queries as queries
from tutor.dashboard.models_page import RunLine, run_line
from tutor.dashboard.models_pictures import Calibration, LearningCurve, Span, calibration, learning_curve, spans
from tutor.dashboard.models_queries import Manager
from tutor.registry import card
from tutor.registry.card import Card, Figure, Slice, Value
from tutor.registry.models import Deployment, ModelVersion

#: Figures at the head of the page.
HEADLINES = ("log_loss", "auc", "ece", "brier")


class Row(NamedTuple):
    part: Slice
    span: Span | None


class Table(NamedTuple):
    """Parts of the answers on one scale. `whole_at`: where the log loss of all stands. `note`: below the table."""

    key: str
    title: str
    rows: tuple[Row, ...]
    whole_at: str
    note: str = ""

    @property
    def has_worse(self) -> bool:
        return any(row.part.worse for row in self.rows)


@final
@dataclass(frozen=True)
class VersionPage:
    """`champion`: what serves now where the manager decides, as people call it."""

    manager: Manager
    card: Card
    run: RunLine | None
    own: Deployment | None
    serving: Deployment | None
    champion: str
    challenger: str
    parent_is_seen: bool
    calibration: Calibration | None
    curve: LearningCurve | None
    tables: tuple[Table, ...]

    @property
    def note(self) -> str:
        """What somebody noted, or why it cannot be loaded; what a run notes, the page tells itself."""
        is_told = self.card.is_baseline or (self.card.data is not None and self.card.data.before is not None)
        return "" if is_told and self.card.state != ModelVersion.State.FAILED else self.card.note

    @property
    def headlines(self) -> list[Figure]:
        return [figure for figure in self.card.figures if figure.key in HEADLINES]

    @property
    def follows(self) -> bool:
        return self.own is None and self.serving is not None

    @property
    def can_serve(self) -> bool:
        return self.card.state not in (ModelVersion.State.FAILED, ModelVersion.State.REJECTED)

    @property
    def can_promote(self) -> bool:
        return self.can_serve and (self.serving is None or self.serving.champion_id != self.card.id)

    @property
    def can_challenge(self) -> bool:
        """What serves already, or challenges already, cannot be put beside itself."""
        if self.serving is None or not self.can_serve:
            return False
        challenger = self.own.challenger_id if self.own else None
        return self.card.id not in (self.serving.champion_id, challenger)


def version_page(of: Manager, version: ModelVersion) -> VersionPage:
    shown = card.card(version, of.user)
    run = queries.run_of(of, version.pk)
    own, site = queries.deployments_of(of, shown.curriculum_id)
    serving = own or site
    champion, challenger = (serving.champion_id, serving.challenger_id) if serving else (None, None)
    titles = queries.titles([champion, challenger])
    return VersionPage(
        manager=of,
        card=shown,
        run=run_line(run) if run else None,
        own=own,
        serving=serving,
        champion=titles.get(champion, "") if champion else "",
        challenger=titles.get(challenger, "") if challenger else "",
        parent_is_seen=bool(shown.parent_id) and queries.is_seen(of, shown.parent_id),
        calibration=calibration(shown.reliability),
        curve=learning_curve(run.log) if run else None,
        tables=tuple(_tables(shown)),
    )


def _tables(shown: Card) -> Iterator[Table]:
    whole = next((figure.value for figure in shown.figures if figure.key == "log_loss"), None)
    others = ""
    if shown.others:
        text = ngettext(
            "%(n)s class of another school is not shown.", "%(n)s classes of other schools are not shown.", shown.others
        )
        others = text % {"n": shown.others}
    parts = (
        ("gap", _("Since the concept was last practised"), shown.by_gap, ""),
        ("attempt", _("Answers on the concept before"), shown.by_attempt, ""),
        ("ahead", _("Answers ahead, none seen in between"), shown.by_ahead, ""),
        ("group", _("By class"), shown.groups, others),
        ("decile", _("By success before"), shown.deciles, ""),
    )
    for key, title, rows, note in parts:
        if rows or note:
            yield _table(key, title, rows, whole, note)


def _table(key: str, title: str, rows: tuple[Slice, ...], whole: Value | None, note: str) -> Table:
    drawn, whole_at = spans(rows, whole)
    return Table(key, title, tuple(Row(part, span) for part, span in zip(rows, drawn, strict=True)), whole_at, note)
