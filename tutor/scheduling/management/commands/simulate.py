"""Policies against each other in simulated worlds: `manage.py simulate --out FOLDER`. Needs no database."""

from __future__ import annotations

from argparse import ArgumentParser
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from kt_models.simulate import KINDS
from tutor.scheduling.policies import POLICIES
from tutor.scheduling.progress import Progress, progress
from tutor.scheduling.tournament import contest, outcome, report
from tutor.scheduling.tournament.contest import NOT_PLAYED, QUICK, Entrant, Plan


class Command(BaseCommand):
    help = (
        "Plays policies against each other in simulated worlds at equal minutes a day, and writes a report with "
        "pictures. What was played is kept in the folder, so that a contest that was stopped goes on: repeat the "
        "command. One run of 200 learners and 60 days takes about half a minute of one core."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        every = [name for name in POLICIES if name not in NOT_PLAYED]
        parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for the report, and all runs")
        parser.add_argument(
            "--policies", nargs="+", default=every, metavar="POLICY[:SETTING=VALUE,...]",
            help=f"of {', '.join(POLICIES)}; gain:look_ahead=2 is a policy with a setting of its own",
        )  # fmt: skip
        parser.add_argument("--worlds", nargs="+", default=list(KINDS), metavar="WORLD", help=f"of {', '.join(KINDS)}")
        parser.add_argument("--against", nargs="+", default=[], metavar="POLICY", help="compare with these")
        parser.add_argument("--seeds", nargs="+", type=int, default=[1], help="each draws a course and its learners")
        parser.add_argument("--learners", type=int, help="of each world and seed (200)")
        parser.add_argument("--days", type=int, help="the last one is the exam's (60)")
        parser.add_argument("--minutes", type=float, help="of a visit, median (5)")
        parser.add_argument("--concepts", type=int, help="of the course (200)")
        parser.add_argument("--model", help="kind of the belief that drives all policies (half-life)")
        parser.add_argument("--jobs", type=int, default=1, help="processes")
        parser.add_argument("--fresh", action="store_true", help="play again what was played by other code")
        parser.add_argument("--quick", action="store_true", help="few learners and days: shows that it works, no more")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            plan = _plan(options)
            references = outcome.references(plan, options["against"])
        except ValueError as error:
            raise CommandError(str(error)) from error
        _hold(plan, options)
        found = outcome.compare(plan, contest.results(plan, options["out"]), references)
        self.stdout.write(str(report.write(found, options["out"])))


def _plan(options: dict[str, Any]) -> Plan:
    sizes = ("learners", "days", "minutes", "concepts", "model")
    chosen = {name: options[name] for name in sizes if options[name] is not None}
    return Plan(
        entrants=tuple(Entrant.parse(text) for text in options["policies"]),
        worlds=tuple(options["worlds"]),
        seeds=tuple(options["seeds"]),
        **{**(QUICK if options["quick"] else {}), **chosen},
    )


def _hold(plan: Plan, options: dict[str, Any]) -> None:
    runs = len(plan.entrants) * len(plan.worlds) * len(plan.seeds)
    with ExitStack() as stack:
        bars: dict[str, Progress] = {}

        def tell(what: str, n: int) -> None:
            if what not in bars:
                bars[what] = stack.enter_context(progress(what, what, runs if what == "runs" else None))
            bars[what].add(n)

        contest.hold(plan, options["out"], jobs=options["jobs"], fresh=options["fresh"], tell=tell)
