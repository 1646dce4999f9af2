"""A model version on its way into service, and back: `manage.py roll_out VERSION [--promote | --back | ...]`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from tutor.accounts.management import schools
from tutor.registry import deployments
from tutor.registry.models import Deployment, ModelVersion
from tutor.registry.moves import Order
from tutor.scheduling import rollout
from tutor.scheduling.progress import progress
from tutor.tracing import beside

#: Who moved it, as the list of moves tells.
BY: Final = "manage.py roll_out"


class Command(BaseCommand):
    help = (
        "Puts a version in shadow beside the champion: workers build its states, and it scores what comes in. Then "
        "--promote lets it serve, --back lets the one before serve again, and --follow-site lets a school go with all "
        "others again. Safe to repeat."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("version", help="id of the version, or how it ends")
        parser.add_argument("--school", help="name or id; else all schools without a deployment of their own")
        parser.add_argument("--here", action="store_true", help="build its states here, without a worker")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--promote", action="store_true", help="let it serve; refused until all states are level")
        what.add_argument("--back", action="store_true", help="it serves: let the one before serve again")
        what.add_argument("--follow-site", action="store_true", help="it serves the school: let it follow all schools")
        what.add_argument("--withdraw", action="store_true", help="take it out of shadow")
        parser.add_argument(
            "--force", action="store_true", help="with --promote, --back or --follow-site: whatever states are"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        version = _find(options["version"])
        school_id = schools.find(options["school"]).pk if options["school"] else None
        try:
            self._do(version, school_id, options)
        except ValueError as error:
            raise CommandError(str(error)) from error

    def _do(self, version: ModelVersion, school_id: UUID | None, options: dict[str, Any]) -> None:
        now, curriculum_id = timezone.now(), version.curriculum_version.curriculum_id
        if options["promote"]:
            deployment = rollout.promote(version, school_id=school_id, force=options["force"], now=now, order=Order(BY))
        elif options["back"]:
            deployment = _back(version, school_id, force=options["force"])
        elif options["follow_site"]:
            if school_id is None:
                raise CommandError("--follow-site is for one school: name it by --school")
            _check_serves(version, school_id)
            followed = rollout.follow_site(curriculum_id, school_id, by=BY, force=options["force"], now=now)
            self.stdout.write(f"{followed.champion} of all schools serves, {version} did before")
            return
        elif options["withdraw"]:
            rollout.withdraw(curriculum_id, school_id, by=BY, now=now)
            self.stdout.write(f"{version} is in shadow no longer")
            return
        else:
            deployment = rollout.challenge(version, school_id=school_id, by=BY, now=now)
            if options["here"]:
                _build(deployment)
            self.stdout.write(f"{version} is in shadow: {_progress(version, school_id)}")
            return
        self.stdout.write(f"{deployment.champion} serves, {deployment.previous or 'nothing'} did before")


def _find(ref: str) -> ModelVersion:
    known = ModelVersion.objects.order_by("-created_at")
    found = [version for version in known if str(version.pk).endswith(ref.lower())]
    if len(found) == 1:
        return found[0]
    told = ", ".join(f"{version.pk} ({version}, {version.state})" for version in (found or known)[:10]) or "none"
    raise CommandError(f"{len(found)} model versions end in {ref!r}: give the id of one of these: {told}")


def _back(version: ModelVersion, school_id: UUID | None, *, force: bool) -> Deployment:
    _check_serves(version, school_id)
    curriculum_id = version.curriculum_version.curriculum_id
    return rollout.roll_back(curriculum_id, school_id, by=BY, force=force, now=timezone.now())


def _check_serves(version: ModelVersion, school_id: UUID | None) -> None:
    current = Deployment.objects.filter(curriculum=version.curriculum_version.curriculum_id, school=school_id).first()
    if current is None or deployments.reopened(current).champion_id != version.pk:
        raise CommandError(f"{version} does not serve here: name the version that does")


def _progress(version: ModelVersion, school_id: UUID | None) -> str:
    return str(rollout.progress(version, school_id=school_id, now=timezone.now()))


def _build(deployment: Deployment) -> None:
    with progress("states beside", "learners", beside.look_at(deployment, now=timezone.now())) as shown:
        while n := beside.step(limit=settings.ROLLOUT_BATCH, now=timezone.now()):
            shown.add(n)
