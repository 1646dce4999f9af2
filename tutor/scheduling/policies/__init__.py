"""Policies: pure functions from a situation to a choice. Clock and chance are arguments; nothing is read or written.

A policy ranks concepts (`ranking.Rank`); everything else is the same for all of them: hard filters, pins, second tries,
which item, exploration, reasons (`fill.choose`).
"""

from __future__ import annotations

from typing import Final

from tutor.scheduling.policies.choice import Alert, Barrier, Candidate, Choice, Entry, Kind, Reason
from tutor.scheduling.policies.gain import exam, gain
from tutor.scheduling.policies.ranking import Policy, Ranking
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
    "Policy",
    "Ranking",
    "Reason",
    "Rules",
    "Settings",
    "Situation",
    "Spinning",
]

_ALL: Final = (
    Policy("gain", 1, "What practice now adds to what will be known, per minute.", gain),
    Policy("threshold", 1, "Reviews whatever has faded below the desired retention first.", threshold),
    Policy("exam", 1, "As gain, sliding towards recall on the day of an exam.", exam, needs_exam=True),
)
#: By name, as chosen for a group and written into the decision log.
POLICIES: Final[dict[str, Policy]] = {policy.name: policy for policy in _ALL}
