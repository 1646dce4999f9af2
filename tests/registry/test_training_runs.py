"""A model fitted anew: what comes of it, and what is said where nothing can."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from curricula import services as curricula
from curricula.models import Curriculum
from tests import people
from tests.flow import steps
from tests.registry.training import finished, request
from tutor.accounts.access import NotFound
from tutor.accounts.models import School
from tutor.registry import loader, queries, runs
from tutor.registry import services as registry
from tutor.registry.card import card
from tutor.registry.models import Deployment, EdgeReview, ModelVersion, TrainingRun
from tutor.registry.runs import CannotRun

Status = TrainingRun.Status
#: Steps are processes, which see what is committed only.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("folder")]


def test_a_run_ends_in_a_version_that_says_what_it_is_of(practised: Curriculum, school: School, folder: Path) -> None:
    champion = registry.ensure_served(practised.pk)
    run = finished(request(practised, school_id=school.pk, requested_by="Ms Diaz"))
    assert (run.status, run.message, run.attempts) == (Status.DONE, "", 0)
    version = run.version
    assert version is not None and champion is not None
    assert (version.kind, version.school_id, version.curriculum_version.number) == ("logistic", school.pk, 1)
    assert version.data["answers"] == 24 * 30
    assert version.data["first"] < version.data["before"] <= version.data["last"]
    assert version.files.keys() == {"manifest.json", "model.safetensors"}
    assert version.code_version.startswith("0.1.0+")
    assert version.verdict["champion"] == str(champion.pk)
    assert {gate["block"] for gate in version.verdict["gates"]} >= {"prediction", "people", "leaks", "scheduling"}
    assert {"log_loss", "auc", "ece", "by_gap", "ahead", "reliability", "rivals", "by_part"} <= version.metrics.keys()
    assert version.metrics["rivals"].keys() == {"champion", "untrained"}
    assert (version.state == ModelVersion.State.REJECTED) == bool(version.reason)
    assert loader.load(version.pk).n_concepts == 3
    # Judged on later answers than it was fitted on.
    assert 0 < version.metrics["n"] < 0.2 * 24 * 30
    assert version.metrics["judged_from"] == version.data["before"]
    shown = card(queries.access_version(school.pk, version.pk), steps.client_of(school))
    assert shown.judged and shown.data and shown.deciles and shown.by_gap and shown.gates
    assert shown.judged.answers == sum(each.n for each in shown.reliability) == version.metrics["n"]
    assert {figure.key for figure in shown.figures} >= {"log_loss", "auc", "ece", "brier"}
    assert all(any(name.endswith("log_loss") for name in record) for record in run.log)
    # Nothing serves that nobody has promoted, and nothing is left lying about.
    assert {each.champion for each in Deployment.objects.filter(curriculum=practised)} == {champion}
    assert not list(folder.iterdir())


def test_a_model_worse_than_the_baseline_is_rejected_with_the_reason(practised: Curriculum) -> None:
    """Nothing is learnt from learners whom the settings make deaf to their answers."""
    run = finished(request(practised, "half-life", settings={"fit_rounds": 1, "fit_answers": 1}))
    assert run.version is not None
    assert run.version.state == ModelVersion.State.REJECTED
    assert "against logistic: log loss differs by" in run.version.reason
    now = timezone.now()
    assert runs.prune(before=now - timedelta(days=1)) == 0
    assert runs.prune(before=now + timedelta(days=1)) == 1
    with pytest.raises(loader.CannotLoad):
        loader.load(run.version.pk)


def test_a_network_is_fitted_by_two_processes_and_knows_what_teachers_know(
    practised: Curriculum, school: School, settings: Any
) -> None:
    """Processes that torchrun begins, over gloo."""
    settings.TRAINING_PROCESSES = 2
    EdgeReview.objects.create(
        curriculum=practised, school=school, parent=2, child=0, decision="rejected", locked=True, updated_at=steps.at()
    )
    run = finished(request(practised, "psikt", settings={"epochs": 2}, school_id=school.pk))
    assert (run.status, run.message) == (Status.DONE, "")
    assert run.version is not None
    edge = run.version.edges.filter(parent=2, child=0).first()
    assert edge is None or edge.existence * edge.direction < 0.01


def test_the_next_fit_begins_with_the_newest_of_its_kind_unless_told_otherwise(practised: Curriculum) -> None:
    baseline = registry.ensure_served(practised.pk)
    run = request(practised, "half-life", full=True)
    assert run.warm_start is None
    runs.cancel(run, now=timezone.now())
    run = finished(request(practised, "half-life"))
    assert run.version is not None
    assert run.version.parent == baseline


def test_a_target_has_one_open_run(practised: Curriculum, school: School) -> None:
    run = request(practised)
    with pytest.raises(CannotRun, match=rf"queued already \(run {run.pk}\): wait for it, or cancel it"):
        request(practised)
    assert request(practised, school_id=school.pk) != request(practised, "half-life")


def test_what_cannot_be_fitted_is_told(practised: Curriculum) -> None:
    with pytest.raises(CannotRun, match="no model is named 'dkt': give one of cakt, half-life"):
        request(practised, "dkt")
    with pytest.raises(CannotRun, match="seed -1: must be from 0"):
        request(practised, seed=-1)
    with pytest.raises(CannotRun, match=r"setting rate is \[1\]: must be a number"):
        request(practised, settings={"rate": [1]})
    run = finished(request(practised, settings={"rats": 3}))
    assert run.status == Status.FAILED
    assert "rats" in run.message and run.version is None


def test_too_few_answers_are_told(school: School, fractions: Curriculum) -> None:
    steps.record(school, steps.right_and_wrong(steps.learners(school, 1)[0], fractions, "01"), now=steps.at(5))
    run = finished(request(fractions))
    assert run.status == Status.FAILED
    assert run.message.startswith("there are 2 answers of 1 learners, at least 100 of 5 are needed")


def test_what_lies_broken_about_is_no_rival_and_no_start(practised: Curriculum, folder: Path) -> None:
    """Left by a step that was killed while it wrote; and a start whose files are gone."""
    baseline = registry.ensure_served(practised.pk)
    assert baseline is not None
    run = request(practised, "half-life")
    half = folder / str(run.pk) / "models" / ".half-life.0f0f.part"
    half.mkdir(parents=True)
    (half / "manifest.json").write_text("{")
    lost = ModelVersion.objects.create(
        kind="half-life", curriculum_version=run.curriculum_version, data={"before": 0.0}, checksum="", prior_recall=b""
    )
    TrainingRun.objects.filter(pk=run.pk).update(warm_start=lost)
    assert finished(run).status == Status.DONE, run.message
    assert run.version is not None
    assert (run.warm_start, run.version.parent) == (None, None)
    assert run.version.metrics["rivals"].keys() == {"champion", "logistic", "untrained"}


def test_nobody_is_judged_by_what_the_champion_has_seen(practised: Curriculum) -> None:
    """Nor on a curriculum that grew while the run waited."""
    champion = registry.ensure_served(practised.pk)
    assert champion is not None
    last = steps.at(29, days=2).timestamp()
    ModelVersion.objects.filter(pk=champion.pk).update(is_baseline=False, data={"before": last - 30.0})
    run = request(practised)
    document = people.a_document()
    document["concepts"].append({"key": "new", "title": "New", "prerequisites": []})
    document["items"].append({"key": "new-1", "concepts": ["new"], "statement": "?", "difficulty": 0.0, "minutes": 1})
    draft = curricula.import_document(document, owner=practised.owner, now=timezone.now())
    curricula.publish(draft.curriculum, now=timezone.now())
    assert finished(run).status == Status.DONE, run.message
    assert run.version is not None
    assert run.version.metrics["judged_from"] == last - 30.0
    assert run.version.data["before"] < last - 30.0
    assert run.version.curriculum_version.number == 2
    # Too little is left to judge by, and that is said.
    assert "answers, enough: there are" in run.version.reason


def test_a_single_answer_since_the_champion_was_fitted_is_too_little_to_judge_by(
    practised: Curriculum, school: School
) -> None:
    champion = registry.ensure_served(practised.pk)
    assert champion is not None
    last = steps.at(29, days=2).timestamp()
    ModelVersion.objects.filter(pk=champion.pk).update(is_baseline=False, data={"before": last + 30.0})
    late = steps.answer(steps.learners(school, 1)[0], practised, seconds=last + 60.0)
    steps.record(school, [late], now=timezone.now() - timedelta(hours=1))
    run = finished(request(practised))
    assert run.status == Status.DONE, run.message
    assert run.version is not None
    assert run.version.reason.startswith("answers, enough: there are 1 answers of 1 learners")
    assert run.version.metrics["n"] == 1
    assert card(queries.access_version(None, run.version.pk), steps.client_of(school)).gates


def test_by_night_models_are_fitted_where_enough_has_come_in(practised: Curriculum) -> None:
    registry.ensure_served(practised.pk)
    now = timezone.now()
    assert not runs.request_due(now=now)
    Deployment.objects.update(retrain_after=400, retrains=["logistic"])
    (run,) = runs.request_due(now=now)
    assert (run.kind, run.school, run.requested_by) == ("logistic", None, "schedule")
    assert not runs.request_due(now=now)
    finished(run)
    assert not runs.request_due(now=now)


def test_a_school_sees_its_own_runs(practised: Curriculum, school: School, other_school: School) -> None:
    run = request(practised, school_id=school.pk)
    assert runs.access(school.pk, run.pk) == runs.access(None, run.pk) == run
    with pytest.raises(NotFound):
        runs.access(other_school.pk, run.pk)


def test_the_command_fits_here_and_tells_what_came_of_it(
    practised: Curriculum, school: School, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("retrain", practised.key, "--school", school.name, "--kind", "logistic", "--here")
    assert "logistic: " in capsys.readouterr().out
    assert TrainingRun.objects.get().version is not None
    with pytest.raises(CommandError, match="there is no curriculum 'algebra': give the id of one of these"):
        call_command("retrain", "algebra", "--here")
    people.a_curriculum(school.pk, key="empty")
    with pytest.raises(CommandError, match="not every model was fitted"):
        call_command("retrain", "empty", "--school", school.name, "--kind", "logistic", "--here")
