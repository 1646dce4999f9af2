"""The document that is a curriculum: format "trellis-curriculum/1".

One declaration serves decoding, the report of all problems, the stored JSON and its digest. A document may be
decoded JSON (`dict`) anywhere outside; `parse` makes the checked, typed form of it.
"""

from __future__ import annotations

import hashlib
import math
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

FORMAT = "trellis-curriculum/1"

#: What the validator and the database were measured with: 50,000 items publish in seconds, not in minutes.
MAX_CONCEPTS = 10_000
MAX_ITEMS = 100_000
#: Far more than any author means (school mathematics: 3), few enough that checking a document stays linear in its size.
MAX_PREREQUISITES = 100
#: Four standard deviations of item difficulty in the logs we know; beyond it an answer says nothing about a learner.
MAX_DIFFICULTY = 6.0
#: What practice is worth is counted by the minute, so no item may take almost none.
MIN_MINUTES = 0.01
MAX_MINUTES = 600.0
MAX_TITLE_CHARACTERS = 300
MAX_LABEL_CHARACTERS = 200
MAX_DESCRIPTION_CHARACTERS = 5_000

# Keys stand in URLs and in CSV lists, so they hold no space, slash, comma or bar.
Key = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*\Z", max_length=120)]
Title = Annotated[str, Meta(pattern=r"\S", max_length=MAX_TITLE_CHARACTERS)]
Language = Annotated[str, Meta(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z", max_length=35)]
Label = Annotated[str, Meta(pattern=r"\S", max_length=MAX_LABEL_CHARACTERS)]
Description = Annotated[str, Meta(pattern=r"\S", max_length=MAX_DESCRIPTION_CHARACTERS)]
Statement = Annotated[str, Meta(pattern=r"\S", max_length=10_000)]
Answer = Annotated[str, Meta(min_length=1, max_length=1_000)]
# Only web addresses: these are shown as links, and "javascript:" must not be one.
WebAddress = Annotated[str, Meta(pattern=r"^https?://[^\s/?#]+[^\s]*\Z", max_length=2_000)]
Difficulty = Annotated[float, Meta(ge=-MAX_DIFFICULTY, le=MAX_DIFFICULTY)]
Minutes = Annotated[float, Meta(ge=MIN_MINUTES, le=MAX_MINUTES)]


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An object of the document: an unknown field is refused, an absent optional one is left out again."""


class ConceptContent(_Strict, frozen=True):
    """`prerequisites` are keys of concepts to know first; `domain` is a heading to list it under."""

    key: Key
    title: Title
    description: Description | None = None
    prerequisites: Annotated[tuple[Key, ...], Meta(max_length=MAX_PREREQUISITES)] = ()
    grade: Label | None = None
    domain: Label | None = None
    source_uri: WebAddress | None = None


class ItemContent(_Strict, frozen=True):
    """`difficulty` in logits, 0 = average, positive = harder; `minutes` is the time expected of a learner."""

    key: Key
    concepts: Annotated[tuple[Key, ...], Meta(min_length=1, max_length=20)]
    statement: Statement
    answer: Answer | None = None
    choices: Annotated[tuple[Answer, ...], Meta(min_length=2, max_length=20)] | None = None
    difficulty: Difficulty = 0.0
    minutes: Minutes | None = None
    url: WebAddress | None = None


class Document(_Strict, frozen=True):
    """A whole curriculum, as it is written, sent and stored."""

    format: Literal["trellis-curriculum/1"]
    key: Key
    title: Title
    language: Language
    concepts: Annotated[tuple[ConceptContent, ...], Meta(max_length=MAX_CONCEPTS)]
    items: Annotated[tuple[ItemContent, ...], Meta(max_length=MAX_ITEMS)] = ()

    def to_builtins(self) -> dict[str, Any]:
        """As decoded JSON: what is stored, exported and shown to editors."""
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        # Present even when empty, unlike other defaults: readers of the JSON need not know that they may be absent.
        plain.setdefault("items", [])
        for concept in plain["concepts"]:
            concept.setdefault("prerequisites", [])
        return plain


#: What each field must be, in the words of the report.
RULES = {
    "format": f'the text "{FORMAT}"',
    "key": "1 to 120 letters, digits and . _ : - only, the first a letter or digit",
    "title": "a text of 1 to 300 characters",
    "language": 'a BCP 47 language tag such as "en" or "pt-BR"',
    "concepts": "a list of concept objects (in an item: 1 to 20 concept keys)",
    "items": "a list of item objects",
    "description": "a text of 1 to 5,000 characters",
    "prerequisites": "a list of up to 100 concept keys",
    "grade": "a text of 1 to 200 characters",
    "domain": "a text of 1 to 200 characters",
    "source_uri": "a web address (http or https) of up to 2,000 characters",
    "statement": "a text of 1 to 10,000 characters",
    "answer": "a text of 1 to 1,000 characters",
    "choices": "a list of 2 to 20 texts of 1 to 1,000 characters",
    "difficulty": f"a number of logits from {-MAX_DIFFICULTY:g} to {MAX_DIFFICULTY:g}, 0 = average, positive = harder",
    "minutes": f"a number of minutes from {MIN_MINUTES:g} to {MAX_MINUTES:g}",
    "url": "a web address (http or https) of up to 2,000 characters",
}


def canonical(document: Document) -> Document:
    """The same document with one spelling only. PostgreSQL's jsonb has no negative zero, so neither has ours."""
    if not any(item.difficulty == 0 and math.copysign(1, item.difficulty) < 0 for item in document.items):
        return document
    items = (msgspec.structs.replace(item, difficulty=item.difficulty + 0.0) for item in document.items)
    return msgspec.structs.replace(document, items=tuple(items))


def digest(document: Document) -> str:
    """SHA-256, in hex, of the canonical JSON: equal for equal content, whatever the order of fields."""
    return hashlib.sha256(msgspec.json.encode(canonical(document), order="sorted")).hexdigest()
