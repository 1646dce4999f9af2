"""`manage.py curriculum`: check, import and export shared curricula from files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from curricula import formats, queries, services
from curricula.errors import CurriculumError, InvalidDocument, Problem


class Command(BaseCommand):
    help = "Checks, imports and exports curricula. Without --owner these are shared with every school."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, parser_class=argparse.ArgumentParser)
        for name, text in (
            ("validate", "report all problems of a file"),
            ("import", "make a file's curriculum a draft"),
        ):
            action = actions.add_parser(name, help=text)
            action.add_argument("file", type=Path)
            action.add_argument("--format", choices=[*formats.FORMATS], help="detected if not given")
        action.add_argument("--publish", action="store_true", help="publish the draft at once")
        action.add_argument("--owner", type=UUID, help="the school it belongs to")
        action = actions.add_parser("export", help="write the latest version, or the draft if there is none")
        action.add_argument("key")
        action.add_argument("--format", choices=[*formats.FORMATS], default="trellis")
        action.add_argument("--output", type=Path, help="standard output if not given")
        action.add_argument("--owner", type=UUID, help="the school it belongs to")

    def handle(self, *, action: str, **options: Any) -> None:
        try:
            actions: dict[str, Callable[..., None]]
            actions = {"validate": self.validate, "import": self.import_file, "export": self.export}
            actions[action](**options)
        except InvalidDocument as refusal:
            self._list(refusal.report.problems)
            raise CommandError(f"{len(refusal.report.problems)} problems; nothing was written") from refusal
        except (CurriculumError, OSError) as refusal:
            raise CommandError(str(refusal)) from refusal

    def validate(self, *, file: Path, format: str | None, **_: Any) -> None:
        parsed = self._read(file, format)
        self.stdout.write(f"no problems: {len(parsed.document.concepts)} concepts, {len(parsed.document.items)} items")

    def import_file(self, *, file: Path, format: str | None, owner: UUID | None, publish: bool, **_: Any) -> None:
        now = timezone.now()
        version = services.import_document(self._read(file, format).document, owner=owner, now=now)
        if publish:
            version = services.publish(version.curriculum, now=now)
        self.stdout.write(f"{version.curriculum.key}: {'version' if publish else 'draft of version'} {version.number}")

    def export(self, *, key: str, format: str, output: Path | None, owner: UUID | None, **_: Any) -> None:
        curriculum = queries.by_key(owner, key)
        version = (queries.latest_published(curriculum) or queries.draft(curriculum)) if curriculum else None
        if version is None:
            raise CommandError(f"there is no curriculum {key!r} here: check its key, and --owner")
        body = formats.write(queries.document(version), format, changed=version.published_at or version.created_at)
        if output:
            output.write_bytes(body)
        else:
            sys.stdout.buffer.write(body)

    def _read(self, file: Path, format: str | None) -> formats.Parsed:
        parsed = formats.read(file.read_bytes(), format)
        self._list(parsed.notes)
        return parsed

    def _list(self, problems: tuple[Problem, ...]) -> None:
        for problem in problems:
            self.stderr.write(f"{problem.pointer or 'the document'}: {problem.message} [{problem.code}]")
