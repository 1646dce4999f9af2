"""From scores to a choice, the same for every policy: filters, pins, second tries, exploration, items, reasons."""

from __future__ import annotations

# Not for secrets; numpy's generator costs more to make than the whole choice.
import random
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple, final

import numpy as np

from kt_models.recall import Int
from tutor.scheduling.policies import filters
from tutor.scheduling.policies.awaited import next_look
from tutor.scheduling.policies.choice import Alert, Barrier, Candidate, Choice, Entry, Kind, Reason
from tutor.scheduling.policies.items import Shelf, success
from tutor.scheduling.policies.ranking import Policy, Ranking
from tutor.scheduling.policies.situation import Bool, Settings, Situation, Spinning
from tutor.tracing.status import CODES, Status

_DIGITS: Final = 6


def choose(situation: Situation, policy: Policy) -> Choice:
    """What a policy says in a situation. Each slot is drawn among the best candidates that the slots before it left."""
    ranking = policy.rank(situation)
    bars = filters.barriers(situation, needs_prerequisites=policy.needs_prerequisites)
    stopped = filters.whole(situation)
    slots = _Slots(situation, ranking, bars, retries=policy.retries)
    entries = () if stopped else tuple(slots.fill())
    nothing = None if entries else stopped or ranking.done or _commonest(slots.counts, situation)
    return Choice(
        entries,
        next_look(situation, policy, ranking, bars, stopped),
        _by_status(situation),
        slots.counts,
        nothing,
        tuple((int(concept), Alert.WHEEL_SPINNING.value) for concept in np.flatnonzero(slots.spinning)),
        done=ranking.done,
    )


def _by_status(situation: Situation) -> dict[str, int]:
    counts = np.bincount(situation.status[situation.content.concept_active], minlength=len(Status))
    return {status.value: int(counts[code]) for status, code in CODES.items()}


def _commonest(counts: dict[str, int], situation: Situation) -> Barrier:
    """Of a curriculum's own concepts: what was withdrawn explains nothing, and what nothing bars has no item left."""
    told = {Barrier(code): n for code, n in counts.items() if code != Barrier.WITHDRAWN and n}
    left = Barrier.NO_ITEM if situation.content.concept_active.any() else Barrier.WITHDRAWN
    return max(told, key=lambda barrier: told[barrier], default=left)


class _Offer(NamedTuple):
    concept: int
    item: int
    score: float


def probabilities(scores: Sequence[float], settings: Settings) -> list[float]:
    """The chance of each candidate, best first: inverse-gap weighting above a floor.

        p_i = e / m + (1 - e) q_i,   q_i = 1 / (m + c (s_0 - s_i) / |s_0|) for i > 0,   q_0 the rest

    Foster & Rakhlin (2020), gaps relative to the best score. Without exploration (e = 0) the best is taken.

    Args: scores: descending, finite.     Returns: as many, summing to 1 when rounded to six digits.
    """
    m, floor = len(scores), settings.exploration / len(scores)
    if m == 1 or settings.exploration <= 0:
        return [1.0] + [0.0] * (m - 1)
    scale = max(abs(scores[0]), 1e-9)
    weights = [1.0 / (m + settings.inverse_gap * (scores[0] - score) / scale) for score in scores[1:]]
    rest = [round(floor + (1.0 - settings.exploration) * weight, _DIGITS) for weight in weights]
    return [round(1.0 - sum(rest), _DIGITS), *rest]


@final
class _Slots:
    """The slots of one choice."""

    def __init__(self, situation: Situation, ranking: Ranking, bars: Int, *, retries: bool) -> None:
        self._situation, self._ranking = situation, ranking
        self._chance = random.Random(situation.seed)  # noqa: S311
        self._shelf = Shelf(situation)
        self._explored = max(situation.settings.explored, 1)
        self._ago = filters.lately(situation)
        self._missed = filters.retries(situation, self._ago) if retries else []
        usable = situation.content.concept_active & (True if situation.scope is None else situation.scope)
        self._pins = {pin for pin in situation.rules.pinned if usable[pin]}
        self._open = bars == filters.OPEN
        wanted = self._open & np.isfinite(ranking.score)
        self.spinning = filters.spinning(situation) & situation.content.concept_active
        self.counts = _counted(bars, self._open & ~wanted)
        self._order, self._waiting = self._ordered(wanted)

    def fill(self) -> Iterator[Entry]:
        situation, rules = self._situation, self._situation.rules
        size = situation.settings.size if situation.size is None else situation.size
        size = size if rules.answers_left is None else min(size, rules.answers_left)
        limits = [limit for limit in (situation.minutes, rules.minutes_left) if limit is not None]
        minutes, most = 0.0, min(limits, default=np.inf)
        for entry in islice(self._entries(), max(size, 0)):
            if minutes >= most:
                return
            yield entry
            minutes += self._minutes(entry)

    def _minutes(self, entry: Entry) -> float:
        """That the answer is expected to take: this learner, where that is told, else the learners of the school."""
        situation, pace = self._situation, self._situation.pace
        recall = situation.recall[entry.concept]
        usual = pace.usual if situation.own_pace is None else situation.own_pace
        slower = usual * (recall + (1.0 - recall) * pace.wrong) * (pace.first if entry.kind is Kind.NEW else 1.0)
        return float(situation.content.item_minutes[entry.item] * slower)

    def _ordered(self, wanted: Bool) -> tuple[list[int], list[int]]:
        """Concepts that are candidates, best first; apart what was just asked, and comes when there is nothing else."""
        pool = np.flatnonzero(wanted)
        best = pool[np.argsort(-self._ranking.score[pool], kind="stable")].tolist()
        wait = filters.waiting(self._situation, self._ago)
        return [c for c in best if c not in wait], [c for c in best if c in wait]

    def _entries(self) -> Iterator[Entry]:
        if self._pins and (held := self._pins & filters.in_a_row(self._situation)):
            yield from self._between(held)
        yield from self._chosen()

    def _between(self, held: set[int]) -> Iterator[Entry]:
        """One item that does not ask for what is held: pinned, but asked for often enough in a row."""
        shelf, waiting, pins, missed = self._shelf, self._waiting, self._pins, self._missed
        self._shelf = shelf.apart(held)
        self._waiting, self._missed = ([c for c in of if c not in held] for of in (waiting, missed))
        self._pins = pins - held
        entry = next(self._chosen(), None)
        # As if nobody had looked: who else stood in line for this slot does so for the next.
        self._shelf, self._waiting, self._pins, self._missed = shelf, waiting, pins, missed
        if entry is not None:
            shelf.remove(entry.item)
            shelf.begin(entry.item)
            self._remove(entry.concept)
            yield entry

    def _chosen(self) -> Iterator[Entry]:
        yield from self._pinned()
        if self._ranking.done:
            return
        yield from self._retries()
        yield from self._drawn(self._order)
        yield from self._drawn(self._waiting)

    def _drawn(self, order: list[int]) -> Iterator[Entry]:
        left = self._offers(order, self._shelf)
        head = list(islice(left, self._explored))
        while head:
            shown, slot = self._draw(head)
            offer = head.pop(slot)
            yield self._entry(offer, shown, shown[slot].probability, self._reasons(shown, slot))
            self._shelf.begin(offer.item)
            head = [kept for each in head if (kept := self._kept(each)) is not None]
            head += islice(left, 1)

    def _kept(self, offer: _Offer) -> _Offer | None:
        """With another item where the day has no room left for what this one begins; None without any."""
        if self._shelf.may_begin(offer.item):
            return offer
        item = self._take(offer.concept)
        return None if item is None else offer._replace(item=item)

    def _pinned(self) -> Iterator[Entry]:
        """What a teacher wants next. The policy drew none of it; what it would have drawn from is told with it."""
        for concept in [pin for pin in self._situation.rules.pinned if pin in self._pins]:
            item = self._shelf.take_pinned(concept, of_other_form=self._needs_other_form(concept))
            if item is not None:
                offer = _Offer(concept, item, self._score(concept))
                shown = self._beside(offer)
                self._remove(concept)
                yield self._entry(offer, shown, 0.0, [(Reason.PINNED.value, 1.0)])
                self._shelf.begin(item)

    def _beside(self, pinned: _Offer) -> tuple[Candidate, ...]:
        """What the policy would draw from in this slot, what is pinned among it: with no chance if not wanted by it."""
        shelf = self._shelf.apart()
        heads = (islice(self._offers(order, shelf, pinned), self._explored) for order in (self._order, self._waiting))
        head = [] if self._ranking.done else next(filter(None, map(list, heads)), [])
        if not head:
            return (Candidate(*pinned, 1.0),)
        shown = self._chances(head)
        return shown if pinned in head else (*shown, Candidate(*pinned, 0.0))

    def _retries(self) -> Iterator[Entry]:
        for concept in self._missed:
            if self._open[concept] and (item := self._take(concept)) is not None:
                self._remove(concept)
                offer = _Offer(concept, item, self._score(concept))
                reasons = [(Reason.RETRY.value, float(self._ago[concept]))]
                yield self._entry(offer, (Candidate(*offer, 1.0),), 1.0, reasons)
                self._shelf.begin(item)

    def _offers(self, order: list[int], shelf: Shelf, pinned: _Offer | None = None) -> Iterator[_Offer]:
        """Each candidate that has an item to offer, no item twice; what is pinned has its own already."""
        for concept in order:
            if not shelf.may_come(concept):
                continue
            if pinned and concept == pinned.concept:
                if shelf.may_begin(pinned.item):
                    yield pinned
            elif (item := self._take(concept, shelf)) is not None:
                yield _Offer(concept, item, self._score(concept))

    def _take(self, concept: int, shelf: Shelf | None = None) -> int | None:
        shelf = shelf or self._shelf
        return shelf.take_other(concept) if self._needs_other_form(concept) else shelf.take(concept)

    def _needs_other_form(self, concept: int) -> bool:
        return self._situation.settings.spinning is Spinning.OTHER_MATERIAL and bool(self.spinning[concept])

    def _score(self, concept: int) -> float:
        score = float(self._ranking.score[concept])
        return round(score, _DIGITS) if np.isfinite(score) else 0.0

    def _remove(self, concept: int) -> None:
        for order in (self._order, self._waiting):
            if concept in order:
                order.remove(concept)
        self._open[concept] = False
        self._pins.discard(concept)

    def _draw(self, head: list[_Offer]) -> tuple[tuple[Candidate, ...], int]:
        shown = self._chances(head)
        point, slot = self._chance.random(), len(shown) - 1
        # From the last on, so that the best has what is left when rounding is done.
        while slot and point >= shown[slot].probability:
            point -= shown[slot].probability
            slot -= 1
        return shown, slot

    def _chances(self, head: list[_Offer]) -> tuple[Candidate, ...]:
        chances = probabilities([offer.score for offer in head], self._situation.settings)
        return tuple(Candidate(*offer, chance) for offer, chance in zip(head, chances, strict=True))

    def _entry(
        self, offer: _Offer, shown: tuple[Candidate, ...], propensity: float, reasons: list[tuple[str, float]]
    ) -> Entry:
        situation, concept, item = self._situation, offer.concept, offer.item
        kind = _kind(situation, concept)
        expected = success(situation, concept, item)
        if self._shelf.by_success(concept, item):
            reasons.append((Reason.SUCCESS_BAND.value, round(expected, 3)))
        if item in self._shelf.of_other_form:
            reasons.append((Reason.OTHER_MATERIAL.value, float(situation.column("n")[concept])))
        due = float(self._ranking.due[concept])
        due = min(due, situation.now) if kind is Kind.REVIEW else situation.now
        return Entry(
            concept, item, kind, due, offer.score, propensity, round(expected, 4), tuple(reasons), shown
        )  # fmt: skip

    def _reasons(self, shown: tuple[Candidate, ...], slot: int) -> list[tuple[str, float]]:
        """(code, figure) pairs, the weightiest first; a part of the score only where the place hangs on it."""
        concept = shown[slot].concept
        code, figure = self._ranking.why(concept)
        reasons = [(code.value, figure)]
        below = max((each.score for each in shown[slot + 1 :]), default=-np.inf)
        for reason, part in self._ranking.parts.items():
            if part.without[concept] < min(below, shown[slot].score):
                reasons.append((reason.value, round(float(part.figure[concept]), 3)))
        if slot:
            reasons.append((Reason.EXPLORED.value, self._situation.settings.exploration))
        return reasons


def _counted(bars: Int, not_due: Bool) -> dict[str, int]:
    counts = np.bincount(bars[bars != filters.OPEN], minlength=len(filters.CODES))
    counts[filters.CODES.index(Barrier.NOT_DUE)] += int(not_due.sum())
    return {barrier.value: int(n) for barrier, n in zip(filters.CODES, counts, strict=True) if n}


def _kind(situation: Situation, concept: int) -> Kind:
    if not situation.practised[concept]:
        return Kind.NEW
    return Kind.REVIEW if situation.mastered[concept] else Kind.PRACTICE
