"""Did what was forecast come true? `manage.py check_forecasts --school NAME`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tutor.accounts.management import schools
from tutor.scheduling import contents
from tutor.scheduling.coverage import PAUSE_HOURS, coverage


class Command(BaseCommand):
    help = (
        "Compares what the serving model forecast of answers after a pause with what was answered, by tenths of the "
        "forecast. A forecast has come true where it lies within the 90 % interval of what was observed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--school", required=True, help="name or id")
        parser.add_argument("--curriculum", metavar="KEY", help="key or id; may be left out if there is only one")
        parser.add_argument("--pause-hours", type=float, default=PAUSE_HOURS, help="since the answer before")

    def handle(self, *args: Any, **options: Any) -> None:
        school = schools.find(options["school"])
        if not options["pause_hours"] >= 0:
            raise CommandError(f"--pause-hours {options['pause_hours']}: give 0 or more")
        try:
            curriculum_id = contents.resolve(school.pk, options["curriculum"])
        except (contents.UnknownCurriculum, contents.AmbiguousCurriculum) as error:
            raise CommandError(str(error)) from error
        found = coverage(school.pk, curriculum_id, pause_hours=options["pause_hours"])
        self.stdout.write(f"{found.answers:,} answers of {found.learners:,} learners")
        if found.error is None:
            return
        self.stdout.write(f"{'answers':>8} {'forecast':>9} {'observed':>9}  90 % interval")
        for each in found.deciles:
            mark = "" if each.came_true else "  missed"
            interval = f"{each.low:.3f} to {each.high:.3f}{mark}"
            self.stdout.write(f"{each.n:>8,} {each.forecast:>9.3f} {each.observed:>9.3f}  {interval}")
        self.stdout.write(f"{found.came_true} of {len(found.deciles)} came true; mean distance {found.error:.3f}")
