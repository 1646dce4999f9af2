"""Fitted models, which of them serves, how they came to be, and what teachers say of the edges they learnt."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from curricula.ids import uuid7
from curricula.models import Curriculum, CurriculumVersion
from tutor.accounts.models import School, User


def _fitted_kinds() -> list[str]:
    return ["logistic", "psikt", "cakt"]


class ModelVersion(models.Model):
    """One fitted model. Immutable but for `state`; its artifact lies in the storage "models" under its id.

    Life: candidate (registered, its gates passed) -> shadow (it scores answers beside the champion) -> champion (a
    deployment points at it) -> retired; rejected by its gates; failed if it cannot be loaded. It pins the curriculum
    version that it was fitted on: positions are append-only, so it serves later ones as well.
    """

    class State(models.TextChoices):
        CANDIDATE = "candidate"
        SHADOW = "shadow"
        CHAMPION = "champion"
        RETIRED = "retired"
        FAILED = "failed"
        REJECTED = "rejected"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=40)
    curriculum_version = models.ForeignKey(CurriculumVersion, on_delete=models.CASCADE, related_name="+")
    #: Whose answers it was fitted on, and who may see and use it; null for all schools.
    school = models.ForeignKey(School, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    #: The champion whose parameters the fit began with, if any.
    parent = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="children")
    state = models.CharField(max_length=16, choices=State.choices, default=State.CANDIDATE)
    #: Untrained: literature constants, made with the curriculum so that it can be served from the first answer on.
    is_baseline = models.BooleanField(default=False)
    checksum = models.CharField(max_length=64)
    #: SHA-256 of each file of the artifact, by name.
    files: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)
    config: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)
    #: Of the code that fitted it.
    code_version = models.CharField(max_length=64, blank=True)
    #: The manifest of the export that it was fitted on (`interactions.export`), and `before`: none of the answers at or
    #: after that Unix time was.
    data: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)
    metrics: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)
    #: What the gates found (`gates.Verdict`), and why it is rejected or failed, if it is.
    verdict: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)
    reason = models.TextField(blank=True)
    note = models.TextField(blank=True)
    #: Recall table of a learner of whom nothing is known: what the web reads before the first answer.
    prior_recall = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)
    #: Since when no deployment has it as champion or challenger; null while one has, or before the first had.
    idle_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["curriculum_version"],
                condition=models.Q(is_baseline=True),
                name="modelversion_one_baseline",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {str(self.id)[-6:]}"

    @property
    def name(self) -> str:
        """What an estimate shows as its model."""
        return self.kind


class Deployment(models.Model):
    """Which model serves a curriculum: for one school, or for all that have no own (school null).

    Life: made with the curriculum's baseline; promotion and roll-back move `champion`, one UPDATE each. A school's own
    gives way to the one of all schools when the school follows that again, and comes back with the next move.
    """

    id = models.BigAutoField(primary_key=True)
    school = models.ForeignKey(School, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    curriculum = models.ForeignKey(Curriculum, on_delete=models.CASCADE, related_name="+")
    champion = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    #: Null for those that serve since before it was kept.
    champion_since = models.DateTimeField(null=True, blank=True)
    previous = models.ForeignKey(ModelVersion, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    #: Since then the school follows all others, and `champion` is only the way back; null while it serves.
    follows_since = models.DateTimeField(null=True, blank=True)
    #: In shadow: its states are built and kept beside the champion's, and it scores what comes in from then on.
    challenger = models.ForeignKey(ModelVersion, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    challenger_since = models.DateTimeField(null=True, blank=True)
    #: The operator's switch: a challenger that has proved itself is promoted without anybody's word.
    promotes_itself = models.BooleanField(default=False)
    #: A challenger has proved itself after so many answers and days at least.
    shadow_answers = models.PositiveIntegerField(default=2000)
    shadow_days = models.FloatField(default=7.0)
    #: Kinds that are fitted anew by night, once so many answers have come since the last time.
    retrains = ArrayField(models.CharField(max_length=40), default=_fitted_kinds)
    retrain_after = models.PositiveIntegerField(default=1000)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["school", "curriculum"], nulls_distinct=False, name="deployment_once"),
        ]


class Move(models.Model):
    """A pointer of a deployment was moved, or its champion could not be loaded. Append-only; as old as the deployment.

    Versions stand without a foreign key: what was done is told when they are no more.
    """

    class How(models.TextChoices):
        PROMOTED = "promoted"
        ROLLED_BACK = "rolled_back"
        CHALLENGED = "challenged"
        WITHDRAWN = "withdrawn"
        FOLLOWED = "followed"
        STOOD_IN = "stood_in"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="moves")
    how = models.CharField(max_length=16, choices=How.choices)
    #: The version whose place was taken, and the one that took it; null for none.
    from_version = models.UUIDField(null=True, blank=True)
    from_kind = models.CharField(max_length=40, blank=True)
    to_version = models.UUIDField(null=True, blank=True)
    to_kind = models.CharField(max_length=40, blank=True)
    #: A person, an API key or a command; nobody where it came about by itself.
    by = models.CharField(max_length=200, blank=True)
    forced = models.BooleanField(default=False)
    reason = models.TextField(blank=True)
    #: `language.sentences` of the reason.
    said: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField()


class TrainingRun(models.Model):
    """One fit of one kind of model on a log, from the export to the verdict.

    Life: queued -> running -> done, failed or cancelled. A worker holds it by a lease that it renews; when that runs
    out, the next worker goes on from what lies in the run's folder. A target has one unfinished run at most.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class Step(models.TextChoices):
        EXPORT = "export"
        FIT = "fit"
        JUDGE = "judge"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=40)
    curriculum = models.ForeignKey(Curriculum, on_delete=models.CASCADE, related_name="+")
    curriculum_version = models.ForeignKey(CurriculumVersion, on_delete=models.CASCADE, related_name="+")
    #: Whose answers; null for all schools.
    school = models.ForeignKey(School, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    #: Of the kind's config, by name; all others stand at their defaults.
    settings: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)
    seed = models.PositiveIntegerField(default=0)
    #: Begin with the parameters of this version; null fits from scratch.
    warm_start = models.ForeignKey(ModelVersion, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    requested_by = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.QUEUED)
    step = models.CharField(max_length=16, choices=Step.choices, blank=True)
    #: The last record of the step under way: how far it is, its losses.
    progress: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)
    #: By step: how far any attempt has come.
    furthest: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)
    #: Records of the fit, thinned: a learning curve.
    log: models.JSONField[Any, Any] = models.JSONField(default=list, blank=True)
    message = models.TextField(blank=True)
    #: `language.sentences` of the message, for others to read it in their language; none of what a library said.
    said: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)
    cancel_requested = models.BooleanField(default=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=200, blank=True)
    #: What came of it.
    version = models.ForeignKey(ModelVersion, on_delete=models.SET_NULL, null=True, blank=True, related_name="runs")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "curriculum", "school"], condition=Q(finished_at=None), nulls_distinct=False,
                name="trainingrun_one_open",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class LearnedEdge(models.Model):
    """A prerequisite that a model version has learnt, as it says it. Life: written with the version, never changed."""

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="edges", db_index=False)
    #: Positions in the curriculum.
    parent = models.PositiveIntegerField()
    child = models.PositiveIntegerField()
    #: P(an edge between the two), P(parent -> child | edge), logits on the child's long-run level.
    existence = models.FloatField()
    direction = models.FloatField()
    effect = models.FloatField()
    #: Learners whose answers bear on it.
    evidence = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "parent", "child"], name="learnededge_once")]


class EdgeReview(models.Model):
    """What a school's people say of an edge, authored or learnt. Life: outlives all model versions; edited in place."""

    class Decision(models.TextChoices):
        ACCEPTED = "accepted"
        REJECTED = "rejected"

    id = models.BigAutoField(primary_key=True)
    curriculum = models.ForeignKey(Curriculum, on_delete=models.CASCADE, related_name="+", db_index=False)
    school = models.ForeignKey(School, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    parent = models.PositiveIntegerField()
    child = models.PositiveIntegerField()
    decision = models.CharField(max_length=16, choices=Decision.choices)
    #: No later fit or review changes it until it is unlocked.
    locked = models.BooleanField(default=False)
    reason = models.TextField(blank=True)
    reviewer = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["curriculum", "school", "parent", "child"], nulls_distinct=False, name="edgereview_once"
            ),
            models.CheckConstraint(condition=~Q(parent=models.F("child")), name="edgereview_no_loop"),
        ]
