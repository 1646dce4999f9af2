"""The append-only log of answers. No personal data: learners are known by id."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from curricula.ids import uuid7


class LogHead(models.Model):
    """The end of one learner's log on one curriculum: where intake queues up, and what tells workers to come.

    Whoever appends locks this row first, so `seq` is in order of commit. Life: made with the first answer; `behind_*`
    are set by every append and cleared by the worker that has folded everything up to `seq`.
    """

    pk = models.CompositePrimaryKey("learner_id", "curriculum_id")
    learner_id = models.UUIDField()
    curriculum_id = models.UUIDField()
    school_id = models.UUIDField()
    seq = models.BigIntegerField(default=0)
    #: When the states first fell behind the log (time of receipt); null when they are level with it.
    behind_since = models.DateTimeField(null=True)
    #: The earliest `occurred_at` among answers not folded in: workers look no further back.
    behind_from = models.DateTimeField(null=True)
    #: The `seq` at which states were last level. Those of a version that did not serve then may know less: for them,
    #: `behind_from` says nothing.
    level_seq = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        indexes = [
            # Read by tracing.advance(): who has waited longest.
            models.Index(fields=["behind_since"], name="loghead_behind", condition=Q(behind_since__isnull=False)),
        ]


class Interaction(models.Model):
    """One answer, never changed. `(occurred_at, seq)` is its place in the learner's history.

    Partitioned by hash of the learner, then by month of `occurred_at` (see `partitions`), so the table is made by SQL
    in the migration. Item and concepts are positions in the curriculum, kept as they were when the answer was given.
    """

    pk = models.CompositePrimaryKey("learner_id", "curriculum_id", "seq", "occurred_at")
    learner_id = models.UUIDField()
    curriculum_id = models.UUIDField()
    seq = models.BigIntegerField()
    occurred_at = models.DateTimeField()
    school_id = models.UUIDField()
    received_at = models.DateTimeField()
    item = models.IntegerField()
    concepts = ArrayField(models.IntegerField())
    correct = models.FloatField()
    response_seconds = models.FloatField(null=True)
    hints = models.SmallIntegerField(null=True)
    attempt = models.SmallIntegerField(null=True)
    #: The natural key, with the school: the sender's own name of the answer.
    source = models.TextField()
    client_id = models.TextField()
    #: The recommendation that this answers, if the sender says so.
    decision_id = models.UUIDField(null=True)

    class Meta:
        managed = False
        db_table = "interactions_interaction"


class ClientKey(models.Model):
    """The natural key of each answer, unique across the months that `Interaction` is cut into."""

    pk = models.CompositePrimaryKey("school_id", "source", "client_id")
    school_id = models.UUIDField()
    source = models.TextField()
    client_id = models.TextField()
    learner_id = models.UUIDField()
    curriculum_id = models.UUIDField()
    seq = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "interactions_clientkey"


class ItemFigures(models.Model):
    """What a school's answers say about the items of a curriculum, `item_figures.ROW`: counts and shares of groups.

    Life: measured anew by workers while answers come in, every day, and when somebody was erased.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    school_id = models.UUIDField()
    curriculum_id = models.UUIDField()
    measured_at = models.DateTimeField()
    format = models.SmallIntegerField()
    #: Those with answers in the log, and the sum of their `LogHead.seq`: what tells that it has changed.
    learners = models.IntegerField()
    seen = models.BigIntegerField()
    spread = models.FloatField()
    average = models.FloatField()
    rows = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["school_id", "curriculum_id"], name="itemfigures_once")]
