"""A school to look at: `manage.py demo_school`. Again, it only writes the file with the passwords once more."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from tutor.accounts.models import Group
from tutor.scheduling import catchup
from tutor.scheduling.demo import credentials, evenings, school
from tutor.scheduling.progress import progress


class Command(BaseCommand):
    help = "Makes a demo school of 30 simulated learners with eight weeks of answers, once, and says how to get in."

    def handle(self, *args: Any, **options: Any) -> None:
        group = school.people_and_content(timezone.now())
        if not school.has_model(group):
            self._fill(group)
        self._level(group)
        if not evenings.are_over(group):
            n = evenings.hold(group, now=timezone.now())
            self.stdout.write(f"{n} answers to what Trellis chose, on the last evenings")
        path = Path(os.environ.get("TRELLIS_DEMO_FILE") or settings.BASE_DIR / ".dev" / "demo.json")
        credentials.write(path, group)
        self.stdout.write(f"the demo school is ready; passwords and key are in {path}")

    def _fill(self, group: Group) -> None:
        given = school.answers(group)
        with progress("answers", "answers", len(given)) as shown:
            for n in school.submit(group, given, timezone.now()):
                shown.add(n)
        self.stdout.write("fitting the school's own model")
        auc = school.fit(group).metrics["auc"]["value"]
        self.stdout.write(f"fitted: AUC {auc:.3f} on learners it has not seen")

    def _level(self, group: Group) -> None:
        waiting = catchup.behind(group.school_id)
        if not waiting:
            return
        with progress("beliefs and plans", "learners", waiting) as shown:
            for n in catchup.catch_up(group.school_id):
                shown.add(n)
        if left := catchup.behind(group.school_id):
            raise CommandError(f"{left} learners could not be brought up to date: see LearnerState.trouble")
