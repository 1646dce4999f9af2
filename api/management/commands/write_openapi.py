from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from api import openapi


class Command(BaseCommand):
    help = "Writes docs/openapi.yaml anew; a test fails while it is out of date."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--file", type=Path, default=Path(settings.BASE_DIR, "docs", "openapi.yaml"))

    def handle(self, *args: Any, **options: Any) -> None:
        options["file"].write_text(openapi.text())
