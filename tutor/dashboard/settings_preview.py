"""The preview of other settings as a page shows it: what would change, for whom, and what cannot be told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Final, NamedTuple, final

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from curricula.snapshot import Snapshot
from kt_models.recall import Float, Int
from tutor.accounts.models import Group, Learner
from tutor.dashboard import queries
from tutor.dashboard.csv import Cell
from tutor.dashboard.settings_effect import RETENTIONS, Effect, Exam, Offer, Side, effect
from tutor.dashboard.settings_form import Form
from tutor.dashboard.settings_words import definitions
from tutor.dashboard.words import LABELS, Definition
from tutor.scheduling import trials
from tutor.scheduling.terms import Supposed
from tutor.tracing.status import BY_CODE, Status

#: Learners and examples that are named.
NAMED: Final = 5
EXAMPLES: Final = 3


class Move(NamedTuple):
    """So many cells would go from a status to another."""

    before: Status
    after: Status
    label_before: str
    label_after: str
    n: int


class Touched(NamedTuple):
    learner: Learner
    name: str
    n: int


class Spread(NamedTuple):
    """Of learners: the median, the least and the most."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Float) -> Spread | None:
        known = values[np.isfinite(values)]
        if not len(known):
            return None
        return cls(float(np.median(known)), float(known.min()), float(known.max()))


class Minutes(NamedTuple):
    """For a retention; `is_own` for the one in the form."""

    retention: float
    spread: Spread | None
    is_own: bool


class Swap(NamedTuple):
    """A learner who would be offered something else first."""

    name: str
    before: Offer
    after: Offer


class Half(NamedTuple):
    """A learner by one agreement."""

    due: int
    week: int
    minutes: float
    offer: Offer


class Row(NamedTuple):
    """A learner. `scores` are None if not drawn, and either of them if there is none to tell."""

    learner: Learner
    name: str
    moved: int
    before: Half
    after: Half
    is_swapped: bool
    scores: tuple[float | None, float | None] | None


@final
@dataclass(frozen=True, eq=False)
class Preview:
    """Attributes: effect: None where nothing can be computed; `reason` says why."""

    group: Group
    form: Form
    definitions: Mapping[str, Definition]
    effect: Effect | None = None
    reason: str = ""

    @property
    def is_changed(self) -> bool:
        return bool(self.form.changed)

    @cached_property
    def told(self) -> Effect:
        if self.effect is None:
            raise LookupError(self.reason)
        return self.effect

    @cached_property
    def _moved(self) -> Int:
        """(learners, concepts) 1 where the status would be another."""
        before, after = self.told.before.codes, self.told.after.codes
        return np.asarray((before != after) & self.told.content.concept_active, np.int64)

    @property
    def n_cells(self) -> int:
        return int(self.told.content.concept_active.sum()) * len(self.told.learners)

    @property
    def n_moved(self) -> int:
        return int(self._moved.sum())

    @property
    def moves(self) -> list[Move]:
        """The most frequent first."""
        where = self._moved.astype(bool)
        pairs = np.stack([self.told.before.codes[where], self.told.after.codes[where]], axis=1)
        kinds, counts = np.unique(pairs, axis=0, return_counts=True)
        found = [
            Move(BY_CODE[a], BY_CODE[b], LABELS[BY_CODE[a]], LABELS[BY_CODE[b]], int(n))
            for (a, b), n in zip(kinds.tolist(), counts.tolist(), strict=True)
        ]
        return sorted(found, key=lambda move: -move.n)

    @property
    def touched(self) -> list[Touched]:
        """Those with most cells of another status."""
        n = self._moved.sum(axis=1)
        order = np.argsort(-n, kind="stable")[:NAMED].tolist()
        return [Touched(self.told.learners[i], self.names[i], int(n[i])) for i in order if n[i]]

    @cached_property
    def names(self) -> list[str]:
        return [queries.called(learner) for learner in self.told.learners]

    @property
    def due(self) -> tuple[int, int]:
        return int(self.told.before.now.sum()), int(self.told.after.now.sum())

    @property
    def week(self) -> tuple[int, int]:
        return int(self.told.before.week.sum()), int(self.told.after.week.sum())

    @property
    def minutes(self) -> tuple[Spread | None, Spread | None]:
        return Spread.of(self.told.before.minutes), Spread.of(self.told.after.minutes)

    @property
    def n_above(self) -> int:
        """Learners whose open days would take more minutes than are agreed for a day."""
        told = self.told.after
        limits = [told.agreed[learner.pk].minutes_a_day for learner in self.told.learners]
        most = np.array([np.inf if limit is None else limit for limit in limits])
        return int((told.open_minutes > most).sum())

    @cached_property
    def options(self) -> list[Minutes]:
        own = self.told.after.ahead.aheads[0].agreed.criteria.retention if self.told.learners else None
        if self.form.supposed is not None:
            own = self.form.supposed.knobs.retention
        wanted = sorted({*RETENTIONS, *([own] if own is not None else [])})
        found = self.told.after.ahead.options(wanted)
        return [Minutes(each.retention, Spread.of(each.minutes), each.retention == own) for each in found]

    @property
    def swaps(self) -> list[Swap]:
        pairs = zip(self.names, self.told.before.offers, self.told.after.offers, strict=True)
        return [Swap(name, a, b) for name, a, b in pairs if _is_swapped(a, b)]

    @property
    def examples(self) -> list[Swap]:
        return self.swaps[:EXAMPLES]

    @property
    def n_same(self) -> int:
        return len(self.told.learners) - len(self.swaps)

    @property
    def exam(self) -> Exam | None:
        return self.told.exam

    @property
    def scores(self) -> tuple[Spread | None, Spread | None, Spread | None]:
        """If nothing is practised, by what is agreed, and by what is supposed."""
        if self.exam is None:
            return None, None, None
        return Spread.of(self.exam.alone), Spread.of(self.exam.before), Spread.of(self.exam.after)

    @property
    def n_scores(self) -> int:
        return 0 if self.exam is None else int(np.isfinite(self.exam.after).sum())

    @cached_property
    def rows(self) -> list[Row]:
        scores, moved = _scores(self.exam), self._moved.sum(axis=1).tolist()
        before, after = (_columns(side) for side in (self.told.before, self.told.after))
        return [
            Row(learner, name, n, a, b, _is_swapped(a.offer, b.offer), scores.get(at))
            for at, (learner, name, n, a, b) in enumerate(
                zip(self.told.learners, self.names, moved, before, after, strict=True)
            )
        ]

    @property
    def notes(self) -> list[str]:
        """What it does not know."""
        return [*self._of_class(), *self._unsimulated()]

    def _of_class(self) -> Iterator[str]:
        told, n = self.told, len(self.told.learners)
        if n < told.n:
            yield _("Figures are of %(n)s of the %(all)s learners, drawn by lot.") % {"n": n, "all": told.n}
        if told.elsewhere:
            yield ngettext(
                "For %(n)s learner nothing would change: they joined another class on this curriculum later, and its "
                "settings hold.",
                "For %(n)s learners nothing would change: they joined another class on this curriculum later, and its "
                "settings hold.",
                told.elsewhere,
            ) % {"n": told.elsewhere}
        if told.degraded:
            yield _("The best learner model cannot be loaded at present: these figures are the stand-in's, less exact.")
        if self.n_silent:
            yield ngettext(
                "%(n)s learner has not answered anything yet: what is told of them is expected of anybody.",
                "%(n)s learners have not answered anything yet: what is told of them is expected of anybody.",
                self.n_silent,
            ) % {"n": self.n_silent}
        if self.is_tried:
            yield _("A trial draws between two policies here: see “Policies and trials”.")

    @property
    def n_silent(self) -> int:
        return sum(belief.as_of is None for belief in self.told.before.ahead.beliefs)

    def _unsimulated(self) -> Iterator[str]:
        changed = {line.field.name for line in self.form.changed}
        if self.told.no_exam:
            yield _("The exam day is past or over a year ahead: there is no forecast of it.")
        if changed & {"minutes_a_day", "answers_a_day"}:
            yield _("The minutes are what the agenda takes without the limits of answers and minutes.")
        if changed & {"explores", "exploration"}:
            yield _("What is drawn by chance is left out on both sides, so its share shows in nothing here.")
        if changed & {"in_a_row", "retry_after", "item_gap", "spinning_after", "spinning"}:
            yield _("How questions follow each other within a session is not simulated.")
        if changed & {"policy", "after_placement", "horizon_days", "look_ahead"}:
            yield _("The simulation of the days ahead does not know policies: only the next offers do.")

    @property
    def is_tried(self) -> bool:
        """Whether a trial draws who chooses, whatever the form says."""
        policy = self.form.supposed.policy if self.form.supposed else self.form.settings.policy
        where = self.group.school_id, self.group.pk, self.told.content.curriculum_id
        return trials.arm(*where, policy, 0) is not None


def preview(
    group: Group, form: Form, content: Snapshot | None, supposed: Supposed | None, *, now: datetime
) -> Preview:  # fmt: skip
    said = definitions()
    if content is None:
        return Preview(group, form, said, reason=_("The class works on nothing yet, so nothing can be computed."))
    if supposed is None:
        return Preview(
            group, form, said, reason=_("What is typed cannot be: once it is mended, the effect is computed.")
        )
    learners = queries.members(group)
    if not learners:
        return Preview(group, form, said, reason=_("Nobody is in this class yet, so nothing changes for anybody."))
    return Preview(group, form, said, effect(group, learners, content, supposed, now=now))


def head(day: date | None) -> list[str]:
    """Of the file of `rows`."""
    columns = [
        _("Learner id"), _("Learner"), _("Concepts of another status"), _("Reviews due, now agreed"),
        _("Reviews due, new"), _("Reviews within 7 days, now agreed"), _("Reviews within 7 days, new"),
        _("Minutes a day, now agreed"), _("Minutes a day, new"), _("Next offer, now agreed"), _("Next offer, new"),
    ]  # fmt: skip
    scores = [_("Expected score (%), now agreed"), _("Expected score (%), new"), _("Exam date")]
    return columns + (scores if day else [])


def cells(shown: Preview) -> Iterator[Sequence[Cell]]:
    day = shown.exam.day.isoformat() if shown.exam else None
    for row in shown.rows:
        a, b = row.before, row.after
        figures: list[Cell] = [
            str(row.learner.pk), row.name, row.moved, a.due, b.due, a.week, b.week,
            round(a.minutes, 1), round(b.minutes, 1), a.offer.concept, b.offer.concept,
        ]  # fmt: skip
        told = row.scores or (None, None)
        yield figures + ([_percent(told[0]), _percent(told[1]), day] if day else [])


def _percent(share: float | None) -> int | None:
    return None if share is None else round(share * 100)


def _is_swapped(before: Offer, after: Offer) -> bool:
    return (before.concept, before.item) != (after.concept, after.item)


def _columns(side: Side) -> Iterator[Half]:
    rows = zip(side.now.tolist(), side.week.tolist(), side.minutes.tolist(), side.offers, strict=True)
    return (Half(*row) for row in rows)


def _scores(exam: Exam | None) -> dict[int, tuple[float | None, float | None]]:
    """By row, of those drawn."""
    if exam is None:
        return {}
    before, after = ([None if np.isnan(each) else each for each in side.tolist()] for side in (exam.before, exam.after))
    return dict(zip(exam.drawn.tolist(), zip(before, after, strict=True), strict=True))
