"""From decoded JSON to a checked document, or to one report of everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, TypeVar, get_type_hints

import msgspec

from curricula import graph
from curricula.document import MAX_CONCEPTS, MAX_ITEMS, RULES, ConceptContent, Document, ItemContent, canonical
from curricula.errors import InvalidDocument, Problem, Report

Row = TypeVar("Row", ConceptContent, ItemContent)
Rows = list[tuple[int, Row]]

#: Longest quotation of a bad value in a message.
SHOWN_CHARACTERS = 60
#: Most keys of a circle that a message names.
SHOWN_KEYS = 12


def parse(raw: object) -> Document:
    """The checked document in its canonical form.

    Args:
        raw: decoded JSON, or a `Document` that nobody has checked yet.
    Raises:
        InvalidDocument: with the report of all problems.
    """
    document, report = _examine(raw)
    if document is None or not report.ok:
        raise InvalidDocument(report)
    return canonical(document)


def validate(raw: object) -> Report:
    """All problems at once: shapes, keys, references, cycles. Takes about a second for 50,000 items."""
    return _examine(raw)[1]


def _examine(raw: object) -> tuple[Document | None, Report]:
    if isinstance(raw, Document):
        raw = msgspec.to_builtins(raw)
    try:
        document = msgspec.convert(raw, Document)
    except (msgspec.ValidationError, UnicodeError):
        return None, _salvage(raw)
    concepts, items = list(enumerate(document.concepts)), list(enumerate(document.items))
    problems = [*_unstorable(document), *_references(concepts, items, {c.key for _, c in concepts})]
    return document, Report(tuple(problems), len(concepts), len(items))


# --- shapes: only reached when the fast conversion above has failed ---


def _salvage(raw: object) -> Report:
    """Every misshapen field, and the reference problems among the rows that are well-formed."""
    if not isinstance(raw, dict):
        return Report((Problem("", "not_an_object", f"the document is {_show(raw)}: give a JSON object"),))
    problems = list(_field_problems("", raw, Document))
    concepts = _rows(raw.get("concepts"), "/concepts", ConceptContent, problems)
    items = _rows(raw.get("items"), "/items", ItemContent, problems)
    keys = {
        row["key"] for row in _listed(raw.get("concepts")) if isinstance(row, dict) and isinstance(row.get("key"), str)
    }
    problems += _references(concepts, items, keys)
    return Report(tuple(problems), len(_listed(raw.get("concepts"))), len(_listed(raw.get("items"))))


def _rows(raw: object, pointer: str, kind: type[Row], problems: list[Problem]) -> Rows[Row]:
    """The well-formed rows with their places; the faults of the others go into `problems`."""
    good: Rows[Row] = []
    for place, row in enumerate(_listed(raw)):
        try:
            good.append((place, msgspec.convert(row, kind)))
        except (msgspec.ValidationError, UnicodeError):
            problems += _field_problems(f"{pointer}/{place}", row, kind)
    return good


def _field_problems(pointer: str, raw: object, kind: type[msgspec.Struct]) -> Iterator[Problem]:
    if not isinstance(raw, dict):
        yield Problem(pointer, "not_an_object", f"{_show(raw)} stands where an object must: give {{...}}")
        return
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for name in (name for name in raw if name not in fields):
        text = f"there is no field {_show(name)}: remove it, or use one of {', '.join(fields)}"
        yield Problem(f"{pointer}/{_escape(str(name))}", "unknown_field", text)
    for name, field in fields.items():
        if name not in raw:
            if field.required:
                yield Problem(f"{pointer}/{name}", "missing_field", f"{name} is missing: give {RULES[name]}")
        elif not _fits(raw[name], _shallow(kind, name)):
            text = f"{name} is {_show(raw[name])}: give {RULES[name]}"
            yield Problem(f"{pointer}/{name}", "bad_value", text)


def _shallow(kind: type[msgspec.Struct], name: str) -> Any:
    """A field's type, but rows stay unlooked at: each of them is examined on its own."""
    return _SHALLOW_ROWS[name] if kind is Document and name in _SHALLOW_ROWS else _HINTS[kind][name]


_HINTS: dict[type[msgspec.Struct], dict[str, Any]] = {
    kind: get_type_hints(kind, include_extras=True) for kind in (Document, ConceptContent, ItemContent)
}
_SHALLOW_ROWS = {
    "concepts": Annotated[list[Any], msgspec.Meta(max_length=MAX_CONCEPTS)],
    "items": Annotated[list[Any], msgspec.Meta(max_length=MAX_ITEMS)],
}


def _fits(value: object, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except (msgspec.ValidationError, UnicodeError):
        return False
    return True


def _listed(raw: object) -> list[Any]:
    return raw if isinstance(raw, list) else []


# --- references: rows are well-formed, do they fit together? ---


def _references(concepts: Rows[ConceptContent], items: Rows[ItemContent], keys: set[str]) -> Iterator[Problem]:
    """`keys` are those of all concepts, the misshapen ones too: a reference to one of those does not dangle."""
    yield from _repeated_keys("concepts", concepts)
    yield from _repeated_keys("items", items)
    for place, concept in concepts:
        pointer = f"/concepts/{place}/prerequisites"
        yield from _key_list(pointer, concept.prerequisites, keys, "concept")
        if concept.key in concept.prerequisites:
            text = f"concept {concept.key!r} is its own prerequisite: remove it from the list"
            yield Problem(f"{pointer}/{concept.prerequisites.index(concept.key)}", "self_prerequisite", text)
    for place, item in items:
        yield from _key_list(f"/items/{place}/concepts", item.concepts, keys, "concept")
        yield from _choices(f"/items/{place}", item)
    yield from _cycles(concepts)


def _repeated_keys(name: str, rows: Rows[Row]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for place, row in rows:
        if row.key in first:
            text = f"key {row.key!r} is taken by /{name}/{first[row.key]}: give each of the {name} its own key"
            yield Problem(f"/{name}/{place}/key", "duplicate_key", text)
        first.setdefault(row.key, place)


def _key_list(pointer: str, listed: tuple[str, ...], keys: set[str], what: str) -> Iterator[Problem]:
    for place, key in enumerate(listed):
        if key not in keys:
            text = f"there is no {what} {key!r} in this document: add it, or remove the reference"
            yield Problem(f"{pointer}/{place}", f"unknown_{what}", text)
        elif key in listed[:place]:
            yield Problem(f"{pointer}/{place}", "duplicate_reference", f"{key!r} is listed twice: list it once")


def _choices(pointer: str, item: ItemContent) -> Iterator[Problem]:
    if item.choices is None:
        return
    if len(set(item.choices)) < len(item.choices):
        text = f"choices of item {item.key!r} are not all different: leave out the repeated one"
        yield Problem(f"{pointer}/choices", "duplicate_choice", text)
    if item.answer is not None and item.answer not in item.choices:
        text = f"the answer {_show(item.answer)} of item {item.key!r} is none of its choices: add it to them"
        yield Problem(f"{pointer}/answer", "answer_not_a_choice", text)


def _cycles(concepts: Rows[ConceptContent]) -> Iterator[Problem]:
    places = {concept.key: place for place, concept in concepts}
    for cycle in graph.cycles({concept.key: concept.prerequisites for _, concept in concepts}):
        shown = " -> ".join(
            cycle if len(cycle) <= SHOWN_KEYS else [*cycle[: SHOWN_KEYS - 2], "...", cycle[-2], cycle[-1]]
        )
        text = f"prerequisites run in a circle, {shown}, so none could be learnt first: remove one of them"
        yield Problem(f"/concepts/{places[cycle[0]]}/prerequisites", "cycle", text)


# --- text that PostgreSQL cannot store ---


def _unstorable(document: Document) -> list[Problem]:
    try:
        if b"\\u0000" not in msgspec.json.encode(document):
            return []
    except UnicodeEncodeError:
        pass
    return list(_unstorable_texts("", msgspec.to_builtins(document)))


def _unstorable_texts(pointer: str, value: object) -> Iterator[Problem]:
    if isinstance(value, str):
        if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value):
            text = f"{_show(value)} has a NUL or half a surrogate pair, which no database stores: remove that character"
            yield Problem(pointer, "unstorable_text", text)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _unstorable_texts(f"{pointer}/{name}", inner)
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from _unstorable_texts(f"{pointer}/{place}", inner)


def _show(value: object) -> str:
    """A value as a message quotes it: on one line, shortened, and never unprintable."""
    if isinstance(value, dict | list | tuple):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    shown = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return shown if len(shown) <= SHOWN_CHARACTERS else shown[: SHOWN_CHARACTERS - 4] + "..." + shown[-1]


def _escape(name: str) -> str:
    """A name as a step of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
