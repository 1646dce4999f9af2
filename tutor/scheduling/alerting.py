"""A class at one moment, read in a number of statements that does not grow with it; alerts follow without any more."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final, NamedTuple, final
from uuid import UUID

from curricula.snapshot import Snapshot
from tutor import db
from tutor.accounts.access import NotFound
from tutor.accounts.models import Group
from tutor.registry.effective import content_for
from tutor.scheduling import agreements, alerts, rules
from tutor.scheduling.alerts import TREND_DAYS, Activity, Alert, Kind, Limits, Standing
from tutor.scheduling.knobs import Knobs
from tutor.scheduling.models import AlertMark, GroupSettings
from tutor.scheduling.policies import Situation
from tutor.tracing.beliefs import Belief, beliefs
from tutor.tracing.evidence import RIGHT

#: Learner, kind, concept: of the alerts that are called so, one stands at a time.
Key = tuple[UUID, Kind, int | None]

_ACTIVITY: Final = """
SELECT t.learner_id,
    count(*) FILTER (WHERE t.is_new), count(*) FILTER (WHERE t.is_new AND t.is_right),
    count(DISTINCT t.day) FILTER (WHERE t.is_new),
    count(*) FILTER (WHERE NOT t.is_new), count(*) FILTER (WHERE NOT t.is_new AND t.is_right),
    count(DISTINCT t.day) FILTER (WHERE NOT t.is_new)
FROM (
    SELECT i.learner_id, i.occurred_at > %(middle)s AS is_new, i.correct >= %(right)s AS is_right,
        (i.occurred_at AT TIME ZONE %(zone)s)::date AS day
    FROM unnest(%(learners)s::uuid[]) AS w(learner_id)
    JOIN interactions_interaction i ON i.learner_id = w.learner_id AND i.curriculum_id = %(curriculum)s
        AND i.occurred_at > %(start)s AND i.occurred_at <= %(now)s
) t
GROUP BY t.learner_id
"""


class Name(NamedTuple):
    """An alert as addresses call it: `kind.learner`, and `.concept` (its id) if it is about one."""

    kind: Kind
    learner_id: UUID
    concept_id: UUID | None

    def __str__(self) -> str:
        return ".".join(str(part) for part in self if part is not None)

    @classmethod
    def parse(cls, text: str) -> Name:
        """Raises:
        NotFound: if no alert can be called so.
        """
        kind, _, rest = text.partition(".")
        learner, _, concept = rest.partition(".")
        try:
            found = cls(Kind(kind), UUID(learner), UUID(concept) if concept else None)
        except ValueError as error:
            raise NotFound("alert", text) from error
        if str(found) != text:
            raise NotFound("alert", text)
        return found


@final
@dataclass(frozen=True, eq=False)
class Seen:
    """An alert that stands. `mark`: what was said of it; `before`: of one called the same, on older evidence."""

    name: Name
    alert: Alert
    mark: AlertMark | None
    before: AlertMark | None

    @property
    def is_folded(self) -> bool:
        """Said not to be useful: put aside until the evidence has changed."""
        return self.mark is not None and not self.mark.useful


@final
@dataclass(frozen=True, eq=False)
class Judged:
    """A learner by some thresholds."""

    standing: Standing
    seen: tuple[Seen, ...]
    is_in_need: bool

    @property
    def learner_id(self) -> UUID:
        return self.standing.learner_id

    @property
    def open(self) -> tuple[Seen, ...]:
        return tuple(each for each in self.seen if not each.is_folded)

    @property
    def folded(self) -> tuple[Seen, ...]:
        return tuple(each for each in self.seen if each.is_folded)

    @property
    def need(self) -> tuple[int, int, int, float]:
        """Sorts from most to least in need."""
        return alerts.need(each.alert for each in self.open)


@final
@dataclass(frozen=True, eq=False)
class Observed:
    """A class as `observe` found it; beliefs and situations are of its learners, in their order.

    `decided`: learners whose statuses this class's settings tell; those of others are told by a class joined later.
    """

    group: Group
    content: Snapshot
    settings: GroupSettings
    now: datetime
    beliefs: tuple[Belief, ...]
    situations: tuple[Situation, ...]
    activity: Mapping[UUID, Activity]
    decided: frozenset[UUID]
    marks: Mapping[Key, AlertMark]

    @cached_property
    def knobs(self) -> Knobs:
        return agreements.knobs_of(self.settings)

    @property
    def degraded(self) -> bool:
        return any(belief.degraded for belief in self.beliefs)

    def judged(self, knobs: Knobs | None = None) -> list[Judged]:
        """By what is agreed or, to see what that would change, by other thresholds."""
        chosen = knobs or self.knobs
        return [
            self._judged(belief.learner_id, situation, chosen)
            for belief, situation in zip(self.beliefs, self.situations, strict=True)
        ]

    def find(self, name: Name) -> Seen:
        """Raises:
        NotFound: if no such alert stands.
        """
        for each in self.judged():
            for seen in each.seen:
                if seen.name == name:
                    return seen
        raise NotFound("alert of this class", str(name))

    def after(self, mark: AlertMark) -> Observed:
        """With what has been said of an alert just now."""
        key = (mark.learner_id, Kind(mark.kind), mark.concept)
        return replace(self, marks={**self.marks, key: mark})

    def told_by(self, learner_id: UUID) -> dict[str, Any]:
        """What alerts of a learner rest on beside the answers: the model, the content and the thresholds."""
        at = next(i for i, belief in enumerate(self.beliefs) if belief.learner_id == learner_id)
        belief, situation = self.beliefs[at], self.situations[at]
        return {
            "model": belief.model,
            "model_version": str(belief.version_id),
            "curriculum_version": str(situation.content.version_id),
            "thresholds": {
                **situation.criteria.thresholds,
                "spinning_after": situation.settings.spinning_after,
                **Limits.of(self.knobs)._asdict(),
            },
        }

    def _judged(self, learner_id: UUID, situation: Situation, knobs: Knobs) -> Judged:
        if learner_id in self.decided and knobs.struggling_after != situation.criteria.struggling_after:
            criteria = replace(situation.criteria, struggling_after=knobs.struggling_after)
            situation = replace(situation, criteria=criteria)
        limits = Limits.of(knobs)
        found = alerts.standing(learner_id, situation, self.activity.get(learner_id, Activity()), limits)
        seen = tuple(self._seen(learner_id, alert) for alert in found.alerts)
        return Judged(found, seen, alerts.is_in_need((each.alert for each in seen if not each.is_folded), limits))

    def _seen(self, learner_id: UUID, alert: Alert) -> Seen:
        concept = None if alert.concept is None else self.content.concept_ids[alert.concept]
        name = Name(alert.kind, learner_id, concept)
        last = self.marks.get((learner_id, alert.kind, alert.concept))
        holds = last is not None and still_holds(last, alert, self.now)
        return Seen(name, alert, last if holds else None, None if holds else last)


def observe(group: Group, content: Snapshot, learner_ids: Sequence[UUID], *, now: datetime) -> Observed:
    """Some learners of a class on the newest version of what it works on; six statements at most.

    Raises: beliefs.NoModel
    """
    ids, curriculum = list(learner_ids), content.curriculum_id
    known = beliefs(group.school_id, curriculum, ids, now.timestamp())
    settled = rules.settled(group.school_id, curriculum, ids, now)
    return Observed(
        group=group,
        content=content,
        settings=agreements.of_group(group),
        now=now,
        beliefs=tuple(known),
        situations=tuple(_situation(each, content, settled[each.learner_id], now) for each in known),
        activity=_activity(group, curriculum, ids, now),
        decided=frozenset(learner for learner in ids if settled[learner].terms.group_id == group.pk),
        marks=latest_marks(group, curriculum, ids),
    )


def latest_marks(group: Group, curriculum_id: UUID, learner_ids: Collection[UUID]) -> dict[Key, AlertMark]:
    """The last word on each alert of some learners: one statement."""
    key = ("learner_id", "kind", "concept")
    rows = AlertMark.objects.filter(group=group, curriculum=curriculum_id, learner__in=list(learner_ids))
    rows = rows.select_related("marked_by", "marked_client").order_by(*key, "-id").distinct(*key)
    return {(row.learner_id, Kind(row.kind), row.concept): row for row in rows}


def still_holds(mark: AlertMark, alert: Alert, now: datetime) -> bool:
    """Whether what was said is of this alert, and not of one that has ended."""
    was = alerts.evidence_of(alert.kind, mark.evidence)
    return not alerts.has_changed(alert.kind, was, mark.marked_at.timestamp(), alert.evidence, now.timestamp())


def _situation(belief: Belief, newest: Snapshot, agreed: rules.Agreed, now: datetime) -> Situation:
    # While another version is rolled out, beliefs are of two, and so are the prerequisites.
    content = content_for(newest, belief.school_id, belief.version_id)
    criteria = agreed.criteria_within(content)
    # Nothing is chosen, so nothing is drawn.
    return Situation(
        now.timestamp(), content, belief.table, belief.evidence, seed=0, criteria=criteria, settings=agreed.settings
    )


def _activity(group: Group, curriculum_id: UUID, learner_ids: list[UUID], now: datetime) -> dict[UUID, Activity]:
    window = timedelta(days=TREND_DAYS)
    parameters = {
        "learners": learner_ids, "curriculum": curriculum_id, "zone": group.school.timezone, "right": RIGHT,
        "start": now - 2 * window, "middle": now - window, "now": now,
    }  # fmt: skip
    return {learner: Activity(*counts) for learner, *counts in db.rows(_ACTIVITY, parameters, prepare=True)}
