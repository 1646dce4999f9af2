"""What PSI-KT's parameters mean on real answers: what practice is worth, and whether traits say who somebody is.

`python -m tests.bench psikt_meaning [--quick]`, or
`python -m tests.bench.psikt_meaning --sets assist17 --learners 600 --mode faithful`

Learners are cut into groups; the model is fitted on each (their first answers, `Plan`), and what needs learners
is measured on those of the next group. Intervals are 95 %, of Student's t over the groups, unless said otherwise.

Practice
    `gain.right.day`: logits that a right answer has added after a day, for an average learner at a concept met for the
        first time: fading + lasting + quick gain. Before the first answer, a new concept stands `gain.novelty` lower.
    `worth.*`: E[P(correct) at a delay | one practice now, over its outcome] - E[P(correct) at that delay], held-out
        learners, every concept that their answers bear on; `worth.least`: the smallest of all learners, concepts and
        delays, concepts never met included. Above 0: practice never harms.

Traits, theta = (log forgetting rate, level, logit transfer), learners with at least 50 answers; nats
    `specificity`: I(theta; learner) = H(theta) - H(theta | learner) after 50 answers, of Gaussians:
        1/2 log det(C + S) - 1/2 log det S, C covariance of posterior means over learners, S mean posterior covariance.
        It counts what is not known, so C + S cannot exceed the population's spread by much. `specificity.of_means`
        forgets that, as the paper does: covariance of the means over learners and 50 answers against that within each
        learner's path.
    `consistency`: (KL(p | q) + KL(q | p)) / 2 of beliefs p, q from a learner's odd and even sessions, mean; low is
        good. `.shuffled`: q of another learner. `.ratio`: the one over the other.
    `disentanglement`: -(H(theta | learner) of the full S less that of its diagonal): total correlation, 0 is best;
        `.of_means`: of C. The paper's figure has the opposite sign and is of one it does not define the scale of.
    `left.*`: mean posterior variance of a trait over its prior one, 1 if answers tell nothing.
    `forgetting.slope`: drop = correct before - correct now, at a concept asked again, on rate x gap; the rate from the
        first half of a learner's answers, drops from the second; learners' means taken out (fixed effects), standard
        error clustered by learner. `.saturating`: on 1 - exp(-rate x gap), which is what the model says. `.beyond_gap`:
        on rate x gap, with the gap itself, common to all, taken out: only that tells whose rates matter. `.permuted`:
        mean slope with rates dealt to other learners, `least_p` the share of deals that reach the true one.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, final

import numpy as np

from kt_models import data
from kt_models.base import Forecast
from kt_models.data import Dataset
from kt_models.psikt import Config, Model, fit, online
from kt_models.psikt.algebra import LOG_RATE, LOG_RATE_BOUNDS
from kt_models.psikt.parameters import TRACKED
from kt_models.recall import DELAYS, SECONDS_PER_DAY, Float, Int, sigmoid
from kt_models.state import LearnerState
from tests.bench import harness
from tests.bench._psikt_stats import (
    Beliefs,
    Interval,
    Slope,
    consistency,
    over_groups,
    specificity,
    specificity_of_means,
    total_correlation,
    within,
)  # fmt: skip

SETS: Final = {"assist12": 4_000, "assist17": 1_366, "cloze": 382}
#: Sets whose learners come back often enough, to enough concepts, for traits.
TRAIT_SETS: Final = ("assist12", "assist17")
#: When an answer's gain is looked at, days.
WHEN: Final = {"now": 0.0, "day": 1.0, "month": 30.0}
#: Answers after which traits are looked at, and that a learner must have.
TOLD_AFTER: Final = 50
#: A pause that ends a session, and answers that odd and even ones must have each.
SESSION_SECONDS: Final = 3_600.0
HALF_ANSWERS: Final = 20
#: Learners of a group whose forecasts are looked at.
FORECAST: Final = 150
TRAITS: Final = ("rate", "level", "transfer")
#: Few steps, for there are many fits. Research mode with the product's coupling: stepping all concepts takes hours.
CONFIGS: Final = {
    "product": Config(epochs=6, min_steps=80),
    "faithful": Config(mode="faithful", coupling="lazy", epochs=6, min_steps=80),
}


@final
@dataclass(frozen=True)
class Plan:
    """What is measured: learners of each set, in `groups`; first answers fitted on, and those that traits see."""

    sets: dict[str, int] = field(default_factory=lambda: dict(SETS))
    groups: int = 6
    answers: int = 150
    followed: int = 400
    permutations: int = 200
    config: Config = CONFIGS["product"]


QUICK: Final = Plan({"assist17": 150, "cloze": 80}, 2, 60, 120, 20, Config(epochs=2, min_steps=1))


def run(plan: Plan, name: str) -> Iterator[dict[str, Any]]:
    """All figures of one set."""
    whole = data.read(harness.DATA / name / "interactions.parquet")
    share = min(plan.sets[name] / whole.n_learners, 1.0)
    some, _ = whole.split_learners((share, 1 - share), seed=0)
    groups = some.split_learners((1 / plan.groups,) * plan.groups, seed=1)
    models = [fit(group.first(plan.answers), plan.config, seed=i).model for i, group in enumerate(groups)]
    # The next group's learners: none of them was fitted on.
    others = [group.first(plan.followed) for group in (*groups[1:], groups[0])]
    n = some.first(plan.answers).n_answers
    if plan.config.practice != "none":
        yield from practice(name, models, others, n)
    if name in TRAIT_SETS:
        yield from traits(name, models, [long(other) for other in others])
        yield from forgetting(name, models, [long(other) for other in others], plan.permutations)


def long(some: Dataset) -> Dataset:
    """Those with enough answers for traits."""
    return some.take(np.flatnonzero(some.lengths >= TOLD_AFTER))


def practice(name: str, models: Sequence[Model], others: Sequence[Dataset], n: int) -> Iterator[dict[str, Any]]:
    gains = np.stack([gain(model, np.array(list(WHEN.values()))) for model in models])
    for row, outcome in enumerate(("right", "wrong")):
        for column, when in enumerate(WHEN):
            yield _figure(f"{name}.gain.{outcome}.{when}", "logits", over_groups(gains[:, row, column].tolist()), n)
    novelty = [float(model.fitted.parameters.novelty) for model in models]
    yield _figure(f"{name}.gain.novelty", "logits", over_groups(novelty), n)
    found = [worth(_forecast(model, other)) for model, other in zip(models, others, strict=True)]
    for delay, label in ((0.0, "now"), (SECONDS_PER_DAY, "day"), (32 * SECONDS_PER_DAY, "32_days")):
        column = int(np.searchsorted(DELAYS, delay))
        values = [float(rows[:, column].mean()) for rows, _ in found]
        yield _figure(f"{name}.worth.{label}", "probability", over_groups(values), sum(len(rows) for rows, _ in found))
    every = np.concatenate([np.concatenate([rows.ravel(), rest.ravel()]) for rows, rest in found])
    yield {"name": f"{name}.worth.least", "value": float(every.min()), "unit": "probability", "n": len(every)}


def gain(model: Model, days: Float) -> Float:
    """(2, days) logits that a right and a wrong answer have added, as the module says."""
    p = model.fitted.parameters
    rate = np.exp(np.clip(p.trait_mean[0], *LOG_RATE_BOUNDS))
    unfilled = sigmoid(p.ceiling - p.trait_mean[1])
    fading = (p.gain.mean(axis=1) * unfilled)[:, None] * np.exp(-rate * days)
    quick = p.quick[:2, None] * np.exp(-p.quick_rate * days)
    return np.asarray(fading + p.lasting[:2, None] + quick, dtype=np.float64)


def _forecast(model: Model, other: Dataset) -> Forecast:
    """A day after the last answers."""
    some = other.take(np.arange(min(other.n_learners, FORECAST)))
    state = model.update(model.prior(some.n_learners), some.interactions)
    return model.forecast(state, state.seconds + SECONDS_PER_DAY)


def worth(forecast: Forecast) -> tuple[Float, Float]:
    """What one practice now adds to recall: (rows, delays) of concepts with a row, (others,) of those without one,
    after `REST_DELAY`."""
    rows = np.concatenate([table.after - table.recall for table in forecast.tables])
    rest = [(table.rest_after - table.rest_recall)[~table.has_row()] for table in forecast.tables]
    return rows, np.concatenate(rest)


def traits(name: str, models: Sequence[Model], others: Sequence[Dataset]) -> Iterator[dict[str, Any]]:
    pairs, n = list(zip(models, others, strict=True)), sum(other.n_learners for other in others)
    paths = [path(model, other) for model, other in pairs]
    last = [Beliefs(mean[:, -1], covariance[:, -1]) for mean, covariance in paths]
    measures = {
        "specificity": [specificity(each) for each in last],
        "specificity.of_means": [specificity_of_means(each.mean) for each in paths],
        "disentanglement": [total_correlation(each.covariance.mean(axis=0)) for each in last],
        "disentanglement.of_means": [total_correlation(np.cov(each.mean.T)) for each in last],
    }
    for measure, values in measures.items():
        yield _figure(f"{name}.{measure}", "nats", over_groups(values), n)
    for index, trait in enumerate(TRAITS):
        prior = [model.fitted.parameters.trait_sd[TRACKED[index]] ** 2 for model in models]
        left = [float(b.covariance[:, index, index].mean() / v) for b, v in zip(last, prior, strict=True)]
        yield _figure(f"{name}.left.{trait}", "share", over_groups(left), n)
    yield from _consistency(name, pairs)


def _consistency(name: str, pairs: Sequence[tuple[Model, Dataset]]) -> Iterator[dict[str, Any]]:
    found = np.array([consistency(*halves(model, other)) for model, other in pairs])
    n = sum(len(halves_of(other)[0]) for _, other in pairs)
    for column, label in enumerate(("consistency", "consistency.shuffled")):
        yield _figure(f"{name}.{label}", "nats", over_groups(found[:, column].tolist()), n)
    yield _figure(f"{name}.consistency.ratio", "ratio", over_groups((found[:, 0] / found[:, 1]).tolist()), n)


def path(model: Model, some: Dataset) -> Beliefs:
    """Beliefs after each of the first answers, (learners, steps, ...)."""
    seen = some.first(TOLD_AFTER).interactions
    state, steps = model.prior(some.n_learners), []
    for rows in seen.rounds():
        state = model.update(state, seen.take(rows))
        steps.append(beliefs(model, state))
    return Beliefs(np.stack([b.mean for b in steps], axis=1), np.stack([b.covariance for b in steps], axis=1))


def beliefs(model: Model, state: LearnerState) -> Beliefs:
    learner = online.unpack_learner(model.fitted.parameters, state.learner.astype(np.float64))
    return Beliefs(learner.traits, learner.covariance)


def halves_of(some: Dataset) -> tuple[Int, Int]:
    """Learners with enough answers in odd and in even sessions; and (answers,) whether each is in an odd one."""
    seen = some.interactions
    new = (np.diff(seen.seconds, prepend=-np.inf) > SESSION_SECONDS) | (np.diff(seen.learner, prepend=-1) != 0)
    session = np.cumsum(new)
    odd = (session - session[some.offset[:-1]][seen.learner]) % 2
    in_odd = np.bincount(seen.learner, odd, some.n_learners)
    return np.flatnonzero(np.minimum(in_odd, some.lengths - in_odd) >= HALF_ANSWERS), odd


def halves(model: Model, some: Dataset) -> tuple[Beliefs, Beliefs]:
    """Beliefs from odd, and from even sessions alone."""
    enough, _ = halves_of(some)
    kept = some.take(enough)
    _, odd = halves_of(kept)
    parts = (kept.where(odd == half) for half in (0, 1))
    one, other = (beliefs(model, model.update(model.prior(kept.n_learners), part.interactions)) for part in parts)
    return one, other


@final
@dataclass(frozen=True, eq=False)
class Drops:
    """Concepts asked again, (drops,): learner, forgetting rate a day, days since asked before, and how much less right
    the answer was."""

    learner: Int
    rate: Float
    days: Float
    drop: Float

    def dealt(self, rng: np.random.Generator) -> Drops:
        """Rates of other learners."""
        learners, first = np.unique(self.learner, return_index=True)
        dealt = rng.permutation(self.rate[first])
        return replace(self, rate=dealt[np.searchsorted(learners, self.learner)])


def forgetting(
    name: str, models: Sequence[Model], others: Sequence[Dataset], permutations: int
) -> Iterator[dict[str, Any]]:
    """Whether those whom the first half calls forgetful forget more in the second."""
    parts, before = [], 0
    for model, other in zip(models, others, strict=True):
        parts.append(replace(found := drops(model, other), learner=found.learner + before))
        before += other.n_learners
    every = _joined(parts)
    linear = within(every.learner, every.drop, every.rate * every.days)
    yield _slope(f"{name}.forgetting.slope", linear, len(every.drop))
    yield _slope(
        f"{name}.forgetting.saturating",
        within(every.learner, every.drop, -np.expm1(-every.rate * every.days)),
        len(every.drop),
    )
    beyond = within(every.learner, every.drop, every.rate * every.days, every.days)
    yield _slope(f"{name}.forgetting.beyond_gap", beyond, len(every.drop))
    rng = np.random.default_rng(0)
    # Rates are dealt within a group: each group's model has a scale of its own.
    dealt = [_joined([part.dealt(rng) for part in parts]) for _ in range(permutations)]
    for label, true, controls in (("slope", linear, False), ("beyond_gap", beyond, True)):
        slopes = np.array([within(d.learner, d.drop, d.rate * d.days, *[d.days] * controls).per_sd for d in dealt])
        low, high = np.quantile(slopes, (0.025, 0.975))
        yield {
            "name": f"{name}.forgetting.{label}.permuted", "value": round(float(slopes.mean()), 5), "unit": "a sd",
            "low": round(float(low), 5), "high": round(float(high), 5),
            "true": round(true.per_sd, 5), "least_p": float(np.mean(slopes >= true.per_sd)), "n": permutations,
        }  # fmt: skip


def _joined(parts: Sequence[Drops]) -> Drops:
    return Drops(*(np.concatenate([getattr(part, column) for part in parts]) for column in vars(parts[0])))


def drops(model: Model, some: Dataset) -> Drops:
    """Rates from the first half of each learner's answers, drops from the second."""
    early = some.step < some.lengths[some.interactions.learner] // 2
    state = model.update(model.prior(some.n_learners), some.where(early).interactions)
    rate = np.exp(np.clip(beliefs(model, state).mean[:, LOG_RATE], *LOG_RATE_BOUNDS))
    seen = some.interactions.take(np.flatnonzero(~early))
    owner, concept = seen.concepts.owner, seen.concepts.flat
    order = np.lexsort((owner, concept, seen.learner[owner]))
    answer, concept = owner[order], concept[order]
    again = (np.diff(seen.learner[answer]) == 0) & (np.diff(concept) == 0)
    before, now = answer[:-1][again], answer[1:][again]
    learner = seen.learner[now]
    days = (seen.seconds[now] - seen.seconds[before]) / SECONDS_PER_DAY
    return Drops(learner, rate[learner], days, (seen.correct[before] - seen.correct[now]).astype(np.float64))


def _slope(name: str, slope: Slope, n: int) -> dict[str, Any]:
    half = 1.96 * slope.error
    return {
        "name": name, "value": round(slope.value, 5), "unit": "correct per unit", "low": round(slope.value - half, 5),
        "high": round(slope.value + half, 5), "standard_error": round(slope.error, 5), "p": float(f"{slope.p:.3g}"),
        "per_sd": round(slope.per_sd, 5), "n": n,
    }  # fmt: skip


def _figure(name: str, unit: str, found: Interval, n: int) -> dict[str, Any]:
    return {"name": name, "value": round(found.value, 5), "unit": unit, "low": round(found.low, 5),
            "high": round(found.high, 5), "n": n}  # fmt: skip


def measure(plan: Plan) -> Iterator[dict[str, Any]]:
    for name in plan.sets:
        path = harness.DATA / name / "interactions.parquet"
        yield from run(plan, name) if path.exists() else harness.without_data(path)


def figures(options: Any = None) -> Iterator[dict[str, Any]]:
    return measure(QUICK if getattr(options, "quick", False) else Plan())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.psikt_meaning", description="As JSON lines.")
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--learners", type=int, help="of each set at most")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--mode", choices=list(CONFIGS), default="product", help="faithful: traits of research mode")
    given = parser.parse_args()
    sets = {name: min(SETS[name], given.learners or SETS[name]) for name in given.sets}
    for figure in measure(Plan(sets, config=replace(CONFIGS[given.mode], epochs=given.epochs))):
        harness.print_figure("psikt_meaning", figure)


if __name__ == "__main__":
    main()
