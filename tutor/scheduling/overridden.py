"""Open offers that a teacher's word sets aside: whatever becomes of them says nothing of the policy."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction

from tutor import db
from tutor.scheduling.models import Override
from tutor.scheduling.plans import ANSWERS_WITHIN, CLOCK_SKEW

#: Words that go before what was offered.
_SETS_ASIDE: Final = (Override.Kind.PIN, Override.Kind.EXCLUDE, Override.Kind.MASTERED)

# Of a class, but for those of whom something else is said; offers are open as long as they may be answered. Those that
# somebody writes to at this moment are being answered.
_SET_ASIDE: Final = """
WITH open AS (
    SELECT d.id FROM scheduling_decision d
    WHERE d.learner_id IN ({learners}) AND d.curriculum_id = %(curriculum)s
        AND (d.concept = %(concept)s) <> (%(kind)s::text = 'pin')
        AND d.answered_seq IS NULL AND d.outcome IN ('offered', 'shown', 'started')
        AND d.served_at BETWEEN to_timestamp(%(now)s - %(within)s) AND to_timestamp(%(now)s + %(skew)s)
    ORDER BY d.id FOR UPDATE SKIP LOCKED
)
UPDATE scheduling_decision d SET outcome = 'overridden', outcome_at = %(made_at)s FROM open WHERE d.id = open.id
"""
_OF_LEARNER: Final = _SET_ASIDE.format(learners="%(of)s::uuid")
_OF_GROUP: Final = _SET_ASIDE.format(
    learners="""
        SELECT m.learner_id FROM accounts_membership m
        WHERE m.group_id = %(of)s AND (%(kind)s::text = 'mastered' OR NOT EXISTS (
            SELECT FROM scheduling_override v
            WHERE v.learner_id = m.learner_id AND v.curriculum_id = %(curriculum)s AND v.concept = %(concept)s
                AND v.kind IN ('pin', 'exclude') AND v.ended_at IS NULL
                AND (v.expires_at IS NULL OR v.expires_at > %(made_at)s)
        ))
    """
)

# Only where the plan that they are of is still there: it is served again, while others have been replaced.
_OPEN_AGAIN: Final = """
UPDATE scheduling_decision d SET outcome = 'offered', outcome_at = NULL
FROM scheduling_plan p
WHERE p.learner_id IN ({learners}) AND p.curriculum_id = %(curriculum)s
    AND d.learner_id = p.learner_id AND d.curriculum_id = p.curriculum_id
    AND d.outcome = 'overridden' AND d.outcome_at = %(made_at)s AND strpos(p.body, d.id::text) > 0
"""
_AGAIN_OF_LEARNER: Final = _OPEN_AGAIN.format(learners="%(of)s::uuid")
_AGAIN_OF_GROUP: Final = _OPEN_AGAIN.format(
    learners="SELECT learner_id FROM accounts_membership WHERE group_id = %(of)s"
)


@transaction.atomic
def by(override: Override, *, now: datetime) -> None:
    """Open offers of what a new word excludes, or calls mastered, or of everything but what it pins."""
    if override.kind not in _SETS_ASIDE:
        return
    times = {"now": now.timestamp(), "within": ANSWERS_WITHIN, "skew": CLOCK_SKEW}
    statement = _OF_GROUP if override.learner_id is None else _OF_LEARNER
    db.rows(statement, {**_of(override), **times, "concept": override.concept, "kind": str(override.kind)})


def no_more(override: Override) -> None:
    """What it set aside is open again where it is offered again, for it was ended before anybody planned anew."""
    if override.kind in _SETS_ASIDE:
        db.rows(_AGAIN_OF_GROUP if override.learner_id is None else _AGAIN_OF_LEARNER, _of(override))


def _of(override: Override) -> dict[str, object]:
    return {
        "of": override.group_id if override.learner_id is None else override.learner_id,
        "curriculum": override.curriculum_id,
        "made_at": override.made_at,
    }
