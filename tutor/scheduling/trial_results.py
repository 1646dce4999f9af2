"""What came of the choices of a trial's two arms, a pair of values for each learner who has met both."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, final

import numpy as np

from kt_models.recall import Float
from tutor import db
from tutor.scheduling import configs
from tutor.scheduling.ope.rewards import Kind, Reward
from tutor.scheduling.policy_models import PolicyTrial

#: In which the later answer must come that tells what was kept: a share that waits for longer rises too late.
WINDOW_DAYS: Final = 14.0


@final
@dataclass(frozen=True, eq=False)
class Results:
    """Attributes:
    approved, new: (learners,) mean reward of each learner's choices under each policy.
    counted: choices with a known reward, by arm.     pending: choices whose reward may still come, by arm.
    """

    approved: Float
    new: Float
    counted: dict[str, int]
    pending: dict[str, int]


# What teachers pinned is neither policy's, and what they set aside tells of neither. The new policy's share rises
# while learners learn, so its choices are of later days; the approved one's are weighed by the odds of their day, p /
# (1 - p), to be of the same days.
_READ: Final = """
WITH share AS (
    SELECT s.since, s.p, lead(s.since, 1, 'Infinity') OVER (ORDER BY s.since) AS until
    FROM unnest(%(since)s::float8[], %(share)s::float8[]) AS s(since, p)
), choice AS (
    SELECT d.learner_id, d.policy = %(new)s::text AND d.policy_version = %(new_version)s::int AS is_new,
        share.p / (1 - share.p) AS odds, d.served_at >= %(closed)s::timestamptz AS is_pending,
        CASE
            WHEN d.outcome = 'overridden' THEN NULL
            WHEN %(reward)s::text = 'retention' THEN later.correct
            WHEN %(reward)s::text = 'success' THEN CASE WHEN d.answered_seq IS NULL THEN NULL ELSE d.correct END
            ELSE (d.answered_seq IS NOT NULL)::int
        END AS reward
    FROM scheduling_decision d
    JOIN accounts_learner l ON l.id = d.learner_id
    JOIN share ON extract(epoch FROM d.decided_at) >= share.since AND extract(epoch FROM d.decided_at) < share.until
    LEFT JOIN LATERAL (
        SELECT i.correct FROM interactions_interaction i
        WHERE %(reward)s::text = 'retention' AND i.learner_id = d.learner_id AND i.curriculum_id = d.curriculum_id
            AND d.concept = ANY(i.concepts) AND i.seq IS DISTINCT FROM d.answered_seq
            AND i.occurred_at >= %(delay)s::interval
                + CASE WHEN d.answered_seq IS NULL THEN d.served_at ELSE d.outcome_at END
            AND i.occurred_at < d.served_at + %(window)s::interval
        ORDER BY i.occurred_at, i.seq LIMIT 1
    ) later ON true
    WHERE d.school_id = %(school)s::uuid AND d.curriculum_id = %(curriculum)s::uuid
        AND d.served_at >= %(begun)s::timestamptz
        AND d.propensity > 0 AND share.p > 0 AND share.p < 1
        AND (d.policy, d.policy_version)
            IN ((%(approved)s::text, %(approved_version)s::int), (%(new)s::text, %(new_version)s::int))
        AND CASE WHEN %(group)s::uuid IS NULL THEN NOT EXISTS (
            SELECT FROM accounts_membership m JOIN scheduling_policytrial t ON t.group_id = m.group_id
            WHERE m.learner_id = d.learner_id AND t.curriculum_id = d.curriculum_id
                AND (t.ended_at IS NULL OR t.ended_at > %(begun)s::timestamptz)
        ) ELSE EXISTS (
            SELECT FROM accounts_membership m WHERE m.learner_id = d.learner_id AND m.group_id = %(group)s::uuid
        ) END
)
SELECT learner_id,
    sum(odds * reward) FILTER (WHERE NOT is_new AND NOT is_pending)
        / NULLIF(sum(odds) FILTER (WHERE NOT is_new AND NOT is_pending AND reward IS NOT NULL), 0),
    avg(reward) FILTER (WHERE is_new AND NOT is_pending),
    count(reward) FILTER (WHERE NOT is_new AND NOT is_pending), count(reward) FILTER (WHERE is_new AND NOT is_pending),
    count(*) FILTER (WHERE NOT is_new AND is_pending), count(*) FILTER (WHERE is_new AND is_pending)
FROM choice GROUP BY learner_id
ORDER BY learner_id
"""


def read(trial: PolicyTrial, *, now: datetime) -> Results:
    """Of choices old enough that all their rewards have come; one query, a row a learner."""
    reward = Reward(Kind(trial.reward), window_days=WINDOW_DAYS)
    approved = configs.chosen(trial.approved_policy, trial.approved_config)
    new = configs.chosen(trial.new_policy, trial.new_config)
    since, share = zip(*trial.shares, strict=True)
    parameters = {
        "since": list(since), "share": list(share), "new": new.label, "new_version": new.version,
        "approved": approved.label, "approved_version": approved.version, "reward": reward.kind.value,
        "closed": now - timedelta(days=reward.closes_after_days), "delay": timedelta(days=reward.delay_days),
        "window": timedelta(days=reward.window_days), "school": trial.school_id, "curriculum": trial.curriculum_id,
        "begun": trial.created_at, "group": trial.group_id,
    }  # fmt: skip
    rows = db.rows(_READ, parameters)
    both = [row for row in rows if row[1] is not None and row[2] is not None]
    counted = [sum(row[at] for row in rows) for at in range(3, 7)]
    # Sums of floats may stray beyond the bounds of their terms by a last digit.
    values = np.clip(np.array([row[1:3] for row in both], dtype=np.float64).reshape(-1, 2), 0.0, 1.0)
    return Results(
        values[:, 0],
        values[:, 1],
        {"approved": counted[0], "new": counted[1]},
        {"approved": counted[2], "new": counted[3]},
    )
