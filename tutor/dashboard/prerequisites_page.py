"""The map of prerequisites with the class's state on it, and the same as a list by concept."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final, NamedTuple, final

import numpy as np
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from curricula.snapshot import Snapshot
from tutor.accounts.models import Group
from tutor.dashboard import prerequisites_words as words
from tutor.dashboard.class_page import Count, words_of
from tutor.dashboard.prerequisites_layout import Drawing, drawing
from tutor.dashboard.prerequisites_state import Edge, State, state
from tutor.dashboard.prerequisites_svg import Box, Drawn, Part, svg
from tutor.dashboard.prerequisites_words import CHOICES, HOLDING, KINDS, SHOWN, Choice, Kind
from tutor.dashboard.words import BY_NEED, LABELS, Definition
from tutor.registry.card import label
from tutor.registry.prerequisites import Pair
from tutor.tracing.status import CODES, Status

#: Concepts whose edges are shown at once; of more, those of each on demand.
OPENED: Final = 12
#: Characters of a title on one line of a box, and lines.
_CHARACTERS: Final = 21
_LINES: Final = 3
#: What bars show: the others have nothing to show yet.
IN_BARS: Final = (Status.MASTERED, Status.LEARNING, Status.DUE_FOR_REVIEW, Status.STRUGGLING)
#: Lines of the legend, in this order.
_LEGEND: Final = (
    Kind.AUTHORED,
    Kind.ACCEPTED,
    Kind.LEARNED,
    Kind.SUGGESTED,
    Kind.UNLIKELY,
    Kind.REJECTED,
    Kind.CYCLE,
    Kind.REMOVED,
)


class Entry(NamedTuple):
    """A concept in the list. `counts` of the class; edges as far as they are shown."""

    concept: int
    title: str
    area: str
    counts: tuple[Count, ...]
    builds_on: tuple[Edge, ...]
    leads_to: tuple[Edge, ...]
    is_open: bool


class Shown(NamedTuple):
    choice: Choice
    label: str
    n: int


@final
@dataclass(frozen=True, eq=False)
class PrerequisitesPage:
    group: Group
    content: Snapshot
    state: State
    drawing: Drawing
    choice: Choice
    search: str
    edges: tuple[Edge, ...]
    shown: tuple[Edge, ...]
    found: frozenset[int]
    definitions: Mapping[str, Definition]

    @cached_property
    def address(self) -> str:
        """Of this page; that of an edge goes on with the ids of its concepts."""
        return reverse("dashboard:prerequisites", args=(self.group.pk,))

    @property
    def learnt_by(self) -> str:
        """Whose edges the learnt ones are."""
        graph = self.state.graph
        if graph.learner is None:
            return _("No model of this curriculum learns prerequisites.")
        text = (
            _("What is learnt is of %(model)s.")
            if graph.layers.serves
            else _(
                "What is learnt is of %(model)s, which does not serve this school: it suggests, and holds once a "
                "teacher accepts it."
            )
        )
        return text % {"model": label(graph.learner.kind, graph.learner.pk)}

    @cached_property
    def choices(self) -> list[Shown]:
        return [Shown(c, str(text), sum(_is_shown(e, c) for e in self.edges)) for c, text in CHOICES.items()]

    @property
    def legend(self) -> list[tuple[Kind, str, bool]]:
        kinds = {edge.kind for edge in self.shown}
        return [(kind, str(KINDS[kind]), kind in HOLDING) for kind in _LEGEND if kind in kinds]

    @property
    def bars(self) -> list[tuple[Status, str]]:
        return [(status, LABELS[status]) for status in IN_BARS]

    @cached_property
    def drawn(self) -> list[Drawn]:
        """Those that hold come last, above the others."""
        about = {edge.pair for edge in self.shown}
        there = [e for e in self.edges if (e.is_holding or e.pair in about) and self.state.is_there(e.pair)]
        there.sort(key=lambda edge: (edge.pair in about, edge.is_holding))
        return [Drawn(edge, self.drawing.line(edge.pair), edge.pair not in about) for edge in there]

    @cached_property
    def boxes(self) -> list[Box]:
        return [self._box(concept) for concept in self.drawing.order]

    @property
    def map(self) -> SafeString:
        return svg(self.drawing, self.boxes, self.drawn, self.address, is_searched=bool(self.search))

    @cached_property
    def entries(self) -> list[Entry]:
        """In the order of the map. Under a choice or a search, those concepts alone that it is about."""
        below, above = _by_end(self.shown, 1), _by_end(self.shown, 0)
        concepts = self.drawing.order
        if self.search:
            concepts = [concept for concept in concepts if concept in self.found]
        elif self.choice in (Choice.OPEN, Choice.REVIEWED):
            concepts = [concept for concept in concepts if concept in below]
        is_open = len(concepts) <= OPENED
        return [self._entry(c, tuple(below.get(c, ())), tuple(above.get(c, ())), is_open) for c in concepts]

    @property
    def gone(self) -> list[Edge]:
        """Reviews of edges whose concept has been removed: they can still be ended."""
        return [edge for edge in self.edges if edge.review and not self.state.is_there(edge.pair)]

    @cached_property
    def options(self) -> SafeString:
        """Concepts to choose from, by title."""
        content = self.content
        active = np.flatnonzero(content.concept_active).tolist()
        rows = [(content.concept_ids[c], content.concept_titles[c]) for c in active]
        ordered = sorted(rows, key=lambda row: row[1].casefold())
        return format_html_join("", '<option value="{}">{}</option>', ordered)

    @property
    def n_found(self) -> int:
        return len(self.found)

    def _counts(self, concept: int) -> tuple[Count, ...]:
        n = np.bincount(self.state.codes[:, concept], minlength=len(Status))
        return tuple(Count(status, LABELS[status], int(n[CODES[status]])) for status in BY_NEED if n[CODES[status]])

    def _box(self, concept: int) -> Box:
        counts, title, of = self._counts(concept), self.content.concept_titles[concept], len(self.state.learners)
        n = {count.status: count.n for count in counts}
        mastered, struggling = n.get(Status.MASTERED, 0), n.get(Status.STRUGGLING, 0)
        return Box(
            concept=concept,
            title=title,
            lines=textwrap.wrap(title, _CHARACTERS, max_lines=_LINES, placeholder="…"),
            parts=[Part(status, n[status] / of) for status in IN_BARS if status in n],
            figures=_("%(n)s/%(of)s mastered") % {"n": mastered, "of": of} if of else "",
            struggling=_("%(n)s struggling") % {"n": struggling} if struggling else "",
            said=", ".join(f"{count.label}: {count.n}" for count in counts),
            is_found=concept in self.found,
        )

    def _entry(self, concept: int, builds_on: tuple[Edge, ...], leads_to: tuple[Edge, ...], is_open: bool) -> Entry:
        about = self.content.concept_contents[concept]
        area = (about.domain if about else None) or ""
        title = self.content.concept_titles[concept]
        return Entry(concept, title, area, self._counts(concept), builds_on, leads_to, is_open)


def prerequisites_page(group: Group, *, choice: Choice, search: str, now: datetime) -> PrerequisitesPage:
    """Raises: queries.NothingToLearn."""
    of = state(group, now=now)
    content = of.content
    active = tuple(np.flatnonzero(content.concept_active).tolist())
    n = content.n_concepts
    pairs = [p for p in of.graph.verdicts if max(p) < n and _says_something(of, p)]
    edges = tuple(of.edge(pair) for pair in sorted(pairs, key=lambda pair: pair[::-1]))
    wanted = search.strip().casefold()
    return PrerequisitesPage(
        group=group,
        content=content,
        state=of,
        drawing=drawing(active, of.holding()),
        choice=choice,
        search=search.strip(),
        edges=edges,
        shown=tuple(edge for edge in edges if _is_shown(edge, choice)),
        found=frozenset(c for c in active if wanted and wanted in content.concept_titles[c].casefold()),
        definitions={**words_of(group), **words.definitions()},
    )


def _says_something(of: State, pair: Pair) -> bool:
    layers = of.graph.layers
    learned = layers.learned.get(pair)
    return pair in layers.authored or pair in layers.reviews or (learned is not None and learned.probability >= SHOWN)


def _is_shown(edge: Edge, choice: Choice) -> bool:
    match choice:
        case Choice.USUAL:
            return edge.is_holding or edge.kind is Kind.SUGGESTED
        case Choice.HOLDING:
            return edge.is_holding
        case Choice.AUTHORED:
            return edge.is_authored
        case Choice.LEARNED:
            return edge.learned is not None and edge.learned.probability >= SHOWN
        case Choice.OPEN:
            return edge.review is None and edge.kind in (Kind.SUGGESTED, Kind.CYCLE)
        case Choice.REVIEWED:
            return edge.review is not None


def _by_end(edges: Sequence[Edge], end: int) -> dict[int, list[Edge]]:
    found: dict[int, list[Edge]] = {}
    for edge in edges:
        found.setdefault(edge.pair[end], []).append(edge)
    return found


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
