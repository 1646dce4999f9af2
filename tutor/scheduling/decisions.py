"""What became of the choices that were offered."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from django.db import transaction

from tutor.accounts.access import NotFound, Principal, learners_visible
from tutor.scheduling import plans
from tutor.scheduling.models import Decision, Plan

#: An outcome is never undone by one that comes before it: reports may arrive late.
_ORDER: Final = [
    Decision.Outcome.OFFERED,
    Decision.Outcome.SHOWN,
    Decision.Outcome.STARTED,
    Decision.Outcome.OVERRIDDEN,
    Decision.Outcome.SUPERSEDED,
    Decision.Outcome.SKIPPED,
    Decision.Outcome.ANSWERED,
]


class Settled(Exception):
    """The learner has answered this or a later offer, or skipped: that stands."""

    def __init__(self, decision: Decision, outcome: str) -> None:
        super().__init__(
            f"recommendation {decision.pk} was {decision.outcome} already, so it cannot become {outcome}: "
            "ask for the next one"
        )


def access(principal: Principal, decision_id: UUID) -> Decision:
    """A decision about a learner whom the principal may see.

    Raises:
        NotFound: alike for what is absent and what is another school's.
    """
    found = Decision.objects.filter(pk=decision_id).first()
    if found is None or not learners_visible(principal).filter(pk=found.learner_id).exists():
        raise NotFound("recommendation", decision_id)
    return found


@transaction.atomic
def report(decision: Decision, outcome: Decision.Outcome, *, now: datetime) -> Decision:
    """Notes what the front end saw; an earlier stage than the one known changes nothing.

    Raises:
        Settled: if the choice was answered, superseded or skipped before and this says otherwise.
    """
    current = Decision.objects.select_for_update().get(pk=decision.pk)
    known = Decision.Outcome(current.outcome)
    final = known in (Decision.Outcome.SUPERSEDED, Decision.Outcome.SKIPPED, Decision.Outcome.ANSWERED)
    if final and outcome is Decision.Outcome.SKIPPED and known is not outcome:
        raise Settled(current, outcome)
    if _ORDER.index(outcome) > _ORDER.index(known):
        current.outcome, current.outcome_at = outcome, now
        current.save(update_fields=["outcome", "outcome_at"])
        if outcome is Decision.Outcome.SKIPPED:
            _drop_from_plan(current)
    return current


def _drop_from_plan(decision: Decision) -> None:
    """What was skipped does not come next, whichever plan offers it; `services.skipped` keeps it out for a day."""
    key = {"learner_id": decision.learner_id, "curriculum_id": decision.curriculum_id}
    plan = Plan.objects.select_for_update().filter(**key).first()
    if plan is not None:
        body = plans.readable(plan.body)
        left = [entry for entry in body.entries if entry.item != decision.item] if body else []
        if not (body and left):
            plan.delete()  # the next question makes another, of what is left
            return
        text = plans.encode(msgspec.structs.replace(body, entries=left)).decode()
        Plan.objects.filter(**key).update(body=text)
