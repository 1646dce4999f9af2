"""What a choice was worth, as far as its learner's later answers tell.

Nothing is zero because it was not seen: where the answers that a reward needs are missing it is NaN, and estimators
weigh for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, final

import numpy as np

from kt_models.recall import SECONDS_PER_DAY, Float
from tutor.scheduling.ope.logged import Bool
from tutor.scheduling.plans import ANSWERS_WITHIN


class Kind(StrEnum):
    """What is taken for a choice's worth.

    `GAIN`, the primary one: credit of the next answer to the concept after a delay, less that of the answer to the
    offer itself. Neither needs a model, nothing known before the choice enters (so nothing regresses to a mean), and
    what was mastered anyway earns nothing; retention alone would reward asking for what is known. It counts what a
    learner forgets meanwhile against the choice, so due reviews look a little worth less than they are.
    `RETENTION`: credit of that later answer, whether the offer was answered or not.
    `SUCCESS`: credit of the answer to the offer. Easy items win: for checking the success band, not for teaching.
    `ANSWERED`: 1 if the offer was answered, 0 if it was skipped or ignored.

    Of an offer that a teacher set aside before it was answered, none is known: neither it nor what came after it tells
    what the choice was worth.
    """

    GAIN = "gain"
    RETENTION = "retention"
    SUCCESS = "success"
    ANSWERED = "answered"


_LATER: Final = (Kind.GAIN, Kind.RETENTION)


@final
@dataclass(frozen=True)
class Reward:
    """A reward and its times: the later answer comes at least `delay_days` after the practice (of an offer nobody
    answered: after the offer) and less than `window_days` after the offer.

    Raises:
        ValueError: if the window leaves no time after an answer given at the last moment.
    """

    kind: Kind = Kind.GAIN
    #: A night's sleep: what is right a minute later says little of what is kept.
    delay_days: float = 1.0
    window_days: float = 21.0

    def __post_init__(self) -> None:
        least = self.delay_days + ANSWERS_WITHIN / SECONDS_PER_DAY
        if not (self.delay_days >= 0 and self.window_days > least):
            raise ValueError(
                f"a window of {self.window_days} days with a delay of {self.delay_days} leaves no time for the later "
                f"answer, for offers are answered within 7 days: take a delay from 0 and a window above {least}"
            )

    @property
    def closes_after_days(self) -> float:
        """Younger choices are left out: of them only the quick would be known, and those are not like the others."""
        return self.window_days if self.kind in _LATER else ANSWERS_WITHIN / SECONDS_PER_DAY

    @property
    def limits(self) -> tuple[float, float]:
        return (-1.0, 1.0) if self.kind is Kind.GAIN else (0.0, 1.0)

    def of(self, answered: Bool, credit: Float, later: Float) -> Float:
        """(rows,) NaN where unknown.

        Args:
            credit: of the answer to the offer.     later: of the next answer after the delay; both NaN without.
        """
        match self.kind:
            case Kind.GAIN:
                return np.where(answered, later - credit, np.nan)
            case Kind.RETENTION:
                return later
            case Kind.SUCCESS:
                return np.where(answered, credit, np.nan)
            case Kind.ANSWERED:
                return answered.astype(np.float64)
