"""Why there is nothing to do, and what teachers should look at, in sentences: the same for API and pages.

In the language that is active: the API's is English.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext, gettext_noop

from tutor.scheduling.plans import Body
from tutor.scheduling.policies import Alert, Barrier

_NOTHING: Final = {
    Barrier.WITHDRAWN: gettext_noop("The curriculum has no concepts at present."),
    Barrier.NO_ITEM: gettext_noop(
        "No item is left to offer for what could be practised: what was skipped comes again after a day, "
        "and items that also ask for something excluded stay out."
    ),
    Barrier.OUT_OF_SCOPE: gettext_noop("None of the concepts asked for is in the curriculum."),
    Barrier.EXCLUDED: gettext_noop("What is left is what a teacher has excluded, or says is mastered."),
    Barrier.LOCKED: gettext_noop("What is left is locked: its prerequisites are not likely mastered yet."),
    Barrier.NEW_TODAY: gettext_noop("Enough was begun today: new concepts come again tomorrow."),
    Barrier.RESTING: gettext_noop(
        "What is left is at rest until tomorrow: too many answers to it brought no progress."
    ),
    Barrier.NOT_DUE: gettext_noop("Nothing is due for review yet, and nothing else is to be practised."),
    Barrier.QUIET_DAY: gettext_noop("Today is a quiet day: nothing is planned."),
    Barrier.ANSWERS_TODAY: gettext_noop("The answers agreed for today are given."),
    Barrier.MINUTES_TODAY: gettext_noop("The minutes agreed for today are over."),
    Barrier.PLACED: gettext_noop("The placement is complete."),
}
_ANSWERS: Final = gettext_noop("Only answers will change that.")
#: Of what time does not change: what will. Where the reason says so itself, it is not said again.
_OTHERWISE: Final = {
    Barrier.WITHDRAWN: gettext_noop("A version of the curriculum that has some will change that."),
    Barrier.NO_ITEM: gettext_noop("New items will change that, or to ask without leaving any out."),
    Barrier.OUT_OF_SCOPE: gettext_noop("To ask for others will change that."),
    Barrier.EXCLUDED: gettext_noop("It stays so until somebody ends what the teacher said."),
    Barrier.LOCKED: gettext_noop("Answers to what comes before will change that, or a teacher who opens it."),
    Barrier.NEW_TODAY: _ANSWERS,
    Barrier.RESTING: _ANSWERS,
    Barrier.NOT_DUE: _ANSWERS,
}
_BARRED: Final = {
    Barrier.NO_ITEM: gettext_noop("without an item to offer"),
    Barrier.EXCLUDED: gettext_noop("excluded by a teacher"),
    Barrier.LOCKED: gettext_noop("locked"),
    Barrier.NEW_TODAY: gettext_noop("new, and enough was begun today"),
    Barrier.RESTING: gettext_noop("at rest until tomorrow"),
    Barrier.NOT_DUE: gettext_noop("not due yet"),
}
_ALERTS: Final = {
    Alert.WHEEL_SPINNING: "Many answers without mastery, at most half of the last right: another way in is needed."
}
_NOW: Final = gettext_noop("Nothing to do now.")
_ASKED_FOR: Final = gettext_noop("Of the concepts asked for")
_ALL: Final = gettext_noop("Of all concepts")


def nothing(body: Body) -> str:
    """Why there is no entry, how many concepts are barred by what, and what will change that if time does not."""
    why = gettext(_NOTHING[Barrier(body.nothing)] if body.nothing else _NOW)
    return " ".join(filter(None, [why, barred(body.narrowed.barriers), "" if body.next_due_at else _otherwise(body)]))


def _otherwise(body: Body) -> str:
    said = _OTHERWISE.get(Barrier(body.nothing), "") if body.nothing else _ANSWERS
    return gettext(said) if said else ""


def placed(policy: str) -> str:
    """That a placement is complete, and what goes on."""
    return gettext("The placement is complete: the policy %(policy)s goes on.") % {"policy": policy}


def barred(barriers: Mapping[str, int]) -> str:
    """How many concepts were no candidates, by why not; "" if all were."""
    told = [f"{barriers[barrier]} {gettext(words)}" for barrier, words in _BARRED.items() if barriers.get(barrier)]
    of = _ASKED_FOR if Barrier.OUT_OF_SCOPE in barriers else _ALL
    return f"{gettext(of)}: {', '.join(told)}." if told else ""


def alert(code: str) -> str:
    return gettext(_ALERTS[Alert(code)])
