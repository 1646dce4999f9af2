"""Whatever was answered, agreed and said: learner, teacher and machine are told the same status of every concept, and
below the evidence limit nothing but that there is not enough data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import uuid4

from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from curricula.models import Curriculum
from curricula.snapshot import latest
from tests import people
from tests.dashboard.classroom import take_in
from tests.dashboard.conftest import SignIn
from tests.dashboard.mastery_map import MapReader, table
from tests.dashboard.own_pages import OwnReader, browser_of
from tests.flow import agreed
from tests.flow.steps import concepts_of
from tests.people import Caller
from tutor.accounts.models import Group, Learner, School, User
from tutor.dashboard.matrix_cells import CLASSES
from tutor.dashboard.words import LABELS
from tutor.interactions.services import Answer
from tutor.scheduling import contents
from tutor.tracing.status import DEFAULT, Status

KEYS: Final = ("halves", "equal-parts", "adding")
#: A share in any of the forms that pages have for it.
FIGURE: Final = re.compile(r"\d\s*%|\d[→\N{EN DASH}]\d|^\d|0\.\d")
LETTER_CLASSES: Final = {kind: status.value for status, kind in CLASSES.items()}
BY_LABEL: Final = {label: status.value for status, label in LABELS.items()}


class Given(NamedTuple):
    """An answer, so many hours before now."""

    item: int
    right: bool
    hours: float


class Story(NamedTuple):
    """What two learners answered; what is agreed with their class, and with another one of the first; teachers' words:
    kind, key of the concept, and whether of the first learner or the whole class."""

    answers: tuple[list[Given], list[Given]]
    agreed: dict[str, float]
    club: dict[str, float] | None
    words: list[tuple[str, str, bool]]


@st.composite
def runs(draw: st.DrawFn) -> list[Given]:
    """Answers to one item in a row, mostly right or mostly wrong, so that mastery and struggles come about."""
    item, n, skill = draw(st.integers(0, 5)), draw(st.integers(1, 7)), draw(st.sampled_from([1.0, 0.9, 0.5, 0.1, 0.0]))
    hours = draw(st.floats(0.1, 8) | st.floats(20, 3000))
    return [Given(item, draw(st.floats(0, 1)) < skill, hours + 0.1 * place) for place in range(n)]


ANSWERS: Final = st.lists(runs(), max_size=5).map(lambda told: [each for run in told for each in run])
KNOBS: Final = st.fixed_dictionaries(
    {}, optional={"retention": st.sampled_from([0.6, 0.8, 0.97]), "ready_at": st.sampled_from([0.5, 0.8, 0.95])}
)
STORIES: Final = st.builds(
    Story,
    st.tuples(ANSWERS, ANSWERS),
    KNOBS,
    st.none() | KNOBS,
    st.lists(
        st.tuples(st.sampled_from(["mastered", "open"]), st.sampled_from(KEYS), st.booleans()),
        max_size=3,
        unique_by=lambda word: word,
    ),
)


def _live(
    story: Story, school: School, teacher: User, fractions: Curriculum, now: datetime
) -> tuple[Group, list[Learner]]:
    learners = [people.a_learner(school, f"Learner {uuid4().hex[:8]}") for _ in story.answers]
    group = people.a_group(school, "7c", teachers=(teacher,), learners=tuple(learners), curriculum=fractions)
    content = latest(fractions.pk)
    take_in(
        school,
        [
            Answer(
                learner_id=learner.pk,
                curriculum_id=fractions.pk,
                item=given.item,
                concepts=concepts_of(content, given.item),
                correct=float(given.right),
                seconds=(now - timedelta(hours=given.hours)).timestamp(),
                source="lms",
                client_id=uuid4().hex,
            )
            for learner, told in zip(learners, story.answers, strict=True)
            for given in told
        ],
        now=now,
    )
    if story.agreed:
        agreed.settle_on(group, now=now, **story.agreed)
    if story.club is not None:
        club = people.a_group(school, "Club", teachers=(teacher,), learners=(learners[0],), curriculum=fractions)
        agreed.settle_on(club, now=now, **story.club)
    for kind, key, is_own in story.words:
        agreed.say(teacher, learners[0] if is_own else group, fractions, kind, key, now=now)
    contents.forget()
    return group, learners


class Told(NamedTuple):
    """Of one learner, by key of the concept; `texts` are what each page shows of it."""

    statuses: dict[str, str]
    texts: dict[str, str]


def _by_api(client: Caller, learner: Learner) -> tuple[dict[str, str], dict[str, int]]:
    rows = client.get(f"/api/v1/learners/{learner.pk}/mastery").json()["data"]
    by_key = {row["concept"]["key"]: row["estimate"] for row in rows}
    return {key: e["status"] for key, e in by_key.items()}, {key: e["n"] for key, e in by_key.items()}


def _by_own_page(learner: Learner) -> Told:
    answer = browser_of(learner).get("/me/")
    assert answer.status_code == 200
    read = OwnReader(answer.content.decode())
    steps = {step.title: " ".join(step.reasons) for step in answer.context["page"].steps}
    return Told(read.statuses, {key: f"{text} {steps.get(key.title(), '')}" for key, text in read.texts.items()})


def _by_map(browser: Client, group: Group) -> Callable[[Learner], Told]:
    answer = browser.get(f"/classes/{group.pk}/mastery/")
    read = MapReader(answer.content.decode())

    def told(learner: Learner) -> Told:
        cells = read.of(learner.pk)
        return Told(
            {key: LETTER_CLASSES[cell.kind] for key, cell in cells.items()},
            # A count of answers is no figure of what is known.
            {key: re.sub(r"\bn\d+", "", " ".join(cell.lines)) for key, cell in cells.items()},
        )

    return told


def _by_file(browser: Client, group: Group) -> Callable[[Learner], Told]:
    rows = table(browser.get(f"/classes/{group.pk}/mastery.csv"))
    figures = ("Recall now (%)", "Lowest (%)", "Highest (%)", "Recall after the last answer (%)")

    def told(learner: Learner) -> Told:
        own = [row for row in rows if row["Learner id"] == str(learner.pk)]
        return Told(
            {row["Concept key"]: BY_LABEL[row["Status"]] for row in own},
            {row["Concept key"]: " ".join(row[name] for name in figures) for row in own},
        )

    return told


def _by_teacher_s_page(browser: Client, group: Group, learner: Learner) -> Told:
    answer = browser.get(f"/classes/{group.pk}/learners/{learner.pk}/")
    assert answer.status_code == 200
    page = answer.context["page"]
    rows = {row.title: row for row in (*page.practised, *page.untouched)}
    return Told(
        {key: rows[key.title()].status.value for key in KEYS},
        {key: _of_row(answer.content.decode(), key.title()) for key in KEYS},
    )


def _of_row(html: str, title: str) -> str:
    """What the teacher's page shows of a concept: the row that its name begins."""
    listed = html.partition('id="concepts"')[2].partition('id="answers"')[0]
    rows = re.findall(r"<(?:tr|li)\b.*?</(?:tr|li)>", listed, re.DOTALL)
    named = [row for row in rows if re.search(rf">\s*{re.escape(title)}\s*<", row)]
    assert named, f"no row of {title}"
    words = [*re.findall(r'aria-label="([^"]*)"', " ".join(named)), re.sub(r"<[^>]+>", " ", " ".join(named))]
    return " ".join(words)


def _counts_of(browser: Client, group: Group) -> dict[Any, Counter[str]]:
    """How many concepts of each status the class's page counts, by learner."""
    page = browser.get(f"/classes/{group.pk}/").context["page"]
    return {
        line.learner.pk: Counter({each.status.value: each.n for each in line.counts if each.n}) for line in page.lines
    }


def test_learner_teacher_and_machine_are_told_the_same(
    school: School, ms_diaz: User, fractions: Curriculum, client: Caller, signed_in: SignIn
) -> None:
    seen: set[str] = set()

    @settings(
        max_examples=12,
        deadline=None,
        database=None,
        derandomize=True,
        # Each example opens a dozen pages: to shrink one would take minutes, and stories are short as they are.
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(story=STORIES)
    def holds(story: Story) -> None:
        now = timezone.now()
        (group, learners), browser = _live(story, school, ms_diaz, fractions, now), signed_in(ms_diaz)
        on_map, in_file, counts = _by_map(browser, group), _by_file(browser, group), _counts_of(browser, group)
        for learner in learners:
            statuses, n = _by_api(client, learner)
            told = [
                _by_own_page(learner), _by_teacher_s_page(browser, group, learner), on_map(learner), in_file(learner),
            ]  # fmt: skip
            assert [each.statuses for each in told] == [statuses] * len(told)
            assert counts[learner.pk] == Counter(statuses.values())
            words = [(kind, key) for kind, key, is_own in story.words if not is_own or learner == learners[0]]
            for key in [key for key in KEYS if n[key] < DEFAULT.enough]:
                said = {"mastered"} if ("mastered", key) in words else set()
                assert statuses[key] in {"not_enough_data", "locked"} | said
                for each in told:
                    assert not FIGURE.search(each.texts[key].strip()), each.texts[key]
            seen.update(statuses.values())

    holds()
    assert seen == {status.value for status in Status}, "stories tell of every status"
