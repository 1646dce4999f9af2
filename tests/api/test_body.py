"""Bodies and queries of plain views: strict, and every fault is pointed at."""

from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Any

import msgspec
import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from api.body import decode, decode_any, query
from api.errors import Problem


class Answer(msgspec.Struct, forbid_unknown_fields=True):
    item: str
    marks: list[int] = []


class Sheet(msgspec.Struct, forbid_unknown_fields=True):
    answers: list[Answer]


class Filter(msgspec.Struct, forbid_unknown_fields=True):
    n: Annotated[int, msgspec.Meta(ge=1, le=50)] = 1
    explain: bool = False
    concepts: list[str] | None = None
    key: str = ""


def ask(text: str) -> Filter:
    return query(RequestFactory().get(f"/?{text}"), Filter)


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from chain.from_iterable(map(texts, value))
    elif isinstance(value, dict):
        yield from chain.from_iterable(map(texts, [*value, *value.values()]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Filter()),
        ("n=5&explain=true", Filter(n=5, explain=True)),
        ("concepts=a,b&concepts=c", Filter(concepts=["a", "b", "c"])),
        ("key=a%2Cb", Filter(key="a,b")),
        ("key=", Filter(key="")),
    ],
)
def test_a_query_is_read_from_text(text: str, expected: Filter) -> None:
    assert ask(text) == expected


@pytest.mark.parametrize(
    ("text", "pointer", "code"),
    [
        ("n=0", "?n", "invalid_value"),
        ("n=x", "?n", "invalid_value"),
        ("n=1&n=2", "?n", "repeated"),
        ("explain=perhaps", "?explain", "invalid_value"),
        ("concept=a", "?concept", "unknown_field"),
        ("key=%00", "?key", "nul_character"),
    ],
)
def test_a_parameter_without_sense_is_named(text: str, pointer: str, code: str) -> None:
    with pytest.raises(Problem) as refusal:
        ask(text)
    assert refusal.value.kind.status == 400
    assert [(fault.pointer, fault.code) for fault in refusal.value.errors] == [(pointer, code)]


@pytest.mark.parametrize("text", ["key=%ff", "&".join(f"a{n}=1" for n in range(101))], ids=["not UTF-8", "too many"])
def test_a_query_string_that_cannot_be_read_is_400(text: str) -> None:
    with pytest.raises(Problem) as refusal:
        ask(text)
    assert refusal.value.kind.status == 400


@pytest.mark.parametrize(
    ("raw", "pointer", "code"),
    [
        (b'{"answers": [{"item": "a"}, {"item": 7}]}', "/answers/1/item", "invalid_value"),
        (b'{"answers": [{"item": "a", "marks": [1, "2"]}]}', "/answers/0/marks/1", "invalid_value"),
        (b'{"answers": [{"item": "a", "a/b~": 1}]}', "/answers/0/a~1b~0", "unknown_field"),
        (b'{"answers": [{}]}', "/answers/0/item", "missing_field"),
        (b"[]", "", "invalid_value"),
    ],
    ids=repr,
)
def test_a_fault_is_pointed_at(raw: bytes, pointer: str, code: str) -> None:
    with pytest.raises(Problem) as refusal:
        decode(raw, Sheet)
    assert refusal.value.kind.status == 422
    assert [(fault.pointer, fault.code) for fault in refusal.value.errors] == [(pointer, code)]


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_nul_characters_are_refused_and_nothing_else(value: Any) -> None:
    raw = msgspec.json.encode(value)
    if any("\0" in text for text in texts(value)):
        with pytest.raises(Problem):
            decode_any(raw)
    else:
        assert decode_any(raw) == value


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        decode_any(raw)
    except Problem as problem:
        assert problem.kind.status in (400, 422)
