"""What is agreed for a learner, as the tables say it: one row, read in the statement that needs it anyway."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from math import inf
from typing import Any, Final, NamedTuple, final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from tutor.scheduling import knobs
from tutor.scheduling.knobs import DEFAULTS, Knobs
from tutor.scheduling.models import Override
from tutor.scheduling.policies import Pace

#: `COLUMNS` of a query FROM accounts_learner l, (...) c(id, now) and `JOINS`: c is the curriculum, and the time. Of
#: several classes the one joined last decides; a class without a curriculum works on the only one that its school can
#: use. Overrides hold whichever of the learner's classes they were made for.
COLUMNS: Final = """
COALESCE(NULLIF(l.timezone, ''), s.timezone), l.day_cutoff_hour, g.id, gs.policy, gs.chosen::text, gs.updated_at::text,
ls.explores, ls.minutes_a_day, ls.spread_reviews, ls.quiet_weekdays, ls.updated_at::text, o.said,
pc.learner_id IS NOT NULL, mp.first, mp.wrong, mp.usual
"""
JOINS: Final = """
JOIN accounts_school s ON s.id = l.school_id
LEFT JOIN LATERAL (
    SELECT g.id FROM accounts_membership m JOIN accounts_group g ON g.id = m.group_id
    WHERE m.learner_id = l.id AND (g.curriculum_id = c.id OR (g.curriculum_id IS NULL AND NOT EXISTS (
        SELECT FROM curricula_curriculum k
        WHERE (k.owner = l.school_id OR k.owner IS NULL)
            AND k.key <> (SELECT key FROM curricula_curriculum WHERE id = c.id)
            AND EXISTS (
                SELECT FROM curricula_curriculumversion v
                WHERE v.curriculum_id = k.id AND v.published_at IS NOT NULL
            )
    )))
    ORDER BY m.since DESC, m.id DESC LIMIT 1
) g ON true
LEFT JOIN scheduling_groupsettings gs ON gs.group_id = g.id
LEFT JOIN scheduling_learnersettings ls ON ls.learner_id = l.id
LEFT JOIN scheduling_placed pc ON pc.learner_id = l.id AND pc.curriculum_id = c.id
LEFT JOIN scheduling_measuredpace mp ON mp.school_id = l.school_id AND mp.curriculum_id = c.id
LEFT JOIN LATERAL (
    SELECT json_agg(
        json_build_array(v.id, v.kind, v.concept, v.learner_id IS NOT NULL, extract(epoch FROM v.made_at), v.answers,
            extract(epoch FROM v.expires_at))
        ORDER BY v.learner_id IS NOT NULL, v.made_at, v.id
    )::text AS said
    FROM (
        SELECT v.* FROM scheduling_override v WHERE v.learner_id = l.id AND v.ended_at IS NULL
        UNION ALL
        SELECT v.* FROM accounts_membership m JOIN scheduling_override v ON v.group_id = m.group_id
        WHERE m.learner_id = l.id AND v.ended_at IS NULL
    ) v
    WHERE v.curriculum_id = c.id AND (v.expires_at IS NULL OR v.expires_at > c.now)
) o ON true
"""


class Word(NamedTuple):
    """An override that holds for a learner; `is_own` if not made for a whole class. Times are Unix seconds; without an
    `expires_at` it holds until somebody ends it."""

    id: UUID
    kind: Override.Kind
    concept: int
    is_own: bool
    made_at: float
    answers: int
    expires_at: float | None = None


_words: Final = msgspec.json.Decoder(list[tuple[UUID, str, int, bool, float, int, float | None]])


class Own(NamedTuple):
    """What a learner has in place of what is agreed with the class; None for as the class."""

    spread_reviews: bool | None = None
    quiet_weekdays: tuple[str, ...] | None = None

    def over(self, knobs: Knobs) -> Knobs:
        said = {name: value for name, value in self._asdict().items() if value is not None}
        return msgspec.structs.replace(knobs, **said) if said else knobs


class Supposed(NamedTuple):
    """What somebody thinks of agreeing with a class."""

    group_id: UUID
    policy: str
    knobs: Knobs


@final
@dataclass(frozen=True, eq=False)
class Terms:
    """`words` in the order in which they count: of two that contradict, the later. The learner's own come last.

    `knobs` are the class's with the learner's `own` in place of some.
    """

    zone: str
    cutoff_hour: int
    group_id: UUID | None
    policy: str
    knobs: Knobs
    explores: bool
    minutes_a_day: float | None
    words: tuple[Word, ...]
    #: When the class's and the learner's settings were changed last, None where there are none.
    changed: tuple[str | None, str | None]
    #: How long answers of the school take; no term, but read with them.
    pace: Pace = field(default_factory=Pace)
    own: Own = field(default_factory=Own)
    #: Whether a placement is complete: no term either, but what has become of one.
    placed: bool = False

    @classmethod
    def none(cls) -> Terms:
        return cls("UTC", 0, None, "", DEFAULTS, True, None, (), (None, None))

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Terms:
        """From `COLUMNS`."""
        (
            zone, hour, group_id, policy, chosen, changed, explores, minutes, spread, quiet, own_changed, said, placed,
            *pace,
        ) = row  # fmt: skip
        own = Own(spread, None if quiet is None else tuple(quiet))
        return cls(
            known_zone(zone),
            hour,
            group_id,
            policy or "",
            own.over(knobs.decoded(chosen) if chosen else DEFAULTS),
            explores is not False,
            minutes,
            tuple(Word(each[0], Override.Kind(each[1]), *each[2:]) for each in _words.decode(said)) if said else (),
            (changed, own_changed),
            Pace() if pace[0] is None else Pace(*pace),
            own,
            placed,
        )

    def mark(self, without: Collection[UUID] = ()) -> str:
        """Changes whenever something else is agreed, "" if nothing is: a plan made by other terms no longer holds.

        Words in `without` have done their work, and are about to be ended.
        """
        words = [word.id for word in self.words if word.id not in without]
        if not words and self.changed == (None, None):
            return ""
        told = (self.zone, self.cutoff_hour, self.group_id, *self.changed, *words)
        return blake2b(repr(told).encode(), digest_size=8).hexdigest()

    def supposing(self, other: Supposed) -> Terms:
        """As they would be; unchanged where another class decides."""
        if self.group_id != other.group_id:
            return self
        return replace(self, policy=other.policy, knobs=self.own.over(other.knobs))

    @cached_property
    def pins(self) -> tuple[Word, ...]:
        """Concepts wanted next, the learner's own first, then by age; without those excluded later."""
        last = {w.concept: w for w in self.words if w.kind in (Override.Kind.PIN, Override.Kind.EXCLUDE)}
        pins = [word for word in last.values() if word.kind is Override.Kind.PIN]
        return tuple(sorted(pins, key=lambda word: (not word.is_own, word.made_at)))

    @cached_property
    def excluded(self) -> frozenset[int]:
        return self._concepts(Override.Kind.EXCLUDE) - {word.concept for word in self.pins}

    @cached_property
    def opened(self) -> frozenset[int]:
        return self._concepts(Override.Kind.OPEN)

    @cached_property
    def known(self) -> frozenset[int]:
        return self._concepts(Override.Kind.MASTERED)

    @cached_property
    def returns(self) -> dict[int, float]:
        """Unix seconds at which what is excluded or known no longer is, by concept; those without an end are not in."""
        ends: dict[int, float] = {}
        for word in self.words:
            if word.kind in (Override.Kind.EXCLUDE, Override.Kind.MASTERED):
                end = inf if word.expires_at is None else word.expires_at
                ends[word.concept] = max(end, ends.get(word.concept, end))
        return {concept: end for concept, end in ends.items() if end < inf}

    def _concepts(self, kind: Override.Kind) -> frozenset[int]:
        return frozenset(word.concept for word in self.words if word.kind is kind)


_zones: dict[str, str] = {}


def known_zone(name: str) -> str:
    """UTC for what no table of zones knows any more: one such learner must not hold up the others of a batch."""
    if name not in _zones:
        try:
            _zones[name] = ZoneInfo(name).key
        except (ValueError, OSError, KeyError):
            _zones[name] = "UTC"
    return _zones[name]
