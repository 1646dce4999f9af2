"""A school of which every page of the dashboard has something to say."""

from __future__ import annotations

from datetime import datetime

from tests import people
from tests.dashboard import models_room
from tests.dashboard.classroom import a_classroom
from tests.dashboard.own_pages import a_link
from tutor.accounts.models import Learner, School, User


def fill(school: School, teacher: User, *, now: datetime) -> tuple[Learner, str]:
    """A learner who was offered something, and the link to the learner's own page."""
    group = a_classroom(school, teacher, n=6, now=now)
    models_room.a_story(school, group, now=now)
    learner = group.learners.order_by("pk")[0]
    people.a_client(school, "recommend:read").get(f"/api/v1/learners/{learner.pk}/next")
    return learner, a_link(learner)
