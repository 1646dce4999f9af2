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
}
_FIRST: Final = "New, and needs no prerequisite."


def sentence(code: str, figure: float) -> str:
    if code == Reason.READY and figure == 0:
        return _FIRST
    return _SENTENCES[Reason(code)].format(figure=figure)
