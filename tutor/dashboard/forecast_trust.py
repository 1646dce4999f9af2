"""Did past forecasts come true? Over the whole school, so that nothing is told of fewer than ten learners.

Of answers after a pause, and of chances of mastery by a day.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple, final

from django.utils.translation import gettext as _

from tutor.accounts.models import Group
from tutor.dashboard.forecast_page import Forecast
from tutor.dashboard.forecast_pictures import Tenth, tenths
from tutor.dashboard.forecast_words import LEAST_LEARNERS
from tutor.dashboard.words import Definition
from tutor.scheduling.coverage import Coverage, Decile, kept_coverage
from tutor.scheduling.mastery_coverage import LEAST, MasteryCoverage, mastery_coverage

#: Share of right forecasts that lie within their ranges.
EXPECTED: Final = 0.9
#: If forecasts are right, fewer come true with no more than this chance.
UNLIKELY: Final = 0.05
#: With fewer parts than this, nothing can be said of how many came true.
LEAST_PARTS: Final = 5
#: Forecasts that are off by less on average are good enough to plan by, though many answers may prove them off.
SMALL_ERROR: Final = 0.03
#: From here on they are not.
LARGE_ERROR: Final = 0.10


class Verdict(StrEnum):
    HIDDEN = "hidden"
    TOO_FEW = "too_few"
    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"


class Part(NamedTuple):
    """A tenth of the forecasts; `found` is None where it is of too few learners to be shown."""

    place: int
    found: Decile | None


@final
@dataclass(frozen=True, eq=False)
class TrustPage:
    forecast: Forecast
    coverage: Coverage
    mastery: MasteryCoverage = field(default_factory=MasteryCoverage)

    @classmethod
    def of(cls, found: Forecast) -> TrustPage:
        school_id, curriculum_id = found.group.school_id, found.content.curriculum_id
        return cls(found, kept_coverage(school_id, curriculum_id), mastery_coverage(school_id, curriculum_id))

    @property
    def definitions(self) -> Mapping[str, Definition]:
        return self.forecast.definitions

    @property
    def group(self) -> Group:
        return self.forecast.group

    @property
    def least(self) -> int:
        return LEAST_LEARNERS

    @property
    def needed(self) -> int:
        """Forecasts of mastery to compare before anything is said of them."""
        return LEAST

    @property
    def verdict(self) -> Verdict:
        return verdict(self.coverage)

    @property
    def is_shown(self) -> bool:
        return self.verdict is not Verdict.HIDDEN

    @property
    def parts(self) -> list[Part]:
        if not self.is_shown:
            return []
        return [
            Part(place, each if is_shown(each) else None) for place, each in enumerate(self.coverage.deciles, start=1)
        ]

    @property
    def shown(self) -> list[Decile]:
        return [part.found for part in self.parts if part.found]

    @property
    def n_hidden(self) -> int:
        return sum(part.found is None for part in self.parts)

    @property
    def came_true(self) -> int:
        return sum(each.came_true for each in self.shown)

    @property
    def tenths(self) -> tuple[Tenth, ...]:
        return tenths(self.shown)

    @property
    def points(self) -> float:
        """By how many points of a hundred forecasts are off, on average, over what is shown: nothing to subtract."""
        return 100 * error(self.shown)

    @property
    def lean(self) -> float:
        """Points by which more was forecast than observed, below 0 if less, over what is shown."""
        n = sum(each.n for each in self.shown)
        return 100 * sum(each.n * (each.forecast - each.observed) for each in self.shown) / n if n else 0.0

    @property
    def mastery_words(self) -> str:
        """Whether to trust chances of mastery."""
        if self.mastery.correction.is_made:
            return _("Past chances of mastery did not come true as often as was told: those told now are corrected.")
        if all(band.came_true for band in self.mastery.bands):
            return _("Past chances of mastery came true about as often as was told.")
        return _("Past chances of mastery did not come true as often as was told: go by the table.")

    @property
    def words(self) -> str:
        """Whether to trust it."""
        if self.verdict is Verdict.GOOD and not came_true_enough(self.shown):
            return _("You can plan by the forecasts: past ones were off by a few points at most.")
        return _words(self.verdict)

    @property
    def leaning(self) -> str:
        if abs(self.lean) < 2 or self.verdict not in (Verdict.FAIR, Verdict.POOR):
            return ""
        if self.lean > 0:
            return _("On the whole they promise too much: expect less than is forecast.")
        return _("On the whole they promise too little: expect more than is forecast.")


def is_shown(part: Decile) -> bool:
    return part.learners >= LEAST_LEARNERS


def verdict(found: Coverage) -> Verdict:
    """By how many parts came true, and by how far off they are. Pure."""
    if found.learners < LEAST_LEARNERS:
        return Verdict.HIDDEN
    shown = [each for each in found.deciles if is_shown(each)]
    if len(shown) < LEAST_PARTS:
        return Verdict.TOO_FEW
    if came_true_enough(shown) or error(shown) <= SMALL_ERROR:
        return Verdict.GOOD
    return Verdict.FAIR if error(shown) <= LARGE_ERROR else Verdict.POOR


def came_true_enough(parts: Sequence[Decile]) -> bool:
    return chance_of_so_few(sum(each.came_true for each in parts), len(parts)) > UNLIKELY


def error(parts: Sequence[Decile]) -> float:
    """Mean distance of forecast and observation, by answers; 0 without any."""
    n = sum(each.n for each in parts)
    return sum(each.n * abs(each.forecast - each.observed) for each in parts) / n if n else 0.0


def chance_of_so_few(came_true: int, of: int) -> float:
    """P(at most so many of the parts come true) if forecasts are right: binomial."""
    return sum(math.comb(of, k) * EXPECTED**k * (1 - EXPECTED) ** (of - k) for k in range(came_true + 1))


def _words(found: Verdict) -> str:
    return {
        Verdict.HIDDEN: _("Past forecasts cannot be shown yet."),
        Verdict.TOO_FEW: _("There are too few answers after a pause to tell: take the forecast with its whole range."),
        Verdict.GOOD: _("You can plan by the forecasts: past ones came true about as often as they should."),
        Verdict.FAIR: _("Plan by the ranges, not by the single figures: past forecasts were a little off."),
        Verdict.POOR: _("Do not plan by these figures alone: past forecasts were clearly off."),
    }[found]
