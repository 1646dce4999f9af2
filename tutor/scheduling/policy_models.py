"""Policies as schools set them, what the log says of them, and their trials beside the approved one."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from curricula.ids import uuid7
from curricula.models import Curriculum
from tutor.accounts.models import Group


class PolicyConfig(models.Model):
    """One of the policies with settings of a school's own, under a name that the decision log shows.

    Life: never changed, so that what it chose can be told for ever: a change is the next version of the same name.
    Retired, it is offered no longer, but what runs by it goes on.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    school_id = models.UUIDField()
    name = models.CharField(max_length=40)
    version = models.PositiveSmallIntegerField()
    #: Name in `policies.POLICIES`.
    policy = models.CharField(max_length=40)
    #: Fields of `Settings` and `Criteria` by name, with only what differs from what is agreed for a class.
    parameters: models.JSONField[Any, Any] = models.JSONField(default=dict)
    about = models.TextField(blank=True)
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["school_id", "name", "version"], name="policyconfig_once"),
        ]


class Job(models.Model):
    """A question about a policy that a worker answers.

    Life: queued -> running -> done | failed. The worker renews `lease_until` as it goes; when that passes, another
    begins anew.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    school_id = models.UUIDField()
    policy = models.CharField(max_length=40)
    config = models.ForeignKey(PolicyConfig, on_delete=models.PROTECT, null=True, related_name="+")
    seed = models.PositiveBigIntegerField(default=0)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.QUEUED)
    #: How far it is, of how much.
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(null=True)
    report: models.JSONField[Any, Any] = models.JSONField(null=True)
    message = models.TextField(blank=True)
    #: `language.sentences` of both, for others to read them in their language.
    said: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)
    requested_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        abstract = True


class Evaluation(Job):
    """What the log of a school says of a policy that did not choose; `report` is the JSON of `evaluations.Outcome`."""

    curriculum = models.ForeignKey(Curriculum, on_delete=models.CASCADE, null=True, related_name="+", db_index=False)
    #: Whose choices are looked at, as the decision log names it; "" for all.
    logged_policy = models.CharField(max_length=40, blank=True)
    since = models.DateTimeField()
    until = models.DateTimeField()
    #: `ope.rewards.Kind`, and its times.
    reward = models.CharField(max_length=16)
    delay_days = models.FloatField()
    window_days = models.FloatField()

    class Meta:
        indexes = [
            # Read by jobs.run_next(): what waits, oldest first.
            models.Index(fields=["created_at"], name="evaluation_open", condition=Q(finished_at=None)),
        ]


class Rehearsal(Job):
    """A policy against another one before simulated learners, on a school's curriculum, before any real one meets it.

    `report` is the JSON of `rehearsals.Outcome`; `done` and `total` count worlds.
    """

    curriculum = models.ForeignKey(Curriculum, on_delete=models.CASCADE, related_name="+", db_index=False)
    against = models.CharField(max_length=40)
    against_config = models.ForeignKey(PolicyConfig, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        indexes = [
            models.Index(fields=["created_at"], name="rehearsal_open", condition=Q(finished_at=None)),
            # Read by rehearsals.passed().
            models.Index(fields=["school_id", "curriculum", "policy", "-finished_at"], name="rehearsal_of_policy"),
        ]


class PolicyTrial(models.Model):
    """A new policy mixed with the approved one, never by more than the learners' results allow (`guard`).

    Life: running -> promoted | stopped. `mixing` rises night by night with what is known. A promoted one chooses for
    everybody until it is stopped, or the next trial begins from it: `ended_at` is set then.
    """

    class State(models.TextChoices):
        RUNNING = "running"
        PROMOTED = "promoted"
        STOPPED = "stopped"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    school_id = models.UUIDField()
    curriculum = models.ForeignKey(Curriculum, on_delete=models.CASCADE, related_name="+", db_index=False)
    #: None: the whole school but for classes with a trial of their own.
    group = models.ForeignKey(Group, on_delete=models.CASCADE, null=True, related_name="+")
    approved_policy = models.CharField(max_length=40)
    approved_config = models.ForeignKey(PolicyConfig, on_delete=models.PROTECT, null=True, related_name="+")
    new_policy = models.CharField(max_length=40)
    new_config = models.ForeignKey(PolicyConfig, on_delete=models.PROTECT, null=True, related_name="+")
    rehearsal = models.ForeignKey(Rehearsal, on_delete=models.SET_NULL, null=True, related_name="+")
    #: Why it was begun without one that passed.
    unrehearsed = models.TextField(blank=True)
    #: `ope.rewards.Kind`: one that lies in [0, 1].
    reward = models.CharField(max_length=16)
    #: Share of the approved policy's value that may be put at risk.
    alpha = models.FloatField()
    confidence = models.FloatField()
    #: Learners who must have met both before the share rises at all.
    warm_up = models.PositiveIntegerField()
    #: By how much the new one must surely be better before it is proposed for good.
    least_gain = models.FloatField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    #: Share of the plans that the new policy makes.
    mixing = models.FloatField()
    #: [[Unix seconds, share], ...]: what held from when on, so that what each choice risked can be told.
    shares: models.JSONField[Any, Any] = models.JSONField()
    #: Times that results were looked at: each look costs certainty.
    looks = models.PositiveIntegerField(default=0)
    #: JSON of `guard.Figures` of the last look, and what was counted.
    figures: models.JSONField[Any, Any] = models.JSONField(default=dict)
    #: Since when the results say that the new one is better.
    proposed_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    decided_by = models.CharField(max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["school_id", "group", "curriculum"],
                condition=Q(ended_at=None),
                nulls_distinct=False,
                name="policytrial_one",
            ),
            models.CheckConstraint(condition=Q(mixing__gte=0, mixing__lte=1), name="policytrial_share"),
        ]
