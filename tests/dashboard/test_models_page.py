"""What a school's administrator sees of its models, what they may do, and that nobody else may."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from django.test import Client

from curricula.models import Curriculum
from tests import people
from tests.dashboard import models_room as room
from tests.dashboard.classroom import answers, take_in
from tests.dashboard.conftest import Post, SignIn, text_of
from tests.flow import judged
from tests.flow.steps import statements
from tests.flow.versions import keep_beside
from tutor.accounts.models import Group, School, User
from tutor.dashboard import models_queries
from tutor.registry import deployments
from tutor.registry import services as registry
from tutor.registry.models import Deployment, ModelVersion, TrainingRun
from tutor.tracing import beside

State = ModelVersion.State


def test_the_page_tells_who_serves_and_what_is_tried_beside(
    fractions: Curriculum, school: School, class_7b: Group, head: User, signed_in: SignIn, now: datetime
) -> None:
    story = room.a_story(school, class_7b, now=now)
    page = text_of(signed_in(head).get("/models/"))
    champion, challenger = (f"Logistic {str(story.champion.pk)[-6:]}", f"PSI-KT {str(story.challenger.pk)[-6:]}")
    assert f"Champion of the school {champion}" in page
    assert re.search(f"In shadow .* too early to tell {challenger}", page)
    assert re.search("Learners level .* Answers compared .* 0 of 2,000 Days in shadow .* 3.0 of 7", page)
    assert "The champion expects too much: 58% of answers right where 70% were expected" in page
    assert "fits (2 of 3) · 40%, epoch 7" in page
    assert "gpu1:42 cuda:0 (NVIDIA H100)" in page
    assert "-0.0" not in page and "\N{MINUS SIGN}0.021 (\N{MINUS SIGN}0.034 to \N{MINUS SIGN}0.009)" in page
    assert "5 of 7 open" in page and "7 of 7 open" in page


def test_the_card_shows_gates_pictures_and_classes(
    fractions: Curriculum, school: School, class_7b: Group, head: User, signed_in: SignIn, now: datetime
) -> None:
    story = room.a_story(school, class_7b, now=now)
    answer = signed_in(head).get(f"/models/{story.rejected.pk}/")
    page = text_of(answer)
    assert "Rejected: prediction, ahead answer against champion" in page
    assert "7b is told worse by +0.0500 [+0.0300, +0.0700] nats" in page
    assert "First time on a concept: it expects too much" in page
    assert "24,000 of 600 learners" in page and "0.1.0+1f2e3d4c5b6a" in page
    assert "It cannot be put in shadow or promoted" in page and "/promote/" not in answer.content.decode()
    pictures = re.findall(r'<svg class="plot (\w+)', answer.content.decode())
    assert pictures == ["calibration", "learning"]


def test_a_school_without_a_model_of_its_own_is_told_whose_it_follows(
    version: ModelVersion, baseline: ModelVersion, head: User, signed_in: SignIn
) -> None:
    page = text_of(signed_in(head).get("/models/"))
    assert "Elm School follows the model of all schools, which its operator looks after" in page
    assert f"Champion of all schools Half-life {str(baseline.pk)[-6:]}" in page
    assert "untrained" in page and "Roll back" not in page
    served = text_of(signed_in(head).get(f"/models/{baseline.pk}/"))
    assert "It has learnt from nobody" in served and "Promote" not in served and "Put in shadow" not in served
    assert "The school then has a champion of its own" in text_of(signed_in(head).get(f"/models/{version.pk}/"))


def test_who_stands_in_for_a_champion_that_cannot_be_loaded_is_told_and_why(
    version: ModelVersion, fractions: Curriculum, school: School, head: User, signed_in: SignIn, now: datetime
) -> None:
    lost = judged.a_judged_version(fractions, school_id=school.pk, kind="cakt")
    for each in (version, lost):
        deployments.promote(each, school_id=school.pk, now=now)
    ModelVersion.objects.filter(pk=lost.pk).update(state="failed", note="model.safetensors is gone")
    browser = signed_in(head)
    page = text_of(browser.get("/models/"))
    stand_in = f"The champion cannot be loaded: PSI-KT {str(version.pk)[-6:]}, which served before it, stands in"
    assert f"{stand_in} until you promote another or roll back. Why: model.safetensors is gone" in page
    ModelVersion.objects.update(state="failed")
    assert "nothing stands in for it yet" in text_of(browser.get("/models/"))
    registry.ensure_served(fractions.pk)
    assert "the curriculum's untrained model stands in until you promote another" in text_of(browser.get("/models/"))


def test_nothing_published_is_told(school: School, head: User, signed_in: SignIn) -> None:
    assert "Nothing is published that a model could be of" in text_of(signed_in(head).get("/models/"))


def test_of_several_curricula_one_is_chosen(
    fractions: Curriculum, school: School, other_school: School, head: User, signed_in: SignIn
) -> None:
    other = people.a_curriculum(school.pk, key="other", title="Zoology")
    browser = signed_in(head)
    assert "Fractions · Elm School" in text_of(browser.get("/models/"))
    assert "Zoology · Elm School" in text_of(browser.get(f"/models/?curriculum={other.pk}"))
    theirs = people.a_curriculum(other_school.pk, key="theirs")
    assert "(Oak School)" not in text_of(browser.get("/models/"))
    for wrong in (theirs.pk, "nothing"):
        assert browser.get(f"/models/?curriculum={wrong}").status_code == 404


def test_older_versions_are_a_page_further(
    fractions: Curriculum, baseline: ModelVersion, head: User, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models_queries, "VERSIONS", 2)
    made = [judged.a_judged_version(fractions, found={}) for _ in range(3)]
    browser = signed_in(head)
    first = browser.get("/models/")
    shown = [line.id for line in first.context["page"].versions]
    assert shown == [made[2].pk, made[1].pk]
    older = browser.get("/models/", {"before": str(first.context["page"].older)})
    assert [line.id for line in older.context["page"].versions] == [made[0].pk, baseline.pk]
    assert older.context["page"].older is None


def test_a_fit_is_asked_for_watched_and_cancelled(
    fractions: Curriculum, baseline: ModelVersion, school: School, post: Post, head: User, signed_in: SignIn
) -> None:
    assert "A Logistic model of Elm School will be fitted" in post(f"of/{fractions.pk}/retrain", kind="logistic")
    run = TrainingRun.objects.get()
    assert (run.school, run.kind, run.requested_by) == (school, "logistic", "Head")
    assert "waits for the training worker" in text_of(signed_in(head).get(f"/models/runs/{run.pk}/"))
    again = post(f"of/{fractions.pk}/retrain", kind="logistic")
    assert "Not begun: a logistic model of this curriculum is queued already" in again
    assert "The fit of a Logistic model is cancelled" in post(f"runs/{run.pk}/cancel")
    assert TrainingRun.objects.get().status == "cancelled"
    assert "had ended before: it is cancelled" in post(f"runs/{run.pk}/cancel")


def test_a_fit_goes_on_from_the_newest_model_unless_it_is_to_be_from_scratch(
    fractions: Curriculum, baseline: ModelVersion, post: Post
) -> None:
    post(f"of/{fractions.pk}/retrain", kind="half-life")
    run = TrainingRun.objects.get()
    assert run.warm_start == baseline
    post(f"runs/{run.pk}/cancel")
    post(f"of/{fractions.pk}/retrain", kind="half-life", full="on")
    assert TrainingRun.objects.get(status="queued").warm_start is None


def test_a_kind_that_is_none_is_refused(fractions: Curriculum, baseline: ModelVersion, post: Post) -> None:
    assert "Not begun: no model is named 'dkt'" in post(f"of/{fractions.pk}/retrain", kind="dkt")
    assert not TrainingRun.objects.exists()


def test_a_version_is_tried_promoted_and_rolled_back_for_the_school_alone(
    practised: None, fractions: Curriculum, school: School, version: ModelVersion, baseline: ModelVersion, post: Post,
    now: datetime,
) -> None:  # fmt: skip
    called = f"PSI-KT {str(version.pk)[-6:]}"
    refused = post(f"{version.pk}/promote")
    assert "Not promoted:" in refused and "0 of 2 learners are level, 2 not begun" in refused
    assert f"{called} is in shadow beside the champion of Elm School" in post(f"{version.pk}/shadow")
    beside.look(now=now)
    keep_beside(now=now)
    assert f"{called} now serves Elm School" in post(f"{version.pk}/promote")
    own = room.served(fractions, school)
    assert (own.champion, own.previous, own.challenger) == (version, baseline, None)
    assert room.served(fractions, None).champion == baseline
    assert f"Half-life {str(baseline.pk)[-6:]} serves Elm School again" in post(f"of/{fractions.pk}/roll-back")
    assert room.served(fractions, school).champion == baseline


def test_a_challenger_is_withdrawn(fractions: Curriculum, version: ModelVersion, post: Post) -> None:
    assert "Nothing is in shadow for Elm School" in post(f"of/{fractions.pk}/withdraw")
    post(f"{version.pk}/shadow")
    assert "is a candidate again" in post(f"of/{fractions.pk}/withdraw")
    assert Deployment.objects.filter(challenger=version).count() == 0


def test_a_version_is_promoted_in_haste_if_that_is_said(
    practised: None, fractions: Curriculum, school: School, version: ModelVersion, post: Post
) -> None:
    assert "now serves Elm School" in post(f"{version.pk}/promote", force="on")
    assert room.served(fractions, school).champion == version


def test_what_its_gates_rejected_is_refused_with_the_reason(
    fractions: Curriculum, school: School, baseline: ModelVersion, post: Post
) -> None:
    shut = judged.verdict({}, failing="calibration")
    version = judged.a_judged_version(fractions, school_id=school.pk, judged=shut)
    for act in ("promote", "shadow"):
        assert "is rejected (prediction, calibration" in post(f"{version.pk}/{act}", force="on")
    assert not Deployment.objects.filter(school=school).exists()


def test_without_anything_before_the_way_back_is_refused(
    fractions: Curriculum, version: ModelVersion, post: Post
) -> None:
    assert "Not rolled back: no version served curriculum" in post(f"of/{fractions.pk}/roll-back")


def test_an_operator_acts_for_all_schools(
    practised: None, baseline: ModelVersion, fractions: Curriculum, school: School, operator: User,
    signed_in: SignIn, now: datetime,
) -> None:  # fmt: skip
    shared = judged.a_judged_version(fractions)
    own = judged.a_judged_version(fractions, school_id=school.pk, kind="logistic")
    deployments.promote(own, school_id=school.pk, now=now)
    browser = signed_in(operator)
    assert "for all schools that have no model of their own" in text_of(browser.get("/models/"))
    page = text_of(browser.post(f"/models/{shared.pk}/promote/", {"force": "on"}, follow=True))
    assert "now serves all schools" in page
    assert f"Elm School Logistic {str(own.pk)[-6:]}" in page
    assert room.served(fractions, None).champion == shared
    assert room.served(fractions, school).champion == own
    refused = text_of(browser.post(f"/models/{own.pk}/promote/", {"force": "on"}, follow=True))
    assert f"was fitted on answers of school {school.pk}: it cannot serve all schools" in refused


def paths(version: ModelVersion, run: TrainingRun, curriculum: Curriculum) -> tuple[list[str], list[str]]:
    """What is read, and what is done."""
    of = f"/models/of/{curriculum.pk}"
    read = [f"/models/?curriculum={curriculum.pk}", f"/models/{version.pk}/", f"/models/runs/{run.pk}/"]
    done = [f"/models/{version.pk}/shadow/", f"/models/{version.pk}/promote/", f"{of}/retrain/", f"{of}/withdraw/",
            f"{of}/roll-back/", f"{of}/follow-site/", f"/models/runs/{run.pk}/cancel/"]  # fmt: skip
    return read, done


@pytest.mark.parametrize("outsider", ["ms_diaz", "mr_chen", "their_head"])
def test_for_teachers_and_for_other_schools_there_are_no_such_pages(
    outsider: str, request: pytest.FixtureRequest, fractions: Curriculum, school: School, version: ModelVersion,
    signed_in: SignIn, now: datetime,
) -> None:  # fmt: skip
    run = room.a_run_under_way(school, fractions, now=now, kind="logistic")
    browser = signed_in(request.getfixturevalue(outsider))
    read, done = paths(version, run, fractions)
    before = list(Deployment.objects.values()), list(TrainingRun.objects.values())
    for path in read:
        assert browser.get(path).status_code == 404, path
    for path in done:
        assert browser.post(path, {"kind": "logistic", "force": "on"}).status_code == 404, path
    assert (list(Deployment.objects.values()), list(TrainingRun.objects.values())) == before
    assert 'href="/models/"' not in browser.get("/").content.decode() or outsider == "their_head"


def test_a_site_wide_version_s_run_and_others_deployments_stay_unseen(
    fractions: Curriculum, baseline: ModelVersion, school: School, other_school: School, their_head: User,
    signed_in: SignIn, now: datetime,
) -> None:  # fmt: skip
    shared = people.a_curriculum(None, key="shared", title="Shared")
    registry.ensure_served(shared.pk)
    theirs = judged.a_judged_version(shared, school_id=school.pk)
    deployments.promote(theirs, school_id=school.pk, now=now)
    everybody_s = room.a_run_under_way(None, shared, now=now, kind="logistic")
    browser = signed_in(their_head)
    page = browser.get(f"/models/?curriculum={shared.pk}")
    assert str(theirs.pk) not in page.content.decode() and str(everybody_s.pk) not in page.content.decode()
    assert browser.get(f"/models/runs/{everybody_s.pk}/").status_code == 404


def test_whoever_is_not_signed_in_is_asked_to(version: ModelVersion, fractions: Curriculum) -> None:
    assert Client().get("/models/").headers["Location"] == "/login/?next=/models/"
    answer = Client().post(f"/models/{version.pk}/promote/")
    assert answer.headers["Location"].startswith("/login/")
    assert not Deployment.objects.filter(champion=version).exists()


def test_nothing_is_done_without_the_page_s_own_form(version: ModelVersion, head: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(head)
    assert browser.post(f"/models/{version.pk}/promote/", {"force": "on"}).status_code == 403
    assert browser.get(f"/models/{version.pk}/promote/").status_code == 405


def test_statements_grow_with_nothing(
    practised: None, fractions: Curriculum, school: School, class_7b: Group, head: User, signed_in: SignIn,
    now: datetime,
) -> None:  # fmt: skip
    story = room.a_story(school, class_7b, now=now)
    browser = signed_in(head)
    pages = ["/models/", f"/models/{story.challenger.pk}/", f"/models/runs/{story.run.pk}/"]
    counts = []
    for _ in range(2):
        for page in pages:
            browser.get(page)
        with statements() as sent:
            assert [browser.get(page).status_code for page in pages] == [200] * 3
        counts.append(len(sent))
        for n in range(4):
            version = judged.a_judged_version(fractions, school_id=school.pk, groups={class_7b.pk: 20})
            judged.a_finished_run(version)
            room.a_worker([version.pk], now=now, name=f"gpu2:{n}-{version.pk}")
            learner = people.a_learner(school, f"Learner {n}")
            take_in(school, answers(learner, fractions, "halves-1", "01", last=now), now=now)
    assert counts[0] == counts[1] <= 45


def test_an_operator_tells_curricula_of_one_title_apart(
    fractions: Curriculum, other_school: School, operator: User, signed_in: SignIn
) -> None:
    theirs = people.a_curriculum(other_school.pk)
    browser = signed_in(operator)
    page = text_of(browser.get("/models/"))
    assert "Fractions (Elm School)" in page and "Fractions (Oak School)" in page
    for n in range(7):
        people.a_curriculum(None, key=f"shared-{n}", title=f"Shared {n}")
    chosen = browser.get("/models/", {"curriculum": str(theirs.pk)}).content.decode()
    assert f'<option value="{theirs.pk}" selected>Fractions (Oak School)</option>' in chosen
