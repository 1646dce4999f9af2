"""What a policy achieved, with intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kt_models.simulate import Bootstrap, Record, deciles, mean_knowledge


def test_a_record_averages_over_days_and_reads_the_exam() -> None:
    record = Record.empty(3, 2)
    for day, knowledge in enumerate((0.2, 0.4, 0.9)):
        record.note(day, np.full((2, 5), knowledge), np.array([1.0, 3.0]), np.array([2, 4]))
    assert record.mean() == pytest.approx([0.5, 0.5])
    assert record.at_exam() == pytest.approx([0.9, 0.9])
    assert record.at_exam(1) == pytest.approx([0.4, 0.4])
    assert record.minutes_per_day().tolist() == [1.0, 3.0]


def test_a_day_that_was_not_noted_does_not_pass_for_zero() -> None:
    record = Record.empty(2, 1)
    record.note(0, np.ones((1, 1)), np.zeros(1), np.zeros(1))
    assert np.isnan(record.mean()).all()


def test_goals_weigh_what_counts() -> None:
    knowledge = np.array([[1.0, 0.0], [0.5, 1.0]])
    assert mean_knowledge(knowledge).tolist() == [0.5, 0.75]
    assert mean_knowledge(knowledge, np.array([3.0, 1.0])).tolist() == [0.75, 0.625]
    with pytest.raises(ValueError, match="give each learner a goal"):
        mean_knowledge(knowledge, np.array([[1.0, 0.0], [0.0, 0.0]]))


@given(ability=st.lists(st.floats(-5, 5), min_size=10, max_size=80))
def test_deciles_are_of_equal_size_and_in_order(ability: list[float]) -> None:
    values = np.array(ability)
    group = deciles(values)
    sizes = np.bincount(group, minlength=10)
    assert sizes.max() - sizes.min() <= 1
    assert all(values[group == g].max() <= values[group == g + 1].min() for g in range(9))


def test_too_few_learners_have_no_deciles() -> None:
    with pytest.raises(ValueError, match="9 learners cannot form 10 groups"):
        deciles(np.zeros(9))


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        other = rng.normal(10.0, 3.0, 80)
        one = other + rng.normal(0.5, 1.0, 80)
        estimate = Bootstrap(trial).difference(one, other)
        covered += estimate.low <= 0.5 <= estimate.high
    assert 0.89 <= covered / 200 <= 0.99


def test_pairing_learners_makes_intervals_narrower() -> None:
    rng = np.random.default_rng(1)
    other = rng.normal(0.5, 0.2, 200)
    one = other * 1.02
    paired = Bootstrap(0).relative(one, other)
    shuffled = Bootstrap(0).relative(rng.permutation(one), other)
    assert paired.value == pytest.approx(0.02)
    assert paired.high - paired.low < 0.01 < shuffled.high - shuffled.low


def test_groups_are_compared_each_for_itself() -> None:
    other = np.ones(40)
    group = np.repeat(np.arange(4), 10)
    estimates = Bootstrap(0).by_group(1.0 + 0.1 * group, other, group)
    assert [estimate.value for estimate in estimates] == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert Bootstrap(0).mean(other).value == 1.0


def test_different_learners_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="compare the same learners"):
        Bootstrap(0).relative(np.ones(3), np.ones(4))
