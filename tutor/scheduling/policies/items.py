"""Which item of a concept: near the preferred success, not seen lately, of another form where practice got nowhere."""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import copy
from typing import Final, final

from curricula.document import ItemContent
from kt_models.recall import Int, sigmoid
from tutor.scheduling.policies.situation import Situation
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
    """The items of one choice; what was taken is not offered again in it."""

    def __init__(self, situation: Situation) -> None:
        self._situation = situation
        self._barred = set(situation.exclude_items)
        items = situation.evidence.items.tolist()
        #: How many answers ago each recent item was answered, 1 for the last.
        self._ago = {item: len(items) - i for i, item in enumerate(items)}
        #: Those that another form than the last has made the choice.
        self.of_other_form: set[int] = set()

    def apart(self) -> Shelf:
        """One to look ahead with: what is taken from it is still here."""
        other = copy(self)
        other._barred, other.of_other_form = set(self._barred), set(self.of_other_form)
        return other

    def take(self, concept: int) -> int | None:
        """The item to offer for a concept, None if there is none left.

        Nearest to the preferred success and not seen lately, else the one seen longest ago; items that also ask for
        something locked come after all others.
        """
        return self._taken(self._best(self._allowed(concept)))

    def take_other(self, concept: int) -> int | None:
        """The same, but of another form than the last one if there is any; `of_other_form` then has it."""
        allowed, last = self._allowed(concept), self._last_form(concept)
        usual = self._best(allowed)
        other = self._best([i for i in allowed if form(self._situation.content.item_contents[i]) != last])
        if other not in (None, usual):
            self.of_other_form.add(other)
        return self._taken(usual if other is None else other)

    def _taken(self, item: int | None) -> int | None:
        if item is not None:
            self._barred.add(item)
        return item

    def _allowed(self, concept: int) -> list[int]:
        """Nearest to the preferred success first."""
        return [item for item in self._nearest(concept) if item not in self._barred]

    def by_success(self, concept: int, item: int) -> bool:
        """Whether the preferred success made it this item, and not the first of the concept."""
        options = self._options(concept).tolist()
        fresh = [each for each in options if self._is_fresh(each) and each not in self._situation.exclude_items]
        expected = success(self._situation, concept, item)
        return fresh[:1] != [item] and len(fresh) > 1 and abs(expected - self._situation.settings.success) <= BAND

    def _last_form(self, concept: int) -> str:
        """The form of the concept's item that was answered last, "" if that was long ago."""
        own = set(self._options(concept).tolist())
        last = next((item for item in reversed(self._situation.evidence.items.tolist()) if item in own), None)
        return "" if last is None else form(self._situation.content.item_contents[last])

    def _options(self, concept: int) -> Int:
        lists = self._situation.content.concept_items
        return lists.flat[lists.offset[concept] : lists.offset[concept + 1]]

    def _nearest(self, concept: int) -> list[int]:
        options, settings = self._options(concept), self._situation.settings
        expected = sigmoid(self._situation.strength[concept] - self._situation.content.item_difficulty[options])
        distance = abs(expected - settings.success)
        nearest: list[int] = options[distance.argsort(kind="stable")].tolist()
        return nearest

    def _best(self, allowed: list[int]) -> int | None:
        found = self._freshest(item for item in allowed if not self._asks_for_locked(item))
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

    def _asks_for_locked(self, item: int) -> bool:
        concepts = self._situation.concepts_of(item)
        return len(concepts) > 1 and bool(self._situation.is_status(Status.LOCKED)[concepts].any())
