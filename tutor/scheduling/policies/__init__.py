"""Policies: pure functions from a situation to a choice. Clock and chance are arguments; nothing is read or written.

A policy ranks concepts (`ranking.Rank`); everything else is the same for all of them: hard filters, pins, second tries,
which item, exploration, reasons (`fill.choose`).
"""

from __future__ import annotations

from typing import Final

from tutor.scheduling.policies.choice import Alert, Barrier, Candidate, Choice, Entry, Kind, Reason
from tutor.scheduling.policies.cohort import cohort_of
from tutor.scheduling.policies.fsrs import fsrs
from tutor.scheduling.policies.gain import exam, gain
from tutor.scheduling.policies.ladders import fixed_ladder, leitner, sm2
from tutor.scheduling.policies.memorize import memorize
from tutor.scheduling.policies.mix import skill_it
from tutor.scheduling.policies.pace import Pace, pace_of
from tutor.scheduling.policies.placement import placement
from tutor.scheduling.policies.progress import alp_gmm, zpdes
from tutor.scheduling.policies.ranking import Policy, Ranking
from tutor.scheduling.policies.simple import curriculum_order, lowest_mastery, random
from tutor.scheduling.policies.situation import Cohort, History, Rules, Settings, Situation, Spinning
from tutor.scheduling.policies.threshold import threshold

__all__ = [
    "POLICIES",
    "Alert",
    "Barrier",
    "Candidate",
    "Choice",
    "Cohort",
    "Entry",
    "History",
    "Kind",
    "Pace",
    "Policy",
    "Ranking",
    "Reason",
    "Rules",
    "Settings",
    "Situation",
    "Spinning",
    "cohort_of",
    "pace_of",
]


def _(text: str) -> str:
    """Marks what pages translate; Django's own is not for here."""
    return text


_ALL: Final = (
    Policy("gain", 6, _("What practice now adds to what will be known, per minute."), gain, seeks_goals=True),
    Policy("threshold", 3, _("Reviews whatever has faded below the desired retention first."), threshold),
    Policy("exam", 5, _("As gain, sliding towards recall on the day of an exam."), exam, needs_exam=True,
           seeks_goals=True),
    Policy(
        "placement", 4, _("Finds out what is known already with few questions, ahead of prerequisites."),
        placement, needs_prerequisites=False, retries=False, ends=True,
    ),
    Policy("random", 4, _("Any concept that may be practised, by chance: the floor of comparisons."), random,
           draws=True),
    Policy("curriculum_order", 3, _("One concept after the other until each is mastered; no reviews."),
           curriculum_order, reviews=False),
    Policy("lowest_mastery", 3, _("Of what is begun, new or due for review, the least likely to be known first."),
           lowest_mastery),
    Policy("fixed_ladder", 3, _("Reviews after 1, 6, 12, 48, 96 and 180 days."), fixed_ladder, reads_history=True,
           keeps_schedule=True),
    Policy("leitner", 3, _("Leitner's boxes, from 1 to 32 days."), leitner, reads_history=True,
           keeps_schedule=True),
    Policy("sm2", 3, _("SM-2, SuperMemo's intervals of 1990."), sm2, reads_history=True,
           keeps_schedule=True),
    Policy("fsrs", 3, _("FSRS-6, Anki's scheduler, at the desired retention."), fsrs, reads_history=True,
           keeps_schedule=True),
    Policy("memorize", 4, _("Reviews at random, the oftener the more is forgotten."), memorize, draws=True),
    Policy("zpdes", 4, _("Where a learner's answers are improving, among what prerequisites open."), zpdes,
           draws=True),
    Policy("alp_gmm", 4, _("Where a whole cohort's answers are changing."), alp_gmm, reads_cohort=True, draws=True),
    Policy("skill_it", 3, _("What serves most of the concepts that are not known yet."), skill_it),
)  # fmt: skip
#: By name, as chosen for a group and written into the decision log.
POLICIES: Final[dict[str, Policy]] = {policy.name: policy for policy in _ALL}
