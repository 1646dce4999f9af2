"""Every page of the dashboard, and how to get there: what is photographed, measured and looked at in each language.

Without Django: pictures are taken of a site that runs elsewhere. `test_pages` holds the table against the addresses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple


class Reader(StrEnum):
    NOBODY = "nobody"
    TEACHER = "teacher"
    ADMIN = "admin"
    LEARNER = "learner"


class Page(NamedTuple):
    """`name` is that of the address. What is no page of its own, a file or a part of a page, is not photographed."""

    name: str
    address: str
    reader: Reader = Reader.TEACHER
    is_whole: bool = True


_CLASS: Final = "/classes/{group_id}"
_LEARNER: Final = f"{_CLASS}/learners/{{learner_id}}"
PAGES: Final = (
    Page("sign_in", "/login/", Reader.NOBODY),
    Page("home", "/"),
    Page("class", f"{_CLASS}/"),
    Page("class_file", f"{_CLASS}/overview.csv", is_whole=False),
    Page("need", f"{_CLASS}/need/"),
    Page("need_preview", f"{_CLASS}/need/preview/", is_whole=False),
    Page("need_file", f"{_CLASS}/need.csv", is_whole=False),
    Page("need_marks_file", f"{_CLASS}/need/marks.csv", is_whole=False),
    Page("reteach", f"{_CLASS}/reteach/"),
    Page("reteach_file", f"{_CLASS}/reteach.csv", is_whole=False),
    Page("reteach_concept", f"{_CLASS}/reteach/{{key}}/"),
    Page("expected_file", f"{_CLASS}/reteach/{{key}}/expected.csv", is_whole=False),
    Page("reteach_groups", f"{_CLASS}/reteach-groups/"),
    Page("reteach_groups_file", f"{_CLASS}/reteach-groups.csv", is_whole=False),
    Page("mastery", f"{_CLASS}/mastery/"),
    Page("mastery_file", f"{_CLASS}/mastery.csv", is_whole=False),
    Page("mastery_concept", f"{_CLASS}/mastery/{{key}}/"),
    Page("prerequisites", f"{_CLASS}/prerequisites/"),
    Page("prerequisites_file", f"{_CLASS}/prerequisites.csv", is_whole=False),
    Page("prerequisite", f"{_CLASS}/prerequisites/{{parent_id}}/{{child_id}}/"),
    Page("forecast", f"{_CLASS}/forecast/"),
    Page("forecast_minutes", f"{_CLASS}/forecast/minutes/", is_whole=False),
    Page("forecast_trust", f"{_CLASS}/forecast/trust/"),
    Page("forecast_file", f"{_CLASS}/forecast/{{of}}.csv", is_whole=False),
    Page("items", f"{_CLASS}/items/"),
    Page("items_file", f"{_CLASS}/items.csv", is_whole=False),
    Page("item", f"{_CLASS}/items/{{item}}/"),
    Page("item_file", f"{_CLASS}/items/{{item}}/curve.csv", is_whole=False),
    Page("settings", f"{_CLASS}/settings/"),
    Page("settings_file", f"{_CLASS}/settings/preview.csv", is_whole=False),
    Page("policy", f"{_CLASS}/settings/policy/"),
    Page("policy_file", f"{_CLASS}/settings/policy/{{table}}.csv", is_whole=False),
    Page("learner", f"{_LEARNER}/"),
    Page("learner_print", f"{_LEARNER}/print/"),
    Page("learner_concept", f"{_LEARNER}/concepts/{{key}}/"),
    Page("learner_weeks_file", f"{_LEARNER}/concepts/{{key}}/recall.csv", is_whole=False),
    Page("learner_visits_file", f"{_LEARNER}/concepts/{{key}}/planned.csv", is_whole=False),
    Page("learner_concepts_file", f"{_LEARNER}/concepts.csv", is_whole=False),
    Page("learner_answers", f"{_LEARNER}/answers/"),
    Page("learner_answers_file", f"{_LEARNER}/answers.csv", is_whole=False),
    Page("decision", f"{_LEARNER}/decisions/{{decision_id}}/"),
    Page("decision_file", f"{_LEARNER}/decisions/{{decision_id}}.csv", is_whole=False),
    Page("learner_adjust", f"{_LEARNER}/adjust/"),
    Page("models", "/models/", Reader.ADMIN),
    Page("models_file", "/models/{models_table}.csv", Reader.ADMIN, is_whole=False),
    Page("version", "/models/{version_id}/", Reader.ADMIN),
    Page("version_file", "/models/{version_id}/{version_table}.csv", Reader.ADMIN, is_whole=False),
    Page("run", "/models/runs/{run_id}/", Reader.ADMIN),
    Page("run_file", "/models/runs/{run_id}/curve.csv", Reader.ADMIN, is_whole=False),
    Page("own", "/me/", Reader.LEARNER),
    Page("own_curriculum", "/me/{curriculum_id}/", Reader.LEARNER),
)
#: Addresses that only lead elsewhere.
LEADING: Final = frozenset({"language", "own_enter"})

_UUID: Final = "[0-9a-f-]{36}"
#: What addresses are made of, and the page on which a link has it; of the first link that matches.
_LINKS: Final = (
    ("home", rf"/classes/(?P<group_id>{_UUID})/"),
    ("class", rf"/learners/(?P<learner_id>{_UUID})/"),
    ("mastery", r"/mastery/(?P<key>[^/?#\"]+)/"),
    ("prerequisites", rf"/prerequisites/(?P<parent_id>{_UUID})/(?P<child_id>{_UUID})/"),
    ("forecast", r"/forecast/(?P<of>[\w-]+)\.csv"),
    ("policy", r"/settings/policy/(?P<table>[\w-]+)\.csv"),
    ("items", r"/items/(?P<item>[^/?#\"]+)/"),
    ("learner_answers?show=offers", rf"/decisions/(?P<decision_id>{_UUID})/"),
    ("models", rf"/models/(?P<version_id>{_UUID})/"),
    ("models", rf"/models/runs/(?P<run_id>{_UUID})/"),
    ("models", r"/models/(?P<models_table>[\w-]+)\.csv"),
    ("version", rf"/models/{_UUID}/(?P<version_table>[\w-]+)\.csv"),
    ("models", rf"/models/of/(?P<curriculum_id>{_UUID})/"),
)

#: The HTML of an address, as a reader gets it.
Fetch = Callable[[Reader, str], str]


def places(fetch: Fetch, known: Mapping[str, str] | None = None) -> dict[str, str]:
    """What addresses are made of, as somebody finds it who follows links; `known` goes before that."""
    found = dict(known or {})
    by_name = {page.name: page for page in PAGES}
    for name, link in _LINKS:
        name, mark, query = name.partition("?")
        page = by_name[name]
        if not set(re.compile(link).groupindex) <= found.keys():
            match = re.search(
                rf'(?:href|action)="[^"]*{link}', fetch(page.reader, page.address.format_map(found) + mark + query)
            )
            found |= match.groupdict() if match else {}
    return found


def within_reach(found: Mapping[str, str]) -> Iterator[tuple[Page, str]]:
    """Pages and their addresses, without those of which the site has none, such as a training run."""
    for page in PAGES:
        if set(re.findall(r"\{(\w+)\}", page.address)) <= found.keys():
            yield page, page.address.format_map(found)
