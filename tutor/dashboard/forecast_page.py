"""How a class will stand on a day: each learner, each concept, left alone and if the agendas are followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Final, NamedTuple, final

import numpy as np
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from curricula.snapshot import Snapshot
from kt_models.recall import Float, Int
from tutor.accounts.models import Group, Learner
from tutor.dashboard import queries
from tutor.dashboard.forecast_asked import CHOICES, Asked, Parameters, told
from tutor.dashboard.forecast_words import assumptions, definitions
from tutor.dashboard.matrix_page import area_of, area_title
from tutor.dashboard.pictures import Layout
from tutor.dashboard.words import Definition
from tutor.scheduling import agreements, class_forecasts, knobs
from tutor.scheduling.class_forecasts import ClassAhead, Recall, class_ahead, score
from tutor.scheduling.knobs import Knobs
from tutor.tracing.status import Bool

#: Concepts that are listed unless all are asked for.
LISTED: Final = 8


class Range(NamedTuple):
    """A share with its 90 % range."""

    value: float
    low: float
    high: float


class LearnerLine(NamedTuple):
    """`alone` and `followed` are expected scores, None without enough answers; `known` concepts have enough.

    `mastered_alone`, `mastered`: concepts expected to be mastered.     minutes: a day, by the agenda.
    """

    learner: Learner
    name: str
    alone: Range | None
    followed: Range | None
    known: int
    mastered_alone: float
    mastered: float
    minutes: float
    is_below: bool
    is_surely_below: bool


class ConceptLine(NamedTuple):
    """Of the `known` learners, those with enough answers; without any, no figures."""

    position: int
    key: str
    title: str
    area: str
    known: int
    alone: Range | None
    followed: Range | None
    mastered_alone: float
    mastered: float
    is_below: bool


class Choice(NamedTuple):
    value: str
    label: str | Promise
    is_chosen: bool
    address: str


@final
@dataclass(frozen=True, eq=False)
class Forecast:
    """What the pages of a forecast share. `counted`: positions of the concepts that scores are over."""

    group: Group
    asked: Asked
    knobs: Knobs
    ahead: ClassAhead
    counted: Int
    definitions: Mapping[str, Definition]

    @property
    def content(self) -> Snapshot:
        return self.ahead.content

    @property
    def n_concepts(self) -> int:
        return len(self.counted)

    @property
    def is_tested(self) -> Bool:
        """(learners,) who have enough answers to at least one concept that counts."""
        return np.asarray(self.ahead.has_enough[:, self.counted].any(axis=1))

    @cached_property
    def names(self) -> list[str]:
        return [queries.called(learner) for learner in self.ahead.learners]

    @cached_property
    def followed(self) -> Float:
        """(learners,) expected scores if the agendas are followed."""
        return score(self.ahead.followed, self.counted).value

    @cached_property
    def order(self) -> list[int]:
        """Rows of learners: lowest score first, whom nothing is known of last; or by name."""
        rows = np.arange(len(self.names))
        if self.asked.sort == "name":
            return [int(row) for row in rows]
        return [int(row) for row in rows[np.lexsort((self.followed, ~self.is_tested))]]

    @property
    def first_day(self) -> date:
        """Of those until the day: today, where it began last."""
        return self.asked.day - timedelta(days=self.ahead.days)

    @property
    def addresses(self) -> dict[str, str]:
        to = self.asked.address
        return {
            "same": to(),
            "areas": to(area=""),
            "usual": to(day=self.asked.exam_on or self.asked.day, day_said=False),
            "all_concepts": to(list="all"),
            "few_concepts": to(list="short"),
        }

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """What a new day or score leaves as it is."""
        return [(name, value) for name, value in self.asked.said().items() if name in ("sort", "show", "area", "list")]

    def choices(self, name: str) -> list[Choice]:
        chosen = getattr(self.asked, name)
        return [Choice(v, label, v == chosen, self.asked.address(**{name: v})) for v, label in CHOICES[name].items()]

    @property
    def orders(self) -> list[Choice]:
        return self.choices("sort")

    @property
    def counts(self) -> list[Choice]:
        return self.choices("counts")

    @property
    def n_quiet(self) -> int:
        return int(self.ahead.quiet().sum())

    @property
    def assumptions(self) -> list[str]:
        return assumptions(self.knobs, is_corrected=self.ahead.is_corrected)


@final
@dataclass(frozen=True, eq=False)
class ForecastPage:
    forecast: Forecast
    lines: tuple[LearnerLine, ...]
    concepts: tuple[ConceptLine, ...]

    @property
    def definitions(self) -> Mapping[str, Definition]:
        return self.forecast.definitions

    @property
    def asked(self) -> Asked:
        return self.forecast.asked

    @property
    def group(self) -> Group:
        return self.forecast.group

    @property
    def content(self) -> Snapshot:
        return self.forecast.content

    @property
    def below(self) -> list[LearnerLine]:
        """The lowest first."""
        return sorted((line for line in self.lines if line.is_below), key=lambda line: line.followed or (0.0,))

    @property
    def untested(self) -> list[LearnerLine]:
        return [line for line in self.lines if line.followed is None]

    @property
    def medians(self) -> tuple[float, float, float] | None:
        """Of the score left alone, the score if agendas are followed, and the minutes a day; None if none is known."""
        known = [(line.alone.value, line.followed.value, line.minutes) for line in self.lines
                 if line.alone and line.followed]  # fmt: skip
        if not known:
            return None
        alone, followed, minutes = np.median(np.array(known), axis=0).tolist()
        return alone, followed, minutes

    @property
    def listed(self) -> tuple[ConceptLine, ...]:
        return self.concepts if self.asked.list == "all" else self.concepts[:LISTED]


def forecast(group: Group, said: Parameters, *, now: datetime) -> Forecast:
    """A fixed number of statements. Raises: queries.NothingToLearn."""
    content = queries.content_of(group)
    agreed = agreements.knobs_of(agreements.of_group(group))
    school = group.school
    asked = Asked.parse(said, agreed, class_forecasts.today(school, now))
    asked, counted = _counted(content, agreed, _checked(asked, agreed))
    if asked.area and not len(of_area(content, asked.area, counted)):
        text = _("“%(area)s” is no subject area with concepts that count: all areas are shown.")
        asked = asked.but(text % {"area": asked.area}, area="")
    learners = queries.members(group)
    for learner in learners:
        # Known already: its time zone is asked for.
        learner.school = school
    ahead = class_ahead(school, content, learners, asked.day, now=now)
    return Forecast(group, asked, agreed, ahead, counted, definitions(knobs.criteria_of(agreed)))


def forecast_page(found: Forecast) -> ForecastPage:
    return ForecastPage(found, tuple(_lines(found)), tuple(concept_lines(found)))


def of_area(content: Snapshot, area: str, counted: Int) -> Int:
    """Those of an area, in the order of the curriculum; all for ""."""
    allowed = set(counted.tolist())
    order = Layout.of(content).order.tolist()
    return np.array([c for c in order if c in allowed and (not area or area_of(content, c) == area)], np.int64)


def concept_lines(found: Forecast) -> list[ConceptLine]:
    """Those first that most are expected not to have mastered; those of which nothing is known last."""
    ahead, columns = found.ahead, of_area(found.content, "", found.counted)
    known = ahead.has_enough[:, columns]
    alone, followed = (_means(recall, columns, known) for recall in (ahead.alone, ahead.followed))
    chances = [
        np.where(known, recall.mastered[:, columns], 0.0).sum(axis=0) for recall in (ahead.alone, ahead.followed)
    ]
    n, share = known.sum(axis=0), found.asked.share
    lines = [
        ConceptLine(
            position=c,
            key=found.content.concept_keys[c],
            title=found.content.concept_titles[c],
            area=area_title(area_of(found.content, c)),
            known=int(n[i]),
            alone=alone[i] if n[i] else None,
            followed=followed[i] if n[i] else None,
            mastered_alone=float(chances[0][i]),
            mastered=float(chances[1][i]),
            is_below=bool(n[i] and followed[i].value < share),
        )
        for i, c in enumerate(columns.tolist())
    ]
    return sorted(lines, key=lambda line: (not line.known, line.mastered - line.known))


def _lines(found: Forecast) -> list[LearnerLine]:
    ahead, columns, share = found.ahead, found.counted, found.asked.share
    alone, followed = (_ranges(recall, columns) for recall in (ahead.alone, ahead.followed))
    known = ahead.has_enough[:, columns]
    chances = [
        np.where(known, recall.mastered[:, columns], 0.0).sum(axis=1) for recall in (ahead.alone, ahead.followed)
    ]
    minutes, tested = mean_minutes(ahead), found.is_tested
    return [
        LearnerLine(
            learner=ahead.learners[row],
            name=found.names[row],
            alone=alone[row] if tested[row] else None,
            followed=followed[row] if tested[row] else None,
            known=int(known[row].sum()),
            mastered_alone=float(chances[0][row]),
            mastered=float(chances[1][row]),
            minutes=float(minutes[row]),
            is_below=bool(tested[row] and followed[row].value < share),
            is_surely_below=bool(tested[row] and followed[row].high < share),
        )
        for row in found.order
    ]


def mean_minutes(ahead: ClassAhead) -> Float:
    """(learners,) a day, by the agendas; 0 where no day lies ahead."""
    loads = ahead.minutes()
    days = np.maximum((~np.isnan(loads)).sum(axis=1), 1)
    return np.asarray(np.nansum(loads, axis=1) / days)


def _ranges(recall: Recall, columns: Int) -> list[Range]:
    """Of each learner, over some concepts."""
    return [Range(*row) for row in np.stack(score(recall, columns), axis=1).tolist()]


def _means(recall: Recall, columns: Int, known: Bool) -> list[Range]:
    """Of each concept, over the learners with enough answers."""
    n = np.maximum(known.sum(axis=0), 1)
    means = [np.where(known, column[:, columns], 0.0).sum(axis=0) / n for column in recall[:3]]
    return [Range(*row) for row in np.stack(means, axis=1).tolist()]


def _checked(asked: Asked, agreed: Knobs) -> Asked:
    """Says why an exam that is agreed is not the day that is looked at."""
    exam = agreed.exam_on
    if exam is None or asked.exam_on is not None or asked.day_said:
        return asked
    text = (
        _("The class's exam of %(exam)s is over. The forecast is for %(day)s.")
        if exam < asked.today
        else _("The class's exam of %(exam)s is further ahead than forecasts reach. The forecast is for %(day)s.")
    )
    return asked.but(text % {"exam": told(exam), "day": told(asked.day)})


def _counted(content: Snapshot, agreed: Knobs, asked: Asked) -> tuple[Asked, Int]:
    """Raises: queries.NothingToLearn: if the curriculum has no concept any more."""
    every = np.flatnonzero(content.concept_active)
    if not len(every):
        raise queries.NothingToLearn(_("The curriculum of this class has no concepts at present."))
    if not asked.by_goals:
        return asked, every
    goals = _positions(content, agreed.goals)
    if not len(goals):
        return asked.but(
            _("The curriculum has none of the class's goals any more: all concepts count."), counts="all"
        ), every
    return asked, goals


def _positions(content: Snapshot, keys: Sequence[str]) -> Int:
    known = content.concept_position
    return np.array(sorted({known[key] for key in keys if key in known}), np.int64)
