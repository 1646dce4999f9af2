"""Models fitted anew on the log: `manage.py retrain CURRICULUM [--school NAME] [--kind psikt]`."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from curricula import queries as curricula
from curricula.models import Curriculum
from kt_models.kinds import KINDS
from tutor.accounts.management import schools
from tutor.accounts.models import School
from tutor.registry import runs, services, trainer
from tutor.registry.models import Deployment, TrainingRun

POLL_SECONDS: Final = 1.0


class Command(BaseCommand):
    help = (
        "Fits models anew on what learners answered, judges them on later answers beside the model that serves, and "
        "registers them as candidates, or as rejected with the reason. The training worker does it; this waits for it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("curriculum", help="key or id")
        parser.add_argument("--school", help="name or id: on its answers and for it alone; else on all schools'")
        parser.add_argument(
            "--kind",
            action="append",
            choices=sorted(KINDS),
            help="else those that are fitted by night; may be repeated",
        )
        parser.add_argument("--full", action="store_true", help="from scratch, not from the newest model of the kind")
        parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of the kind's Config")
        parser.add_argument("--seed", type=int, default=0)
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--detach", action="store_true", help="queue and return")
        how.add_argument("--here", action="store_true", help="in this process, without a worker")

    def handle(self, *args: Any, **options: Any) -> None:
        school = schools.find(options["school"]) if options["school"] else None
        curriculum = _curriculum(options["curriculum"], school)
        queued = [
            self._request(kind, curriculum, school, options)
            for kind in options["kind"] or _kinds(curriculum, school)
        ]  # fmt: skip
        if options["detach"]:
            return
        if options["here"]:
            while any(run.finished_at is None for run in _fresh(queued)) and trainer.run_next(now=timezone.now()):
                self._tell(queued)
        else:
            self._follow(queued)
        self._tell(queued, last=True)
        if any(run.status != TrainingRun.Status.DONE for run in _fresh(queued)):
            raise CommandError("not every model was fitted")

    def _request(
        self, kind: str, curriculum: Curriculum, school: School | None, options: dict[str, Any]
    ) -> TrainingRun:
        try:
            run = runs.request(
                kind=kind, curriculum_id=curriculum.pk, school_id=school.pk if school else None,
                settings=_settings(options["set"]), seed=options["seed"], full=options["full"],
                requested_by="manage.py retrain", now=timezone.now(),
            )  # fmt: skip
        except runs.CannotRun as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{kind}: queued as run {run.pk}")
        return run

    def _follow(self, queued: Sequence[TrainingRun]) -> None:
        """Ctrl-C leaves the runs to their worker."""
        said: dict[UUID, str] = {}
        try:
            while any(run.finished_at is None for run in self._tell(queued, said)):
                time.sleep(POLL_SECONDS)
        except KeyboardInterrupt:
            self.stdout.write("the runs go on; cancel one with POST /api/v1/training-runs/ID:cancel")

    def _tell(
        self, queued: Sequence[TrainingRun], said: dict[UUID, str] | None = None, *, last: bool = False
    ) -> list[TrainingRun]:
        said = {} if said is None else said
        found = _fresh(queued)
        for run in found:
            line = _line(run)
            if said.get(run.pk) != line and (last or run.finished_at is None):
                self.stdout.write(line)
            said[run.pk] = line
        return found


def _line(run: TrainingRun) -> str:
    if run.version is not None:
        told = f"{run.version.state}, version {run.version_id}"
        return f"{run.kind}: {told}" + (f": {run.version.reason}" if run.version.reason else "")
    if run.finished_at is not None:
        return f"{run.kind}: {run.status}: {run.message}"
    at = run.progress
    of = f" {at['step']:.0f} of {at['steps']:.0f}" if {"step", "steps"} <= at.keys() else ""
    return f"{run.kind}: {run.status}{', ' + run.step if run.step else ''}{of}"


def _fresh(queued: Sequence[TrainingRun]) -> list[TrainingRun]:
    return list(TrainingRun.objects.filter(pk__in=[run.pk for run in queued]).select_related("version").order_by("pk"))


def _curriculum(ref: str, school: School | None) -> Curriculum:
    owner = school.pk if school else None
    try:
        found = Curriculum.objects.filter(pk=UUID(ref)).first()
    except ValueError:
        found = curricula.by_key(owner, ref)
    if found is None:
        known = ", ".join(f"{each.key} ({each.pk})" for each in Curriculum.objects.order_by("key")[:20]) or "none"
        raise CommandError(f"there is no curriculum {ref!r}: give the id of one of these ({known}), or a school's key")
    return found


def _kinds(curriculum: Curriculum, school: School | None) -> list[str]:
    services.ensure_served(curriculum.pk)
    deployed = Deployment.objects.filter(curriculum=curriculum, follows_since=None)
    own = deployed.filter(school=school).first() or deployed.filter(school=None).first()
    if own is None:
        raise CommandError(f"curriculum {curriculum.key} has no published version: publish it first")
    return own.retrains


def _settings(given: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals:
            raise CommandError(f"--set {each}: must be KEY=VALUE")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
