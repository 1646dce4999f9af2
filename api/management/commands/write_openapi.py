from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from api import openapi


class Command(BaseCommand):
    help = "Writes docs/openapi.yaml anew; a test fails while it is out of date."

    def handle(self, *args: Any, **options: Any) -> None:
        Path(settings.BASE_DIR, "docs", "openapi.yaml").write_text(openapi.text())
