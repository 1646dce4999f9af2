"""Tables of a class and of its learners as files: what their pages show, and for whom."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from curricula.models import Curriculum
from tests import people
from tests.dashboard.classroom import a_classroom
from tests.dashboard.conftest import SignIn
from tests.dashboard.mastery_map import table
from tutor.accounts.models import Group, Learner, School, User
from tutor.registry import reviews
from tutor.registry.reviews import Verb
from tutor.scheduling import contents


def test_the_overview_file_holds_the_table(school: School, ms_diaz: User, signed_in: SignIn, now: datetime) -> None:
    group, browser = a_classroom(school, ms_diaz, n=6, now=now), signed_in(ms_diaz)
    page = browser.get(f"/classes/{group.pk}/").context["page"]
    rows = table(browser.get(f"/classes/{group.pk}/overview.csv"))
    assert [row["Learner id"] for row in rows] == [str(line.learner.pk) for line in page.lines]
    for row, line in zip(rows, page.lines, strict=True):
        assert [int(row[count.label]) for count in line.counts] == [count.n for count in line.counts]
        assert row["Next concept"] == (line.upcoming.first.concept if line.upcoming.first else "")
        assert row["Why"]
    by_name = table(browser.get(f"/classes/{group.pk}/overview.csv?sort=name"))
    assert [row["Learner"] for row in by_name] == sorted((row["Learner"] for row in rows), key=str.casefold)


def test_the_file_of_prerequisites_holds_the_edges_shown(
    class_7b: Group, fractions: Curriculum, ms_diaz: User, signed_in: SignIn, now: datetime
) -> None:
    content = contents.latest(fractions.pk)
    edge = (content.concept_position["halves"], content.concept_position["equal-parts"])
    reviews.review(ms_diaz, fractions.pk, edge, Verb.REJECT, reason="taught the other way", now=now)
    browser, address = signed_in(ms_diaz), f"/classes/{class_7b.pk}/prerequisites"
    rows = table(browser.get(f"{address}.csv", {"edges": "reviewed"}))
    shown = browser.get(f"{address}/", {"edges": "reviewed"}).context["page"].shown
    assert [(row["Before"], row["After"]) for row in rows] == [(each.parent, each.child) for each in shown]
    [rejected] = [row for row in rows if row["Note"]]
    assert (rejected["Note"], rejected["Holds"], rejected["Reviewed"]) == (
        "taught the other way", "no", f"{now.astimezone(ZoneInfo(class_7b.school.timezone)):%Y-%m-%d %H:%M}"
    )  # fmt: skip


def test_a_concept_s_curve_plan_and_prospects_are_those_of_its_pages(
    school: School, ms_diaz: User, signed_in: SignIn, now: datetime
) -> None:
    group, browser = a_classroom(school, ms_diaz, n=6, now=now), signed_in(ms_diaz)
    learner = group.learners.order_by("pk")[0]
    of_class = f"/classes/{group.pk}"
    key = browser.get(f"{of_class}/reteach/").context["page"].detail.key
    concept = f"{of_class}/learners/{learner.pk}/concepts/{key}"
    page = browser.get(f"{concept}/").context["page"]
    recall = [[float(row[each]) for each in ("Without practice (%)", "Lowest (%)", "Highest (%)", "As planned (%)")]
              for row in table(browser.get(f"{concept}/recall.csv"))]  # fmt: skip
    shown = [[100 * share for share in (week.alone, week.low, week.high, week.planned)] for week in page.weeks]
    assert len(shown) > 3 and np.allclose(recall, shown, atol=0.06)
    planned = table(browser.get(f"{concept}/planned.csv"))
    assert [(row["What"], int(row["Answers"])) for row in planned] == [
        (each.label, each.answers) for each in page.visits
    ]
    detail = browser.get(f"{of_class}/reteach/{key}/").context["page"].detail
    expected = table(browser.get(f"{of_class}/reteach/{key}/expected.csv"))
    ends = ("Expected to master, lowest", "Expected to master, highest")
    assert [[int(row[end]) for end in ends] for row in expected] == [[each.low, each.high] for each in detail.expected]


@pytest.mark.parametrize("outsider", ["mr_chen", "ms_roth", "their_head"])
def test_for_others_there_are_no_files(
    outsider: str,
    class_7b: Group,
    fractions: Curriculum,
    bo: Learner,
    mr_chen: User,
    ms_roth: User,
    other_school: School,
    signed_in: SignIn,
) -> None:
    users = {
        "mr_chen": mr_chen,
        "ms_roth": ms_roth,
        "their_head": people.a_teacher(other_school, "Their Head", role=User.Role.ADMIN),
    }
    of_concept = f"learners/{bo.pk}/concepts/halves"
    of_one = (f"{of_concept}/recall.csv", f"{of_concept}/planned.csv", "reteach/halves/expected.csv")
    for file in ("overview.csv", "prerequisites.csv", "items/halves-1/curve.csv", *of_one):
        assert signed_in(users[outsider]).get(f"/classes/{class_7b.pk}/{file}").status_code == 404
