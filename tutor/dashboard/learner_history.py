"""What one learner was offered and answered, a page at a time, with what the tutor expected and why it chose so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol, final
from urllib.parse import urlencode
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from curricula.snapshot import Snapshot
from tutor import db
from tutor.dashboard.queries import Answer
from tutor.dashboard.upcoming import kind_label
from tutor.scheduling.models import Decision

#: Rows of a page.
PER_PAGE: Final = 50
#: Of a file: a learner who answers thirty items a day for a school year.
MOST_ROWS: Final = 10_000
_HIGHEST_PAGE: Final = 100_000

#: Credits (lowest, highest) of each verdict; whole numbers stand for all between.
VERDICTS: Final[Mapping[str, tuple[float, float]]] = {
    "": (0.0, 1.0),
    "right": (1.0, 1.0),
    "wrong": (0.0, 0.0),
    "partly": (1e-9, 1.0 - 1e-9),
}
VERDICT_LABELS: Final = {
    "": gettext_lazy("all"),
    "right": gettext_lazy("right"),
    "wrong": gettext_lazy("wrong"),
    "partly": gettext_lazy("partly right"),
}
OUTCOME_LABELS: Final = {
    Decision.Outcome.OFFERED: gettext_lazy("not answered"),
    Decision.Outcome.SHOWN: gettext_lazy("shown, not answered"),
    Decision.Outcome.STARTED: gettext_lazy("begun, not answered"),
    Decision.Outcome.OVERRIDDEN: gettext_lazy("set aside by a teacher"),
    Decision.Outcome.SUPERSEDED: gettext_lazy("replaced by a later offer"),
    Decision.Outcome.SKIPPED: gettext_lazy("skipped"),
    Decision.Outcome.ANSWERED: gettext_lazy("answered"),
}
#: Other outcomes than an answer, by what an address calls them.
NOT_ANSWERED: Final = ("offered", "shown", "started", "overridden", "superseded", "skipped")

_ANSWERS: Final = """
SELECT occurred_at, seq, item, concepts, correct, response_seconds, hints, count(*) OVER ()
FROM interactions_interaction
WHERE learner_id = %s AND curriculum_id = %s AND correct BETWEEN %s AND %s AND concepts @> %s::int[]
ORDER BY occurred_at DESC, seq DESC LIMIT %s OFFSET %s
"""
# Of versions that have served: what a challenger expects is shown to nobody. The one that served then, if both did.
_EXPECTED: Final = """
SELECT DISTINCT ON (s.seq) s.seq, s.p, v.kind
FROM registry_modelversion v JOIN tracing_score s ON s.version_id = v.id
WHERE v.id IN (
        SELECT version_id FROM tracing_learnerstate WHERE learner_id = %s AND curriculum_id = %s
        UNION SELECT %s::uuid
    ) AND v.state IN ('champion', 'retired', 'failed')
    AND s.learner_id = %s AND s.curriculum_id = %s AND s.seq = ANY(%s::bigint[])
ORDER BY s.seq, s.scored_at, s.id
"""
_CHOSEN: Final = """
SELECT answered_seq, id, policy FROM scheduling_decision
WHERE learner_id = %s AND curriculum_id = %s AND answered_seq = ANY(%s::bigint[])
"""
_OFFERS: Final = """
SELECT id, served_at, concept, item, kind, outcome, outcome_at, correct, policy, count(*) OVER ()
FROM scheduling_decision
WHERE learner_id = %s AND curriculum_id = %s AND (%s::int IS NULL OR concept = %s) AND outcome = ANY(%s::text[])
    AND (outcome <> 'answered' OR correct IS NULL OR correct BETWEEN %s AND %s)
ORDER BY served_at DESC, slot, id LIMIT %s OFFSET %s
"""


class Parameters(Protocol):
    """Those of an address, as Django's `QueryDict`."""

    def get(self, key: str, default: str) -> Any: ...


@final
@dataclass(frozen=True)
class Asked:
    """What an address asks for. `show`: answers, or offers, whatever became of them. `problems` are for the reader."""

    show: str = "answers"
    concept: str = ""
    verdict: str = ""
    outcome: str = ""
    page: int = 1
    problems: tuple[str, ...] = ()

    @classmethod
    def parse(cls, said: Parameters, content: Snapshot) -> Asked:
        """What cannot be read counts as not said, and is named."""
        problems: list[str] = []

        def one_of(name: str, known: Sequence[str]) -> str:
            value = str(said.get(name, ""))
            if value and value not in known:
                text = _("“%(value)s” is no value of “%(name)s”: it is left out.")
                problems.append(text % {"value": value, "name": name})
                return ""
            return value

        page = str(said.get("page", "") or "1")
        if not (page.isdecimal() and 1 <= int(page[:9]) <= _HIGHEST_PAGE):
            problems.append(_("“%(value)s” is no page: the first one is shown.") % {"value": page})
            page = "1"
        return cls(
            show=one_of("show", ("answers", "offers")) or "answers",
            concept=one_of("concept", list(content.concept_position)),
            verdict=one_of("verdict", list(VERDICTS)),
            outcome=one_of("outcome", ("answered", *NOT_ANSWERED)),
            page=int(page[:9]),
            problems=tuple(problems),
        )

    @property
    def narrows(self) -> bool:
        return bool(self.concept or self.verdict or self.outcome)

    @property
    def outcomes(self) -> list[str]:
        """A verdict is of answers alone."""
        if self.outcome:
            return [self.outcome]
        return ["answered"] if self.verdict else ["answered", *NOT_ANSWERED]

    def first_page(self) -> Asked:
        return replace(self, page=1)

    def address(self, **changes: Any) -> str:
        """The parameters after a change, "?" if there are none; other filters start at the first page."""
        to = replace(self, **({"page": 1} | changes))
        said = {
            "show": to.show if to.show != "answers" else "", "concept": to.concept, "verdict": to.verdict,
            "outcome": to.outcome if to.show == "offers" else "", "page": to.page if to.page > 1 else "",
        }  # fmt: skip
        return "?" + urlencode({name: value for name, value in said.items() if value})


class Given(NamedTuple):
    """An answer; `expected` is what the tutor expected just before it, None where that is no longer kept.

    `decision` is the choice that it answers, None where the tutor did not choose.
    """

    answer: Answer
    keys: tuple[str, ...]
    expected: float | None
    model: str
    decision: UUID | None
    policy: str


class Offered(NamedTuple):
    """A choice that was offered, and what became of it."""

    decision: UUID
    at: datetime
    concept: str
    statement: str
    kind: str
    outcome: str
    outcome_at: datetime | None
    correct: float | None
    policy: str

    @property
    def kind_label(self) -> str:
        return kind_label(self.kind)

    @property
    def outcome_label(self) -> str:
        return str(OUTCOME_LABELS[Decision.Outcome(self.outcome)])

    @property
    def verdict(self) -> str:
        """ "" unless it was answered."""
        if self.outcome != Decision.Outcome.ANSWERED or self.correct is None:
            return ""
        return "right" if self.correct == 1.0 else "wrong" if self.correct == 0.0 else "partly"


@final
@dataclass(frozen=True)
class Part:
    """One page of `total` rows; `answers` or `offers`, as asked."""

    total: int
    first: int
    answers: tuple[Given, ...] = ()
    offers: tuple[Offered, ...] = ()

    @property
    def last(self) -> int:
        return self.first + len(self.answers) + len(self.offers) - 1

    @property
    def has_more(self) -> bool:
        return self.last < self.total


def answers(
    learner_id: UUID, version_id: UUID, content: Snapshot, asked: Asked, *, limit: int = PER_PAGE
) -> Part:  # fmt: skip
    """The newest first: three statements."""
    low, high = VERDICTS[asked.verdict]
    wanted = [content.concept_position[asked.concept]] if asked.concept else []
    start = (asked.page - 1) * limit
    who = (learner_id, content.curriculum_id)
    rows = db.rows(_ANSWERS, (*who, low, high, wanted, limit, start), prepare=True)
    seqs = [row[1] for row in rows]
    expected = {seq: rest for seq, *rest in db.rows(_EXPECTED, (*who, version_id, *who, seqs))}
    chosen = {seq: rest for seq, *rest in db.rows(_CHOSEN, (*who, seqs))}
    given = [_given(content, row, expected.get(row[1]), chosen.get(row[1])) for row in rows]
    return Part(rows[0][-1] if rows else 0, start + 1, answers=tuple(given))


def offers(learner_id: UUID, content: Snapshot, asked: Asked, *, limit: int = PER_PAGE) -> Part:
    """All that was offered, answered or not, the newest first: one statement."""
    low, high = VERDICTS[asked.verdict]
    concept = content.concept_position[asked.concept] if asked.concept else None
    start = (asked.page - 1) * limit
    who = (learner_id, content.curriculum_id)
    rows = db.rows(_OFFERS, (*who, concept, concept, asked.outcomes, low, high, limit, start))
    found = [
        Offered(pk, at, content.concept_titles[concept], content.item_statement(item), *rest)
        for pk, at, concept, item, *rest, _total in rows
    ]
    return Part(rows[0][-1] if rows else 0, start + 1, offers=tuple(found))


def _given(content: Snapshot, row: tuple[Any, ...], expected: list[Any] | None, chosen: list[Any] | None) -> Given:
    at, _seq, item, concepts, correct, seconds, hints, _total = row
    titles = tuple(content.concept_titles[c] for c in concepts)
    answer = Answer(at, content.item_statement(item), titles, correct, seconds, hints)
    keys = tuple(content.concept_keys[c] for c in concepts)
    return Given(answer, keys, *(expected or (None, "")), *(chosen or (None, "")))
