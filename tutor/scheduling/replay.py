"""What another policy would have made of logged choices: beliefs folded again, the moment's rules, its own ranking.

The log says who could have been chosen and with which chance, not what was believed; that is had again from the log of
answers (`tutor.tracing.replay`). Among the candidates of each choice the policy then draws as `fill` lets it draw. What
it would have chosen beyond them is not in the data.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, NamedTuple, final
from uuid import UUID

import msgspec
import numpy as np
import structlog
from django.utils.translation import gettext_noop

from curricula import snapshot
from curricula.snapshot import Snapshot
from kt_models.recall import Float, Int
from tutor import db
from tutor.language import Sentence
from tutor.registry import effective, loader
from tutor.scheduling import configs, knobs, rules
from tutor.scheduling.calendar import Days
from tutor.scheduling.configs import Chosen
from tutor.scheduling.ope.logged import Bool, Logged
from tutor.scheduling.plans import Narrowed
from tutor.scheduling.policies import History, Pace, Policy, Reason, Rules, Settings, Situation, filters
from tutor.scheduling.policies.fill import probabilities
from tutor.tracing.claims import Unseen
from tutor.tracing.replay import Place, Replayed, replay
from tutor.tracing.status import Criteria

log = structlog.get_logger()

#: Learners whose logs are folded together: what is held in memory is theirs.
LEARNERS_AT_ONCE: Final = 64
#: Scores as logged have six digits; states are folded in other batches than in service, which moves the last of them.
_RELATIVE, _ABSOLUTE = 1e-3, 1e-5
FACTS: Final = ("recall", "answers", "mastered")
#: Slots that no policy draws: every one of them would have done the same.
_SET: Final = frozenset({Reason.RETRY.value, Reason.PINNED.value})

_READ: Final = """
SELECT d.id, d.learner_id, d.curriculum_id, d.curriculum_version_id, d.model_version_id, d.graph, d.policy,
    d.policy_version, d.seed, extract(epoch FROM d.as_of)::float8, extract(epoch FROM d.decided_at)::float8,
    d.reasons::text, d.narrowing::text, COALESCE(NULLIF(l.timezone, ''), s.timezone), l.day_cutoff_hour
FROM scheduling_decision d
JOIN accounts_learner l ON l.id = d.learner_id
JOIN accounts_school s ON s.id = l.school_id
WHERE d.id = ANY(%s::uuid[])
"""

_reasons: Final = msgspec.json.Decoder(list[tuple[str, float]]).decode
_narrowed: Final = msgspec.json.Decoder(Narrowed).decode


class CannotReplay(ValueError):
    """A policy that no log can tell of."""

    def __init__(self, policy: str) -> None:
        text = gettext_noop(
            "policy '{policy}' goes by what whole classes did at the time, which is not kept: judge it in the simulator"
        )
        super().__init__(Sentence(text, policy=policy))


class _Row(NamedTuple):
    """A decision; times are Unix seconds."""

    id: UUID
    learner_id: UUID
    curriculum_id: UUID
    curriculum_version_id: UUID
    model_version_id: UUID
    graph: str
    policy: str
    policy_version: int
    seed: int
    as_of: float | None
    decided_at: float
    reasons: str
    narrowing: str
    zone: str
    cutoff_hour: int

    @property
    def plan(self) -> tuple[UUID, float, int]:
        """The plan that it is a slot of."""
        return self.learner_id, self.decided_at, self.seed

    @property
    def place(self) -> Place:
        """The belief that it went by."""
        return Place(self.learner_id, self.as_of, self.decided_at, _narrowed(self.narrowing).applied_seq)


@final
@dataclass(eq=False)
class Judged:
    """What a policy would have made of each choice.

    Attributes:
        probability: (candidates,) of the policy; 0 all over a choice that is left out.
        kept: (rows,) whether it can be told, and the policy wants any of the candidates.
        facts: (candidates, facts) what was believed of each, `FACTS`.
        unwanted: choices in which the policy wants none of what was logged.
        lost: choices that cannot be told, by why not, a text for `Sentence`.
        checked, reproduced: choices in which the logging policy is known still, and those whose scores come out again.
    """

    probability: Float
    kept: Bool
    facts: Float
    unwanted: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    checked: int = 0
    reproduced: int = 0


Tell = Callable[[int], None]


def _silent(_: int) -> None:
    """For whoever does not want to hear how far it is."""


def judge(logged: Logged, school_id: UUID, chosen: Chosen, *, tell: Tell = _silent) -> Judged:
    """What a policy would have done with the candidates of logged choices, in batches of learners.

    Args:
        logged: as read from the school's decision log, with `decision`.
        tell: hears after each batch how many choices are done.

    Raises:
        CannotReplay: if the policy reads what the log does not keep.
    """
    if chosen.policy.reads_cohort:
        raise CannotReplay(chosen.label)
    n = len(logged.probability)
    judged = Judged(np.zeros(n), np.zeros(len(logged), dtype=bool), np.zeros((n, len(FACTS))))
    done = 0
    for rows in _by_learners(logged):
        _batch(logged, rows, _Target(school_id, chosen, judged))
        done += len(rows)
        tell(done)
    return judged


def _by_learners(logged: Logged) -> Iterator[Int]:
    """Rows of some learners at a time."""
    order = np.argsort(logged.learner, kind="stable")
    number = np.unique(logged.learner[order], return_inverse=True)[1]
    for first in range(0, int(number.max(initial=-1)) + 1, LEARNERS_AT_ONCE):
        yield order[(number >= first) & (number < first + LEARNERS_AT_ONCE)]


def _batch(logged: Logged, at: Int, target: _Target) -> None:
    place = {decision: row for row, decision in zip(at.tolist(), logged.decision[at].tolist(), strict=True)}
    groups: dict[tuple[UUID, UUID, UUID, str], list[_Row]] = defaultdict(list)
    for row in (_Row(*row) for row in db.rows(_READ, [list(place)])):
        groups[row.model_version_id, row.curriculum_id, row.curriculum_version_id, row.graph].append(row)
    for key, rows in groups.items():
        _group(key, rows, partial(_judge_slot, logged, place, target), target)


def _group(
    key: tuple[UUID, UUID, UUID, str], rows: list[_Row], told: Callable[[_Row, _Moment], None], target: _Target
) -> None:
    """Choices of one model on one version of the content and of its prerequisites."""
    version_id, curriculum_id, content_id, graph = key
    content = _content(target.school_id, content_id, version_id, graph)
    if content is None:
        target.judged.lost[gettext_noop("prerequisites as they were are no more")] += len(rows)
        return
    plans: dict[tuple[UUID, float, int], list[_Row]] = defaultdict(list)
    for row in rows:
        plans[row.plan].append(row)
    slots = list(plans.values())
    places = [each[0].place for each in slots]
    seen = 0
    try:
        for then in replay(version_id, curriculum_id, places, n_concepts=content.n_concepts):
            moment = _Moment(slots[then.place][0], then, content, target)
            for row in slots[then.place]:
                told(row, moment)
            seen += len(slots[then.place])
    except loader.CannotLoad as error:
        log.warning("model_not_replayed", version=str(version_id), error=str(error))
        target.judged.lost[gettext_noop("the model that served cannot be loaded")] += len(rows) - seen
        return
    if len(rows) > seen:
        target.judged.lost[gettext_noop("the log holds no such belief any more")] += len(rows) - seen


def _content(school_id: UUID, content_id: UUID, version_id: UUID, graph: str) -> Snapshot | None:
    """The content as it was, None if its prerequisites can no longer be had: reviews are changed in place."""
    published = snapshot.load(content_id)
    now = effective.content_for(published, school_id, version_id)
    return next((each for each in (published, now) if each.graph == graph), None)


@final
@dataclass(eq=False)
class _Target:
    """Who is judged, and what has been found out so far."""

    school_id: UUID
    chosen: Chosen
    judged: Judged
    _labelled: dict[tuple[str, int], Chosen | None] = field(default_factory=dict)

    def labelled(self, row: _Row) -> Chosen | None:
        """Who chose then."""
        key = row.policy, row.policy_version
        if key not in self._labelled:
            self._labelled[key] = configs.labelled(self.school_id, *key)
        return self._labelled[key]


@final
class _Moment:
    """The situation in which a plan was made, as the policy that is judged would have met it."""

    def __init__(self, row: _Row, then: Replayed, content: Snapshot, target: _Target) -> None:
        self._row, self._then, self._content = row, then, content
        said = _narrowed(row.narrowing)
        self._rules, self._settings, self._criteria = _agreed(row, said, content)
        #: Before it was noted, what authors expect.
        self._pace = Pace(*(said.pace or ()))
        #: Whether nothing was left to chance for this learner, so that nothing else can be weighed against it.
        self.never_drawn = self._settings.exploration <= 0
        self.situation = self._met_by(target.chosen)
        self.score = _open(self.situation, target.chosen.policy)
        by = target.labelled(row)
        known = by is not None and not by.policy.reads_cohort
        self.logged: Float | None = by.policy.rank(self._met_by(by)).score if by is not None and known else None

    def _met_by(self, chosen: Chosen) -> Situation:
        return Situation(
            now=self._row.decided_at,
            content=self._content,
            table=self._then.table,
            evidence=self._then.evidence,
            seed=self._row.seed,
            criteria=chosen.criteria(self._criteria),
            settings=chosen.settings(self._settings),
            rules=self._rules,
            pace=self._pace,
            history=_history(self._then.answers) if chosen.policy.reads_history else None,
        )

    def facts(self, concept: Int) -> Float:
        situation = self.situation
        columns = (situation.recall, np.log1p(situation.column("n")), situation.column("mastered"))
        return np.column_stack([column[concept] for column in columns])


def _open(situation: Situation, policy: Policy) -> Float:
    """(concepts,) scores, -inf for what the policy does not want or its own criteria bar."""
    bars = filters.barriers(situation, needs_prerequisites=policy.needs_prerequisites)
    return np.where(bars == filters.OPEN, policy.rank(situation).score, -np.inf)


def _agreed(row: _Row, said: Narrowed, content: Snapshot) -> tuple[Rules, Settings, Criteria]:
    """What held for the learner then, as the log says: before it said so, defaults did."""
    turned = knobs.decoded(msgspec.json.encode(said.settings).decode())
    position = content.concept_position
    goals = frozenset(position[key] for key in turned.goals if key in position)
    settings = knobs.settings_of(turned, goals, row.zone, row.cutoff_hour, said.explores)
    opened, known = frozenset(said.opened), frozenset(said.known)
    criteria = replace(knobs.criteria_of(turned), known=known, opened=opened)
    if said.day_ends is None:
        return Rules(), settings, criteria
    days = Days.ahead(row.zone, row.cutoff_hour, row.decided_at)
    quiet = days.quiet(turned.quiet_numbers, turned.quiet_dates)
    spread = partial(rules.spread, days, quiet) if settings.spread_reviews else None
    held = Rules(
        excluded=frozenset(said.excluded), opened=opened, known=known, day_ends=said.day_ends, review_due=spread
    )
    return held, settings, criteria


def _history(answers: Sequence[Unseen]) -> History:
    rows = [(each.item, concept, each.seconds, each.correct) for each in answers for concept in each.concepts]
    if not rows:
        return History.none()
    item, concept, seconds, correct = zip(*rows, strict=True)
    return History(np.array(item), np.array(concept), np.array(seconds, np.float64), np.array(correct, np.float64))


def _judge_slot(logged: Logged, place: dict[Any, int], target: _Target, row: _Row, moment: _Moment) -> None:
    at, judged = place[row.id], target.judged
    part = slice(int(logged.offset[at]), int(logged.offset[at + 1]))
    concept = logged.concept[part]
    if (concept >= moment.situation.content.n_concepts).any():
        judged.lost[gettext_noop("a concept is of a later version than the choice")] += 1
        return
    # What a teacher set is weighed in no case: it is compared by what was known.
    if moment.never_drawn and len(concept) > 1 and logged.drawn[at]:
        judged.lost[gettext_noop("a learner who is never explored on")] += 1
        return
    judged.facts[part] = moment.facts(concept)
    if len(concept) == 1 and not _SET.isdisjoint(code for code, _ in _reasons(row.reasons)):
        judged.probability[part], judged.kept[at] = 1.0, True
        return
    if moment.logged is not None:
        judged.checked += 1
        judged.reproduced += _is_same(moment.logged[concept], logged, part)
    chances = drawn(moment.score[concept], concept, moment.situation.settings)
    if chances is None:
        judged.unwanted += 1
    else:
        judged.probability[part], judged.kept[at] = chances, True


def _is_same(score: Float, logged: Logged, part: slice) -> bool:
    """Whether scores are those logged; what somebody else set among the candidates has none."""
    scored = logged.drawn[logged.row[part]] | (logged.probability[part] > 0)
    return np.allclose(score[scored], logged.score[part][scored], rtol=_RELATIVE, atol=_ABSOLUTE)


def drawn(score: Float, concept: Int, settings: Settings) -> Float | None:
    """The chance of each candidate as `fill` draws, in the order given; None if none of them is wanted.

    Args: score: -inf for what is not wanted.     concept: of equal scores the first by position comes first.
    """
    order = np.lexsort((concept, -score))
    wanted = order[np.isfinite(score[order])][: max(settings.explored, 1)]
    if not len(wanted):
        return None
    chances = np.zeros(len(score))
    chances[wanted] = probabilities(np.round(score[wanted], 6).tolist(), settings)
    return chances
