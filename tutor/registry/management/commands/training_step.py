"""One step of a training run, in a process of its own: started by the trainer, not by people."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand

from tutor.registry import steps
from tutor.registry.models import TrainingRun
from tutor.registry.steps import Step


class Command(BaseCommand):
    help = "One step of a training run; the trainer starts it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=UUID)
        parser.add_argument("step", choices=[Step.EXPORT, Step.JUDGE])

    def handle(self, *args: Any, **options: Any) -> None:
        run = TrainingRun.objects.get(pk=options["run"])
        folder = settings.TRAINING_DIR / str(run.pk)
        try:
            steps.do(run, Step(options["step"]), folder)
        except steps.CannotStep as error:
            steps.tell_refusal(folder, error)
            self.stderr.write(str(error))
            sys.exit(2)
