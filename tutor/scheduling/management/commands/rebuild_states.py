"""What is believed of learners, folded anew from the log: `manage.py rebuild_states [--school NAME]`."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from tutor.accounts.access import Client, learner_ids
from tutor.accounts.management import schools
from tutor.accounts.models import School
from tutor.scheduling import bell, catchup, contents
from tutor.scheduling.progress import progress
from tutor.tracing import rollout


class Command(BaseCommand):
    help = (
        "Folds logs into states again, by the model that serves now: after a promotion, or when states are doubted. "
        "What was believed stays readable meanwhile. Workers do the rest; safe to repeat."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--school", help="name or id; else all schools")
        parser.add_argument("--curriculum", metavar="KEY", help="key or id, with --school; else all curricula")
        parser.add_argument("--learner", action="append", metavar="REF", help="id or external:source:id, with --school")
        parser.add_argument("--advance", action="store_true", help="update beliefs and plans here, without a worker")

    def handle(self, *args: Any, **options: Any) -> None:
        school = schools.find(options["school"]) if options["school"] else None
        if school is None and (options["curriculum"] or options["learner"] or options["advance"]):
            raise CommandError("--curriculum, --learner and --advance are of one school: say which with --school")
        queued = rollout.rebuild_serving(
            school_id=school.pk if school else None,
            curriculum_id=_curriculum(school, options["curriculum"]),
            learner_ids=_learners(school, options["learner"]),
            now=timezone.now(),
        )
        self.stdout.write(f"{queued:,} learners are queued")
        if school and options["advance"]:
            with progress("beliefs and plans", "learners", queued) as shown:
                for n in catchup.catch_up(school.pk):
                    shown.add(n)
            if left := catchup.behind(school.pk):
                raise CommandError(f"{left} learners could not be brought up to date: see LearnerState.trouble")
        elif queued:
            bell.ring()


def _curriculum(school: School | None, ref: str | None) -> UUID | None:
    if school is None or ref is None:
        return None
    try:
        return contents.resolve(school.pk, ref)
    except contents.UnknownCurriculum as error:
        raise CommandError(str(error)) from error


def _learners(school: School | None, refs: Sequence[str] | None) -> list[UUID] | None:
    if school is None or not refs:
        return None
    client = Client(id=school.pk, school_id=school.pk, name="rebuild_states", scopes=frozenset())
    known = learner_ids(client, refs)
    if unknown := [ref for ref in refs if ref not in known]:
        raise CommandError(f"learner {unknown[0]!r} is not in this school: give an id, or external:source:id")
    return list(known.values())
