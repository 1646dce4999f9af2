"""Reason codes in sentences, the same for API, dashboard and learner."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext, gettext_noop

from tutor.language import Figure
from tutor.scheduling.policies import Reason

_SENTENCES: Final = {
    Reason.DUE: gettext_noop("Recall has faded to {figure:.0%}: time to review before more is forgotten."),
    Reason.STRUGGLING: gettext_noop(
        "Most recent answers were wrong (expected {figure:.0%} right): more practice is needed."
    ),
    Reason.STARTED: gettext_noop("Begun and not mastered yet (expected {figure:.0%} right)."),
    Reason.READY: gettext_noop("New, and what it builds on is likely mastered."),
    Reason.UNLOCKS: gettext_noop("Later concepts that build on it and are not mastered yet: {figure:.0f}."),
    Reason.SUCCESS_BAND: gettext_noop("The item fits: about {figure:.0%} chance of a right answer."),
    Reason.EXPLORED: gettext_noop("Drawn at random among the best, so that ways of choosing can be compared."),
    Reason.GOAL: gettext_noop("One of the concepts that the class is to learn."),
    Reason.EXAM: gettext_noop("It counts on the day of the exam, in {figure:.0f} days."),
    Reason.PINNED: gettext_noop("A teacher wants this next."),
    Reason.RETRY: gettext_noop("Missed {figure:.0f} questions ago: a second try while it is fresh."),
    Reason.OTHER_MATERIAL: gettext_noop(
        "{figure:.0f} answers without mastery: the next try is with another kind of material."
    ),
    Reason.SCHEDULED: gettext_noop("By its schedule a review is due {figure:.1f} days after the last answer."),
    Reason.INFORMATIVE: gettext_noop("The answer will tell most about what is known (recall expected {figure:.0%})."),
    Reason.IN_ORDER: gettext_noop("Next in the order of the curriculum (place {figure:.0f})."),
    Reason.LOWEST: gettext_noop("Of all that may be practised, the least known (recall {figure:.0%})."),
    Reason.BY_CHANCE: gettext_noop("Drawn at random (1 of {figure:.0f})."),
    Reason.FADING: gettext_noop("Likely to be forgotten soon (recall {figure:.0%}), so it is reviewed often."),
    Reason.PROGRESS: gettext_noop("Practice changes answers to it at present (by {figure:.0%})."),
    Reason.SERVES: gettext_noop("What builds on it is not known yet (worth {figure:.1f} concepts)."),
}
_FIRST: Final = gettext_noop("New, and needs no prerequisite.")


def sentence(code: str, figure: float) -> str:
    """In the language that is active: the API's is English."""
    if code == Reason.READY and figure == 0:
        return gettext(_FIRST)
    return gettext(_SENTENCES[Reason(code)]).format(figure=Figure(figure))
