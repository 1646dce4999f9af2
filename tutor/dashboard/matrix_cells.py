"""The cells of a mastery map: figures as arrays, and one learner's cells as markup. Pure.

A map has thousands of cells, so that each is a tag and a text: 30 bytes and 2 nodes, where a template took 20 times
the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, final

import numpy as np
from django.utils.functional import Promise
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import pgettext_lazy

from curricula.snapshot import Snapshot
from kt_models.recall import Float, Int, interval
from tutor.tracing.beliefs import Belief
from tutor.tracing.status import BY_CODE, Bool, Criteria, Status, due_at, statuses, widen

#: What a cell says first, so that it can be told without colour, on paper and by a screen reader.
LETTERS: Final[Mapping[Status, str | Promise]] = {
    Status.STRUGGLING: pgettext_lazy("letter of a status", "S"),
    Status.DUE_FOR_REVIEW: pgettext_lazy("letter of a status", "R"),
    Status.LEARNING: pgettext_lazy("letter of a status", "L"),
    Status.NOT_ENOUGH_DATA: pgettext_lazy("letter of a status", "?"),
    Status.MASTERED: pgettext_lazy("letter of a status", "M"),
    Status.LOCKED: pgettext_lazy("letter of a status", "–"),  # noqa: RUF001
}
#: Short, since a class stands in each cell.
CLASSES: Final[Mapping[Status, str]] = {
    Status.STRUGGLING: "s",
    Status.DUE_FOR_REVIEW: "r",
    Status.LEARNING: "l",
    Status.NOT_ENOUGH_DATA: "q",
    Status.MASTERED: "m",
    Status.LOCKED: "k",
}


@final
@dataclass(frozen=True, eq=False)
class Figures:
    """Of some learners, shape (learners, concepts).

    Attributes: code: of `tracing.status`.     value, low, high: recall now, with its 90 % interval.     n: answers.
        was: recall right after the last answer.     last, due: Unix seconds, inf where there is none.
        has_enough: whether recall may be shown: below the evidence limit nothing is said but the status.
    """

    code: Int
    value: Float
    low: Float
    high: Float
    n: Int
    was: Float
    last: Float
    due: Float
    has_enough: Bool

    @classmethod
    def of(
        cls, beliefs: Sequence[Belief], contents: Sequence[Snapshot], criteria: Sequence[Criteria], at: float
    ) -> Figures:
        """One content and one set of criteria a belief."""
        rows = [_row(*each, at) for each in zip(beliefs, contents, criteria, strict=True)]
        return cls(*(np.stack(column) for column in zip(*rows, strict=True)))

    @classmethod
    def none(cls, n_concepts: int) -> Figures:
        """Of nobody."""
        empty = np.zeros((0, n_concepts))
        whole, yes = empty.astype(np.int64), empty.astype(np.bool_)
        return cls(whole, empty, empty, empty, whole, empty, empty, empty, yes)


class _Row(NamedTuple):
    code: Int
    value: Float
    low: Float
    high: Float
    n: Int
    was: Float
    last: Float
    due: Float
    has_enough: Bool


def _row(belief: Belief, content: Snapshot, criteria: Criteria, at: float) -> _Row:
    k, evidence = content.n_concepts, belief.evidence
    value = widen(belief.table.at(at), k)
    low, high = interval(value, widen(belief.table.sd_at(at), k))
    n = evidence.column("n", k)
    return _Row(
        statuses(belief.table, evidence, content, at, criteria),
        value,
        low,
        high,
        n.astype(np.int64),
        evidence.column("recall", k),
        np.where(n > 0, evidence.column("seconds", k), np.inf),
        due_at(belief.table, evidence, content, criteria),
        n >= criteria.enough,
    )


def markup(figures: Figures, learner: int, columns: Int, wanted: Bool, *, texts: bool) -> SafeString:
    """The cells of one learner; those not `wanted`, shape (columns,), are left blank. Without `texts`, shapes only."""
    write = _figures if texts else _letters
    cells = write(figures, learner, columns)
    codes = figures.code[learner, columns].tolist()
    tags = [f"<td class={_CLASS_BY_CODE[code]}>" for code in codes]
    shown = wanted.tolist()
    # Only numbers, and words of our own.
    return mark_safe("".join(t + c if w else "<td>" for t, c, w in zip(tags, cells, shown, strict=True)))  # noqa: S308


def _letters(figures: Figures, learner: int, columns: Int) -> list[str]:
    letters = _letter_by_code()
    return [letters[code] for code in figures.code[learner, columns].tolist()]


def _figures(figures: Figures, learner: int, columns: Int) -> list[str]:
    percent = np.rint(100 * np.stack([figures.value, figures.low, figures.high, figures.was])[:, learner, columns])
    rows = zip(
        _letters(figures, learner, columns),
        *percent.astype(np.int64).tolist(),
        figures.n[learner, columns].tolist(),
        figures.has_enough[learner, columns].tolist(),
        (figures.code[learner, columns] == _DUE).tolist(),
        strict=True,
    )
    return [_text(*row) for row in rows]


def _text(letter: str, value: int, low: int, high: int, was: int, n: int, enough: bool, due: bool) -> str:
    if not enough:
        return f"{letter}\nn{n}" if n else letter
    # What was mastered and has faded shows both: then, and now.
    now = f"{was}→{value}" if due and was > value else f"{value}"
    return f"{letter} {now}\n{low}\N{EN DASH}{high} n{n}"


def _letter_by_code() -> list[str]:
    """In the language of the page."""
    return [str(LETTERS[status]) for status in BY_CODE]


_CLASS_BY_CODE: Final = tuple(CLASSES[status] for status in BY_CODE)
_DUE: Final = BY_CODE.index(Status.DUE_FOR_REVIEW)
