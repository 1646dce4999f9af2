"""Learning progress as its own reward: practise where answers are changing, with a share of chance."""

from __future__ import annotations

from typing import Final

import numpy as np

from kt_models.recall import Float
from tutor.scheduling.policies import filters
from tutor.scheduling.policies.choice import Reason
from tutor.scheduling.policies.ranking import Ranking, wanted_by_belief
from tutor.scheduling.policies.situation import Bool, Situation

#: Share of the chance that every concept of the zone gets alike, as in both sources.
_EVENLY: Final = 0.2
#: Outcomes kept in `Evidence`.
_OUTCOMES: Final = 8


def zpdes(situation: Situation) -> Ranking:
    """ZPDES (Clement et al. 2015): draws within the zone of proximal development by recent learning progress.

        r = mean of the newer half - mean of the older half of up to 8 recent outcomes,  0 if that is less
        p = 0.8 r / sum of r + 0.2 / m                    over the m concepts of the zone

    The zone is what prerequisites and other filters leave, less what is mastered. Ours: a mastered concept comes back
    into the zone when its review is due, since the paper knows no forgetting; and what has fewer than two answers has
    the mean progress of those that have them.
    """
    return _drawn(situation, np.maximum(own_progress(situation), 0.0))


def alp_gmm(situation: Situation) -> Ranking:
    """ALP-GMM (Portelas et al. 2019), at the level of a cohort: draws by the absolute progress expected of a concept.

        p = 0.8 a / sum of a + 0.2 / m,   a = E|progress| by a Gaussian mixture over concepts (`cohort.cohort_of`)

    Without a cohort it is each learner's own progress, up or down.
    """
    if situation.cohort is None:
        return _drawn(situation, np.abs(own_progress(situation)))
    expected = np.full(situation.content.n_concepts, np.nan)
    of = situation.cohort.progress[: len(expected)]
    expected[: len(of)] = of
    return _drawn(situation, expected)


def own_progress(situation: Situation) -> Float:
    """(concepts,) share of right answers in the newer half of the recent ones, less that in the older; NaN below 2."""
    recent = situation.column("recent").astype(np.uint8)
    bits = np.unpackbits(recent[:, None], axis=1, bitorder="little")
    sums = np.concatenate([np.zeros((len(bits), 1)), np.cumsum(bits, axis=1, dtype=np.float64)], axis=1)
    half = np.minimum(situation.column("n"), _OUTCOMES).astype(np.int64) // 2
    row = np.arange(len(bits))
    newer, both = sums[row, half], sums[row, 2 * half]
    return np.where(half > 0, (2.0 * newer - both) / np.maximum(half, 1), np.nan)


def _drawn(situation: Situation, progress: Float) -> Ranking:
    """Ordered as if drawn one after the other without putting back: log p + Gumbel noise (Yellott 1977)."""
    zone = (filters.barriers(situation) == filters.OPEN) & wanted_by_belief(situation)
    known = progress[zone & np.isfinite(progress)]
    whole = np.where(np.isfinite(progress), progress, known.mean() if len(known) else 0.0)
    key = np.log(_chance(whole, zone))
    # Without noise the likeliest comes first.
    if situation.settings.draws:
        key += situation.random().gumbel(size=len(whole))
    # Of the same order, and positive: gaps between scores are relative.
    score = np.where(zone, 1.0 / (1.0 + np.exp(-key)), -np.inf)
    return Ranking(score, situation.due, lambda concept: (Reason.PROGRESS, round(float(whole[concept]), 3)))


def _chance(progress: Float, zone: Bool) -> Float:
    """(concepts,) probability of each; of those out of the zone it means nothing."""
    total, m = float(progress[zone].sum()), max(int(zone.sum()), 1)
    share = progress / total if total > 0.0 else np.full(len(progress), 1.0 / m)
    return np.maximum((1.0 - _EVENLY) * share + _EVENLY / m, 1e-12)
