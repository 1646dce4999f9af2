"""What is locked waits for what is missing: counted apart where one concept alone is, and where others are as well."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curricula.snapshot import Bool, Snapshot
from kt_models.recall import RecallTable
from tests import people
from tests.flow.situations import ORIGIN, content_of, contents, evidences, tables
from tutor.dashboard.reteach_blocking import above, blocked, opens
from tutor.tracing.evidence import Evidence
from tutor.tracing.status import CODES, DEFAULT, Status, likely_mastered, statuses

LOCKED = CODES[Status.LOCKED]


@st.composite
def classes(draw: st.DrawFn) -> tuple[Snapshot, list[tuple[RecallTable, Evidence]], Bool, Bool]:
    """A curriculum, learners' tables and evidence, and who is locked out of what and has likely mastered what."""
    content = draw(contents(max_concepts=7))
    learners = []
    for _ in range(draw(st.integers(1, 3))):
        practised = sorted(draw(st.sets(st.integers(0, content.n_concepts - 1))))
        learners.append((draw(tables(content.n_concepts, practised)), draw(evidences(practised, content.n_items))))
    locked = np.stack([statuses(table, evidence, content, ORIGIN) == LOCKED for table, evidence in learners])
    likely = np.stack([likely_mastered(table, evidence, content, ORIGIN) for table, evidence in learners])
    return content, learners, locked, likely


def parents(content: Snapshot, child: int) -> list[int]:
    lists = content.prerequisites
    found: list[int] = lists.flat[lists.offset[child] : lists.offset[child + 1]].tolist()
    return found


def roots(content: Snapshot, locked: Bool, likely: Bool, child: int) -> set[int]:
    """Of one learner, by going up one prerequisite at a time."""
    found: set[int] = set()
    for parent in parents(content, child):
        if content.concept_active[parent] and not likely[parent]:
            found |= roots(content, locked, likely, parent) if locked[parent] else {parent}
    return found


@given(of=classes())
def test_every_locked_concept_waits_for_the_roots_above_it(
    of: tuple[Snapshot, list[tuple[RecallTable, Evidence]], Bool, Bool],
) -> None:
    content, _, locked, likely = of
    counts = blocked(content, locked, likely)
    alone, together = np.zeros_like(counts.alone), np.zeros_like(counts.together)
    for learner, child in np.argwhere(locked & content.concept_active).tolist():
        found = roots(content, locked[learner], likely[learner], child)
        assert found
        for root in found:
            (alone if len(found) == 1 else together)[learner, root] += 1
    assert np.array_equal(counts.alone, alone)
    assert np.array_equal(counts.together, together)


@given(of=classes(), data=st.data())
def test_what_a_concept_opens_is_what_is_locked_no_longer_once_it_is_mastered(
    of: tuple[Snapshot, list[tuple[RecallTable, Evidence]], Bool, Bool], data: st.DataObject
) -> None:
    content, learners, locked, likely = of
    concept = data.draw(st.integers(0, content.n_concepts - 1))
    found = opens(content, locked, likely, concept)
    knows = replace(DEFAULT, known=frozenset({concept}))
    for row, (table, evidence) in enumerate(learners):
        after = statuses(table, evidence, content, ORIGIN, knows) == LOCKED
        opened = locked[row] & ~after & content.concept_active
        # That it is mastered opens it as well; here it is what it opens that counts.
        opened[concept] = False
        if content.concept_active[concept]:
            assert np.array_equal(found[row], opened)
        else:
            assert not found[row].any()


def test_a_chain_waits_for_its_first_missing_link_alone() -> None:
    content = content_of(people.a_document())
    locked, likely = np.array([[False, True, True]]), np.zeros((1, 3), np.bool_)
    counts = blocked(content, locked, likely)
    assert counts.alone.tolist() == [[2, 0, 0]]
    assert not counts.together.any()
    # The second opens at once, the third after it.
    assert opens(content, locked, likely, 0).tolist() == [[False, True, False]]


def test_what_two_are_missing_for_waits_for_both_together() -> None:
    rows = [
        {"key": "a", "title": "A", "prerequisites": []},
        {"key": "b", "title": "B", "prerequisites": []},
        {"key": "c", "title": "C", "prerequisites": ["a", "b"]},
    ]
    items = [{"key": "i", "concepts": ["a"], "statement": "?"}]
    content = content_of(people.a_document(concepts=rows, items=items))
    locked = np.array([[False, False, True]] * 2)
    likely = np.array([[False, False, False], [False, True, False]])
    counts = blocked(content, locked, likely)
    assert counts.alone.tolist() == [[0, 0, 0], [1, 0, 0]]
    assert counts.together.tolist() == [[1, 1, 0], [0, 0, 0]]
    assert opens(content, locked, likely, 0).tolist() == [[False] * 3, [False, False, True]]


@given(content=contents(max_concepts=8))
def test_a_concept_rests_on_what_its_prerequisites_rest_on(content: Snapshot) -> None:
    found = above(content)
    for child in range(content.n_concepts):
        expected = set(parents(content, child))
        for parent in parents(content, child):
            expected |= set(np.flatnonzero(found[parent]).tolist())
        assert set(np.flatnonzero(found[child]).tolist()) == expected
