"""A made-up curriculum of any size: titles of every length, and prerequisites as authors write them."""

from __future__ import annotations

import random
from typing import Any, Final

from tests import people

_WHAT: Final = (
    "Adding", "Comparing", "Estimating", "Drawing", "Explaining", "Problems with", "Multiplying and dividing",
    "Reading", "Simplifying", "Writing", "Rounding", "Laws of", "Proofs about", "Graphs of",
)  # fmt: skip
_OF: Final = (
    "fractions", "decimals", "angles", "powers", "ratios", "equations in two unknowns", "similar triangles",
    "negative numbers", "units of measure", "circles", "sequences", "percentages", "inequalities",
    "proportional relationships", "cylinders, cones and spheres",
)  # fmt: skip


def a_wide_document(n: int = 150, key: str = "wide", seed: int = 3) -> dict[str, Any]:
    """Each concept builds on up to three of those taught shortly before."""
    chance = random.Random(seed)
    titles = [f"{what} {of}" for what in _WHAT for of in _OF]
    chance.shuffle(titles)
    concepts = [
        {
            "key": f"c{i}",
            "title": titles[i] if i < len(titles) else f"Concept {i}",
            "domain": f"Part {i // 25 + 1}",
            "prerequisites": sorted({f"c{j}" for j in _before(i, chance)}),
        }
        for i in range(n)
    ]
    items = [{"key": f"i{i}", "concepts": [f"c{i}"], "statement": f"Item {i}?"} for i in range(n)]
    return people.a_document(key, title="All of mathematics", concepts=concepts, items=items)


def _before(i: int, chance: random.Random) -> list[int]:
    if i < 8:
        return []
    return [max(0, i - int(chance.expovariate(1 / 9)) - 1) for _ in range(chance.choice((0, 1, 1, 2, 2, 3)))]
