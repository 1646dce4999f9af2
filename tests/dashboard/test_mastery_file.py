"""The file of the mastery map opens in a spreadsheet as it is, in the school's time."""

from __future__ import annotations

from datetime import datetime

from curricula.models import Curriculum
from tests import people
from tests.dashboard.classroom import answers, take_in
from tests.dashboard.conftest import SignIn
from tests.dashboard.mastery_map import table
from tutor.accounts.models import Group, Learner, School, User


def test_no_name_in_the_file_is_a_formula(
    class_7b: Group, school: School, ms_diaz: User, signed_in: SignIn, fractions: Curriculum
) -> None:
    class_7b.learners.set([people.a_learner(school, '=HYPERLINK("http://x.example","Bo")')])
    answer = signed_in(ms_diaz).get(f"/classes/{class_7b.pk}/mastery.csv")
    assert "attachment; filename=" in answer.headers["Content-Disposition"]
    assert {row["Learner"] for row in table(answer)} == {'\'=HYPERLINK("http://x.example","Bo")'}


def test_times_in_the_file_are_the_school_s(
    class_7b: Group, fractions: Curriculum, school: School, bo: Learner, ms_diaz: User, signed_in: SignIn, now: datetime
) -> None:
    noon = datetime.fromisoformat("2026-01-15T12:00:00+00:00")
    take_in(school, answers(bo, fractions, "halves-1", "1", last=noon), now=now)
    rows = table(signed_in(ms_diaz).get(f"/classes/{class_7b.pk}/mastery.csv"))
    assert [row["Last answer"] for row in rows if row["Last answer"]] == ["2026-01-15 13:00"]
