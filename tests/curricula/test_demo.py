"""The demo curriculum: a sound graph, and tasks whose answers an independent solver finds right."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from curricula import services, snapshot
from curricula.demo import mathematics
from curricula.demo.builder import decimal, joined, mixed
from curricula.validation import validate
from tests.curricula.solver import agrees, value

DOCUMENT = mathematics()
CONCEPTS = {concept["key"]: concept for concept in DOCUMENT["concepts"]}


def by_concept() -> dict[str, list[dict[str, Any]]]:
    grouped = defaultdict(list)
    for item in DOCUMENT["items"]:
        grouped[item["concepts"][0]].append(item)
    return grouped


@pytest.mark.parametrize("key", CONCEPTS)
def test_every_answer_is_right_and_no_other_choice_is(key: str) -> None:
    for item in by_concept()[key]:
        assert agrees(item["statement"], item["answer"]), item
        wrong = [choice for choice in item.get("choices", []) if choice != item["answer"]]
        assert not any(agrees(item["statement"], choice) for choice in wrong), item


def test_it_is_a_valid_document_and_always_the_same() -> None:
    report = validate(DOCUMENT)
    assert report.problems == ()
    assert report.n_concepts >= 60
    assert report.n_items >= 600
    assert mathematics() == DOCUMENT


def test_every_concept_has_enough_tasks_of_several_difficulties() -> None:
    grouped = by_concept()
    assert grouped.keys() == CONCEPTS.keys()
    for key, items in grouped.items():
        assert len(items) >= 8, key
        assert len({item["difficulty"] for item in items}) >= 3, key
        assert abs(sum(item["difficulty"] for item in items) / len(items)) < 0.5, f"{key}: 0 should be average"


def test_no_statement_is_asked_twice() -> None:
    counted = Counter(item["statement"] for item in DOCUMENT["items"])
    assert [statement for statement, count in counted.items() if count > 1] == []


def test_harder_levels_take_longer() -> None:
    for items in by_concept().values():
        minutes = [item["minutes"] for item in items]
        assert all(earlier <= later for earlier, later in pairwise(minutes))
        assert minutes[0] < minutes[-1] <= 6


def test_no_concept_builds_on_one_of_a_later_grade() -> None:
    for key, concept in CONCEPTS.items():
        later = [p for p in concept["prerequisites"] if int(CONCEPTS[p]["grade"]) > int(concept["grade"])]
        assert later == [], key


def test_a_second_concept_of_a_task_is_known_by_then() -> None:
    """Or the task would be locked for those who have just learnt its own concept."""
    earlier: dict[str, set[str]] = {}

    def needs(key: str) -> set[str]:
        if key not in earlier:
            earlier[key] = set().union(*({p} | needs(p) for p in CONCEPTS[key]["prerequisites"]))
        return earlier[key]

    strangers = {
        (i["key"], c) for i in DOCUMENT["items"] for c in i["concepts"][1:] if c not in needs(i["concepts"][0])
    }
    assert strangers == set()


@pytest.mark.django_db
def test_it_publishes_and_its_longest_chain_is_long() -> None:
    now = datetime(2026, 9, 1, tzinfo=UTC)
    draft = services.import_document(DOCUMENT, owner=None, now=now)
    seen = snapshot.load(services.publish(draft.curriculum, now=now).pk)
    assert seen.depth.max() >= 8
    assert seen.concept_items.counts.min() >= 8
    assert seen.item_concepts.counts.max() == 2


@pytest.mark.parametrize(
    ("shown", "expected"),
    [("2 1/3", "7/3"), ("-1 1/2", "-3/2"), ("5", "5"), ("0.35", "7/20"), ("-0.2", "-1/5"), ("12", "12")],
)
def test_numbers_are_written_exactly(shown: str, expected: str) -> None:
    number = value(expected)
    written = decimal(number) if "." in shown else mixed(number)
    assert written == shown


def test_a_sum_is_written_without_ones_zeros_and_double_signs() -> None:
    assert joined((1, "x"), (-1, "y"), (0, "z"), (-3, "")) == "x - y - 3"
    assert joined((-1, "x"), (4, "")) == "-x + 4"
    assert joined((0, "x")) == "0"
