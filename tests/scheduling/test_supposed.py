"""What would be agreed is told by what will act once it is: the same terms, settings, criteria and look ahead."""

from __future__ import annotations

from typing import Any

import pytest

from curricula.models import Curriculum
from tests import people
from tests.flow.agreed import settle_on
from tests.flow.steps import at, record, right_and_wrong, statements, work
from tutor.accounts.models import Group, Learner, School, User
from tutor.scheduling import agreements, contents, knobs, rules
from tutor.scheduling.class_forecasts import class_ahead
from tutor.scheduling.knobs import BadKnob
from tutor.scheduling.models import GroupSettings
from tutor.scheduling.rules import Agreed
from tutor.scheduling.terms import Supposed

pytestmark = pytest.mark.django_db

CHANGES: dict[str, Any] = {
    "retention": 0.95, "ready_at": 0.8, "policy": "threshold", "goals": ("c1",), "new_a_day": 0, "minutes_a_day": 12.0,
    "quiet_weekdays": ("monday",), "exam_on": at(days=30).date(), "explores": False,
}  # fmt: skip


def told(agreed: Agreed) -> tuple[Any, ...]:
    return agreed.policy.name, agreed.settings, agreed.criteria, agreed.minutes_a_day, agreed.is_daily, agreed.given


def supposed(group: Group, **changes: Any) -> Supposed:
    return agreements.supposed(group, agreements.of_group(group), changes, now=at())


def test_supposing_is_as_agreeing_and_writes_nothing(class_8a: Group, bo: Learner, curriculum: Curriculum) -> None:
    ids = [bo.pk]
    other = supposed(class_8a, **CHANGES)
    before = rules.agreed(class_8a.school_id, curriculum.pk, ids, at(60), supposing=other)[bo.pk]
    assert not GroupSettings.objects.exists()
    settle_on(class_8a, **CHANGES)
    after = rules.agreed(class_8a.school_id, curriculum.pk, ids, at(60))[bo.pk]
    assert told(before) == told(after)
    assert agreements.knobs_of(agreements.of_group(class_8a)) == other.knobs


def test_supposing_reads_as_many_statements_as_agreeing(class_8a: Group, bo: Learner, curriculum: Curriculum) -> None:
    other, where = supposed(class_8a, **CHANGES), (class_8a.school_id, curriculum.pk, [bo.pk], at(60))
    rules.agreed(*where)
    with statements() as supposing:
        rules.agreed(*where, supposing=other)
    settle_on(class_8a, **CHANGES)
    with statements() as agreeing:
        rules.agreed(*where)
    assert len(supposing) == len(agreeing)


def test_where_another_class_decides_nothing_would_change(
    school: School, ms_diaz: User, class_8a: Group, bo: Learner, curriculum: Curriculum
) -> None:
    people.a_group(school, "8b", teachers=(ms_diaz,), learners=(bo,), curriculum=curriculum)
    other = supposed(class_8a, retention=0.5)
    found = rules.agreed(school.pk, curriculum.pk, [bo.pk], at(60), supposing=other)[bo.pk]
    assert found.criteria.retention == knobs.DEFAULTS.retention


def test_what_cannot_be_agreed_cannot_be_supposed(class_8a: Group) -> None:
    with pytest.raises(BadKnob, match="needs a date after"):
        supposed(class_8a, policy="exam")
    with pytest.raises(BadKnob, match="it is no concept of"):
        supposed(class_8a, goals=("physics",))


def test_a_class_is_seen_ahead_by_what_is_supposed(class_8a: Group, bo: Learner, curriculum: Curriculum) -> None:
    record(bo.school, right_and_wrong(bo, curriculum, "0111"))
    work()
    content, day, now = contents.latest(curriculum.pk), at(days=20).date(), at(60)
    none_new = supposed(class_8a, new_a_day=0)
    rare = rules.agreed(class_8a.school_id, curriculum.pk, [bo.pk], now, supposing=none_new)
    seen = [class_ahead(class_8a.school, content, [bo], day, now=now, held=held) for held in (None, rare)]
    assert seen[1].minutes().sum() < seen[0].minutes().sum()
    settle_on(class_8a, new_a_day=0)
    agreed = class_ahead(class_8a.school, content, [bo], day, now=now)
    assert agreed.minutes().tolist() == seen[1].minutes().tolist()
