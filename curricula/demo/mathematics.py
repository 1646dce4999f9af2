"""School mathematics, grades 3 to 9: each module holds concepts of a kind, what they build on, and their tasks."""

from __future__ import annotations

from typing import Any

from curricula.demo import algebra, chance, functions, negative, parts, ratio, shapes, whole
from curricula.demo.builder import document

MODULES = (whole, parts, ratio, negative, algebra, functions, shapes, chance)


def mathematics() -> dict[str, Any]:
    """The demo curriculum as a document (decoded JSON); equal at every call and on every machine."""
    return document(
        "school-mathematics", "School mathematics", (topic for module in MODULES for topic in module.TOPICS)
    )
