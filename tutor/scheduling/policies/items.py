"""Which item of a concept: near the preferred success, not seen lately, of another form where practice got nowhere.

An item may ask for several concepts: what bars one of the others bars the item, or lets it come last.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from copy import copy
from typing import Final, final

from curricula.document import ItemContent
from kt_models.recall import Int, sigmoid
from tutor.scheduling.policies.situation import Bool, Situation
from tutor.tracing.status import Status

#: An item fits if its expected success is this near to the preferred one.
BAND: Final = 0.1


def success(situation: Situation, concept: int, item: int) -> float:
    """P(right answer) to an item of a concept: sigmoid(logit(recall) - difficulty)."""
    return 1.0 / (1.0 + math.exp(situation.content.item_difficulty[item] - situation.strength[concept]))


def form(content: ItemContent | None) -> str:
    """What sort of material an item is: explained elsewhere, chosen from a list, or answered freely."""
    if content is None:
        return ""
    if content.url:
        return "linked"
    return "choices" if content.choices else "open"


@final
class Shelf:
    """The items of one choice, and the new concepts that they begin; what was taken is not offered again in it."""

    def __init__(self, situation: Situation) -> None:
        self._situation = situation
        self._barred = set(situation.exclude_items)
        items = situation.evidence.items.tolist()
        #: How many answers ago each recent item was answered, 1 for the last.
        self._ago = {item: len(items) - i for i, item in enumerate(items)}
        #: Those that another form than the last has made the choice.
        self.of_other_form: set[int] = set()
        self._new = ~situation.practised
        new_left = situation.rules.new_left
        self._new_left: float = math.inf if new_left is None else new_left
        self._comes_last = _comes_last(situation)

    def apart(self, without: Iterable[int] = ()) -> Shelf:
        """One to look ahead with, without the items of some concepts: what is taken from it is still here."""
        other = copy(self)
        other._barred, other.of_other_form, other._new = set(self._barred), set(self.of_other_form), self._new.copy()
        other._barred.update(item for concept in without for item in self._options(concept).tolist())
        return other

    def take(self, concept: int) -> int | None:
        """The item to offer for a concept, None if there is none left.

        Nearest to the preferred success and not seen lately, else the one seen longest ago; items that also ask for
        something locked, out of scope, or known by a teacher's word come after all others, and those that ask for
        something excluded, or begin more than may be begun today, not at all.
        """
        return self._taken(concept, self._allowed(concept))

    def take_other(self, concept: int) -> int | None:
        """The same, but of another form than the last one if there is any; `of_other_form` then has it."""
        allowed, last = self._allowed(concept), self._last_form(concept)
        usual = self._best(concept, allowed)
        other = self._best(concept, [i for i in allowed if self._form(i) != last])
        if other not in (None, usual):
            self.of_other_form.add(other)
        return self._taken(concept, allowed if other is None else [other])

    def take_pinned(self, concept: int, *, of_other_form: bool) -> int | None:
        """The same for what a teacher wants next: it may begin, and if need be what else its item begins may, too."""
        left, self._new_left = self._new_left, max(self._new_left, float(self._new[concept]))
        take = self.take_other if of_other_form else self.take
        item = take(concept)
        if item is None:
            self._new_left = math.inf
            item = take(concept)
        self._new_left = left
        return item

    def remove(self, item: int) -> None:
        self._barred.add(item)

    def begin(self, item: int) -> None:
        """Counts the new concepts of an item that is offered."""
        begun = self._begins(item)
        self._new[begun] = False
        self._new_left -= len(begun)

    def may_begin(self, item: int) -> bool:
        """Whether the day has room for all the new concepts of an item."""
        return self._new_left == math.inf or len(self._begins(item)) <= max(self._new_left, 0)

    def may_come(self, concept: int) -> bool:
        """Whether the day has room for a concept."""
        return self._new_left > 0 or not self._new[concept]

    def _begins(self, item: int) -> list[int]:
        return [concept for concept in self._situation.concepts_of(item) if self._new[concept]]

    def _taken(self, concept: int, allowed: list[int]) -> int | None:
        item = self._best(concept, allowed)
        if item is not None:
            self._barred.add(item)
        return item

    def _allowed(self, concept: int) -> list[int]:
        """Nearest to the preferred success first."""
        return [
            item
            for item in self._nearest(concept)
            if item not in self._barred and not self._is_excluded(concept, item) and self.may_begin(item)
        ]

    def by_success(self, concept: int, item: int) -> bool:
        """Whether the preferred success made it this item, and not the first of the concept."""
        options = [each for each in self._options(concept).tolist() if each not in self._situation.exclude_items]
        last = self._is_last(concept, item)
        usable = [i for i in options if i == item or (not self._is_excluded(concept, i) and self.may_begin(i))]
        alike = [each for each in usable if self._is_last(concept, each) == last]
        fresh = [each for each in alike if self._is_fresh(each)]
        expected = success(self._situation, concept, item)
        return fresh[:1] != [item] and len(fresh) > 1 and abs(expected - self._situation.settings.success) <= BAND

    def _last_form(self, concept: int) -> str:
        """The form of the concept's item that was answered last, "" if that was long ago."""
        own = set(self._options(concept).tolist())
        last = next((item for item in reversed(self._situation.evidence.items.tolist()) if item in own), None)
        return "" if last is None else self._form(last)

    def _form(self, item: int) -> str:
        return form(self._situation.content.item_contents[item])

    def _options(self, concept: int) -> Int:
        lists = self._situation.content.concept_items
        return lists.flat[lists.offset[concept] : lists.offset[concept + 1]]

    def _nearest(self, concept: int) -> list[int]:
        options, settings = self._options(concept), self._situation.settings
        expected = sigmoid(self._situation.strength[concept] - self._situation.content.item_difficulty[options])
        distance = abs(expected - settings.success)
        nearest: list[int] = options[distance.argsort(kind="stable")].tolist()
        return nearest

    def _best(self, concept: int, allowed: list[int]) -> int | None:
        found = self._freshest(item for item in allowed if not self._is_last(concept, item))
        return self._freshest(iter(allowed)) if found is None else found

    def _freshest(self, items: Iterator[int]) -> int | None:
        """The first that was not answered lately, else the one answered longest ago."""
        seen = []
        for item in items:
            if self._is_fresh(item):
                return item
            seen.append(item)
        return max(seen, key=self._ago.__getitem__, default=None)

    def _is_fresh(self, item: int) -> bool:
        gap = self._situation.settings.item_gap
        return self._ago.get(item, gap + 1) > gap

    def _others(self, concept: int, item: int) -> list[int]:
        return [other for other in self._situation.concepts_of(item) if other != concept]

    def _is_excluded(self, concept: int, item: int) -> bool:
        excluded = self._situation.rules.excluded
        return bool(excluded) and not excluded.isdisjoint(self._others(concept, item))

    def _is_last(self, concept: int, item: int) -> bool:
        return any(self._comes_last[other] for other in self._others(concept, item))


def _comes_last(situation: Situation) -> Bool:
    """(concepts,) beside which another is only asked for where it has no item else."""
    last = situation.is_status(Status.LOCKED)
    last[sorted(situation.rules.known)] = True
    return last if situation.scope is None else last | ~situation.scope
