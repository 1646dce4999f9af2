"""Whose placement is complete."""

from __future__ import annotations

from django.db import models

from curricula.models import Curriculum
from tutor.accounts.models import Learner


class Placed(models.Model):
    """A learner's placement on a curriculum is complete: what the class agreed on for after it goes on.

    Life: made with the plan that finds it complete, and never changed: that recall fades, or another model is less
    sure, places nobody again. Removed when the class agrees on a placement anew, and with the learner.
    """

    pk = models.CompositePrimaryKey("learner_id", "curriculum_id")
    learner = models.ForeignKey(Learner, on_delete=models.CASCADE, related_name="+", db_index=False)
    curriculum = models.ForeignKey(Curriculum, on_delete=models.CASCADE, related_name="+", db_index=False)
    completed_at = models.DateTimeField()
