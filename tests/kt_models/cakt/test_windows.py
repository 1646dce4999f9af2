"""A window holds the last answers of one learner on one concept, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kt_models.base import ConceptLists, Float32, Interactions
from kt_models.cakt import Model, batches, sequence, stream
from kt_models.cakt.frames import AGE, CREDIT, ITEM, SHORT_PAUSE_SECONDS, STEP, Frames
from kt_models.cakt.sequence import Sequences
from kt_models.recall import SECONDS_PER_DAY, Int
from kt_models.state import LearnerState
from tests.kt_models.cakt import networks

CPU = torch.device("cpu")
few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 10_000)


@pytest.fixture(params=["product", "dense on current"], scope="module")
def model(request: pytest.FixtureRequest) -> Model:
    """One of each key of windows, with all fields."""
    return networks.model(str(request.param))


def prepared(model: Model, seen: Interactions, state: LearnerState | None = None) -> Sequences:
    learners = int(seen.learner.max()) + 1
    return sequence.prepare(model.config, state or model.prior(learners), seen, model.reference)


def framed(model: Model, made: Sequences) -> Frames:
    """Frames as the network is given them: for the question asked, or the one after the answer."""
    owner = made.lists.owner
    after = 0 if model.config.keyed_on_next else 1
    lag, item = made.lag[owner], made.item[owner]
    return made.events.frames(made.window, made.step[owner] + after, made.seconds[owner], lag, item)


@dataclass(frozen=True)
class Given:
    """An answer, told by hand."""

    step: int
    seconds: float
    item: int
    credit: float


def by_hand(model: Model, seen: Interactions) -> list[list[Given]]:
    """Of every (answer, concept): the last answers on the concept, newest first."""
    windows, past, steps = [], dict[tuple[int, int], list[Given]](), dict[int, int]()
    for row in range(len(seen)):
        learner = int(seen.learner[row])
        step = steps.get(learner, 0)
        steps[learner] = step + 1
        answer = Given(step, float(seen.seconds[row]), int(seen.item[row]), float(seen.correct[row]))
        for concept in seen.concepts.flat[seen.concepts.offset[row] : seen.concepts.offset[row + 1]].tolist():
            told = past.setdefault((learner, concept), [])
            before = list(told)
            told.insert(0, answer)
            windows.append((before if model.config.keyed_on_next else told)[: model.config.frames])
    return windows


def random_batch(seed: int) -> Interactions:
    """One to four learners of up to 25 answers."""
    rng = np.random.default_rng(seed)
    return networks.together([networks.history(seed + i, int(rng.integers(1, 25))) for i in range(rng.integers(1, 5))])


@few
@given(seed=seeds)
def test_windows_are_those_found_answer_by_answer(model: Model, seed: int) -> None:
    seen = random_batch(seed)
    made = prepared(model, seen)
    frames, expected = framed(model, made), by_hand(model, seen)
    assert np.array_equal(frames.mask.sum(1), [len(window) for window in expected])
    owner = made.lists.owner
    for pair, window in enumerate(expected):
        n, asked = len(window), int(owner[pair])
        fields = frames.fields[pair, :n]
        assert np.all(frames.mask[pair, :n] == 1)
        assert fields[:, STEP].tolist() == [answer.step for answer in window]
        assert fields[:, CREDIT].tolist() == [answer.credit for answer in window]
        assert fields[:, ITEM].tolist() == [answer.item + 1 for answer in window]
        again = [answer.item == seen.item[asked] and answer.item >= 0 for answer in window]
        assert frames.same_item[pair, :n].tolist() == again
        after = int(made.step[asked]) + (0 if model.config.keyed_on_next else 1)
        assert frames.gap_steps[pair, :n].tolist() == [after - answer.step for answer in window]
        # A short pause before a question holds the time taken over it, and is left out.
        lag = seen.seconds[asked] - seen.seconds[asked - 1] if made.step[asked] else 0.0
        told = seen.seconds[asked] - lag * (lag < SHORT_PAUSE_SECONDS)
        days = [max(told - answer.seconds, 0.0) / SECONDS_PER_DAY for answer in window]
        np.testing.assert_allclose(frames.gap_days[pair, :n], days, rtol=1e-6)


@few
@given(seed=seeds)
def test_frames_that_are_not_there_hold_nothing(model: Model, seed: int) -> None:
    frames = framed(model, prepared(model, random_batch(seed)))
    absent = frames.mask == 0
    for values in (frames.fields, frames.gap_steps, frames.gap_days, frames.same_item):
        assert not values[absent].any()


@few
@given(seed=seeds, cuts=st.lists(st.integers(0, 40), min_size=1, max_size=5))
def test_rings_in_a_state_give_the_windows_of_the_whole_history(model: Model, seed: int, cuts: list[int]) -> None:
    seen = networks.history(seed, 40)
    whole = framed(model, prepared(model, seen))
    state, done = model.prior(1), 0
    for start, stop in zip((0, *sorted(cuts)), (*sorted(cuts), 40), strict=True):
        part = seen.take(np.arange(start, stop))
        if len(part):
            found = framed(model, prepared(model, part, state))
            assert_same(found, whole.take(np.arange(done, done + len(found))))
            done += len(found)
        state = model.update(state, part)


def assert_same(found: Frames, expected: Frames) -> None:
    there = expected.mask > 0
    assert np.array_equal(found.mask, expected.mask)
    assert np.array_equal(found.concept[there], expected.concept[there])
    # Ages are kept by the state, and are of the event in the batch: frames tell them as gap_days.
    kept = slice(0, AGE)
    assert np.array_equal(found.fields[..., kept], expected.fields[..., kept])
    assert np.array_equal(found.gap_steps, expected.gap_steps)
    assert np.array_equal(found.same_item, expected.same_item)
    np.testing.assert_allclose(found.gap_days, expected.gap_days, rtol=1e-6, atol=1e-6)


@few
@given(seed=seeds, n=st.integers(1, 30))
def test_the_ring_of_a_state_holds_the_last_answers_on_the_concept(model: Model, seed: int, n: int) -> None:
    seen = networks.history(seed, n)
    state = model.update(model.prior(1), seen)
    ring = sequence.ring_of(model.config, state.touched)
    for row, concept in enumerate(state.concept.tolist()):
        on = [i for i in range(n) if concept in seen.concepts.flat[seen.concepts.owner == i]]
        steps = on[: -model.config.frames - 1 : -1]
        held = ring[row, ring[row, :, STEP] >= 0]
        assert held[:, STEP].tolist() == steps
        np.testing.assert_allclose(held[:, AGE], seen.seconds[on[-1]] - seen.seconds[steps], rtol=1e-6)


def encoded(model: Model, made: Sequences, learner: int, concept: int) -> tuple[Frames, Float32]:
    """Windows of a learner on a concept, and m of those with a frame."""
    rows = np.flatnonzero((made.lists.flat == concept) & (_learner(made) == learner))
    frames = framed(model, made).take(rows)
    some = frames.take(np.flatnonzero(frames.mask.any(axis=1)))
    with torch.inference_mode():
        return frames, model.network.encode(batches.window_of(model.config, some, CPU)).numpy()


def _learner(made: Sequences) -> Int:
    return np.searchsorted(made.offset, made.lists.owner, side="right") - 1


@pytest.mark.parametrize("name", networks.CONFIGS)
def test_other_learners_and_answers_to_other_concepts_leave_windows_as_they_are(name: str) -> None:
    model = networks.model(name)
    if model.network.encoder is None:
        return
    mine, concept = networks.history(2, 40), 1
    elsewhere = np.array([concept not in mine.concepts.flat[mine.concepts.owner == i] for i in range(40)])
    changed = replace(
        mine,
        correct=np.where(elsewhere, 1.0 - np.round(mine.correct), mine.correct).astype(np.float32),
        item=np.where(elsewhere, 3, mine.item),
        response_seconds=np.where(elsewhere, 77.0, mine.response_seconds).astype(np.float32),
    )
    alone = prepared(model, mine)
    frames, m = encoded(model, alone, 0, concept)
    assert 5 < len(frames) < 40
    crowd = networks.together([networks.history(9, 33), changed, networks.history(8, 12)])
    others, theirs = encoded(model, prepared(model, crowd), 1, concept)
    assert_same(others, frames)
    assert np.array_equal(theirs, m)


def test_answers_to_other_concepts_need_not_have_been_given() -> None:
    """Without decay in steps and pauses between answers, windows are the same where the rest of the log is missing."""
    model, mine, concept = networks.model("paper, no decay"), networks.history(2, 40), 1
    kept = np.array([concept in mine.concepts.flat[mine.concepts.owner == i] for i in range(40)])
    (_, m), (_, fewer) = (
        encoded(model, prepared(model, seen), 0, concept) for seen in (mine, mine.take(np.flatnonzero(kept)))
    )
    assert np.array_equal(fewer, m)


@few
@given(seed=seeds)
def test_a_concept_that_is_named_twice_counts_once(model: Model, seed: int) -> None:
    seen = networks.history(seed, 20)
    lists = [seen.concepts.flat[seen.concepts.owner == i].tolist() for i in range(20)]
    twice = replace(seen, concepts=ConceptLists.of([x + x[:1] if i % 2 else x for i, x in enumerate(lists)]))
    once = prepared(model, seen)
    assert_same(framed(model, prepared(model, twice)), framed(model, once))
    own = once.step[once.lists.owner][:, None]
    steps = np.where(framed(model, prepared(model, twice)).mask > 0, once.events.fields[once.window, STEP], -1)
    # Windows up to and with an answer hold it once, in front.
    before = steps if model.config.keyed_on_next else steps[:, 1:]
    assert np.all(before < own)
    assert np.array_equal(model.score(networks.dataset(twice)), model.score(networks.dataset(seen)))
    states = [model.update(model.prior(1), log) for log in (seen, twice)]
    assert states[0].to_bytes() == states[1].to_bytes()
    asked = replace(twice, seconds=np.full(20, seen.seconds[-1] + 60.0)).query(), replace(seen).query()
    asked = asked[0], replace(asked[1], seconds=asked[0].seconds)
    assert np.array_equal(*(model.predict(states[0], query).p for query in asked))


def test_questions_meet_the_windows_that_answers_meet(model: Model) -> None:
    """Frames from the ring of a state are those that the next answer's window holds."""
    seen = networks.history(4, 30)
    state = model.update(model.prior(1), seen.take(np.arange(29)))
    if not model.config.keyed_on_next:
        return
    made = prepared(model, seen.take(np.array([29])), state)
    row = state.find(np.zeros(len(made.known), np.int64), made.lists.flat)
    n = len(row)
    step, seconds, item = np.full(n, 29), np.full(n, made.seconds[0]), np.full(n, made.item[0])
    since = np.full(n, made.seconds[0] - state.seconds[0])
    found = stream.ring_frames(model.config, state, row, made.known, step, seconds, since, item)
    assert_same(found, framed(model, made))
