"""Messages that build states beside: one batch each, and no more of them than are needed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.utils import timezone

from curricula.models import Curriculum
from tests.flow.versions import a_version
from tutor.accounts.models import Learner
from tutor.celery import app
from tutor.registry import deployments
from tutor.tracing import beside
from tutor.tracing import tasks as tracing_tasks
from tutor.tracing.models import LearnerState


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Names of tasks whose bells were rung; their messages go to a broker in memory."""
    rung: list[str] = []
    before = app.conf.broker_url
    app.conf.broker_url = "memory://"
    monkeypatch.setattr(
        "celery.app.task.Task.apply_async", lambda task, *_, **__: rung.append(task.name.rsplit(".", 1)[-1])
    )
    yield rung
    app.conf.broker_url = before


def test_messages_go_on_until_nothing_is_left_one_batch_each(
    group: list[Learner], fractions: Curriculum, sent: list[str], settings: object
) -> None:
    settings.ROLLOUT_BATCH, settings.ROLLOUT_PAUSE = 4, 0.0  # type: ignore[attr-defined]
    version = a_version(fractions)
    deployments.challenge(version, now=timezone.now())
    tracing_tasks.look_beside()
    assert sent == ["keep_beside"]
    built = []
    while sent:
        assert sent.pop() == "keep_beside"
        tracing_tasks.keep_beside()
        built.append(LearnerState.objects.filter(version_id=version.pk).exclude(state=None).count())
    assert built == [4, 6, 6]


def test_a_second_message_within_the_pause_ends_there(
    group: list[Learner], fractions: Curriculum, sent: list[str], settings: object
) -> None:
    settings.ROLLOUT_BATCH, settings.ROLLOUT_PAUSE = 1, 60.0  # type: ignore[attr-defined]
    beside._ended = float("-inf")
    tracing_tasks.keep_beside()
    assert sent == [], "nothing is to be done, so nothing follows"
    deployments.challenge(a_version(fractions), now=timezone.now())
    beside.look(now=timezone.now())
    for _ in range(3):
        tracing_tasks.keep_beside()
    assert sent == ["keep_beside"]
