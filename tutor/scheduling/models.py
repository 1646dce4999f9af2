"""What each learner should do next, and the log of every choice."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from curricula.ids import uuid7
from curricula.models import Curriculum
from tutor.accounts.models import ApiClient, Group, Learner, User
from tutor.scheduling.alert_models import AlertMark as AlertMark
from tutor.scheduling.event_models import Digest as Digest
from tutor.scheduling.event_models import Event as Event
from tutor.scheduling.pace_models import MeasuredPace as MeasuredPace
from tutor.scheduling.placement_models import Placed as Placed
from tutor.scheduling.policy_models import Evaluation as Evaluation
from tutor.scheduling.policy_models import PolicyConfig as PolicyConfig
from tutor.scheduling.policy_models import PolicyTrial as PolicyTrial
from tutor.scheduling.policy_models import Rehearsal as Rehearsal
from tutor.scheduling.told_models import ToldForecast as ToldForecast


class Plan(models.Model):
    """The current plan of one learner on one curriculum: what is to be done now, and when to look again.

    Life: replaced whenever the belief changes, a review falls due, or it is too old when read. `body` is the JSON of
    `scheduling.plans.Body`.
    """

    pk = models.CompositePrimaryKey("learner_id", "curriculum_id")
    learner_id = models.UUIDField()
    curriculum_id = models.UUIDField()
    school_id = models.UUIDField()
    #: How much of the log the belief behind this plan knew.
    applied_seq = models.BigIntegerField()
    computed_at = models.DateTimeField()
    #: When the next review falls due, and the plan with it needs another look; null if none ever does.
    next_due_at = models.DateTimeField(null=True)
    body = models.TextField()

    class Meta:
        indexes = [
            # Read by release_due(): plans whose next review has come.
            models.Index(fields=["next_due_at"], name="plan_due", condition=Q(next_due_at__isnull=False)),
        ]


class Decision(models.Model):
    """One choice that was offered to a learner, with everything needed to judge another policy by it later.

    Life: written when the choice is first served; `outcome` follows when it is shown, started, skipped or answered,
    overridden: a teacher excluded it, or pinned something else, before it was answered; or superseded: the learner
    answered a later offer of the same item. Candidates, their probabilities and the versions are never changed.
    """

    class Outcome(models.TextChoices):
        OFFERED = "offered"
        SHOWN = "shown"
        STARTED = "started"
        OVERRIDDEN = "overridden"
        SUPERSEDED = "superseded"
        SKIPPED = "skipped"
        ANSWERED = "answered"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    school_id = models.UUIDField()
    learner_id = models.UUIDField()
    curriculum_id = models.UUIDField()
    curriculum_version_id = models.UUIDField()
    model_version_id = models.UUIDField()
    #: Names the prerequisites (`Snapshot.graph`), "" for those of the curriculum's version.
    graph = models.CharField(max_length=16, blank=True, default="", db_default="")
    policy = models.CharField(max_length=40)
    policy_version = models.PositiveSmallIntegerField()
    #: Seed of the exploration that this choice drew from: the same seed and situation give the same choice.
    seed = models.BigIntegerField()
    #: Time of the last answer that the belief knew; null before the first.
    as_of = models.DateTimeField(null=True)
    decided_at = models.DateTimeField()
    served_at = models.DateTimeField()
    slot = models.PositiveSmallIntegerField()
    concept = models.IntegerField()
    item = models.IntegerField()
    kind = models.CharField(max_length=16)
    due_at = models.DateTimeField()
    score = models.FloatField()
    propensity = models.FloatField()
    reasons: models.JSONField[Any, Any] = models.JSONField()
    #: [[concept, item, score, probability], ...] of everything that could have been chosen for this slot.
    candidates: models.JSONField[Any, Any] = models.JSONField()
    #: What narrowed the choice, `scheduling.plans.Narrowed`: the question, what was agreed, what was barred and why.
    narrowing: models.JSONField[Any, Any] = models.JSONField(default=dict, db_default={})
    outcome = models.CharField(max_length=16, choices=Outcome.choices, default=Outcome.OFFERED)
    outcome_at = models.DateTimeField(null=True)
    answered_seq = models.BigIntegerField(null=True)
    correct = models.FloatField(null=True)

    class Meta:
        indexes = [
            # Read when answers arrive: which open choice do they answer.
            models.Index(fields=["learner_id", "item"], name="decision_open", condition=Q(answered_seq__isnull=True)),
            # Read by evaluation of policies: the choices of a school over time.
            models.Index(fields=["school_id", "served_at"], name="decision_time"),
            # Read by the dashboard: what a learner was offered, and why what was answered was chosen.
            models.Index(fields=["learner_id", "curriculum_id", "served_at"], name="decision_learner"),
        ]


class ImportJob(models.Model):
    """A file of answers on its way into the log.

    Life: queued -> running -> done | failed. The worker that runs it renews `lease_until` with every part; when that
    passes, another takes over after the last part that was committed. The file is kept until the job ends.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    school_id = models.UUIDField()
    client_id = models.UUIDField(null=True)
    format = models.CharField(max_length=8)
    source = models.CharField(max_length=64, blank=True)
    curriculum = models.CharField(max_length=120, blank=True)
    dry_run = models.BooleanField(default=False)
    file = models.CharField(max_length=200)
    error_file = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.QUEUED)
    #: Rows whose outcome is committed, and counted below.
    rows = models.BigIntegerField(default=0)
    accepted = models.BigIntegerField(default=0)
    duplicate = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    message = models.TextField(blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    #: Times that the job was taken up since a part was last committed: one that gets nowhere is given up.
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        indexes = [
            # Read by run_import(): what waits, oldest first.
            models.Index(fields=["created_at"], name="import_open", condition=Q(finished_at=None)),
        ]


class Said(models.Model):
    """Who said something last: a person, or a machine of the school."""

    updated_at = models.DateTimeField()
    updated_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    updated_client = models.ForeignKey(ApiClient, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        abstract = True


class GroupSettings(Said):
    """What is agreed for a class. Life: made by the first change, edited in place; without a row, defaults hold."""

    group = models.OneToOneField(Group, on_delete=models.CASCADE, primary_key=True, related_name="+")
    #: Name in `policies.POLICIES`; "" for the default.
    policy = models.CharField(max_length=40, blank=True)
    #: JSON of `scheduling.knobs.Knobs`, with only what differs from the defaults: those may improve, this stays.
    chosen: models.JSONField[Any, Any] = models.JSONField(default=dict)


class LearnerSettings(Said):
    """What is agreed for one learner on every curriculum, beside the settings of the class. Without a row: nothing."""

    learner = models.OneToOneField(Learner, on_delete=models.CASCADE, primary_key=True, related_name="+")
    #: False: nothing is ever drawn at random for this learner, whatever the class does.
    explores = models.BooleanField(default=True)
    #: Of practice a day, at most; the class's allowance holds too.
    minutes_a_day = models.FloatField(null=True, blank=True)
    #: These two in place of what is agreed with the class; null for as the class, or as usual where there is none.
    spread_reviews = models.BooleanField(null=True, blank=True)
    #: Names of `knobs.WEEKDAYS`; the class's quiet dates hold too.
    quiet_weekdays = ArrayField(models.CharField(max_length=9), null=True, blank=True)


class CohortProgress(models.Model):
    """Where a class's answers change, `policies.Cohort`. Life: measured anew while the class's policy reads it."""

    group = models.OneToOneField(Group, on_delete=models.CASCADE, primary_key=True, related_name="+")
    curriculum_id = models.UUIDField()
    measured_at = models.DateTimeField()
    #: By concept: float32, and how many answers each rests on, int32; little-endian.
    progress = models.BinaryField()
    n = models.BinaryField()


class Override(models.Model):
    """A teacher's word about one concept, for a learner or a whole class: it goes before every policy.

    Life: made with a reason; ends by itself at `expires_at`, a learner's pin also by mastery or enough answers, or is
    ended by somebody. Never changed otherwise, and kept: it explains what was offered.
    """

    class Kind(models.TextChoices):
        PIN = "pin"
        EXCLUDE = "exclude"
        OPEN = "open"
        MASTERED = "mastered"

    class End(models.TextChoices):
        WITHDRAWN = "withdrawn"
        MASTERED = "mastered"
        ANSWERED = "answered"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    school_id = models.UUIDField()
    curriculum = models.ForeignKey(Curriculum, on_delete=models.CASCADE, related_name="+", db_index=False)
    #: One of the two.
    learner = models.ForeignKey(Learner, on_delete=models.CASCADE, null=True, related_name="+", db_index=False)
    group = models.ForeignKey(Group, on_delete=models.CASCADE, null=True, related_name="+", db_index=False)
    #: Position in the curriculum.
    concept = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind.choices)
    reason = models.TextField()
    #: Answers to the concept after which a pin has done its work, for each learner.
    answers = models.PositiveSmallIntegerField(default=5)
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    made_client = models.ForeignKey(ApiClient, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    expires_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    end = models.CharField(max_length=10, choices=End.choices, blank=True)
    ended_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    ended_client = models.ForeignKey(ApiClient, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(learner__isnull=True, group__isnull=False) | Q(learner__isnull=False, group__isnull=True),
                name="override_of_one",
            ),
            # So that a request sent twice says it once. Whoever makes one ends those that have expired.
            models.UniqueConstraint(
                fields=["learner", "group", "curriculum", "concept", "kind"],
                condition=Q(ended_at=None),
                nulls_distinct=False,
                name="override_once",
            ),
        ]
        indexes = [
            # Read by rules.agreed(): what holds for a learner, at every choice.
            models.Index(fields=["learner"], name="override_learner", condition=Q(ended_at=None)),
            models.Index(fields=["group"], name="override_group", condition=Q(ended_at=None)),
            # Read by the API: a school's overrides in order of creation, a page at a time.
            models.Index(fields=["school_id", "id"], name="override_page"),
        ]
