"""The list of items for spreadsheets, a row an item, on whichever page of the list; and the curve of one.

Made before it is sent: by then the language of the reader is no longer the current one.
"""

from __future__ import annotations

from datetime import datetime

from django.utils.text import slugify
from django.utils.translation import gettext as _

from tutor.accounts.models import Group
from tutor.dashboard.csv import Cell
from tutor.dashboard.items_item import ItemPage
from tutor.dashboard.items_lines import Line
from tutor.dashboard.items_page import ItemsPage
from tutor.dashboard.items_words import Range


def name(group: Group, what: str, *, now: datetime) -> str:
    """That of the file; `now` in the school's time."""
    return f"{slugify(group.name, allow_unicode=True) or 'class'}-{what}-{now:%Y-%m-%d}.csv"


def head() -> list[str]:
    low, high = _("lowest"), _("highest")
    return [
        _("Item key"), _("Statement"), _("Concepts"), _("Flags"), _("Evidence"),
        _("Learners"), _("Answers"), _("Answers in the last four weeks (%)"), _("Last answer"), _("First answers"),
        _("Right first time (%)"), low, high, _("Right, typical learner (%)"), low, high,
        _("Discrimination"), low, high, _("Learners rated"),
        _("Median time (s)"), low, high, _("Lower quartile (s)"), _("Upper quartile (s)"), _("Author's time (s)"),
        _("With hints (%)"), low, high,
        _("First answers of the class"), _("Right first time, class (%)"), low, high, _("Counted since"),
    ]  # fmt: skip


def rows(page: ItemsPage) -> list[list[Cell]]:
    return [_row(line) for line in page.all_lines]


def curve_head() -> list[str]:
    return [_("Group"), _("Learners"), _("Right (%)"), _("Lowest (%)"), _("Highest (%)"), _("Average item (%)")]


def curve_rows(page: ItemPage) -> list[list[Cell]]:
    """Of the groups by ability, from the least able; none where the page has no curve."""
    groups = page.curve.groups if page.curve else ()
    return [[each.number, each.n, *_range(each.right), _share(each.expected)] for each in groups]


def _row(line: Line) -> list[Cell]:
    time = line.time
    times: list[Cell] = [None] * 6
    if time:
        seconds = (*time.middle, time.low, time.high, time.said * 60 if time.said else None)
        times = [None if each is None else round(each, 1) for each in seconds]
    return [
        line.key, line.statement, "; ".join(concept.title for concept in line.concepts),
        "; ".join(str(each.label) for each in line.flags), " ".join(each.evidence for each in line.flags),
        line.learners, line.answers, _share(line.lately), line.last, line.n,
        *_range(line.first), *_range(line.typical), *_range(line.discrimination, 1), line.rated,
        *times, *_range(line.hints), line.own_n, *_range(line.own), line.since,
    ]  # fmt: skip


def _share(value: float | None) -> Cell:
    return None if value is None else round(100 * value, 1)


def _range(found: Range | None, times: float = 100) -> list[Cell]:
    return [None] * 3 if found is None else [round(times * each, 2 if times == 1 else 1) for each in found]
