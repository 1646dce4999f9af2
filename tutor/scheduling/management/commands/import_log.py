"""A log of answers into a school: `manage.py import_log answers.parquet --school "Elm School"`."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from curricula.errors import CurriculumError
from tutor.accounts.access import Client
from tutor.accounts.management import schools
from tutor.scheduling import catchup, contents, intake, logfile, logschool
from tutor.scheduling.intake import AnswerIn, Receipt
from tutor.scheduling.logfile import BadLog, Layout, Survey
from tutor.scheduling.progress import progress

#: Refused rows that are shown; the rest are counted.
SHOWN: Final = 10


class Command(BaseCommand):
    help = (
        "Takes a Parquet or CSV log of answers into a school: its learners, its concepts and items as a published "
        "curriculum, and its answers by the way that every answer goes. Safe to repeat: rows already there are counted "
        "as duplicates. Workers do the rest."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--school", required=True, help="name or id")
        parser.add_argument("--create-school", action="store_true", help="make it if there is none of that name")
        parser.add_argument("--curriculum", help="key to publish the content under; else the file's name")
        for column in ("learner", "item", "concept", "correct", "timestamp"):
            parser.add_argument(f"--{column}", default=column, metavar="COLUMN", help=f"else {column!r}")
        parser.add_argument("--difficulty-column", metavar="COLUMN", help="item difficulty in logits; else 0 for all")
        parser.add_argument("--epoch", default="1970-01-01", help="when numbers in the time column begin (ISO 8601)")
        parser.add_argument("--limit", type=int, metavar="N", help="only the first N rows")
        parser.add_argument("--dry-run", action="store_true", help="read the whole file, write nothing")
        parser.add_argument("--advance", action="store_true", help="update beliefs and plans here, without a worker")

    def handle(self, *args: Any, **options: Any) -> None:
        path, limit, now = options["file"], options["limit"], timezone.now()
        layout = _layout(options)
        source = logfile.key(path.stem)[: logfile.MAX_SOURCE]
        try:
            survey = self._survey(path, layout, limit)
            if options["dry_run"]:
                return
            school = schools.find(options["school"], create=options["create_school"])
            key = options["curriculum"] or source
            made = logschool.prepare(survey, school_id=school.pk, source=source, curriculum=key, now=now)
            contents.forget()
            answers = (
                logfile.answer(row, source=source, curriculum=str(made.pk)) for row in logfile.rows(path, layout, limit)
            )
            counts = self._submit(answers, school.pk, survey.n)
        except (BadLog, CurriculumError) as error:
            raise CommandError(str(error)) from error
        if options["advance"]:
            self._advance(school.pk)
        if counts["rejected"]:
            raise CommandError(f"{counts['rejected']:,} rows were rejected: mend them and run the same command again")

    def _survey(self, path: Path, layout: Layout, limit: int | None) -> Survey:
        survey = Survey()
        with progress("looking through the file", "rows", logfile.count(path, limit)) as shown:
            for row in logfile.rows(path, layout, limit):
                survey.add(row)
                shown.add(1)
        if not survey.n:
            raise CommandError(f"{path} holds no rows: give a file with at least one answer")
        first, last = (datetime.fromtimestamp(at, UTC) for at in (survey.first, survey.last))
        self.stdout.write(
            f"{survey.n:,} answers of {len(survey.learners):,} learners to {len(survey.items):,} items of "
            f"{len(survey.concepts):,} concepts, {first:%Y-%m-%d} to {last:%Y-%m-%d}"
        )
        return survey

    def _submit(self, answers: Iterator[AnswerIn], school_id: UUID, total: int) -> Counter[str]:
        client = Client(id=school_id, school_id=school_id, name="import_log", scopes=frozenset())
        counts: Counter[str] = Counter(accepted=0, duplicate=0, rejected=0)
        with progress("answers", "answers", total) as shown:
            while part := list(islice(answers, intake.MAX_ROWS)):
                for receipt in intake.submit(client, part, now=timezone.now()):
                    counts[receipt.status] += 1
                    if receipt.error and counts["rejected"] <= SHOWN:
                        self._show(receipt)
                shown.add(len(part))
        self.stdout.write(", ".join(f"{n:,} {status}" for status, n in counts.items()))
        return counts

    def _show(self, receipt: Receipt) -> None:
        assert receipt.error is not None  # noqa: S101
        self.stderr.write(f"row {receipt.id}{receipt.error.pointer}: {receipt.error.message}")

    def _advance(self, school_id: UUID) -> None:
        with progress("beliefs and plans", "learners", catchup.behind(school_id)) as shown:
            for n in catchup.catch_up(school_id):
                shown.add(n)
        if left := catchup.behind(school_id):
            raise CommandError(f"{left} learners could not be brought up to date: see LearnerState.trouble")


def _layout(options: dict[str, Any]) -> Layout:
    try:
        epoch = datetime.fromisoformat(options["epoch"])
    except ValueError as error:
        raise CommandError(f"--epoch {options['epoch']!r} is no date: write it as 2024-09-01") from error
    names = {name: options[name] for name in ("learner", "item", "concept", "correct", "timestamp")}
    begin = (epoch if epoch.tzinfo else epoch.replace(tzinfo=UTC)).timestamp()
    return Layout(**names, difficulty=options["difficulty_column"], epoch=begin)
