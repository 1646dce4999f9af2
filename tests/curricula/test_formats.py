"""Each format: what it can hold comes back equal, and what it cannot read it refuses by place."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricula import errors, formats
from curricula.formats import base
from curricula.validation import parse
from tests.curricula.documents import concept, documents, fractions, item

CHANGED = datetime(2026, 9, 1, 8, tzinfo=UTC)


def again(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Written down and read back."""
    return formats.read(formats.write(parse(document), name, changed=CHANGED)).document.to_builtins()


def refusals(body: bytes, name: str | None = None) -> list[tuple[str, str]]:
    with pytest.raises(errors.InvalidDocument) as refusal:
        formats.read(body, name)
    return [(problem.pointer, problem.code) for problem in refusal.value.report.problems]


@pytest.mark.parametrize("name", ["trellis", "csv"])
@given(document=documents())
def test_a_lossless_format_gives_the_document_back(name: str, document: dict[str, Any]) -> None:
    assert again(document, name) == document


grades = st.sampled_from(["K", "1", "8", "12", "K-2", "9-12", "second year"])


@given(documents(with_items=False), grades)
def test_case_gives_the_concepts_back(document: dict[str, Any], grade: str) -> None:
    for each in document["concepts"]:
        each |= {"grade": grade} if "grade" in each else {}
    held = [each for each in document["concepts"] if each.get("description") != each["title"]]
    if len(held) == len(document["concepts"]):
        assert again(document, "case") == document


@pytest.mark.parametrize("name", formats.FORMATS)
def test_the_same_document_makes_the_same_bytes(name: str) -> None:
    first, second = (formats.write(parse(fractions()), name, changed=CHANGED) for _ in range(2))
    assert first == second
    assert formats.detect(first) == name


def test_an_unknown_format_is_told() -> None:
    with pytest.raises(errors.UnknownFormat, match="use one of trellis, csv, case"):
        formats.read(b"{}", "qti")


def test_a_body_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "MAX_BODY_BYTES", 1_000)
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("curriculum.csv", "concepts.csv", "items.csv"):
            archive.writestr(name, "x" * 500)
    assert len(body.getvalue()) < 1_000
    for large in (b"{" * 1_001, body.getvalue()):
        with pytest.raises(errors.BodyTooLarge, match="more than the 1,000"):
            formats.read(large)


def test_what_is_no_json_is_refused() -> None:
    assert refusals(b"{not json") == [("", "not_json")]


# --- CSV ---


def tables(concepts: str, items: str = "key,concepts,statement\n", head: str | None = None) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("curriculum.csv", head if head is not None else "key,title,language\nm,Maths,en\n")
        archive.writestr("concepts.csv", concepts)
        archive.writestr("items.csv", items)
    return body.getvalue()


def test_csv_as_people_write_it() -> None:
    """A byte-order mark, columns in another order, spaces around keys, blank lines, missing columns."""
    parsed = formats.read(
        tables(
            "\ufefftitle,key,prerequisites\r\nAdding,add,\r\n\r\nTimes, times ,add\r\n",
            'key,concepts,statement,choices,difficulty\nt1,add | times,"Pick one,\nplease",1|2\\|3, -1.5\n',
        )
    )
    assert parsed.document.to_builtins()["concepts"] == [
        {"key": "add", "title": "Adding", "prerequisites": []},
        {"key": "times", "title": "Times", "prerequisites": ["add"]},
    ]
    (only,) = parsed.document.items
    assert (only.concepts, only.statement) == (("add", "times"), "Pick one,\nplease")
    assert (only.choices, only.difficulty) == (("1", "2|3"), -1.5)


def test_csv_problems_are_told_by_file_line_and_column() -> None:
    body = tables(
        "key,title,prerequisites,colour\na,A,,red\nb,,a|nowhere,\n",
        'key,concepts,statement,difficulty\nt1,a,"two\nlines",hard\nt1,a,x,1,2\n',
    )
    assert set(refusals(body)) == {
        ("concepts.csv:1:colour", "unknown_column"),
        ("concepts.csv:3:title", "missing_field"),
        ("items.csv:2:difficulty", "bad_value"),
        ("items.csv:4", "too_many_cells"),
    }
    assert refusals(tables("key,title,prerequisites\na,A,\nb,B,a|nowhere\n")) == [
        ("concepts.csv:3:prerequisites", "unknown_concept")
    ]


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        (b"PK nonsense", "", "not_a_zip"),
        (tables(""), "concepts.csv:1", "missing_header"),
        (tables("key,key,title\na,a,A\n"), "concepts.csv:1:key", "duplicate_column"),
        (tables('key,title\na,"A\n'), "concepts.csv", "not_csv"),
        (tables("key,title\na,A\n", head="key,title,language\n"), "curriculum.csv", "bad_value"),
        (
            tables("key,title\na,A\n", head="key,title,language\nm,M,klingonese\n"),
            "curriculum.csv:2:language",
            "bad_value",
        ),
    ],
)
def test_tables_that_are_refused(body: bytes, pointer: str, code: str) -> None:
    assert (pointer, code) in refusals(body, "csv")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_that_was_damaged_on_its_way_is_refused_however_it_is_packed(method: int) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", method) as archive:
        archive.writestr("curriculum.csv", "key,title,language\nm,Maths,en\n")
        archive.writestr("concepts.csv", "key,title\n" + "".join(f"c{n},C {n}\n" for n in range(60)))
        archive.writestr("items.csv", "key,concepts,statement\n")
    # At every place in turn of what concepts.csv holds.
    start, end = (whole.getvalue().index(name) for name in (b"concepts.csv", b"items.csv"))
    intact, refused = formats.read(whole.getvalue(), "csv").document, 0
    for place in range(start + len(b"concepts.csv"), end - 30):
        broken = bytearray(whole.getvalue())
        broken[place] ^= 0xFF
        try:
            # Some bits mean nothing: those that fill up the last byte.
            assert formats.read(bytes(broken), "csv").document == intact
        except errors.InvalidDocument as error:
            assert [problem.code for problem in error.report.problems] == ["not_a_zip"]
            refused += 1
    assert refused > 0.9 * (end - 30 - start - len(b"concepts.csv"))


def test_a_zip_without_items_is_refused() -> None:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("curriculum.csv", "key,title,language\nm,Maths,en\n")
        archive.writestr("concepts.csv", "key,title\na,A\n")
    assert refusals(body.getvalue()) == [("items.csv", "missing_file")]


def test_text_that_is_not_utf8_is_told_by_line() -> None:
    with pytest.raises(errors.InvalidDocument) as refusal:
        formats.read_tables(
            b"key,title\na,A\nb,\xe9t\xe9\n", b"key,concepts,statement\n", key="m", title="M", language="fr"
        )
    assert ("concepts.csv:3", "not_utf8") in {(p.pointer, p.code) for p in refusal.value.report.problems}


def test_two_files_and_a_name_make_a_curriculum() -> None:
    parsed = formats.read_tables(
        b"key,title\na,A\n", b"key,concepts,statement\ni,a,What?\n", key="m", title="M", language="en"
    )
    assert (parsed.document.key, parsed.document.items[0].statement) == ("m", "What?")


# --- CASE ---


def link(name: str) -> dict[str, str]:
    return {"title": name, "identifier": name, "uri": f"https://case.example.org/{name}"}


def package(items: list[dict[str, Any]], *associations: tuple[str, str, str]) -> bytes:
    rows = [
        {"originNodeURI": link(a), "associationType": kind, "destinationNodeURI": link(b)}
        for a, kind, b in associations
    ]
    head = {**link("doc"), "title": "State Standards: Maths", "creator": "A state"}
    return json.dumps({"CFDocument": head, "CFItems": items, "CFAssociations": rows}).encode()


def standard(name: str, code: str | None = None, **fields: Any) -> dict[str, Any]:
    return {**link(name), "fullStatement": f"Can do {name}.", **({"humanCodingScheme": code} if code else {}), **fields}


def test_a_case_package_becomes_concepts_prerequisites_and_domains() -> None:
    parsed = formats.read(
        package(
            [
                standard("grade"),
                standard("cluster", abbreviatedStatement="Fractions"),
                standard("s1", "3.NF.1", educationLevel=["03"]),
                standard("s2", "4 NF 2", educationLevel=["09", "10"], abbreviatedStatement="Second"),
            ],
            ("grade", "isChildOf", "doc"),
            ("cluster", "isChildOf", "grade"),
            ("s1", "isChildOf", "cluster"),
            ("s2", "isChildOf", "cluster"),
            ("s1", "precedes", "s2"),
            ("s1", "isRelatedTo", "s2"),
            ("s1", "isRelatedTo", "s2"),
            ("s1", "precedes", "elsewhere"),
        )
    )
    document = parsed.document.to_builtins()
    assert (document["key"], document["title"]) == ("state-standards-maths", "State Standards: Maths")
    domain = "Can do grade. > Fractions"
    uri = "https://case.example.org/"
    assert document["concepts"] == [
        {
            "key": "3.NF.1",
            "title": "Can do s1.",
            "prerequisites": [],
            "grade": "3",
            "domain": domain,
            "source_uri": uri + "s1",
        },
        {
            "key": "s2",  # "4 NF 2" is no key
            "title": "Second",
            "description": "Can do s2.",
            "prerequisites": ["3.NF.1"],
            "grade": "9-10",
            "domain": domain,
            "source_uri": uri + "s2",
        },
    ]
    assert [(note.code, note.message.split(" ")[0]) for note in parsed.notes] == [
        ("association_left_out", "2"),
        ("association_outside", "1"),
    ]


def test_a_standard_with_parts_that_something_needs_stays_a_concept() -> None:
    parsed = formats.read(
        package([standard("s"), standard("s.a"), standard("t")], ("s.a", "isChildOf", "s"), ("s", "precedes", "t"))
    )
    assert [each.key for each in parsed.document.concepts] == ["s", "s.a", "t"]


def test_a_circle_of_parents_ends() -> None:
    assert refusals(package([standard("a"), standard("b")], ("a", "precedes", "b"), ("b", "precedes", "a"))) == [
        ("/concepts/0/prerequisites", "cycle")
    ]
    parsed = formats.read(
        package([standard("a"), standard("b"), standard("c")], *[(x, "isChildOf", y) for x, y in ("ab", "ba", "ca")])
    )
    assert [each.key for each in parsed.document.concepts] == ["c"]


def test_what_is_exported_is_a_valid_package_with_lasting_identifiers() -> None:
    body = json.loads(formats.write(parse(fractions()), "case", changed=CHANGED))
    assert body["CFDocument"]["lastChangeDateTime"] == "2026-09-01T08:00:00+00:00"
    rows = [body["CFDocument"], *body["CFItems"], *body["CFAssociations"]]
    assert all(UUID(row["identifier"]) and row["uri"] and row["lastChangeDateTime"] for row in rows)
    identifiers = [row["identifier"] for row in rows]
    assert len(set(identifiers)) == len(identifiers)
    renamed = fractions() | {"title": "Broken numbers"}
    again = json.loads(formats.write(parse(renamed), "case", changed=CHANGED))
    assert [row["identifier"] for row in again["CFItems"]] == [row["identifier"] for row in body["CFItems"]]


def test_a_concept_from_a_case_server_keeps_its_identifier() -> None:
    identifier = "6a3ccfc6-cc76-11e7-8974-cfcd479e782c"
    uri = f"https://case.example.org/ims/case/v1p0/CFItems/{identifier}"
    document = fractions() | {"concepts": [concept("a", source_uri=uri)], "items": [item("i", "a")]}
    (row,) = json.loads(formats.write(parse(document), "case", changed=CHANGED))["CFItems"]
    assert (row["identifier"], row["uri"]) == (identifier, uri)


def test_case_problems_are_told_by_place() -> None:
    body = json.loads(package([standard("a"), {"fullStatement": "x"}], ("a", "precedes", "a")))
    del body["CFAssociations"][0]["originNodeURI"]["identifier"]
    assert refusals(json.dumps(body).encode()) == [
        ("/CFItems/1", "bad_value"),
        ("/CFAssociations/0/originNodeURI", "bad_value"),
    ]
    assert refusals(b'{"CFItems": []}', "case") == [("/CFDocument", "not_a_package")]
