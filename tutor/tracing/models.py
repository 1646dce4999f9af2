"""What each model version believes of each learner: a fold over the log, kept so that nobody has to fold again."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
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
    #: Just the answers received before it were known when `p` was told: so it does not hang on who was folded when.
    in_order = models.BooleanField(default=False, db_default=False)

    class Meta:
        indexes = [
            # Read by pruning, and by the drift monitor, day by day.
            models.Index(fields=["scored_at"], name="score_time"),
            # Read by comparisons of a challenger with the champion, on the same answers.
            models.Index(fields=["version_id", "learner_id", "curriculum_id", "seq"], name="score_answer"),
        ]


class Lag(models.Model):
    """A learner some of whose states may lag behind the log. Append-only, so that nobody waits to write it.

    Life: written with every advance while a curriculum has versions beside the one that serves, and by `beside.look`
    for all who lag; deleted by `beside.step` when it has brought the learner's states level. Doubles do no harm.
    """

    id = models.BigAutoField(primary_key=True)
    learner_id = models.UUIDField()
    curriculum_id = models.UUIDField()
    school_id = models.UUIDField()
    #: Time of the learner's last activity: the latest are brought level first.
    active_at = models.DateTimeField()

    class Meta:
        indexes = [
            # Read by beside.step(): whose states are brought level next.
            models.Index(fields=["-active_at"], name="lag_next"),
            # Read by beside.look() and rollout.progress(): who is noted already, whatever statistics there are.
            models.Index(fields=["learner_id", "curriculum_id"], name="lag_learner"),
        ]


class DriftDay(models.Model):
    """Sums over the answers of a day that a version foretold: what the drift monitor remembers when scores are gone.

    Life: written once the day (UTC, of scoring) is over; never changed. Sums over learners are of each learner's own
    sums that day, so that answers of one learner need not be independent.
    """

    id = models.BigAutoField(primary_key=True)
    version_id = models.UUIDField()
    curriculum_id = models.UUIDField()
    #: Null for a champion of all schools.
    school_id = models.UUIDField(null=True)
    day = models.DateField()
    answers = models.PositiveIntegerField()
    learners = models.PositiveIntegerField()
    #: Log loss in nats, credit less expectation, expectation.
    loss = models.FloatField()
    residual = models.FloatField()
    expected = models.FloatField()
    #: Sums over learners of n^2, loss^2, n loss, residual^2, n residual.
    n_n = models.FloatField()
    loss_loss = models.FloatField()
    n_loss = models.FloatField()
    residual_residual = models.FloatField()
    n_residual = models.FloatField()
    #: Answers by the tenth that their expectation lay in.
    tenths = ArrayField(models.PositiveIntegerField())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["version_id", "curriculum_id", "school_id", "day"], nulls_distinct=False, name="driftday_once"
            ),
        ]


class DriftAlert(models.Model):
    """A champion foretells worse than it did. Life: raised by the monitor, cleared by it when that has passed."""

    id = models.BigAutoField(primary_key=True)
    version_id = models.UUIDField()
    curriculum_id = models.UUIDField()
    #: Null for a champion of all schools.
    school_id = models.UUIDField(null=True)
    #: log_loss, calibration or input.
    kind = models.CharField(max_length=16)
    raised_at = models.DateTimeField()
    cleared_at = models.DateTimeField(null=True)
    figures: models.JSONField[Any, Any] = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["version_id", "curriculum_id", "school_id", "kind"], condition=models.Q(cleared_at=None),
                nulls_distinct=False, name="driftalert_one_open",
            ),
        ]  # fmt: skip


class WorkerStatus(models.Model):
    """What an inference worker last said of itself. Life: its own upsert, every few seconds; pruned after a day."""

    #: host:pid
    name = models.CharField(primary_key=True, max_length=200)
    queues = ArrayField(models.CharField(max_length=40))
    device = models.CharField(max_length=80)
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField()
    #: When it last finished a batch; null before the first.
    drained_at = models.DateTimeField(null=True)
    batches = models.PositiveBigIntegerField(default=0)
    learners = models.PositiveBigIntegerField(default=0)
    answers = models.PositiveBigIntegerField(default=0)
    #: Learners of the last batches, newest last.
    batch_sizes = ArrayField(models.PositiveIntegerField(), default=list)
    halvings = models.PositiveIntegerField(default=0)
    memory_bytes = models.PositiveBigIntegerField(default=0)
    device_memory_bytes = models.PositiveBigIntegerField(default=0)
    versions = ArrayField(models.UUIDField(), default=list)
