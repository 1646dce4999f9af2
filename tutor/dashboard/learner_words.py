"""How the figures of one learner are computed, beside those that all pages share."""

from __future__ import annotations

from django.utils.translation import gettext as _

from tutor.dashboard import learner_traits
from tutor.dashboard.learner_pictures import AHEAD_DAYS
from tutor.dashboard.words import Definition, definitions
from tutor.scheduling.rules import Agreed


def of_learner(agreed: Agreed) -> dict[str, Definition]:
    """By what is agreed for the learner."""
    shared = definitions(agreed.criteria, agreed.settings, agreed.policy)
    return {**shared, **learner_traits.definitions(), **_curves(), **of_history()}


def of_history() -> dict[str, Definition]:
    return {
        "history": Definition(
            _("Answers"),
            _(
                "Every answer in the log, the newest first; nothing is left out or corrected later. “Expected” is the "
                "chance of a right answer that the tutor gave this item just before the answer was known; it is kept "
                "for a limited time, and missing of answers that came late or from elsewhere. “Why this?” stands where "
                "the tutor chose; the others were chosen by somebody else."
            ),
        ),
        "offers": Definition(
            _("Offers"),
            _(
                "What the tutor chose and offered, answered or not. What was skipped comes again after a day; a later "
                "offer of the same item replaces an earlier one."
            ),
        ),
        "said": Definition(
            _("What teachers have said"),
            _(
                "A teacher's word goes before every rule of the tutor, from the next question on. It ends on the day "
                "given, or when somebody takes it back; “do it next” also ends by mastery or enough answers. What has "
                "ended is kept, since it explains what was offered."
            ),
        ),
    }


def of_decision() -> dict[str, Definition]:
    return {
        "candidates": Definition(
            _("Candidates"),
            _(
                "What could have been offered in this place, the likeliest first: what the learner was ready for, that "
                "nobody had excluded, and that the policy ranked near the top."
            ),
        ),
        "score": Definition(
            _("Score"),
            _(
                "What the policy ranks by, in its own unit: only which is higher counts, within one choice. The usual "
                "policy's is what practice now adds to what will be known later, per minute."
            ),
        ),
        "probability": Definition(
            _("Probability"),
            _(
                "The chance with which each could have been drawn. Where nothing is left to chance the best has 100 %; "
                "it is logged so that ways of choosing can be compared honestly."
            ),
        ),
    }


def _curves() -> dict[str, Definition]:
    return {
        "curve": Definition(
            _("Forgetting and reviews"),
            _(
                "Recall until %(n)s days from now. The solid line is without practice; shaded, the range that holds it "
                "with 90 %% certainty. The dot is now. The dashed line is what is expected if everything is practised "
                "when the agenda plans it, with a mark on each such day. Of a mastered concept, the dotted level is "
                "where it falls due for review."
            )
            % {"n": AHEAD_DAYS},
        ),
        "planned": Definition(
            _("Planned"),
            _(
                "When the agenda plans the next practice, by a simulation in which everything is done when it is "
                "planned: the same that the API's agenda tells. Answers, and recall just before and right after them, "
                "are those of this simulation. It moves with every answer."
            ),
        ),
    }
