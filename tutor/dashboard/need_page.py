"""Learners in need: who, with what, and how sure that is; who is absent stands apart. Ranked by what was answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Final, NamedTuple, final
from uuid import UUID

from curricula.snapshot import Snapshot
from kt_models.recall import SECONDS_PER_DAY
from tutor.accounts.models import Group, Learner
from tutor.dashboard import need_words, queries
from tutor.dashboard.class_page import words_of
from tutor.dashboard.words import Definition
from tutor.scheduling import alert_marks, alerting, plans
from tutor.scheduling.alert_marks import Share
from tutor.scheduling.alerting import Judged, Observed, Seen
from tutor.scheduling.alerts import OF_CONCEPTS, Absence, Evidence, Kind, Practice, Presence, Trend
from tutor.scheduling.models import AlertMark

#: Alerts of one learner that are shown at once; the others on demand, since a page of hundreds takes long.
SHOWN: Final = 3
#: Said in place of a learner: everybody's.
EVERYBODY: Final = "*"
#: Concepts due for review that are named.
NAMED: Final = 3


@final
@dataclass(frozen=True)
class AlertLine:
    """An alert as it is shown. `concept` is its title, "" where it is about none; `key` names its page."""

    seen: Seen
    learner: str
    concept: str
    key: str

    @property
    def id(self) -> str:
        return str(self.seen.name)

    @property
    def learner_id(self) -> UUID:
        return self.seen.name.learner_id

    @property
    def kind(self) -> Kind:
        return self.seen.alert.kind

    @property
    def label(self) -> str:
        return str(need_words.LABELS[self.kind])

    @property
    def title(self) -> str:
        """All of it, for whoever does not see where it stands."""
        return ", ".join(part for part in (self.label, self.concept, self.learner) if part)

    @property
    def evidence(self) -> Evidence:
        return self.seen.alert.evidence

    @property
    def practice(self) -> Practice | None:
        return self.evidence if isinstance(self.evidence, Practice) else None

    @property
    def trend(self) -> Trend | None:
        return self.evidence if isinstance(self.evidence, Trend) else None

    @property
    def absence(self) -> Absence | None:
        return self.evidence if isinstance(self.evidence, Absence) else None

    @property
    def mark(self) -> AlertMark | None:
        return self.seen.mark

    @property
    def by(self) -> str:
        return need_words.marked_by(self.seen.mark) if self.seen.mark else ""

    @property
    def until(self) -> str:
        return need_words.until(self.kind)

    @property
    def last_at(self) -> datetime | None:
        at = self.evidence.last_at if not isinstance(self.evidence, Trend) else None
        return plans.moment(at)


class Named(NamedTuple):
    """A concept by its title, with the key that names its page."""

    title: str
    key: str


@final
@dataclass(frozen=True)
class Line:
    """A learner. `rank` counts from 1, None where nobody is ranked. `is_whole`: whether all alerts are shown."""

    judged: Judged
    learner: Learner
    name: str
    rank: int | None
    open: tuple[AlertLine, ...]
    folded: tuple[AlertLine, ...]
    struggling: tuple[Named, ...]
    due: tuple[Named, ...]
    is_whole: bool
    now: datetime

    @property
    def shown(self) -> tuple[AlertLine, ...]:
        return self.open if self.is_whole else self.open[:SHOWN]

    @property
    def n_more(self) -> int:
        return len(self.open) - len(self.shown)

    @property
    def n_concepts(self) -> int:
        return sum(line.kind in OF_CONCEPTS for line in self.open)

    @property
    def concepts(self) -> tuple[AlertLine, ...]:
        """The first of them."""
        return tuple(line for line in self.open if line.kind in OF_CONCEPTS)[:SHOWN]

    @property
    def n_concepts_more(self) -> int:
        return self.n_concepts - len(self.concepts)

    @property
    def n_spinning(self) -> int:
        return sum(line.kind is Kind.SPINNING for line in self.open)

    @property
    def is_behind(self) -> bool:
        return any(line.kind is Kind.FALLING_BEHIND for line in self.open)

    @property
    def trend(self) -> Trend | None:
        return self.judged.standing.trend

    @property
    def last_at(self) -> datetime | None:
        return plans.moment(self.judged.standing.last_at)

    @property
    def days_away(self) -> int:
        last = self.judged.standing.last_at
        return int((self.now.timestamp() - last) // SECONDS_PER_DAY) if last is not None else 0

    @property
    def due_named(self) -> tuple[Named, ...]:
        return self.due[:NAMED]

    @property
    def n_due_more(self) -> int:
        return len(self.due) - len(self.due_named)


class Useful(NamedTuple):
    """Of the marked alerts of a kind; `share` is "" where they are too few."""

    kind: Kind
    label: str
    marked: int
    useful: int
    share: str


@final
@dataclass(frozen=True, eq=False)
class NeedPage:
    """`in_need` is ranked, `inactive` by who is away longest; the rest by name."""

    group: Group
    observed: Observed
    in_need: tuple[Line, ...]
    inactive: tuple[Line, ...]
    silent: tuple[Line, ...]
    others: tuple[Line, ...]
    shares: tuple[Share, ...]
    definitions: Mapping[str, Definition]

    @property
    def content(self) -> Snapshot:
        return self.observed.content

    @property
    def now(self) -> datetime:
        return self.observed.now

    @property
    def lines(self) -> tuple[Line, ...]:
        return (*self.in_need, *self.others, *self.inactive, *self.silent)

    @property
    def has_marks(self) -> bool:
        return any(marked for _, marked, _ in self.shares)

    @cached_property
    def useful(self) -> list[Useful]:
        return [
            Useful(kind, str(need_words.LABELS[kind]), marked, useful, need_words.share_of(useful, marked))
            for kind, marked, useful in self.shares
        ]


def need_page(group: Group, *, whole: str = "", now: datetime) -> NeedPage:
    """`whole`: whose alerts are all shown: a learner's id, or `EVERYBODY`. Raises: queries.NothingToLearn."""
    learners = queries.members(group)
    content = queries.content_of(group)
    observed = alerting.observe(group, content, [learner.pk for learner in learners], now=now)
    who = {learner.pk: learner for learner in learners}
    lines = [_line(each, who[each.learner_id], observed, whole) for each in observed.judged()]
    # Stable, so that equals stay by name.
    ranked = sorted((line for line in lines if line.judged.is_in_need), key=lambda line: line.judged.need)
    away = sorted(_present(lines, Presence.INACTIVE), key=lambda line: line.judged.standing.last_at or 0.0)
    return NeedPage(
        group=group,
        observed=observed,
        in_need=tuple(replace(line, rank=rank) for rank, line in enumerate(ranked, start=1)),
        inactive=tuple(away),
        silent=tuple(_present(lines, Presence.SILENT)),
        others=tuple(line for line in _present(lines, Presence.ACTIVE) if not line.judged.is_in_need),
        shares=tuple(alert_marks.shares(group)),
        definitions={**words_of(group), **need_words.definitions(observed)},
    )


def alert_line(observed: Observed, learner: Learner, seen: Seen) -> AlertLine:
    concept = seen.alert.concept
    named = Named("", "") if concept is None else _named(observed.content, concept)
    return AlertLine(seen, queries.called(learner), *named)


def _line(judged: Judged, learner: Learner, observed: Observed, whole: str) -> Line:
    content, standing = observed.content, judged.standing
    return Line(
        judged=judged,
        learner=learner,
        name=queries.called(learner),
        rank=None,
        open=tuple(alert_line(observed, learner, seen) for seen in judged.open),
        folded=tuple(alert_line(observed, learner, seen) for seen in judged.folded),
        struggling=tuple(_named(content, concept) for concept in standing.struggling),
        due=tuple(_named(content, concept) for concept in standing.due),
        is_whole=whole in (EVERYBODY, str(learner.pk)),
        now=observed.now,
    )


def _named(content: Snapshot, concept: int) -> Named:
    return Named(content.concept_titles[concept], content.concept_keys[concept])


def _present(lines: list[Line], presence: Presence) -> list[Line]:
    return [line for line in lines if line.judged.standing.presence is presence]
