"""Exact explanations: the parts that a prediction is the sum of, and what an answer changed. Not in research mode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy.special import ndtr

from kt_models.base import Interactions, Query
from kt_models.psikt import algebra, dynamics, online
from kt_models.psikt.algebra import LEVEL, TRANSFER
from kt_models.psikt.online import Asked, Setting
from kt_models.recall import Float, Int
from kt_models.state import LearnerState


class NotExplained(ValueError):
    """A model whose coupling steps all concepts together has no parts to show."""


@final
@dataclass(frozen=True, eq=False)
class Parts:
    """What the expected logit of each question is the sum of, shapes (questions,), logits.

        strength = r z(then) + (1 - r) (mu + c + gamma sum_i w_i u_i),     r = exp(-alpha t)

    Attributes:
        remembered: r z(then), of what was practised; 0 if nothing was.
        level, concept: (1 - r) mu, (1 - r) c: where the strength goes back to.
        parents: (1 - r) gamma sum_i w_i u_i; `by_parent` (questions, M, P) are its terms, `parent` their positions, -1
            for none.
        practice: what practice added for good and for minutes, less what a new concept lacks.
        form: of the learner at the moment.     item: memory of the item, less its difficulty.
    """

    remembered: Float
    level: Float
    concept: Float
    parents: Float
    practice: Float
    form: Float
    item: Float
    parent: Int
    by_parent: Float

    @property
    def total(self) -> Float:
        """The expected logit."""
        return self.remembered + self.level + self.concept + self.parents + self.practice + self.form + self.item


def prediction(setting: Setting, state: LearnerState, query: Query) -> Parts:
    """Why each question is expected to go as `predict` says."""
    _refuse_dense(setting)
    p = setting.parameters
    asked, learner, fields = online.ask(setting, state, query)
    strengths = online.now(setting, learner, asked, fields, state.touched)
    expected = online.before(setting, state, query, asked, learner, strengths)
    wide = dynamics.spread(learner)
    rate, _ = dynamics.rates(np, setting.config, p, wide)
    back = np.where(asked.fresh & bool(setting.config.start_at_level), 1.0, -np.expm1(-rate * asked.days))
    share = asked.share
    by_parent = _by_parent(setting, learner, asked, state, back)
    level, concept = back * wide.traits[..., LEVEL], back * p.intercept[asked.concept]
    parents = by_parent.sum(-1)
    remembered = strengths.strength.mean - level - concept - parents / np.where(share > 0, share, 1.0)
    practice = strengths.lasting + strengths.quick - p.novelty * asked.fresh
    weighted = {
        name: (share * value).sum(-1)
        for name, value in (
            ("remembered", remembered), ("level", level), ("concept", concept), ("practice", practice),
        )
    }  # fmt: skip
    item = expected.mean - (share * (strengths.strength.mean + practice)).sum(-1) - learner.form
    return Parts(
        parents=parents.sum(-1), form=learner.form, item=item, parent=setting.parents[asked.concept],
        by_parent=by_parent, **weighted,
    )  # fmt: skip


def _by_parent(setting: Setting, learner: dynamics.Learner, asked: Asked, state: LearnerState, back: Float) -> Float:
    """(questions, M, P) logits that each parent contributes to the answer."""
    if not setting.parents.shape[1]:
        return np.zeros((*asked.share.shape, 0))
    transfer = dynamics.sigmoid(np, dynamics.spread(learner).traits[..., TRANSFER])
    terms = online.supports(setting, learner, asked, state.touched)
    parts: Float = (asked.share * back * transfer)[..., None] * terms
    return parts


@final
@dataclass(frozen=True, eq=False)
class Change:
    """What one answer of each learner changed, shapes (answers,), (answers, M) or (answers, 3).

    Attributes:
        p: P(correct) before.     surprise: answer less that.
        gain: logits a unit of surprise moves each strength by; the change of strength is gain x surprise + practised.
        strength: change of each strength.     practised: the part of it that practice made.
        traits: change of (log alpha, mu, logit gamma).     form: change of momentary form.
    """

    p: Float
    surprise: Float
    gain: Float
    strength: Float
    practised: Float
    traits: Float
    form: Float


def answer(setting: Setting, state: LearnerState, seen: Interactions) -> Change:
    """What answers, at most one a learner, change in the belief `state`."""
    _refuse_dense(setting)
    if len(np.unique(seen.learner)) != len(seen):
        raise ValueError("a learner has several answers: explain them one at a time, each from the state before it")
    query, correct = seen.query(), seen.correct.astype(np.float64)
    asked, learner, fields = online.ask(setting, state, query)
    strengths = online.now(setting, learner, asked, fields, state.touched)
    before = online.before(setting, state, query, asked, learner, strengths)
    found = algebra.surprise(np, ndtr, before.mean, before.variance, correct)
    after, cell, _ = dynamics.learn(
        np, setting.config, setting.parameters, learner, strengths, before, found.push, found.pull, asked.share,
        setting.gain(asked.concept), correct,
    )  # fmt: skip
    now_mean = dynamics.cell_mean(cell, dynamics.spread(after), setting.parameters)
    slope, share = strengths.strength.slope, asked.share
    told = found.push[:, None] * (algebra.dot(slope, before.toward[:, None, :]) + share * strengths.strength.variance)
    surprise = correct - found.p
    change = now_mean - strengths.strength.mean
    gain = told / np.where(np.abs(surprise) > 1e-9, surprise, 1.0)[:, None]
    return Change(
        found.p, surprise, gain, change, change - told, after.traits - learner.traits, after.form - learner.form
    )


def _refuse_dense(setting: Setting) -> None:
    if setting.config.dense:
        raise NotExplained(
            f"coupling {setting.config.coupling} steps all concepts at once: explain a model with coupling lazy or none"
        )
