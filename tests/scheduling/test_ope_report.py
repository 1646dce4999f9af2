"""What is reported of another policy, and when nothing is."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.scheduling.ope_world import World, difficulty_of, log_of, suited
from tutor.scheduling.ope import targets
from tutor.scheduling.ope.logged import Logged
from tutor.scheduling.ope.report import Options, Report, evaluate
from tutor.scheduling.ope.rewards import Kind, Reward

SUITED = targets.best(suited)
SUCCESS = Reward(Kind.SUCCESS)


@pytest.fixture(scope="module")
def logged() -> Logged:
    return World(learners=300).draw(0)


@pytest.fixture(scope="module")
def report(logged: Logged) -> Report:
    return evaluate(logged, SUITED, reward=SUCCESS)


def test_a_better_policy_is_told_so_by_every_estimator(report: Report) -> None:
    truth = World().value(SUITED)
    assert report.refusal == ""
    assert set(report.values) == {"ips", "snips", "dr"}
    for name in ("snips", "dr"):
        told = report.values[name]
        assert told.value.low < truth < told.value.high
        assert told.gain.low > 0
        assert told.gain_by_influence.low > 0
    assert report.warnings == ()


def test_the_gain_is_over_what_the_logged_choices_were_worth(report: Report, logged: Logged) -> None:
    assert report.logged is not None
    assert report.logged.value == pytest.approx(logged.reward.mean())
    for told in report.values.values():
        assert told.gain.value == pytest.approx(told.value.value - report.logged.value)


def test_the_logged_policy_gains_nothing_on_itself(logged: Logged) -> None:
    told = evaluate(logged, targets.logging_policy, reward=SUCCESS)
    snips = told.values["snips"]
    assert (snips.gain.value, snips.gain.low, snips.gain.high) == (0, 0, 0)
    assert told.overlap.effective == pytest.approx(len(logged))
    assert told.overlap.mean_weight == 1


def test_equal_seeds_give_equal_reports(logged: Logged, report: Report) -> None:
    assert evaluate(logged, SUITED, reward=SUCCESS) == report


def test_a_report_is_plain_data_with_its_assumptions(report: Report, logged: Logged) -> None:
    plain = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert plain["values"]["dr"]["value"].keys() == {"value", "low", "high"}
    assert plain["reward"] == {"kind": "success", "delay_days": 1.0, "window_days": 21.0}
    assert plain["overlap"]["learners"] == 300
    assert len(plain["assumptions"]) == 5
    one = evaluate(logged.take(logged.learner == 0), SUITED, reward=SUCCESS)
    assert json.dumps(one.to_json(), allow_nan=False)


def test_without_choices_nothing_is_told(logged: Logged) -> None:
    none = evaluate(logged.take(logged.learner < 0), SUITED)
    assert "no choice" in none.refusal
    assert none.values == {}


def test_below_a_hundred_effective_choices_nothing_is_told(logged: Logged) -> None:
    few = evaluate(logged.take(logged.learner < 30), SUITED, reward=SUCCESS)
    assert few.overlap.effective < 100 < few.overlap.decisions
    assert few.refusal.startswith(f"the effective sample is {few.overlap.effective:.1f} of 600 choices, ")
    assert "100% of those that count with a known reward; 100 are needed" in few.refusal
    assert (few.values, few.logged, few.agreement) == ({}, None, None)


def test_choices_whose_reward_is_unknown_add_nothing_to_the_effective_sample(logged: Logged) -> None:
    known = np.arange(len(logged)) % 20 == 0
    unseen = replace(logged, reward=np.where(known, logged.reward, np.nan), answered=known)
    assert "effective sample" in evaluate(unseen, SUITED, reward=SUCCESS).refusal


def test_one_learner_says_nothing_of_others() -> None:
    assert "one learner's" in evaluate(World(1, 2_000).draw(0), targets.uniform).refusal


def closed(logged: Logged, share: float) -> Logged:
    """In a share of the choices, the policy took its best for sure."""
    best = targets.best(targets.logged_score)(logged)
    sure = np.arange(len(logged)) < share * len(logged)
    probability = np.where(sure[logged.row], best, logged.probability)
    chosen = np.where(sure, np.flatnonzero(best), logged.chosen)
    return replace(logged, probability=probability, chosen=chosen)


def test_a_target_that_does_what_the_log_never_could_is_refused(logged: Logged) -> None:
    told = evaluate(closed(logged, 0.3), SUITED, reward=SUCCESS)
    assert told.overlap.unsupported > 0.05
    assert "no chance, at most 5.0% may be" in told.refusal
    assert told.values == {}


def test_a_few_choices_without_support_are_left_out_and_told(logged: Logged) -> None:
    told = evaluate(closed(logged, 0.04), SUITED, reward=SUCCESS)
    assert 0 < told.overlap.unsupported < 0.05
    assert told.refusal == ""
    assert any("left out: the log gave the target's choice no chance" in each for each in told.warnings)


def test_what_somebody_else_set_is_left_out_of_the_values(logged: Logged) -> None:
    """However well it went: the log does not say how likely it was."""
    drawn = np.arange(len(logged)) % 3 > 0
    told = evaluate(replace(logged, drawn=drawn, reward=np.where(drawn, logged.reward, 9.0)), SUITED, reward=SUCCESS)
    alone = evaluate(logged.take(drawn), SUITED, reward=SUCCESS)
    assert told.overlap.not_drawn == (~drawn).sum()
    assert told.values["snips"].value.value == pytest.approx(alone.values["snips"].value.value)
    assert told.values["dr"].value.value < 1
    assert any("somebody else set them" in each for each in told.warnings)


def test_clipping_is_told_with_what_it_changes(logged: Logged, report: Report) -> None:
    clipped = evaluate(logged, SUITED, reward=SUCCESS, options=Options(clip=3.0))
    assert report.overlap.clipped == 0
    assert clipped.overlap.clipped > 0.05
    assert clipped.overlap.effective > report.overlap.effective
    for name, told in clipped.values.items():
        assert told.clip_bias == pytest.approx(told.value.value - report.values[name].value.value, abs=1e-9)
        assert report.values[name].clip_bias == 0
    assert clipped.values["ips"].clip_bias < -0.1
    assert any("cut to 3" in each for each in clipped.warnings)


def test_unknown_rewards_are_told_with_what_they_could_change() -> None:
    told = evaluate(World(learners=300, missing=0.3).draw(0), SUITED, reward=SUCCESS)
    assert told.if_unknown_were is not None
    low, high = told.if_unknown_were
    assert low < told.values["snips"].value.value < high
    assert high - low > 0.2


def test_nothing_unknown_leaves_nothing_to_suppose(report: Report) -> None:
    assert report.if_unknown_were is None


def test_probabilities_that_nobody_drew_from_are_found_out(logged: Logged) -> None:
    raw = logged.probability * np.exp(2 * difficulty_of(logged))
    forged = replace(logged, probability=raw / logged.sums(raw)[logged.row])
    told = evaluate(forged, targets.uniform, reward=SUCCESS)
    assert any("not those that choices were drawn from" in each for each in told.warnings)


def test_few_learners_are_told() -> None:
    told = evaluate(World(learners=10, choices=400).draw(0), targets.uniform, reward=SUCCESS)
    assert any(each.startswith("only 10 learners") for each in told.warnings)


def test_a_choice_that_decides_by_itself_is_told() -> None:
    """Among a thousand choices of the best, one that had a chance of a thousandth."""
    rows, rare = 1_000, 1e-3
    logged = log_of(
        np.arange(rows) % 50, np.tile([0.0, 1.0], (rows, 1)), np.tile([1.0, 0.0], (rows, 1)),
        np.tile([1 - rare, rare], (rows, 1)), (np.arange(rows) == 7).astype(int), np.arange(rows) % 2 * 1.0,
        np.zeros((rows, 0)),
    )  # fmt: skip
    told = evaluate(logged, targets.uniform, reward=SUCCESS, options=Options(least_effective=2))
    assert told.overlap.max_weight == pytest.approx(500)
    assert told.overlap.max_share == pytest.approx(0.5, abs=0.01)
    assert any("one choice carries 50% of all weight" in each for each in told.warnings)


def test_a_log_that_was_cut_off_is_told(logged: Logged) -> None:
    told = evaluate(replace(logged, truncated=True), SUITED, reward=SUCCESS)
    assert any("older choices that were not read" in each for each in told.warnings)


def test_lists_may_be_of_any_length() -> None:
    """Two candidates in one half of the choices, five in the other."""
    logged = World(learners=300).draw(0)
    narrow = log_of(
        logged.learner, np.tile([0.0, 1.0], (len(logged), 1)), np.zeros((len(logged), 2)),
        np.full((len(logged), 2), 0.5), np.arange(len(logged)) % 2, np.arange(len(logged)) % 2 * 1.0, logged.features,
    )  # fmt: skip
    columns = {
        name: np.concatenate([getattr(logged, name), getattr(narrow, name)])
        for name in (
            "learner", "seconds", "drawn", "reward", "answered", "credit", "features", "chosen_features",
            "concept", "item", "score", "probability", "candidate_features",
        )
    }  # fmt: skip
    both = replace(
        logged,
        **columns,
        chosen=np.concatenate([logged.chosen, narrow.chosen + logged.offset[-1]]),
        offset=np.concatenate([logged.offset, narrow.offset[1:] + logged.offset[-1]]),
    )
    target = targets.best(difficulty_of)
    apart = [evaluate(each, target, reward=SUCCESS).values["ips"].value.value for each in (logged, narrow)]
    assert apart[1] == 1
    assert evaluate(both, target, reward=SUCCESS).values["ips"].value.value == pytest.approx(np.mean(apart))


@pytest.mark.parametrize("clip", [0.0, -1.0, float("nan")])
def test_a_clip_that_leaves_no_weight_is_refused(clip: float) -> None:
    with pytest.raises(ValueError, match="is not above 0"):
        Options(clip=clip)
