"""CASE 1.0 (1EdTech Competencies and Academic Standards Exchange): a CFPackage as JSON. It has concepts, but no items.

    CFItem                    concept: humanCodingScheme its key, abbreviatedStatement its title, fullStatement the rest
    precedes                  prerequisite: the origin is known first
    isChildOf                 domain: an item with children that takes no part in `precedes` is a heading, no concept
    educationLevel            grade: CEDS codes "KG", "01".."12" become "K", "1".."12", or a range such as "9-12"
    uri                       source_uri, where it is a web address

Everything else is left out, with a note. Identifiers of what we export are UUIDv5 of the curriculum's and the concept's
key, so that a repeated export is the same package; a concept that came from a CASE server keeps the identifier there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import NAMESPACE_URL, uuid5

import msgspec

from curricula.document import (
    FORMAT,
    MAX_DESCRIPTION_CHARACTERS,
    MAX_LABEL_CHARACTERS,
    MAX_TITLE_CHARACTERS,
    ConceptContent,
    Document,
)
from curricula.errors import InvalidDocument, Problem, Report
from curricula.formats.base import Format, Parsed, refuse
from curricula.formats.trellis import decode
from curricula.validation import parse

KEY_URN = "urn:trellis:curriculum:"
DOMAIN_SEPARATOR = " > "
#: Levels of headings that are read; it also ends a circle of parents.
MAX_HEADINGS = 10
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,119}")
_WEB_ADDRESS = re.compile(r"https?://[^\s/?#]+\S*")
_UUID_AT_END = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


class _Link(msgspec.Struct):
    identifier: str
    uri: str | None = None


class _Head(msgspec.Struct):
    title: str
    identifier: str
    uri: str | None = None
    language: str | None = None


class _Item(msgspec.Struct):
    identifier: str
    fullStatement: str | None = None  # the names are the format's
    abbreviatedStatement: str | None = None
    humanCodingScheme: str | None = None
    educationLevel: list[str] | str | None = None
    uri: str | None = None


class _Association(msgspec.Struct):
    associationType: str
    originNodeURI: _Link
    destinationNodeURI: _Link


Node = TypeVar("Node", _Item, _Association)


# --- reading ---


def read(body: bytes) -> Parsed:
    package = decode(body)
    if not isinstance(package, dict) or not isinstance(package.get("CFDocument"), dict):
        raise refuse("/CFDocument", "not_a_package", "there is no CFDocument: send a whole CFPackage as JSON")
    problems: list[Problem] = []
    items = _rows(package.get("CFItems"), "/CFItems", _Item, problems)
    associations = _rows(package.get("CFAssociations"), "/CFAssociations", _Association, problems)
    try:
        head = msgspec.convert(package["CFDocument"], _Head)
    except msgspec.ValidationError as error:
        problems.insert(0, _shape_problem("/CFDocument", error))
    if problems:
        raise InvalidDocument(Report(tuple(problems), len(items)))
    return _Package(head, items, associations).parsed()


def _rows(raw: object, pointer: str, kind: type[Node], problems: list[Problem]) -> list[Node]:
    rows = []
    for place, row in enumerate(raw if isinstance(raw, list) else []):
        try:
            rows.append(msgspec.convert(row, kind))
        except msgspec.ValidationError as error:
            problems.append(_shape_problem(f"{pointer}/{place}", error))
    return rows


def _shape_problem(pointer: str, error: msgspec.ValidationError) -> Problem:
    rule, _, path = str(error).partition(" - at `$.")
    inner = "/" + path.rstrip("`").replace(".", "/") if path else ""
    return Problem(pointer + inner, "bad_value", f"{rule}: send it as CASE 1.0 defines it")


class _Package:
    """One package on its way to a document; `notes` gathers what is left out."""

    def __init__(self, head: _Head, items: list[_Item], associations: list[_Association]) -> None:
        self.head, self.notes = head, list[Problem]()
        self.items = {item.identifier: item for item in items}
        self.parent: dict[str, str] = {}
        # Dictionaries as ordered sets: a package may repeat itself.
        self.before: dict[str, dict[str, None]] = {identifier: {} for identifier in self.items}
        for link in self._within(associations):
            child, other = link.originNodeURI.identifier, link.destinationNodeURI.identifier
            if link.associationType == "isChildOf":
                self.parent.setdefault(child, other)
            else:
                self.before[other][child] = None
        linked = {key for child, parents in self.before.items() if parents for key in (child, *parents)}
        self.headings = {self.parent[child] for child in self.items if child in self.parent} - linked
        self.keys = self._keys()

    def parsed(self) -> Parsed:
        uri = self.head.uri or ""
        key = uri.removeprefix(KEY_URN) if uri.startswith(KEY_URN) else _slug(self.head.title, self.head.identifier)
        document = {
            "format": FORMAT,
            "key": key,
            "title": self._cut("/CFDocument/title", self.head.title, MAX_TITLE_CHARACTERS),
            "language": self.head.language or "en",
            "concepts": [self._concept(item) for item in self.items.values() if item.identifier in self.keys],
            "items": [],
        }
        return Parsed(parse(document), tuple(self.notes))

    def _within(self, associations: list[_Association]) -> Iterator[_Association]:
        """Associations that a curriculum can hold; notes on the others, one a kind."""
        kinds, outside = Counter[str](), 0
        known = self.items.keys() | {self.head.identifier}
        for link in associations:
            ends = {link.originNodeURI.identifier, link.destinationNodeURI.identifier}
            if link.associationType not in ("isChildOf", "precedes"):
                kinds[link.associationType] += 1
            elif ends <= self.items.keys():
                yield link
            elif not ends <= known:
                outside += 1
        for kind, count in sorted(kinds.items()):
            text = f"{count} associations of type {kind!r} are left out: only precedes and isChildOf have a place here"
            self.notes.append(Problem("/CFAssociations", "association_left_out", text))
        if outside:
            text = f"{outside} associations lead out of the package and are left out: import one package of all of them"
            self.notes.append(Problem("/CFAssociations", "association_outside", text))

    def _keys(self) -> dict[str, str]:
        """Of each concept, by identifier: its coding scheme, unless that is no key or not its own."""
        codes = Counter(item.humanCodingScheme for item in self.items.values())
        keys = {}
        for item in self.items.values():
            code = item.humanCodingScheme or ""
            if item.identifier not in self.headings:
                keys[item.identifier] = code if _KEY.fullmatch(code) and codes[code] == 1 else item.identifier
        return keys

    def _concept(self, item: _Item) -> dict[str, Any]:
        pointer = f"/CFItems/{item.identifier}"
        full = _text(item.fullStatement) or _text(item.abbreviatedStatement) or self.keys[item.identifier]
        title = _text(item.abbreviatedStatement) or full
        concept = {
            "key": self.keys[item.identifier],
            "title": _shorten(title, MAX_TITLE_CHARACTERS),
            "prerequisites": [self.keys[parent] for parent in self.before[item.identifier]],
            "grade": _shorten(_grade(item.educationLevel) or "", MAX_LABEL_CHARACTERS) or None,
            "domain": self._domain(item.identifier),
            "source_uri": item.uri if item.uri and _WEB_ADDRESS.fullmatch(item.uri) else None,
        }
        if full != concept["title"]:
            concept["description"] = self._cut(f"{pointer}/fullStatement", full, MAX_DESCRIPTION_CHARACTERS)
        return {name: value for name, value in concept.items() if value is not None}

    def _domain(self, identifier: str) -> str | None:
        """The headings above, outermost first; if they are too long together, the nearest of them."""
        above: list[str] = []
        while len(above) < MAX_HEADINGS and (identifier := self.parent.get(identifier, "")) in self.items:
            above.append(identifier)
        headings = (self.items[one] for one in reversed(above) if one in self.headings)
        texts = [_text(one.abbreviatedStatement) or _text(one.fullStatement) or one.identifier for one in headings]
        while len(DOMAIN_SEPARATOR.join(texts)) > MAX_LABEL_CHARACTERS and len(texts) > 1:
            texts = texts[1:]
        return _shorten(DOMAIN_SEPARATOR.join(texts), MAX_LABEL_CHARACTERS) or None

    def _cut(self, pointer: str, text: str, longest: int) -> str:
        if len(text) > longest:
            note = f"a text of {len(text)} characters is cut to {longest}: shorten it at its source to choose the words"
            self.notes.append(Problem(pointer, "text_cut", note))
        return _shorten(text, longest)


def _text(text: str | None) -> str | None:
    return text if text and text.strip() else None


def _shorten(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 3] + "..."


def _slug(title: str, otherwise: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:120].strip("-")
    return slug or otherwise


_LEVELS = {"KG": "K"} | {f"{year:02d}": str(year) for year in range(1, 13)}
_ORDER = list(_LEVELS)


def _grade(levels: list[str] | str | None) -> str | None:
    """`["09", "10", "11", "12"]` is "9-12"; codes that are no school year stay as they are."""
    codes = [levels] if isinstance(levels, str) else levels or []
    codes = [code for code in codes if code.strip()]
    first = _ORDER.index(codes[0]) if codes and codes[0] in _LEVELS else 0
    if len(codes) > 1 and codes == _ORDER[first : first + len(codes)]:
        return f"{_LEVELS[codes[0]]}-{_LEVELS[codes[-1]]}"
    return ", ".join(_LEVELS.get(code, code) for code in codes) or None


def _levels(grade: str) -> list[str]:
    """The inverse of `_grade`."""
    codes = {name: code for code, name in _LEVELS.items()}
    first, _, last = grade.partition("-")
    if first in codes and last in codes and _ORDER.index(codes[first]) < _ORDER.index(codes[last]):
        return _ORDER[_ORDER.index(codes[first]) : _ORDER.index(codes[last]) + 1]
    return [codes.get(grade, grade)]


# --- writing ---


def write(document: Document, changed: datetime) -> bytes:
    writer = _Writer(document, changed)
    return msgspec.json.format(msgspec.json.encode(writer.package()), indent=2) + b"\n"


class _Writer:
    def __init__(self, document: Document, changed: datetime) -> None:
        self.document = document
        self.changed = changed.astimezone(UTC).isoformat(timespec="seconds")
        self.links: dict[str, dict[str, str]] = {}
        taken = Counter(_own_identifier(concept) for concept in document.concepts)
        for concept in document.concepts:
            own = _own_identifier(concept)
            identifier = own if own and taken[own] == 1 else self._identifier("concept", concept.key)
            self.links[concept.key] = self._link(concept.title, identifier, concept.source_uri)
        self.head = self._link(document.title, self._identifier("document"), KEY_URN + document.key)

    def package(self) -> dict[str, Any]:
        domains = dict.fromkeys(concept.domain for concept in self.document.concepts if concept.domain)
        headings = {domain: self._link(domain, self._identifier("domain", domain)) for domain in domains}
        return {
            "CFDocument": self._dated(self.head)
            | {
                "creator": "Trellis",
                "language": self.document.language,
                "CFPackageURI": self._link(self.document.title, self._identifier("package")),
            },
            "CFItems": [
                *(self._item(link, "Domain", full=domain) for domain, link in headings.items()),
                *(self._concept(concept) for concept in self.document.concepts),
            ],
            "CFAssociations": list(self._associations(headings)),
            "CFDefinitions": {},
        }

    def _concept(self, concept: ConceptContent) -> dict[str, Any]:
        item = self._item(self.links[concept.key], "Concept", full=concept.description or concept.title)
        item |= {"abbreviatedStatement": concept.title, "humanCodingScheme": concept.key}
        return item | ({"educationLevel": _levels(concept.grade)} if concept.grade else {})

    def _item(self, link: dict[str, str], kind: str, *, full: str) -> dict[str, Any]:
        item = self._dated({name: link[name] for name in ("identifier", "uri")})
        return item | {
            "fullStatement": full,
            "CFItemType": kind,
            "language": self.document.language,
            "CFDocumentURI": self.head,
        }

    def _associations(self, headings: dict[str, dict[str, str]]) -> Iterator[dict[str, Any]]:
        yield from (self._association(link, "isChildOf", self.head) for link in headings.values())
        for concept in self.document.concepts:
            link = self.links[concept.key]
            yield self._association(link, "isChildOf", headings[concept.domain] if concept.domain else self.head)
            for parent in concept.prerequisites:
                yield self._association(self.links[parent], "precedes", link)

    def _association(self, origin: dict[str, str], kind: str, destination: dict[str, str]) -> dict[str, Any]:
        identifier = self._identifier(kind, origin["identifier"], destination["identifier"])
        nodes = {"originNodeURI": origin, "associationType": kind, "destinationNodeURI": destination}
        return self._dated({"identifier": identifier, "uri": f"urn:uuid:{identifier}"}) | nodes

    def _identifier(self, *names: str) -> str:
        return str(uuid5(NAMESPACE_URL, KEY_URN + "/".join((self.document.key, *names))))

    def _dated(self, fields: dict[str, str]) -> dict[str, Any]:
        return fields | {"lastChangeDateTime": self.changed}

    @staticmethod
    def _link(title: str, identifier: str, uri: str | None = None) -> dict[str, str]:
        return {"title": title, "identifier": identifier, "uri": uri or f"urn:uuid:{identifier}"}


def _own_identifier(concept: ConceptContent) -> str | None:
    """The identifier that a concept has on the server it came from."""
    found = _UUID_AT_END.search(concept.source_uri or "")
    return found.group() if found else None


CASE = Format(
    name="case",
    title="CASE 1.0 package (JSON)",
    media_type="application/json",
    file_suffix=".case.json",
    read=read,
    write=write,
)
