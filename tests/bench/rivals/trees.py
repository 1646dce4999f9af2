"""Gradient-boosted trees on counts of a learner's past (`counts`): the strongest of the plain rivals on much data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from kt_models.base import Interactions, Query
from kt_models.data import Dataset
from kt_models.metrics import Bool
from kt_models.recall import Float, Int
from tests.bench.rivals.counts import NAMES, Features, Log, Rates
from tests.bench.rivals.tasks import Situation, folds, in_batches, set_aside

#: Learners that have no part in the rates of items and concepts that they are described with.
_FOLDS: Final = 5
#: Share of learners on which the number of trees is chosen.
_ASIDE: Final = 0.2
#: Questions to fit on, at most, where every pair of a cut and a later answer could be one.
_QUESTIONS: Final = 200_000
_SETTINGS: Final[dict[str, Any]] = {
    "learning_rate": 0.08, "max_leaf_nodes": 31, "min_samples_leaf": 60, "l2_regularization": 10.0,
    "max_features": 0.7,
}  # fmt: skip
_PAUSE, _CONCEPT_PAUSE = NAMES.index("log pause of learner"), NAMES.index("log pause of concept")
#: Ten minutes: longer than a learner takes over an answer, as a rule, and shorter than the pause between two sessions.
_SHORT_PAUSE_SECONDS: Final = 600.0
_MOST_TREES: Final = 500
_PATIENCE: Final = 15


@final
@dataclass(frozen=True, eq=False)
class Rows:
    """Questions about answers: which answer, seen from after how many of its learner's."""

    answer: Int
    cut: Int
    ahead: Int

    def take(self, rows: Bool) -> Rows:
        return Rows(self.answer[rows], self.cut[rows], self.ahead[rows])


@final
@dataclass(frozen=True, eq=False)
class Trees:
    """Fitted trees, and the rates of items and concepts among the answers fitted on."""

    forest: HistGradientBoostingClassifier
    rates: Rates
    timed: bool = False

    @classmethod
    def for_next(cls, data: Dataset, seed: int) -> Trees:
        """Fitted to predict each answer from all before it."""
        return cls._fit(data, _next_rows(data), seed)

    @classmethod
    def for_next_timed(cls, data: Dataset, seed: int) -> Trees:
        """The same, told the pauses since the last answers to the second.

        Times are of answers, so these hold the time taken over the answer in question, which nobody knows who predicts
        it: guesses and time-outs, both wrong as a rule, can be read from it.
        """
        return cls._fit(data, _next_rows(data), seed, timed=True)

    @classmethod
    def for_horizon(cls, data: Dataset, seed: int) -> Trees:
        """Fitted to predict up to ten answers ahead, from every cut of every history."""
        return cls._fit(data, _horizon_rows(data, 10, seed), seed)

    @classmethod
    def _fit(cls, data: Dataset, rows: Rows, seed: int, timed: bool = False) -> Trees:
        x, y = _told(_out_of_fold(data, rows, seed), timed), data.interactions.correct[rows.answer] >= 0.5
        owner = data.interactions.learner[rows.answer]
        aside = np.isin(data.learner_ids[owner], set_aside(data, _ASIDE, seed)[1].learner_ids)
        search = HistGradientBoostingClassifier(
            **_SETTINGS, max_iter=_MOST_TREES, early_stopping=True, n_iter_no_change=_PATIENCE, random_state=seed
        )
        search.fit(x[~aside], y[~aside], X_val=x[aside], y_val=y[aside])
        best = max(int(search.n_iter_) - _PATIENCE, 1)
        forest = HistGradientBoostingClassifier(**_SETTINGS, max_iter=best, early_stopping=False, random_state=seed)
        return cls(forest.fit(x, y), _rates(data.interactions, data), timed)

    def ahead(self, situation: Situation) -> Float:
        past, future = situation.past, situation.future
        log = Log(past, situation.n_learners, self.rates.expected(past))
        cut = np.bincount(past.learner, minlength=situation.n_learners)[future.learner]
        start = np.searchsorted(future.learner, future.learner)
        return self._predict(log.features(future, cut, np.arange(len(cut)) - start + 1, self.rates))

    def following(self, data: Dataset) -> Float:
        rows, seen = _next_rows(data), data.interactions
        log = Log(seen, data.n_learners, self.rates.expected(seen))
        return self._predict(log.features(seen.query(), rows.cut, rows.ahead, self.rates))

    def _predict(self, features: Features) -> Float:
        features = _told(features, self.timed)
        parts = [self.forest.predict_proba(features[rows])[:, 1] for rows in in_batches(len(features), 200_000)]
        return np.concatenate(parts) if parts else np.empty(0)


def _told(features: Features, timed: bool) -> Features:
    """Pauses without the time taken over the answer in question.

    Where the learner's last answer is less than ten minutes ago, the pause since is made one and the same, and that of
    the concept ends at that last answer. NaN, where there was none before, stays.
    """
    if timed:
        return features
    of_concept, of_learner = np.expm1(features[:, _CONCEPT_PAUSE]), np.expm1(features[:, _PAUSE])
    short = of_learner < _SHORT_PAUSE_SECONDS
    features[short, _CONCEPT_PAUSE] = np.log1p(np.maximum(of_concept - of_learner, 0.0))[short]
    features[short, _PAUSE] = np.log1p(_SHORT_PAUSE_SECONDS)
    return features


def _rates(seen: Interactions, data: Dataset) -> Rates:
    return Rates.of(seen, data.concepts.size, data.items.size)


def _next_rows(data: Dataset) -> Rows:
    return Rows(np.arange(data.n_answers), data.step, np.ones(data.n_answers, np.int64))


def _horizon_rows(data: Dataset, horizon: int, seed: int) -> Rows:
    """Every answer seen from 1, ..., horizon steps before it; a random part where these are too many."""
    step = data.step
    ahead = np.arange(1, horizon + 1)
    answer, behind = np.nonzero(step[:, None] - ahead + 1 >= 0)
    if len(answer) > _QUESTIONS:
        kept = np.sort(np.random.default_rng(seed).choice(len(answer), _QUESTIONS, replace=False))
        answer, behind = answer[kept], behind[kept]
    return Rows(answer, step[answer] - ahead[behind] + 1, ahead[behind])


def _out_of_fold(data: Dataset, rows: Rows, seed: int) -> Features:
    """Features of rows, with the rates among the learners of other folds."""
    seen, fold = data.interactions, folds(data.n_learners, _FOLDS, seed)
    of_answer = fold[seen.learner]
    rates = [_rates(seen.take(np.flatnonzero(of_answer != k)), data) for k in range(_FOLDS)]
    expected = np.empty(len(seen))
    for k in range(_FOLDS):
        expected[of_answer == k] = rates[k].expected(seen.take(np.flatnonzero(of_answer == k)))
    log = Log(seen, data.n_learners, expected)
    out = np.empty((len(rows.answer), len(NAMES)), np.float32)
    for k in range(_FOLDS):
        here = of_answer[rows.answer] == k
        part, query = rows.take(here), _query(seen, rows.answer[here])
        out[here] = log.features(query, part.cut, part.ahead, rates[k])
    return out


def _query(seen: Interactions, rows: Int) -> Query:
    return Query(seen.learner[rows], seen.seconds[rows], seen.item[rows], seen.concepts.take(rows))
