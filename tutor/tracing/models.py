"""What each model version believes of each learner: a fold over the log, kept so that nobody has to fold again."""

from __future__ import annotations

from django.db import models


class LearnerState(models.Model):
    """A cache: deleting the row and replaying the log gives the same values. Written by workers only.

    `state` is the model's own (`kt_models.state`), `recall` what everybody reads (`kt_models.recall`), `evidence`
    what the answers were, whatever the model (`tracing.evidence`). All three are of the log up to `applied_seq`.
    """

    pk = models.CompositePrimaryKey("learner_id", "version_id")
    learner_id = models.UUIDField()
    version_id = models.UUIDField()
    curriculum_id = models.UUIDField()
    school_id = models.UUIDField()
    applied_seq = models.BigIntegerField(default=0)
    #: Time of the last answer folded in; null before the first.
    as_of = models.DateTimeField(null=True)
    state = models.BinaryField(null=True)
    recall = models.BinaryField(null=True)
    evidence = models.BinaryField(null=True)
    #: Why this learner could not be updated, if so: shown to operators, cleared by the next update that works.
    trouble = models.TextField(blank=True, default="", db_default="")

    class Meta:
        indexes = [
            # Read by erasure and by rebuild(): every state of a version.
            models.Index(fields=["version_id", "learner_id"], name="learnerstate_version"),
        ]


class Score(models.Model):
    """What the serving model expected of an answer before it knew it. The raw material of every comparison of models.

    Life: written when the answer is folded in, from the belief held until then; pruned by age (`tracing.tasks`).
    """

    id = models.BigAutoField(primary_key=True)
    version_id = models.UUIDField()
    learner_id = models.UUIDField()
    curriculum_id = models.UUIDField()
    seq = models.BigIntegerField()
    occurred_at = models.DateTimeField()
    scored_at = models.DateTimeField()
    p = models.FloatField()
    correct = models.FloatField()

    class Meta:
        indexes = [
            # Read by pruning, and by comparisons of versions over a span of days.
            models.Index(fields=["scored_at"], name="score_time"),
        ]
