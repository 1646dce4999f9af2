"""Of all pages: each table is in a file that its page links, and each figure has its definition one click away."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode, urljoin

import pytest
from django.test import Client

import tutor.dashboard
from curricula.models import Curriculum
from tests import people
from tests.dashboard import markup, models_room, pages
from tests.dashboard.classroom import answers, take_in
from tests.dashboard.conftest import SignIn
from tests.dashboard.item_school import a_school_of_items
from tests.dashboard.markup import Element
from tests.dashboard.mastery_map import table as rows_of
from tests.dashboard.models_room import Room
from tests.dashboard.pages import Reader
from tests.dashboard.test_settings import as_typed
from tests.dashboard.test_settings_policy import judged
from tests.flow.come_true import days_come
from tutor.accounts.models import Group, School, User
from tutor.scheduling import mastery_coverage

#: What opens tables that a page does not have by itself.
MORE: Final = {
    "learner_answers": ("?show=offers",),
    "need": ("?inactive_days=3&struggling_answers=4",),
    "mastery": ("?view=print",),
}
#: Tables without a file, and why.
FILELESS: Final = {"What would change": "a preview inside a form: of thresholds that hold nowhere yet"}
#: Tables that the heading of their section defines, and why it is enough.
DEFINED_ABOVE: Final = {
    "matrix": "columns are concepts, and all cells of a kind; the legend says which",
    "cell-table": "the same",
    "effort-table": "columns are levels of one figure, or what its definition names",
    "expected": "a figure and its range",
    "Recall week by week": "one figure with its range, now and then",
    "visits": "what the plan's definition names",
    "groups-table": "what the curve above shows, in numbers",
    "bins": "the same of calibration",
    "What would change": "learners on lists whose definitions stand with the lists",
    "every-policy": "no figures but those in sentences",
}
TEMPLATES: Final = Path(tutor.dashboard.__file__).parent / "templates"


class Opened(NamedTuple):
    """A page as somebody sees it, and the templates that it is made of."""

    name: str
    address: str
    browser: Client
    root: Element
    templates: frozenset[str]


def open_(name: str, address: str, browser: Client) -> Opened:
    answer: Any = browser.get(address)
    assert answer.status_code == 200, address
    used = frozenset(each.name for each in answer.templates if each.name)
    return Opened(name, address, browser, markup.tree(answer.content.decode()), used)


@pytest.fixture
def usual(story: Room, readers: dict[Reader, Client], school: School, now: datetime) -> list[Opened]:
    """Every page, and what more it shows when it is asked."""
    group = Group.objects.get(curriculum=story.curriculum)
    models_room.in_shadow(school, story, list(group.learners.all()), now=now)

    def read(reader: Reader, address: str) -> str:
        return b"".join(readers[reader].get(address)).decode()

    places = pages.places(read, {"learner_id": str(group.learners.order_by("pk")[0].pk)})
    found = [
        open_(page.name, address + query, readers[page.reader])
        for page, address in pages.within_reach(places)
        if not page.address.endswith(".csv")
        for query in ("", *MORE.get(page.name, ()))
    ]
    teacher, settings = readers[Reader.TEACHER], f"/classes/{group.pk}/settings/"
    typed = as_typed(teacher.get(settings).context["page"].form, retention="97")
    return [*found, open_("settings", f"{settings}?{urlencode(typed, doseq=True)}", teacher)]


@pytest.fixture
def rare(
    usual: list[Opened], class_7b: Group, fractions: Curriculum, school: School, ms_diaz: User, signed_in: SignIn,
    now: datetime,
) -> list[Opened]:  # fmt: skip
    """Pages of classes with forecasts that have come true, a policy that was judged, and items that are known."""
    del usual  # these are of the school as it was before
    learners = [people.a_learner(school, f"Learner {place}") for place in range(10)]
    class_7b.learners.add(*learners)
    for days in (9, 6, 3, 1):
        at = now - timedelta(days=days)
        given = [one for who in learners for one in answers(who, fractions, "halves-1", "01101", last=at)]
        take_in(school, given, now=at)
    days_come(school, fractions)
    mastery_coverage.forget()
    judged(school, fractions, now, learners=200)
    items = a_school_of_items(school, ms_diaz, now=now)
    browser = signed_in(ms_diaz)
    return [
        open_("forecast_trust", f"/classes/{class_7b.pk}/forecast/trust/", browser),
        open_("policy", f"/classes/{class_7b.pk}/settings/policy/", browser),
        open_("item", f"/classes/{items.pk}/items/reversed/", browser),
    ]


def test_every_table_is_in_a_file_and_every_figure_is_defined(usual: list[Opened], rare: list[Opened]) -> None:
    """One test, as the school behind it takes long to make."""
    opened = usual + rare
    faults = [*not_seen(opened)]
    for page in opened:
        faults += [*missing_files(page), *empty_files(page), *undefined_figures(page)]
    assert faults == []


def not_seen(opened: list[Opened]) -> Iterator[str]:
    """Templates with tables, and names of tables, that no page of the test has shown."""
    used = frozenset[str]().union(*(page.templates for page in opened))
    shown = {name for page in opened for table in page.root.every("table") for name in (*table.classes, name_of(table))}
    for path in TEMPLATES.rglob("*.html"):
        text, name = path.read_text(), str(path.relative_to(TEMPLATES))
        if "<table" in text and name not in used:
            yield name
        for classes in re.findall(r'<table[^>]* ?class="([\w -]+)', text):
            yield from (f"{name}: {each}" for each in classes.split() if each not in shown)
    yield from (f"no table is called {name!r}" for name in (FILELESS.keys() | DEFINED_ABOVE.keys()) - shown)


def missing_files(page: Opened) -> Iterator[str]:
    for table in page.root.every("table"):
        if name_of(table) in FILELESS:
            continue
        found = [list(not_in_file(table, page.browser.get(address))) for address in files_before(table, page)]
        if [] not in found:
            yield f"{page.name}: no file linked before {name_of(table)!r} holds it: {found[:1]}"


def not_in_file(table: Element, file: Any) -> Iterator[str]:
    """A file holds a table if it has a row for each of its rows, by what heads it."""
    rows = rows_of(file)
    cells = {cell.casefold() for row in rows for cell in row.values()}
    body = [row for group in table.every("tbody") for row in group.children]
    if len(rows) < len(body):
        yield f"{len(rows)} rows for {len(body)}"
    for heading in filter(None, map(heading_of, body)):
        if not any(cell.startswith(heading) for cell in cells):
            yield heading


def empty_files(page: Opened) -> Iterator[str]:
    links = filter(None, map(link_to_file, page.root.every("a")))
    for address in sorted({urljoin(page.address, link) for link in links}):
        if not rows_of(page.browser.get(address)):
            yield f"{page.name}: {address} is empty"


def undefined_figures(page: Opened) -> Iterator[str]:
    for pair in page.root.every(of="pair"):
        if pair.tag == "div" and list(pair.every(of="figure")) and not is_defined(pair):
            yield f"{page.name}: {pair.text()}"
    for tiles in page.root.every(of="tiles"):
        headings = [each for around in tiles.ancestors if around.tag == "section" for each in around.every("h2")]
        if not any(map(is_defined, headings)):
            yield from (f"{page.name}: {tile.text()}" for tile in tiles.children if not is_defined(tile))
    for table in page.root.every("table"):
        wanted = {head.text() for head in heads_of_figures(table) if not is_defined(head)}
        section = next(each for each in table.ancestors if each.tag in ("section", "main"))
        headings = section.every("h2", "h3", "h4", "fieldset", "caption")
        is_above = name_of(table) in DEFINED_ABOVE and (name_of(table) in FILELESS or any(map(is_defined, headings)))
        if wanted and not is_above:
            yield f"{page.name}: {sorted(wanted)} of {name_of(table)!r}"


def files_before(table: Element, page: Opened) -> list[str]:
    """Addresses of files that are linked before a table, in the innermost element around it that has such links."""
    for around in table.ancestors:
        before = itertools.takewhile(lambda each: each is not table, around.every())
        if links := [link for each in before if (link := link_to_file(each))]:
            return [urljoin(page.address, link) for link in links]
    return []


def link_to_file(each: Element) -> str | None:
    link = each.attributes.get("href", "") if each.tag == "a" else ""
    return link if link.partition("?")[0].endswith(".csv") else None


def name_of(table: Element) -> str:
    return next((name for name in table.classes if name != "card"), table.attributes.get("aria-label", ""))


def heading_of(row: Element) -> str:
    """What a file must say of a row: a name, or a day; "" where only figures head it."""
    head = next(row.every("th"), None)
    if head is None:
        return ""
    link, time = (next(head.every(tag), None) for tag in ("a", "time"))
    if link is None and time is not None:
        return time.attributes["datetime"][:10]
    text = (link or head).text(lambda each: bool({"muted", "rank", "tag", "why"} & set(each.classes))).casefold()
    return "" if re.match(r"\d", text) else text


def heads_of_figures(table: Element) -> Iterator[Element]:
    """Headings of the columns, or without these of the rows, in which a cell begins with a number."""
    heads = [head for group in table.every("thead") for row in group.children[:1] for head in row.children]
    for row in (row for group in table.every("tbody") for row in group.children):
        at = 0
        for cell in row.children:
            if (
                cell.tag == "td"
                and "rank" not in cell.classes
                and re.match(r"[\N{MINUS SIGN}+-]?\d", cell.text(is_aside))
            ):
                yield heads[min(at, len(heads) - 1)] if heads else row.children[0]
            at += int(cell.attributes.get("colspan", "1"))


def is_aside(each: Element) -> bool:
    return each.tag in ("time", "svg", "progress", "details") or bool({"label", "unseen"} & set(each.classes))


def is_defined(heading: Element) -> bool:
    return any(True for _ in heading.every(of="why"))
