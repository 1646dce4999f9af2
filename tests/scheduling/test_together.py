"""A class's courses computed at once are those of its learners, one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kt_models.recall import SECONDS_PER_DAY, RecallTable, sigmoid
from tests.scheduling.test_outlook import a_learner, curve, prospects
from tutor.scheduling import outlook, together
from tutor.scheduling.outlook import Prospect

RETENTIONS = st.lists(st.floats(0.5, 0.99), min_size=1, max_size=4)


def alike(prospect: Prospect, seed: int, n: int) -> list[Prospect]:
    """Learners of one curriculum: some share their days, some have others, and each knows something else."""
    random = np.random.default_rng(seed)
    out = []
    for _ in range(n):
        recall = random.uniform(0.01, 0.99, prospect.table.recall.shape)
        after = np.clip(recall + random.uniform(-0.1, 0.3, recall.shape), 0.01, 0.99)
        quiet = prospect.quiet if random.random() < 0.6 else random.random(len(prospect.days)) < 0.3
        criteria = replace(prospect.criteria, review_at=random.choice([0.3, 0.7, 0.9]))
        out.append(replace(prospect, table=replace(prospect.table, recall=recall, after=after), quiet=quiet,
                           minutes=prospect.minutes * random.uniform(0.5, 2), criteria=criteria))  # fmt: skip
    return out


@given(first=prospects(), seed=st.integers(0, 2**32), n=st.integers(1, 5), retentions=RETENTIONS)
def test_a_class_is_its_learners(first: Prospect, seed: int, n: int, retentions: list[float]) -> None:
    some = alike(first, seed, n)
    found, k = together.outcomes(some, retentions), first.content.n_concepts
    then = np.array([each.days.starts[-1] + SECONDS_PER_DAY for each in some])
    alone = np.stack([outlook.recall_alone(p.table, k, at)[0] for p, at in zip(some, then, strict=True)])
    recall = together.recall_then(some, found, alone, then)
    for i, retention in enumerate(retentions):
        for j, one in enumerate(some):
            course = outlook.follow(one, retention=retention)
            assert found.minutes[i, j] == pytest.approx(outlook.minutes_by_day(one, course).mean())
            np.testing.assert_array_equal(found.practices[i, j], course.practices)
            np.testing.assert_allclose(found.last[i, j], course.last, rtol=0, atol=1e-3)
            np.testing.assert_allclose(recall[i, j], outlook.recall_then(one, course, then[j])[0], atol=1e-9)


@given(seed=st.integers(0, 2**32), review_at=st.floats(0.05, 0.95), retention=st.floats(0.5, 1.0), falls=st.booleans())
def test_a_pause_is_as_long_as_the_recall_table_says(
    seed: int, review_at: float, retention: float, falls: bool
) -> None:
    logits = np.random.default_rng(seed).normal(1.0, 3.0, (20, 14))
    logits = -np.sort(-logits, axis=1) if falls else logits
    recall, one = sigmoid(logits), np.ones(20)
    table = RecallTable(0.0, np.arange(20), recall, recall, recall, one, one, one)
    wanted = np.maximum(table.time_until(np.maximum(review_at, retention * recall[:, 0])), SECONDS_PER_DAY)
    np.testing.assert_allclose(together.pause(logits, one * review_at, one * retention), wanted, rtol=1e-9)


@pytest.mark.parametrize("retention", [0.9, 1.0])
def test_what_never_fades_is_never_reviewed(retention: float) -> None:
    flat = np.full((1, 14), 3.0)
    assert together.pause(flat, np.array([0.7]), np.array([retention])).tolist() == [np.inf]


def test_more_rows_than_are_looked_at_together_are_all_reviewed() -> None:
    one = a_learner([curve(0.9, 0.12)] * 60, [curve(0.91, 0.11)] * 60)
    found = together.outcomes([one] * 50, [0.8, 0.9])
    wanted = [outlook.follow(one, retention=each).practices for each in (0.8, 0.9)]
    assert (found.practices == np.array(wanted)[:, None]).all() and (found.practices > 0).any()


def test_nobody_has_no_minutes() -> None:
    assert together.outcomes([], [0.8]).minutes.shape == (1, 0)
