"""A document is checked strictly, and everything wrong with it is told at once."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricula.document import MAX_ITEMS, digest
from curricula.errors import InvalidDocument
from curricula.validation import parse, validate
from tests.curricula.documents import concept, documents, fractions, item


def found(document: object) -> set[tuple[str, str]]:
    return {(problem.pointer, problem.code) for problem in validate(document).problems}


def test_a_valid_document_has_no_problems() -> None:
    report = validate(fractions())
    assert report.ok
    assert (report.n_concepts, report.n_items) == (3, 3)


def test_all_problems_are_reported_at_once() -> None:
    document = fractions()
    document["colour"] = "red"
    del document["language"]
    document["concepts"][0]["title"] = 7
    document["concepts"][1]["prerequisites"] = ["parts", "nowhere"]
    document["concepts"].append(concept("mixed"))
    document["items"][0]["difficulty"] = "hard"
    document["items"][1]["concepts"] = []
    document["items"].append("not an object")
    assert found(document) == {
        ("/colour", "unknown_field"),
        ("/language", "missing_field"),
        ("/concepts/0/title", "bad_value"),
        ("/concepts/1/prerequisites/1", "unknown_concept"),
        ("/concepts/3/key", "duplicate_key"),
        ("/items/0/difficulty", "bad_value"),
        ("/items/1/concepts", "bad_value"),
        ("/items/3", "not_an_object"),
    }


def test_a_problem_tells_the_value_the_rule_and_the_way_out() -> None:
    document = fractions()
    document["items"][0]["difficulty"] = 9.5
    (problem,) = validate(document).problems
    assert problem.message == (
        "difficulty is 9.5: give a number of logits from -6 to 6, 0 = average, positive = harder"
    )


def test_a_reference_to_a_misshapen_concept_does_not_dangle() -> None:
    document = fractions()
    document["concepts"][0]["title"] = ""
    assert found(document) == {("/concepts/0/title", "bad_value")}


def test_a_cycle_is_named() -> None:
    document = fractions() | {
        "concepts": [concept("ratios", "fractions"), concept("fractions", "ratios"), concept("rates", "ratios")],
        "items": [],
    }
    (problem,) = validate(document).problems
    assert (problem.pointer, problem.code) == ("/concepts/0/prerequisites", "cycle")
    assert "ratios -> fractions -> ratios" in problem.message


def test_a_long_cycle_is_named_in_short() -> None:
    ring = [concept(f"c{n}", f"c{(n + 1) % 500}") for n in range(500)]
    (problem,) = validate(fractions() | {"concepts": ring, "items": []}).problems
    assert "c0 -> c499 -> c498" in problem.message
    assert problem.message.count("->") < 20


def test_every_separate_cycle_is_named() -> None:
    rings = [concept("a", "b"), concept("b", "a"), concept("x", "z"), concept("y", "x"), concept("z", "y")]
    messages = [problem.message for problem in validate(fractions() | {"concepts": rings, "items": []}).problems]
    assert ["a -> b -> a" in messages[0], "x -> y -> z -> x" in messages[1], len(messages)] == [True, True, 2]


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"concepts": [concept("a", "a")]}, "/concepts/0/prerequisites/0", "self_prerequisite"),
        ({"concepts": [concept("a"), concept("b", "a", "a")]}, "/concepts/1/prerequisites/1", "duplicate_reference"),
        ({"concepts": [concept("a", *["a"] * 101)]}, "/concepts/0/prerequisites", "bad_value"),
        ({"concepts": [concept("a b")]}, "/concepts/0/key", "bad_value"),
        ({"concepts": [concept("a\n")]}, "/concepts/0/key", "bad_value"),
        ({"concepts": [concept("a", title="x" * 301)]}, "/concepts/0/title", "bad_value"),
        ({"concepts": [concept("a", title="   ")]}, "/concepts/0/title", "bad_value"),
        ({"concepts": [concept("a", title="a\0b")]}, "/concepts/0/title", "unstorable_text"),
        ({"concepts": [concept("a", title="a\ud800")]}, "/concepts/0/title", "unstorable_text"),
        ({"concepts": [concept("a", source_uri="javascript:alert(1)")]}, "/concepts/0/source_uri", "bad_value"),
        ({"concepts": {}}, "/concepts", "bad_value"),
        ({"items": [item("i", "b")]}, "/items/0/concepts/0", "unknown_concept"),
        ({"items": [item("i", "a"), item("i", "a")]}, "/items/1/key", "duplicate_key"),
        ({"items": [item("i", "a", difficulty=float("nan"))]}, "/items/0/difficulty", "bad_value"),
        ({"items": [item("i", "a", difficulty=True)]}, "/items/0/difficulty", "bad_value"),
        ({"items": [item("i", "a", minutes=0)]}, "/items/0/minutes", "bad_value"),
        ({"items": [item("i", "a", minutes=1e-300)]}, "/items/0/minutes", "bad_value"),
        ({"items": [item("i", "a", url="ftp://a.org")]}, "/items/0/url", "bad_value"),
        ({"items": [item("i", "a", choices=["1", "1"])]}, "/items/0/choices", "duplicate_choice"),
        ({"items": [item("i", "a", choices=["1", "2"], answer="3")]}, "/items/0/answer", "answer_not_a_choice"),
        ({"format": "trellis-curriculum/2"}, "/format", "bad_value"),
        ({"language": "klingon language"}, "/language", "bad_value"),
        ({"a/b~c": 1}, "/a~1b~0c", "unknown_field"),
    ],
)
def test_what_is_refused(change: dict[str, Any], pointer: str, code: str) -> None:
    assert found({**fractions(), "concepts": [concept("a")], "items": [], **change}) == {(pointer, code)}


@pytest.mark.parametrize("document", [None, 7, "text", [], [1]])
def test_what_is_no_object_is_refused(document: object) -> None:
    assert found(document) == {("", "not_an_object")}


def test_a_curriculum_with_too_many_items_is_refused() -> None:
    document = fractions()
    document["items"] = [item(f"i{n}", "add") for n in range(MAX_ITEMS + 1)]
    assert ("/items", "bad_value") in found(document)


def test_parse_raises_the_report() -> None:
    with pytest.raises(InvalidDocument) as refusal:
        parse({})
    assert {problem.code for problem in refusal.value.report.problems} == {"missing_field"}


@given(documents())
def test_any_valid_document_parses_and_comes_back(document: dict[str, Any]) -> None:
    parsed = parse(document)
    assert parsed.to_builtins() == document
    assert parse(parsed) == parsed


@given(documents(), st.randoms(use_true_random=False))
def test_the_digest_depends_on_content_not_on_the_order_of_fields(document: dict[str, Any], random: Any) -> None:
    fields = list(document.items())
    random.shuffle(fields)
    changed = copy.deepcopy(document) | {"title": document["title"] + "!"}
    assert digest(parse(dict(fields))) == digest(parse(document)) != digest(parse(changed))


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["key", "concepts", "items", "?"]), inner),
    )
)
def test_no_json_at_all_breaks_the_validator(document: object) -> None:
    assert not validate(document).ok
