"""`manage.py rebuild_states`: what is believed, folded anew from the log."""

from __future__ import annotations

import tempfile
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from curricula.models import Curriculum, CurriculumVersion
from kt_models.baselines import half_life
from tutor.accounts.access import Client
from tutor.accounts.models import Learner, School
from tutor.interactions.models import LogHead
from tutor.registry import deployments
from tutor.registry import services as registry
from tutor.registry.models import ModelVersion
from tutor.scheduling import catchup, intake
from tutor.scheduling.models import Plan
from tutor.tracing.models import LearnerState

pytestmark = pytest.mark.django_db


@pytest.fixture
def answered(school: School, fractions: Curriculum, bo: Learner, ana: Learner) -> School:
    """Bo and Ana have answered, and workers are level."""
    client = Client(id=school.pk, school_id=school.pk, name="LMS", scopes=frozenset())
    rows = [
        intake.AnswerIn(id=f"{name}-{n}", learner=f"external:lms:{name}", item="halves-1", correct=n % 2 == 0)
        for name in ("bo", "ana")
        for n in range(4)
    ]
    intake.submit(client, rows, now=timezone.now())
    list(catchup.catch_up(school.pk))
    return school


def run(*arguments: str) -> str:
    said = StringIO()
    call_command("rebuild_states", *arguments, stdout=said, stderr=said)
    return said.getvalue()


def states() -> dict[object, bytes]:
    return {each.learner_id: bytes(each.state or b"") for each in LearnerState.objects.all()}


def test_a_rebuilt_state_is_what_it_was(answered: School) -> None:
    before = states()
    LearnerState.objects.update(state=b"spoilt")
    assert "2 learners are queued" in run("--school", answered.name, "--advance")
    assert states() == before
    assert not LogHead.objects.exclude(behind_since=None).exists()


def test_one_learner_can_be_rebuilt_alone(answered: School, bo: Learner, ana: Learner) -> None:
    run("--school", str(answered.pk), "--learner", "external:lms:bo")
    behind = LogHead.objects.exclude(behind_since=None).values_list("learner_id", flat=True)
    assert list(behind) == [bo.pk]


def test_after_a_promotion_everybody_is_folded_by_the_new_champion(answered: School, fractions: Curriculum) -> None:
    version = another_model(fractions)
    deployments.promote(version, school_id=answered.pk)
    assert not LearnerState.objects.filter(version_id=version.pk).exists()
    run("--school", answered.name, "--curriculum", fractions.key, "--advance")
    assert LearnerState.objects.filter(version_id=version.pk).exclude(state=None).count() == 2
    assert all(str(version.pk) in body for body in Plan.objects.values_list("body", flat=True))


def test_other_schools_stay_as_they_are(answered: School, other_school: School) -> None:
    assert "0 learners are queued" in run("--school", other_school.name)
    assert not LogHead.objects.exclude(behind_since=None).exists()


def test_mistakes_are_told_with_the_way_out(answered: School) -> None:
    for arguments, wanted in (
        (("--school", "Oak"), "Elm School"),
        (("--learner", "external:lms:bo"), "say which with --school"),
        (("--school", answered.name, "--learner", "external:lms:dee"), "'external:lms:dee' is not in this school"),
        (("--school", answered.name, "--curriculum", "history"), "'history' is not published for this school"),
    ):
        with pytest.raises(CommandError, match=wanted):
            run(*arguments)


def another_model(curriculum: Curriculum) -> ModelVersion:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "model"
        half_life.prior_model(3, 6, config=half_life.Config(intercept=1.0)).save(folder)
        return registry.register(folder, curriculum_version=CurriculumVersion.objects.get(curriculum=curriculum))
