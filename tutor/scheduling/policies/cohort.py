"""Where a whole cohort is making progress, for `alp_gmm`: made now and then, from everybody's answers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np

from curricula.snapshot import Snapshot
from kt_models.recall import Float, Int
from tutor.scheduling.policies.situation import Cohort, History

#: Answers of a learner to a concept that progress is told from: the newest.
_WINDOW: Final = 8
#: Pairs of learner and concept that the mixture is fitted on: the newest, so that it follows the cohort.
_POINTS: Final = 2_000
#: Gaussians tried; the Bayesian information criterion picks. A component needs this many points.
_COMPONENTS: Final = 6
_EACH: Final = 10
#: Added to variances: concepts of one depth and difficulty would have none.
_LEAST_VARIANCE: Final = 1e-3
_SEED: Final = 0
#: Of expectation maximisation; some tens are usual.
_STEPS: Final = 500


class _Pairs(NamedTuple):
    """Learners by concepts with at least two answers: (pairs,) each; `seconds` of the last answer."""

    concept: Int
    progress: Float
    seconds: Float


def cohort_of(histories: Sequence[History], content: Snapshot) -> Cohort:
    """Absolute learning progress expected of each concept.

        ALP = |mean of the newer half - mean of the older half| of a learner's last 8 answers to a concept
        a(x) = sum over k of P(k | x) E[ALP | k],   x = (depth / greatest depth, mean difficulty of its items)

    (x, ALP) is a mixture of Gaussians (Portelas et al. 2019), with as many as the BIC prefers. There x is a continuous
    task and ALP compares a task with the nearest one before; halves of the same concept, and reading the mixture at x
    rather than drawing tasks from it, are ours. With too few pairs for a mixture it is their mean, 0 without any.

    Cost: about 0.1 s of CPU, and a second more the first time, for imports.
    """
    n = sum((np.bincount(h.concept, minlength=content.n_concepts) for h in histories), np.zeros(content.n_concepts))
    pairs = _pairs(histories)
    newest = np.argsort(-pairs.seconds, kind="stable")[:_POINTS]
    concept, progress = pairs.concept[newest], pairs.progress[newest]
    features = _features(content)
    if len(concept) < 2 * _EACH:
        expected = np.full(content.n_concepts, progress.mean() if len(progress) else 0.0)
    else:
        expected = _expected(_mixture(np.column_stack([features[concept], progress])), features)
    return Cohort(np.clip(expected, 0.0, 1.0), n.astype(np.int64))


def _pairs(histories: Sequence[History]) -> _Pairs:
    found = [_pairs_of(history) for history in histories]
    none = _Pairs(np.empty(0, np.int64), np.empty(0), np.empty(0))
    return _Pairs(*(np.concatenate(column) for column in zip(none, *found, strict=True)))


def _pairs_of(history: History) -> _Pairs:
    """Of one learner."""
    order = np.argsort(history.concept, kind="stable")
    concept, correct = history.concept[order], history.correct[order]
    kept, starts, counts = np.unique(concept, return_index=True, return_counts=True)
    half = np.minimum(counts, _WINDOW) // 2
    sums = np.concatenate([[0.0], np.cumsum(correct)])
    end = starts + counts
    newer, older = sums[end] - sums[end - half], sums[end - half] - sums[end - 2 * half]
    enough = half > 0
    progress = np.abs(newer - older)[enough] / half[enough]
    return _Pairs(kept[enough], progress, history.seconds[order][end[enough] - 1])


def _features(content: Snapshot) -> Float:
    """(concepts, 2): depth from 0 to 1, and mean difficulty of the items, 0 without any."""
    lists = content.concept_items
    total = np.bincount(lists.owner, weights=content.item_difficulty[lists.flat], minlength=len(lists))
    depth = content.depth / max(float(content.depth.max(initial=0)), 1.0)
    return np.column_stack([depth, total / np.maximum(lists.counts, 1)])


def _mixture(points: Float) -> Any:
    """The mixture with the lowest BIC. Deterministic."""
    # A second to import, and only this needs it.
    from sklearn.mixture import GaussianMixture

    most = min(_COMPONENTS, len(points) // _EACH, len(np.unique(points, axis=0)))
    # Started from points, not from clusters: those run dry where many points are alike, as shares of few answers are.
    kind = partial(
        GaussianMixture, init_params="k-means++", max_iter=_STEPS, reg_covar=_LEAST_VARIANCE, random_state=_SEED
    )
    return min((kind(k).fit(points) for k in range(1, most + 1)), key=lambda mixture: mixture.bic(points))


def _expected(mixture: Any, features: Float) -> Float:
    """(concepts,) ALP by the components that a concept belongs to, judged by its features alone."""
    means, covariances = mixture.means_, mixture.covariances_[:, :2, :2]
    gap = features[:, None, :] - means[None, :, :2]
    distance = np.einsum("cki,kij,ckj->ck", gap, np.linalg.inv(covariances), gap)
    log = np.log(mixture.weights_) - 0.5 * (np.linalg.slogdet(covariances)[1] + distance)
    weight = np.exp(log - log.max(axis=1, keepdims=True))
    return np.asarray((weight @ means[:, 2]) / weight.sum(axis=1))
