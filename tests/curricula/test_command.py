"""`manage.py curriculum` moves curricula between files and the database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from curricula import queries
from tests.curricula.documents import fractions

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "fractions.json"
    path.write_text(json.dumps(fractions()))
    return path


@pytest.mark.parametrize("name", ["trellis", "csv", "case"])
def test_a_curriculum_goes_in_and_comes_out(file: Path, tmp_path: Path, name: str) -> None:
    call_command("curriculum", "import", str(file), "--publish")
    call_command("curriculum", "export", "fractions", "--format", name, "--output", str(tmp_path / "out"))
    call_command("curriculum", "import", str(tmp_path / "out"))
    curriculum = queries.by_key(None, "fractions")
    assert curriculum is not None
    draft = queries.draft(curriculum)
    assert draft is not None
    assert len(queries.document(draft).concepts) == 3


def test_validate_lists_all_problems_and_writes_nothing(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(json.dumps(fractions() | {"title": 7, "colour": "red"}))
    with pytest.raises(CommandError, match="2 problems"):
        call_command("curriculum", "validate", str(file))
    assert "/colour: there is no field 'colour'" in capsys.readouterr().err
    assert queries.by_key(None, "fractions") is None


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no curriculum 'algebra'"):
        call_command("curriculum", "export", "algebra")
    with pytest.raises(CommandError, match="No such file"):
        call_command("curriculum", "import", str(tmp_path / "absent.json"))
