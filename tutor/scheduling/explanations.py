"""Why there is nothing to do, and what teachers should look at, in sentences: the same for API and pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tutor.scheduling.policies import Alert, Barrier

_NOTHING: Final = {
    Barrier.WITHDRAWN: "The curriculum has no concepts at present.",
    Barrier.NO_ITEM: "No item is left to offer for what could be practised; what was skipped comes again after a day.",
    Barrier.OUT_OF_SCOPE: "None of the concepts asked for is in the curriculum.",
    Barrier.EXCLUDED: "What is left is what a teacher has excluded, or says is mastered.",
    Barrier.LOCKED: "What is left is locked: its prerequisites are not likely mastered yet.",
    Barrier.NEW_TODAY: "Enough was begun today: new concepts come again tomorrow.",
    Barrier.RESTING: "What is left is at rest until tomorrow: too many answers to it brought no progress.",
    Barrier.NOT_DUE: "Nothing is due for review yet, and nothing else is to be practised.",
    Barrier.QUIET_DAY: "Today is a quiet day: nothing is planned.",
    Barrier.ANSWERS_TODAY: "The answers agreed for today are given.",
    Barrier.MINUTES_TODAY: "The minutes agreed for today are over.",
    Barrier.PLACED: "The placement is complete: agree with the class on the policy that goes on from there.",
}
_BARRED: Final = {
    Barrier.NO_ITEM: "without an item to offer",
    Barrier.EXCLUDED: "excluded by a teacher",
    Barrier.LOCKED: "locked",
    Barrier.NEW_TODAY: "new, and enough was begun today",
    Barrier.RESTING: "at rest until tomorrow",
    Barrier.NOT_DUE: "not due yet",
}
_ALERTS: Final = {
    Alert.WHEEL_SPINNING: "Many answers without mastery, at most half of the last right: another way in is needed."
}


def nothing(code: str, barriers: Mapping[str, int]) -> str:
    """Why there is no entry, and how many concepts are barred by what."""
    told = [f"{barriers[barrier]} {words}" for barrier, words in _BARRED.items() if barriers.get(barrier)]
    of = "Of the concepts asked for" if Barrier.OUT_OF_SCOPE in barriers else "Of all concepts"
    counted = f" {of}: {', '.join(told)}." if told else ""
    return (_NOTHING[Barrier(code)] if code else "Nothing to do now.") + counted


def alert(code: str) -> str:
    return _ALERTS[Alert(code)]
