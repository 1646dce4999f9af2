"""Reason codes in sentences, the same for API, dashboard and learner."""

from __future__ import annotations

from typing import Final

from tutor.scheduling.policies import Reason

_SENTENCES: Final = {
    Reason.DUE: "Recall has faded to {figure:.0%}: time to review before more is forgotten.",
    Reason.STRUGGLING: "Most recent answers were wrong (expected {figure:.0%} right): more practice is needed.",
    Reason.STARTED: "Begun and not mastered yet (expected {figure:.0%} right).",
    Reason.READY: "New, and what it builds on is likely mastered.",
    Reason.UNLOCKS: "Later concepts that build on it: {figure:.0f}.",
    Reason.SUCCESS_BAND: "The item fits: about {figure:.0%} chance of a right answer.",
    Reason.EXPLORED: "Drawn at random among the best, so that ways of choosing can be compared.",
    Reason.GOAL: "One of the concepts that the class is to learn.",
    Reason.EXAM: "It counts on the day of the exam, in {figure:.0f} days.",
    Reason.PINNED: "A teacher wants this next.",
    Reason.RETRY: "Missed {figure:.0f} questions ago: a second try while it is fresh.",
    Reason.OTHER_MATERIAL: "{figure:.0f} answers without mastery: the next try is with another kind of material.",
    Reason.SCHEDULED: "By its schedule a review is due {figure:.1f} days after the last answer.",
    Reason.INFORMATIVE: "The answer will tell most about what is known (recall expected {figure:.0%}).",
    Reason.IN_ORDER: "Next in the order of the curriculum (place {figure:.0f}).",
    Reason.LOWEST: "Of all that may be practised, the least known (recall {figure:.0%}).",
    Reason.BY_CHANCE: "Drawn at random (1 of {figure:.0f}).",
    Reason.FADING: "Likely to be forgotten soon (recall {figure:.0%}), so it is reviewed often.",
    Reason.PROGRESS: "Practice changes answers to it at present (by {figure:.0%}).",
    Reason.SERVES: "What builds on it is not known yet (worth {figure:.1f} concepts).",
}
_FIRST: Final = "New, and needs no prerequisite."


def sentence(code: str, figure: float) -> str:
    if code == Reason.READY and figure == 0:
        return _FIRST
    return _SENTENCES[Reason(code)].format(figure=figure)
