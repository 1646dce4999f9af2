"""Documents that the tests of curricula share: a tiny one by hand, and arbitrary valid ones."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

_FRACTIONS: dict[str, Any] = {
    "format": "trellis-curriculum/1",
    "key": "fractions",
    "title": "Fractions",
    "language": "en",
    "concepts": [
        {"key": "parts", "title": "Equal parts", "prerequisites": []},
        {"key": "add", "title": "Adding fractions", "prerequisites": ["parts"], "grade": "4", "domain": "Numbers"},
        {"key": "mixed", "title": "Mixed numbers", "prerequisites": ["add", "parts"]},
    ],
    "items": [
        {"key": "parts-1", "concepts": ["parts"], "statement": "How many halves make one?", "answer": "2"},
        {"key": "add-1", "concepts": ["add"], "statement": "1/3 + 1/3 = ?", "answer": "2/3", "difficulty": -0.5},
        {"key": "mixed-1", "concepts": ["mixed", "add"], "statement": "1 1/2 + 1/2 = ?", "answer": "2", "minutes": 1.5},
    ],
}


def fractions() -> dict[str, Any]:
    """Three concepts in a chain, three items; the caller's own to change."""
    return copy.deepcopy(_FRACTIONS)


def concept(key: str, *prerequisites: str, **fields: Any) -> dict[str, Any]:
    return {"key": key, "title": key.title(), "prerequisites": list(prerequisites), **fields}


def item(key: str, *concepts: str, **fields: Any) -> dict[str, Any]:
    return {"key": key, "concepts": list(concepts), "statement": f"What is {key}?", **fields}


keys = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,9}", fullmatch=True)
# What PostgreSQL cannot store (NUL, lone surrogates) is no valid text of a document.
characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


def texts(longest: int) -> st.SearchStrategy[str]:
    return st.text(characters, min_size=1, max_size=longest).filter(lambda text: text.strip() != "")


addresses = st.from_regex(r"https?://[a-z]{1,9}\.org/[a-z0-9/]{0,9}", fullmatch=True)


def _given(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=optional)


@st.composite
def documents(draw: st.DrawFn, *, with_items: bool = True) -> dict[str, Any]:
    """Any valid document, small: prerequisites only point back, so that there is no cycle."""
    concept_keys = draw(st.lists(keys, min_size=1, max_size=6, unique=True))
    concepts = []
    for place, key in enumerate(concept_keys):
        earlier = st.lists(st.sampled_from(concept_keys[:place]), unique=True, max_size=3) if place else st.just([])
        optional = _given(description=texts(30), grade=texts(5), domain=texts(12), source_uri=addresses)
        concepts.append({"key": key, "title": draw(texts(20)), "prerequisites": draw(earlier), **draw(optional)})
    items = []
    for key in draw(st.lists(keys, max_size=5, unique=True)) if with_items else ():
        exercised = draw(st.lists(st.sampled_from(concept_keys), min_size=1, max_size=3, unique=True))
        items.append({"key": key, "concepts": exercised, "statement": draw(texts(40)), **draw(_item_fields())})
    head = {"format": "trellis-curriculum/1", "key": draw(keys), "title": draw(texts(20)), "language": "en"}
    return {**head, "concepts": concepts, "items": items}


@st.composite
def _item_fields(draw: st.DrawFn) -> dict[str, Any]:
    fields = draw(
        _given(
            choices=st.lists(texts(8), min_size=2, max_size=4, unique=True),
            difficulty=st.floats(-6, 6).filter(lambda logit: logit != 0),
            minutes=st.floats(0.01, 600),
            url=addresses,
        )
    )
    if draw(st.booleans()):
        fields["answer"] = draw(st.sampled_from(fields["choices"]) if "choices" in fields else texts(8))
    return fields
