"""Forecasts of mastery as they were told, and what came of them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tutor.accounts.models import Learner


class ToldForecast(models.Model):
    """What a forecast said of one learner and concept on a day to come: one of a small sample, to be checked.

    Life: drawn by night (`told.keep`); when its day has come, told what is believed then; when `told.HEARD_WITHIN` has
    passed as well, what was answered first since, and `closed_at`. Pruned by age; removed with its learner.
    """

    id = models.BigAutoField(primary_key=True)
    learner = models.ForeignKey(Learner, on_delete=models.CASCADE, db_index=False, related_name="+")
    school_id = models.UUIDField()
    curriculum_id = models.UUIDField()
    #: The version that told it.
    version_id = models.UUIDField()
    #: Position in the curriculum.
    concept = models.PositiveIntegerField()
    told_at = models.DateTimeField()
    #: The date of `told_at` in UTC.
    told_on = models.DateField()
    #: The first hour of the learner's own day that it is of.
    at = models.DateTimeField()
    #: Recall from which the concept counts as mastered.
    mastered_at = models.FloatField()
    #: Answers that the learner had given to the concept, and those that the agenda planned until then.
    n = models.PositiveIntegerField()
    planned = models.PositiveIntegerField()
    #: Recall on that day if nothing is practised, and if the agenda is followed.
    alone = models.FloatField()
    followed = models.FloatField()
    #: Chance of mastery then if the agenda is followed: by the model, and as it was told, corrected or not.
    believed_mastered = models.FloatField()
    told_mastered = models.FloatField()
    #: Answers until then, and the chance of mastery by what is believed then; null until the day has come, and where
    #: nothing could be read.
    answers = models.PositiveIntegerField(null=True)
    mastered = models.FloatField(null=True)
    checked_at = models.DateTimeField(null=True)
    #: Credit of the first answer since the day has come; null if there was none in time.
    right = models.FloatField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # So that a night that is told twice is kept once. Also read by erasure.
            models.UniqueConstraint(
                fields=["learner", "curriculum_id", "concept", "told_on"], name="toldforecast_once"
            ),
        ]
        indexes = [
            # Read by told.check(): whose day has come.
            models.Index(fields=["at"], name="toldforecast_open", condition=Q(closed_at=None)),
            # Read by mastery_coverage.read(): what came of those that a version told.
            models.Index(fields=["school_id", "curriculum_id", "version_id", "at"], name="toldforecast_of"),
            # Read by told.prune().
            models.Index(fields=["told_at"], name="toldforecast_age"),
        ]
