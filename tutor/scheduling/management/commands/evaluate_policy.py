"""A policy judged by a log: `manage.py evaluate_policy POLICY --school NAME --since 2026-03-01 --out page.md`."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from tutor.accounts.access import NotFound
from tutor.accounts.management import schools
from tutor.accounts.models import School
from tutor.scheduling import configs, contents, evaluations
from tutor.scheduling.evaluation_page import Head, page
from tutor.scheduling.models import Evaluation, PolicyConfig
from tutor.scheduling.ope.logged import BadLog
from tutor.scheduling.ope.rewards import Kind, Reward
from tutor.scheduling.replay import CannotReplay


class Command(BaseCommand):
    help = (
        "Tells what a policy would have been worth a choice, from what others chose: IPS, SNIPS and doubly robust, "
        "with intervals, or why nothing can be told. Writes a page of Markdown, and the same as JSON beside it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("policy", help="name of a policy, or name or id of one of the school's own (the newest)")
        parser.add_argument("--school", required=True, help="name or id")
        parser.add_argument("--since", required=True, type=_moment, help="choices offered from then on")
        parser.add_argument("--until", type=_moment, help="and before then; else now")
        parser.add_argument("--curriculum", help="key or id; else all")
        parser.add_argument("--logged", default="", metavar="POLICY", help="whose choices are looked at; else all")
        parser.add_argument("--reward", choices=[kind.value for kind in Kind], default=Kind.GAIN.value)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--out", required=True, type=Path, help="page to write; the JSON is beside it")

    def handle(self, *args: Any, **options: Any) -> None:
        school, now = schools.find(options["school"]), timezone.now()
        name, config = _policy(school, options["policy"])
        try:
            job = evaluations.question(
                school.pk, name, config, since=options["since"], until=options["until"] or now,
                reward=Reward(Kind(options["reward"])), logged_policy=options["logged"],
                curriculum_id=_curriculum(school, options["curriculum"]), seed=options["seed"], now=now,
            )  # fmt: skip
            report = evaluations.assess(job, now=now, tell=self._tell).to_json()
        except (evaluations.CannotEvaluate, CannotReplay, BadLog) as error:
            raise CommandError(str(error)) from error
        out: Path = options["out"]
        out.write_text(page(_head(school, job), report))
        out.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")
        self.stdout.write(report["refusal"] or f"snips {report['values']['snips']['value']['value']:.3f}")
        self.stdout.write(f"written to {out} and {out.with_suffix('.json')}")

    def _tell(self, done: int, total: int) -> None:
        self.stdout.write(f"{done} of {total} choices")


def _policy(school: School, ref: str) -> tuple[str, PolicyConfig | None]:
    newest = configs.visible(school.pk).filter(name=ref).order_by("-version").first()
    try:
        return (newest.policy, newest) if newest else configs.named(school.pk, ref)
    except NotFound as error:
        raise CommandError(str(error)) from error


def _curriculum(school: School, ref: str | None) -> Any:
    try:
        return None if ref is None else contents.resolve(school.pk, ref)
    except contents.UnknownCurriculum as error:
        raise CommandError(str(error)) from error


def _head(school: School, job: Evaluation) -> Head:
    chosen = configs.chosen(job.policy, job.config)
    parameters = job.config.parameters if job.config else {}
    return Head(
        school.name, chosen.label, chosen.version, chosen.policy.name, parameters, job.logged_policy, job.since,
        job.until,
    )  # fmt: skip


def _moment(text: str) -> datetime:
    """A day or a time, in UTC unless it says otherwise."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
