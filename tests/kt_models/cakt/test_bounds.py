"""The smallest and the largest that is asked for: one answer, unknown concepts, long histories, many concepts."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kt_models.base import ConceptLists, Interactions, Query
from kt_models.cakt import Config, Model, sequence
from kt_models.state import LearnerState
from tests.kt_models.cakt import networks

#: Answers of a learner that are folded at once where a history is long.
PART = 1_000
#: More memory, in MiB, than at the start: what a network and a part of a history take, and nothing of the rest.
ROOM = 250


def practice(n: int, concepts: int) -> Interactions:
    rng = np.random.default_rng(n)
    return Interactions(
        np.zeros(n, np.int64), networks.START + 60.0 * np.arange(n), np.full(n, -1),
        ConceptLists.single(rng.integers(0, concepts, n)), rng.integers(0, 2, n).astype(np.float32),
        np.full(n, np.nan, np.float32),
    )  # fmt: skip


def asked(n: int, seconds: float) -> Query:
    return Query(np.zeros(n, np.int64), np.full(n, seconds), np.full(n, -1), ConceptLists.single(np.arange(n)))


def folded(model: Model, seen: Interactions) -> LearnerState:
    state = model.prior(1)
    for start in range(0, len(seen), PART):
        state = model.update(state, seen.take(np.arange(start, min(start + PART, len(seen)))))
    return state


def size(state: LearnerState) -> int:
    """Bytes of the only learner."""
    (content,) = state.to_bytes()
    return len(content)


@pytest.mark.parametrize("name", networks.CONFIGS)
def test_one_answer_is_a_history(name: str) -> None:
    model, seen = networks.model(name), networks.history(1, 1)
    state = model.update(model.prior(1), seen)
    first, later = model.trace(model.prior(1), seen)[1].p, model.predict(state, asked(7, seen.seconds[0] + 60.0)).p
    assert np.array_equal(model.score(networks.dataset(seen)), first)
    assert np.all((later > 0) & (later < 1))
    assert not np.allclose(later, model.predict(model.prior(1), asked(7, seen.seconds[0] + 60.0)).p)


def test_a_state_grows_with_concepts_and_not_with_answers() -> None:
    model = networks.model("product")
    few, many = (folded(model, practice(n, 5)) for n in (100, 10_000))
    assert size(many) == size(few)
    assert many.learner[0, sequence.STEP_COLUMN] == 10_000
    wide = folded(model, practice(3_000, 500))
    touched = len(np.unique(practice(3_000, 500).concepts.flat))
    # A row has its concept, its time, counts and the ring.
    row = 12 + 4 * sequence.concept_columns(model.config)
    assert size(wide) - size(few) == (touched - 5) * row


def test_unknown_concepts_are_all_alike_until_they_are_practised() -> None:
    model, seen = networks.model("product"), practice(20, networks.N_CONCEPTS)
    state, later = folded(model, seen), seen.seconds[-1] + 3_600.0
    unknown = asked(networks.N_CONCEPTS + 3, later)
    p = model.predict(state, unknown).p[networks.N_CONCEPTS :]
    assert np.allclose(p, p[0], rtol=0, atol=1e-7)
    one = replace(practice(1, 1), seconds=np.array([later]), concepts=ConceptLists.single([networks.N_CONCEPTS + 1]))
    after = model.predict(model.update(state, one), replace(unknown, seconds=unknown.seconds + 60.0)).p
    assert abs(after[networks.N_CONCEPTS + 1] - after[networks.N_CONCEPTS]) > 1e-3
    assert np.isclose(after[networks.N_CONCEPTS + 2], after[networks.N_CONCEPTS], rtol=0, atol=1e-7)


@pytest.mark.parametrize("mode", ["product", "paper"])
def test_ten_thousand_answers_to_five_thousand_concepts_take_bounded_memory(mode: str) -> None:
    """In a process of its own: score, fold, ask all concepts, forecast."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.kt_models.cakt.test_bounds", mode], cwd=Path(__file__).parents[3],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert float(done.stdout) < ROOM


def large(mode: str) -> None:
    """Prints how much the process grew, in MiB."""
    import resource

    from kt_models.cakt.model import network
    from kt_models.cakt.reference import Reference
    from kt_models.cakt.stream import Calibration
    from kt_models.data import Dataset, Vocabulary
    from kt_models.levels import Levels

    def peak() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    config = Config(mode=mode, transitions=False, side=8)  # type: ignore[arg-type]
    reference, calibration = Reference(Levels.zero(5_000, 0)), Calibration(1.0, 0.0, np.ones(3))
    model = Model(config, network(config, 5_000), reference, calibration)
    small = practice(10, 5_000)
    model.update(model.prior(1), small)
    before, seen = peak(), practice(10_000, 5_000)
    model.score(Dataset(np.arange(1), seen, Vocabulary(np.arange(5_000)), Vocabulary(np.arange(0))))
    state = folded(model, seen)
    model.predict(state, asked(5_000, seen.seconds[-1] + 60.0))
    model.forecast(state, seen.seconds[-1:] + 60.0)
    print(peak() - before)


if __name__ == "__main__":
    large(sys.argv[1])
