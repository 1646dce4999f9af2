"""What a version's card tells of it, and what it keeps to itself."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from django.core.serializers.json import DjangoJSONEncoder

from curricula.models import Curriculum
from kt_models import evaluate, kinds
from tests import people
from tests.flow import judged
from tests.flow.steps import START, client_of
from tutor.accounts.models import Group, School, User
from tutor.registry import card_words, queries
from tutor.registry import services as registry
from tutor.registry.card import LEAST_LEARNERS, Card, Slice, card
from tutor.registry.models import ModelVersion


def shown(version: ModelVersion, school: School) -> Card:
    return card(queries.access_version(school.pk, version.pk), client_of(school))


def by_name(parts: tuple[Slice, ...]) -> dict[str, Slice]:
    return {part.name: part for part in parts}


def faults(shown: Card, kind: str) -> list[str]:
    return [fault.text for fault in shown.faults if fault.kind == kind]


@pytest.fixture
def class_8a(school: School) -> Group:
    return people.a_group(school, "8a")


def test_a_card_tells_what_a_version_is_of(fractions: Curriculum, school: School, class_7b: Group) -> None:
    version = judged.a_judged_version(fractions, school_id=school.pk, groups={class_7b.pk: 20})
    told = shown(version, school)
    assert told.title == f"PSI-KT {str(version.pk)[-6:]}"
    assert told.data is not None and told.judged is not None
    assert (told.data.answers, told.data.learners, told.data.before) == (24_000, 600, START)
    assert (told.judged.answers, told.judged.learners, told.judged.since) == (2_400, 60, START)
    assert (told.code_version, told.curriculum, told.passed) == ("0.1.0+1f2e3d4c5b6a", "Fractions", True)
    loss = next(figure.value for figure in told.figures if figure.key == "log_loss")
    kept = version.metrics["log_loss"]
    assert (loss.low, loss.value, loss.high) == (kept["low"], kept["value"], kept["high"])
    assert sum(each.n for each in told.reliability) == 2_400
    json.dumps(told.to_json(), cls=DjangoJSONEncoder, allow_nan=False)


def test_every_gap_and_attempt_and_kind_has_its_words() -> None:
    assert list(card_words.GAPS) == [name for name, _ in evaluate.GAPS]
    assert list(card_words.ATTEMPTS) == [name for name, _ in evaluate.ATTEMPTS]
    assert card_words.KINDS.keys() == card_words.KIND_TEXTS.keys() == kinds.KINDS.keys()
    assert card_words.STATES.keys() == set(ModelVersion.State.values)


def test_gates_are_told_in_plain_words(fractions: Curriculum, school: School) -> None:
    failing = judged.verdict({}, failing="ahead answer against logistic")
    told = shown(judged.a_judged_version(fractions, judged=failing), school)
    assert (told.state, told.passed) == ("rejected", False)
    shut = [gate for gate in told.gates if not gate.passed]
    assert [gate.title for gate in shut] == ["Ten answers ahead, against the Logistic baseline"]
    assert "ten answers in a row" in shut[0].asks
    assert "-0.0210 [-0.0340, -0.0090]" in shut[0].reason


def test_a_class_of_few_learners_has_no_figures(
    fractions: Curriculum, school: School, class_7b: Group, class_8a: Group
) -> None:
    sizes = {class_7b.pk: LEAST_LEARNERS, class_8a.pk: LEAST_LEARNERS - 1}
    version = judged.a_judged_version(
        fractions, school_id=school.pk, groups=sizes, judged=judged.verdict(sizes, told_worse=class_8a.pk)
    )
    told = shown(version, school)
    large, small = told.groups
    assert (large.title, large.hidden, large.learners) == ("7b", "", 5)
    assert large.log_loss is not None and large.worse is not None
    assert (small.title, small.hidden, small.learners) == ("8a", "fewer than 5 learners", None)
    assert (small.log_loss, small.auc, small.worse, small.correct) == (None, None, None, None)
    # Nor does the gate tell of it.
    assert "+0.0500" not in str(told.to_json()) and str(class_8a.pk) not in told.reason
    assert "a class of few learners is told clearly worse" in told.reason
    assert faults(told, "small") == ["1 class is too small to be judged apart."]


def test_the_class_that_is_told_worse_is_named(fractions: Curriculum, school: School, class_7b: Group) -> None:
    sizes = {class_7b.pk: 20}
    version = judged.a_judged_version(
        fractions, school_id=school.pk, groups=sizes, judged=judged.verdict(sizes, told_worse=class_7b.pk)
    )
    told = shown(version, school)
    assert "7b is told worse by +0.0500" in told.reason
    assert faults(told, "champion") == [
        "7b: told worse than by the champion, by 0.050 nats an answer [0.030, 0.070]."
    ]  # fmt: skip


def test_a_school_learns_nothing_of_another_s_classes(school: School, other_school: School, class_7b: Group) -> None:
    shared = people.a_curriculum(None, key="shared")
    theirs = people.a_group(other_school, "Their 9c")
    sizes = {class_7b.pk: 20, theirs.pk: 15}
    version = judged.a_judged_version(shared, groups=sizes, judged=judged.verdict(sizes, told_worse=theirs.pk))
    told = shown(version, school)
    assert [part.title for part in told.groups] == ["7b"]
    assert told.others == 1
    assert "a class of another school is told clearly worse" in told.reason
    said = json.dumps(told.to_json(), cls=DjangoJSONEncoder)
    assert str(theirs.pk) not in said and "Their 9c" not in said and "+0.0500" not in said


def test_an_operator_sees_all_classes_without_their_names(class_7b: Group, fractions: Curriculum) -> None:
    version = judged.a_judged_version(fractions, groups={class_7b.pk: 20})
    operator = User.objects.create_superuser("op@example.org", "x")
    (part,) = card(queries.access_version(None, version.pk), operator).groups
    assert part.title == f"class {str(class_7b.pk)[-6:]}"
    assert part.log_loss is not None


def test_known_weaknesses_are_read_off_the_figures(fractions: Curriculum, school: School) -> None:
    found = judged.figures({}, overconfident=0.3)
    told = shown(judged.a_judged_version(fractions, found=found), school)
    (first,) = [text for text in faults(told, "bias") if text.startswith("First time on a concept")]
    assert "it expects too much" in first
    assert any(text.startswith("First time on a concept") for text in faults(told, "worse"))
    assert faults(told, "thin") == [
        "After a pause of longer than a week: no answers to judge by, so how well it does there is not known."
    ]
    honest = shown(judged.a_judged_version(fractions, found=judged.figures({})), school)
    assert not faults(honest, "bias") and not faults(honest, "worse")


def test_a_rival_that_does_better_is_named(fractions: Curriculum, school: School) -> None:
    found = judged.figures({})
    found["rivals"]["logistic"]["log_loss"] = {"value": 0.2, "low": 0.19, "high": 0.21}
    told = shown(judged.a_judged_version(fractions, found=found), school)
    (text,) = faults(told, "rival")
    assert "the Logistic baseline does better: log loss 0.200" in text


def test_too_few_answers_are_no_figure(fractions: Curriculum, school: School) -> None:
    found = judged.figures({})
    found["by_gap"][1]["n"] = 29
    part = by_name(shown(judged.a_judged_version(fractions, found=found), school).by_gap)["< 1 min"]
    assert (part.hidden, part.n, part.log_loss) == ("fewer than 30 answers", 29, None)


def test_an_untrained_model_says_that_it_has_learnt_nothing(fractions: Curriculum, school: School) -> None:
    baseline = registry.ensure_served(fractions.pk)
    assert baseline
    told = shown(baseline, school)
    assert [fault.kind for fault in told.faults] == ["untrained", "not_judged"]
    assert (told.data, told.judged, told.passed, told.gates) == (None, None, None, ())


def test_the_parent_is_named(fractions: Curriculum, school: School) -> None:
    baseline = registry.ensure_served(fractions.pk)
    version = judged.a_judged_version(fractions)
    ModelVersion.objects.filter(pk=version.pk).update(parent=baseline)
    told = shown(version, school)
    assert baseline and told.parent_id == baseline.pk
    assert told.parent == f"Half-life {str(baseline.pk)[-6:]}"


def test_reading_a_card_takes_as_many_statements_for_any_number_of_classes(
    fractions: Curriculum, school: School, django_assert_max_num_queries: people.Counter
) -> None:
    for n in (1, 9):
        groups = {people.a_group(school, f"{n}-{i}").pk: 6 for i in range(n)}
        version = judged.a_judged_version(fractions, school_id=school.pk, groups=groups)
        with django_assert_max_num_queries(3):
            assert len(shown(version, school).groups) == n


def test_a_class_that_is_no_more_keeps_its_figures(fractions: Curriculum, school: School) -> None:
    gone = UUID("00000000-0000-7000-8000-000000abcdef")
    version = judged.a_judged_version(fractions, school_id=school.pk, groups={gone: 20})
    (part,) = shown(version, school).groups
    assert part.title == "class abcdef"
