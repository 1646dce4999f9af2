"""Whose placement is complete, so that another policy goes on; learner by learner."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

from tutor import db
from tutor.accounts.models import Group
from tutor.scheduling import knobs
from tutor.scheduling.configs import Chosen
from tutor.scheduling.histories import Pair
from tutor.scheduling.plans import Body
from tutor.scheduling.policies import POLICIES, Choice, Policy, Situation
from tutor.scheduling.rules import Agreed
from tutor.tracing.beliefs import Belief

# In one order for all, so that no two writers wait in a ring.
_COMPLETE: Final = """
INSERT INTO scheduling_placed (learner_id, curriculum_id, completed_at)
SELECT learner_id, curriculum_id, %s FROM unnest(%s::uuid[], %s::uuid[]) AS t(learner_id, curriculum_id)
ORDER BY learner_id, curriculum_id
ON CONFLICT DO NOTHING
"""
_BEGIN_ANEW: Final = """
DELETE FROM scheduling_placed p USING accounts_membership m
WHERE m.group_id = %s AND p.learner_id = m.learner_id AND (%s::uuid IS NULL OR p.curriculum_id = %s)
"""


def made(
    chosen: Chosen, agreed: Agreed, met_by: Callable[[Chosen], Situation]
) -> tuple[Chosen, Situation, Choice]:  # fmt: skip
    """A choice and who made it: where the policy has come to its end for this learner, the one agreed on for after."""
    if not (chosen.policy.ends and agreed.terms.placed):
        situation = met_by(chosen)
        choice = chosen.policy(situation)
        if choice.done is None:
            return chosen, situation, choice
    after = _readable(agreed)
    chosen = Chosen(after.name, after.version, after)
    situation = met_by(chosen)
    return chosen, situation, after(situation)


def _readable(agreed: Agreed) -> Policy:
    """The default where histories would be needed that were not read: a trial began since."""
    after = agreed.policy_after
    return POLICIES[knobs.POLICY] if after.reads_history and agreed.history is None else after


def found(belief: Belief, body: Body, agreed: Agreed) -> list[Pair]:
    """Whom a plan finds placed who was not before."""
    return [(belief.learner_id, belief.curriculum_id)] if body.placed and not agreed.terms.placed else []


def complete(pairs: Collection[Pair], *, now: datetime) -> None:
    """From now on; what was complete before stays so."""
    if pairs:
        learners, curricula = map(list, zip(*pairs, strict=True))
        db.rows(_COMPLETE, [now, learners, curricula])


def begin_anew(group: Group) -> None:
    """Of all its learners, on what the class works on."""
    db.rows(_BEGIN_ANEW, [group.pk, group.curriculum_id, group.curriculum_id])
