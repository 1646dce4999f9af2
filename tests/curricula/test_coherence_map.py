"""A real graph of 480 standards is a curriculum, and survives the formats."""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from curricula import formats
from curricula.validation import parse

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "ccss"

pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="the Coherence Map is not at ../shared/data/ccss")


def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(newline="") as file:
        return list(csv.DictReader(file))


def coherence_map() -> dict[str, Any]:
    needs = defaultdict(list)
    for edge in rows("prerequisites.csv"):
        needs[edge["concept_name"]].append(edge["prerequisite_name"])
    concepts = [
        {
            "key": row["code"],
            "title": row["code"],
            "description": row["statement"],
            "prerequisites": needs[row["code"]],
            "grade": row["grade"],
            "domain": row["domain"],
        }
        for row in rows("concepts.csv")
    ]
    head = {"format": "trellis-curriculum/1", "key": "coherence-map", "title": "Coherence Map", "language": "en"}
    return {**head, "concepts": concepts, "items": []}


@pytest.mark.parametrize("name", formats.FORMATS)
def test_it_is_written_and_read_back(name: str) -> None:
    document = parse(coherence_map())
    assert len(document.concepts) == 480
    body = formats.write(document, name, changed=datetime(2026, 9, 1, tzinfo=UTC))
    assert formats.read(body, name).document == document
