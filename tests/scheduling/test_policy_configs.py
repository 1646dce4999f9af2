"""A school's own settings of a policy: named, versioned, never changed; and judged by the log as a job."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from curricula.models import Curriculum
from tests.flow.steps import answer, at, client_of, learners, record, work
from tutor.accounts.access import NotFound
from tutor.accounts.models import School
from tutor.scheduling import configs, evaluations, jobs
from tutor.scheduling.configs import BadConfig
from tutor.scheduling.evaluations import CannotEvaluate
from tutor.scheduling.models import Decision, Evaluation, PolicyConfig
from tutor.scheduling.ope.rewards import Kind, Reward
from tutor.scheduling.policies import POLICIES, Settings, Spinning
from tutor.scheduling.serving import next_for
from tutor.tracing.status import Criteria

pytestmark = pytest.mark.django_db

NOW = at(days=60)


def a_config(school: School, name: str = "gentle", policy: str = "gain", **parameters: Any) -> PolicyConfig:
    return configs.create(school.pk, name=name, policy=policy, parameters=parameters, by="Ms Diaz", now=at(0))


def test_a_change_is_the_next_version(school: School) -> None:
    first, second = a_config(school, success=0.85), a_config(school, success=0.9)
    assert [(each.name, each.version) for each in (first, second)] == [("gentle", 1), ("gentle", 2)]
    first.refresh_from_db()
    assert first.parameters == {"success": 0.85}


def test_schools_name_theirs_as_they_like(school: School, other_school: School) -> None:
    assert a_config(school).version == a_config(other_school).version == 1
    with pytest.raises(NotFound):
        configs.access(other_school.pk, str(PolicyConfig.objects.get(school_id=school.pk).pk))


def test_what_is_set_goes_before_what_is_agreed(school: School) -> None:
    config = a_config(school, success=0.9, retention=0.95, look_ahead=2, spinning="rest")
    chosen = configs.chosen(config.policy, config)
    agreed = Settings(success=0.6, in_a_row=2)
    settings = chosen.settings(agreed)
    assert (settings.success, settings.in_a_row, settings.look_ahead) == (0.9, 2, 2)
    assert settings.spinning is Spinning.REST
    assert chosen.criteria(Criteria(ready_at=0.8)) == Criteria(ready_at=0.8, retention=0.95)
    assert (chosen.label, chosen.version, chosen.policy) == ("gentle", 1, POLICIES["gain"])


def test_who_is_not_to_be_explored_on_is_not(school: School) -> None:
    config = a_config(school, exploration=0.4)
    chosen = configs.chosen(config.policy, config)
    assert chosen.settings(Settings(exploration=0.0)).exploration == 0.0
    assert chosen.settings(Settings(exploration=0.1)).exploration == 0.4


def test_the_log_names_policies_and_versions(school: School, other_school: School) -> None:
    config = a_config(school)
    found = configs.labelled(school.pk, "gentle", 1)
    assert found is not None
    assert found.policy.name == config.policy
    assert configs.labelled(school.pk, "gentle", 2) is None
    assert configs.labelled(other_school.pk, "gentle", 1) is None
    assert configs.labelled(school.pk, "gain", POLICIES["gain"].version + 1) is None


@pytest.mark.parametrize(
    ("parameters", "pointer", "words"),
    [
        ({"succes": 0.9}, "succes", "there is no parameter 'succes': use retention,"),
        ({"success": 1.5}, "success", "success is 1.5: give a number from 0.3 to 0.95"),
        ({"success": "0.8"}, "success", "success is '0.8': give a number"),
        ({"success": float("nan")}, "success", "success is nan"),
        ({"explored": True}, "explored", "explored is True: give a whole number from 1 to 20"),
        ({"look_ahead": 1.5}, "look_ahead", "look_ahead is 1.5: give a whole number from 1 to 3"),
        ({"spinning": "dance"}, "spinning", "give one of other_material, rest, alert"),
        ({"exam_at": "2020-06-14T08:00:00Z"}, "exam_at", "is past: give a time ahead"),
        ({"exam_at": "2027-06-14"}, "exam_at", "give a time with its zone"),
        ({"exam_at": 5}, "exam_at", "give a time with its zone"),
        ({"goals": [1]}, "goals", "goals is not a policy's to set: goals are concepts of one curriculum"),
        ({"mastered_at": 0.9}, "mastered_at", "mastery is judged at every answer, by one rule for everybody"),
    ],
)
def test_parameters_that_cannot_be_are_refused(
    parameters: dict[str, Any], pointer: str, words: str, school: School
) -> None:
    with pytest.raises(BadConfig, match=words.replace("(", r"\(")) as refused:
        a_config(school, **parameters)
    assert refused.value.pointer == f"/parameters/{pointer}"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "gain"}, "'gain' is a policy itself"),
        ({"name": "Gentle"}, "name 'Gentle': give 1 to 40 of a-z"),
        ({"name": ""}, "name ''"),
        ({"policy": "magic"}, "no policy is named 'magic': give one of gain,"),
        ({"policy": "exam"}, "policy 'exam' needs exam_at"),
    ],
)
def test_names_and_policies_that_cannot_be_are_refused(given: dict[str, str], words: str, school: School) -> None:
    with pytest.raises(BadConfig, match=words):
        a_config(school, **given)


def test_each_setting_may_be_set_or_it_is_said_why_not() -> None:
    known = {*Settings.__match_args__, *Criteria.__match_args__}
    assert known == {*configs.PARAMETERS, *configs.ELSEWHERE}


@pytest.fixture
def offered(school: School, fractions: Curriculum) -> list[Decision]:
    """Forty learners, each offered something and answering it three times in as many days."""
    group = learners(school, 40)
    for day in range(3):
        for minute, learner in enumerate(group):
            now = at(minute, days=day)
            served = next_for(client_of(school), str(learner.pk), curriculum="fractions", n=1, narrowing=None, now=now)
            entry = served.entries[0]
            said = {"concepts": [entry.concept], "seconds": now.timestamp() + 30, "correct": float(minute % 3 > 0)}
            record(school, [answer(learner, fractions, entry.item, **said)], now=now + timedelta(seconds=30))
        work(now=at(59, days=day))
    return list(Decision.objects.all())


def ask(school: School, policy: str = "gain", config: PolicyConfig | None = None, **options: Any) -> Evaluation:
    asked = {"since": at(0), "until": NOW, "reward": Reward(Kind.ANSWERED), "now": NOW, **options}
    job = evaluations.question(school.pk, policy, config, **asked)
    jobs.request(job)
    return job


@pytest.mark.chance
def test_an_evaluation_ends_with_its_report(school: School, offered: list[Decision]) -> None:
    job = ask(school)
    assert evaluations.run_next(now=NOW)
    job.refresh_from_db()
    assert (job.status, job.message, job.done, job.total) == ("done", "", len(offered), len(offered))
    told = job.report
    assert told["refusal"] == ""
    assert told["replayed"] == {
        "choices": 120, "kept": 120, "unwanted": 0, "lost": {}, "checked": told["replayed"]["checked"],
        "reproduced": told["replayed"]["checked"],
    }  # fmt: skip
    assert set(told["values"]) == {"ips", "snips", "dr"}
    assert told["values"]["snips"]["value"]["value"] == pytest.approx(1.0)
    assert told["overlap"]["effective"] > 100
    assert not evaluations.run_next(now=NOW)


@pytest.mark.chance
def test_too_small_a_sample_is_refused_with_the_reason(school: School, offered: list[Decision]) -> None:
    job = ask(school, until=at(30))
    evaluations.run_next(now=NOW)
    job.refresh_from_db()
    assert job.status == "done"
    assert "100 are needed: take a longer time" in job.report["refusal"]
    assert job.report["values"] == {}


@pytest.mark.chance
def test_a_policy_that_wants_nothing_of_it_is_not_judged(school: School, offered: list[Decision]) -> None:
    Decision.objects.update(kind="review")
    job = ask(school, "curriculum_order")
    # As if all had been mastered: it goes through a curriculum once.
    job.refresh_from_db()
    outcome = evaluations.assess(job, now=NOW)
    share = outcome.replayed.unwanted / max(outcome.replayed.choices, 1)
    assert ("the policy wants nothing of what was offered" in outcome.report.refusal) == (share > 0.05)


def test_a_dead_workers_job_is_taken_up_again_and_given_up_in_the_end(school: School) -> None:
    job = ask(school)
    dead = {"status": "running", "attempts": 1, "lease_until": NOW - timedelta(seconds=1)}
    Evaluation.objects.filter(pk=job.pk).update(**dead)
    assert evaluations.run_next(now=NOW)
    job.refresh_from_db()
    assert (job.status, job.attempts) == ("done", 2)
    Evaluation.objects.filter(pk=job.pk).update(**dead | {"attempts": 3, "finished_at": None})
    assert evaluations.run_next(now=NOW)
    job.refresh_from_db()
    assert job.status == "failed"
    assert "given up after 3 attempts" in job.message


def test_a_job_that_is_worked_on_is_left_alone(school: School) -> None:
    job = ask(school)
    Evaluation.objects.filter(pk=job.pk).update(status="running", lease_until=NOW + timedelta(minutes=1))
    assert not evaluations.run_next(now=NOW)


def test_whoever_lost_the_lease_writes_nothing(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    job = ask(school)
    read = evaluations.reading.read

    def taken_over(*arguments: Any, **options: Any) -> Any:
        Evaluation.objects.filter(pk=job.pk).update(lease_until=NOW + timedelta(days=1))
        return read(*arguments, **options)

    monkeypatch.setattr(evaluations.reading, "read", taken_over)
    assert evaluations.run_next(now=NOW)
    job.refresh_from_db()
    assert (job.status, job.report) == ("running", None)


def test_questions_without_sense_are_refused(school: School) -> None:
    with pytest.raises(CannotEvaluate, match="is not after since"):
        ask(school, since=at(5), until=at(5))
    with pytest.raises(CannotEvaluate, match="shows after 21 days: begin before"):
        ask(school, since=NOW - timedelta(days=20), reward=Reward())
    with pytest.raises(CannotEvaluate, match="judge it in the simulator"):
        ask(school, "alp_gmm")


def test_few_wait_at_a_time(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "WAITING", 1)
    ask(school)
    with pytest.raises(jobs.TooMany, match="1 evaluations of the school wait already"):
        ask(school)


@pytest.mark.chance
def test_the_report_is_written_as_a_page_and_as_json(
    school: School, offered: list[Decision], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_config(school, success=0.9)
    out = tmp_path / "gentle.md"
    asked = ["gentle", "--school", school.name, "--since", "2026-03-01", "--until", "2026-03-20"]
    call_command("evaluate_policy", *asked, "--reward", "answered", "--out", str(out))
    report = json.loads(out.with_suffix(".json").read_text())
    text = out.read_text()
    assert text.startswith("# Policy gentle, version 1, judged by the log of Elm School\n")
    assert "- Policy: `gain` with success = 0.9\n" in text
    assert f"| of these told again | {report['replayed']['kept']} |" in text
    value = report["values"]["snips"]["value"]
    assert (
        f"| SNIPS, the same self-normalised | {value['value']:.3f} | {value['low']:.3f} to {value['high']:.3f} |"
        in text
    )
    assert "- The logged probabilities are those that choices were drawn from." in text
    assert "120 of 120 choices" in capsys.readouterr().out


def test_a_page_without_values_says_why(school: School, tmp_path: Path) -> None:
    out = tmp_path / "gain.md"
    call_command("evaluate_policy", "gain", "--school", school.name, "--since", "2026-03-01", "--out", str(out))
    assert "**Nothing can be told:** no choice of this policy is on record here" in out.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["magic", "--since", "2026-03-01"], "there is no policy 'magic'"),
        (["alp_gmm", "--since", "2026-03-01"], "judge it in the simulator"),
        (["gain", "--since", "2026-03-01", "--until", "2026-02-01"], "is not after since"),
        (["gain", "--since", "2026-03-01", "--curriculum", "nowhere"], "curriculum 'nowhere' is not published"),
    ],
)
def test_questions_without_sense_are_refused_on_the_command_line(
    arguments: list[str], words: str, school: School, tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("evaluate_policy", *arguments, "--school", school.name, "--out", str(tmp_path / "page.md"))
