"""Tags and filters of the pages of one learner."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django import template
from django.utils.safestring import SafeString

from tutor.dashboard import learner_markup
from tutor.dashboard.learner_rows import ConceptRow

register = template.Library()


@register.simple_tag
def concept_table(rows: Sequence[ConceptRow], address: str, now: datetime) -> SafeString:
    return learner_markup.table_rows(rows, address, now)


@register.simple_tag
def untouched(rows: Sequence[ConceptRow], address: str) -> SafeString:
    return learner_markup.untouched_rows(rows, address)


@register.filter
def recall(row: ConceptRow) -> SafeString:
    return learner_markup.recall(row)


@register.filter
def recent(outcomes: Sequence[bool]) -> SafeString:
    return learner_markup.recent(outcomes)
