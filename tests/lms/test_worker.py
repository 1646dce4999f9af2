"""Real workers, broker and beat: what happened reaches the receiver, though the worker that carried it is killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.faults.site import ROOT, SECONDS, WORKER, Site
from tests.lms.receiver import Receiver, running

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("faults")]

HAPPEN = """
import sys, django; django.setup()
from django.utils import timezone
from tests import people
from tutor.lms.webhooks import services
from tutor.scheduling.event_models import Event
school, now = people.a_school(), timezone.now()
print(services.create(school.pk, url=sys.argv[1], kinds=["review.due"], now=now).secret)
Event.objects.create(school_id=school.pk, kind="review.due", payload={"due": 3}, created_at=now)
"""


class HooksSite(Site):
    """Its worker sends webhooks, to the loopback interface too."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._commands["worker"] = WORKER.replace("-Q inference", "-Q webhooks").split()

    @property
    def env(self) -> dict[str, str]:
        return {
            **super().env,
            "TRELLIS_WEBHOOK_ALLOWED_HOSTS": "127.0.0.1",
            "DJANGO_SETTINGS_MODULE": "tutor.settings",
        }

    def happen(self, url: str) -> str:
        """An event of a school that listens; the secret of the endpoint."""
        line = [sys.executable, "-c", HAPPEN, url]
        done = subprocess.run(line, env=self.env, cwd=ROOT, capture_output=True, text=True, check=True, timeout=SECONDS)
        return done.stdout.split()[-1]

    def let_leases_run_out(self) -> None:
        """As a minute does."""
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            connection.execute("UPDATE lms_delivery SET lease_until = lease_until - interval '1 minute'")

    def delivered(self) -> int:
        return self.number("SELECT count(*) FROM lms_delivery WHERE status = 'delivered'")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[HooksSite]:
    site = HooksSite(tmp_path)
    try:
        site.valkey.start()
        site.install()
        site.start("worker")
        site.start("beat")
        yield site
    finally:
        site.stop()


def test_what_a_killed_worker_carried_is_carried_again(site: HooksSite) -> None:
    with running(Receiver(hangs=True)) as receiver:
        secret = site.happen(receiver.url)
        site.wait(lambda: len(receiver.messages) == 1, "the message")
        site.children["worker"].kill()
        receiver.hangs = False
        receiver.let_go.set()
        site.let_leases_run_out()
        site.wait(lambda: site.delivered() == 1, "the message once more")
        assert len(receiver.ids) == 2
        assert len(set(receiver.ids)) == 1
        assert receiver.messages[-1].verified(secret)["data"] == {"due": 3}
