"""A contest goes on where it was stopped, says the same whoever plays it, and tells what came of it."""

from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from kt_models.simulate import Record
from tutor.scheduling.policies import POLICIES
from tutor.scheduling.tournament import contest, outcome, report
from tutor.scheduling.tournament.contest import Entrant, Plan, Result


def plan(*labels: str, **changes: Any) -> Plan:
    chosen = {"worlds": ("power",), "learners": 12, "days": 4, "concepts": 8, "minutes": 2.0, "model": "logistic"}
    return Plan(tuple(Entrant.parse(label) for label in labels or ("gain", "random")), **{**chosen, **changes})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a contest that was played."""
    found = tmp_path_factory.mktemp("contest")
    contest.hold(plan(), found)
    return found


def told(of: Plan, folder: Path) -> dict[str, Any]:
    found = outcome.compare(of, contest.results(of, folder), outcome.references(of, ["random"]))
    report.write(found, folder)
    read: dict[str, Any] = json.loads((folder / report.FIGURES).read_text())
    return read


def test_what_was_played_is_not_played_again(folder: Path) -> None:
    done: list[tuple[str, int]] = []
    contest.hold(plan(), folder, tell=lambda what, n: done.append((what, n)))
    assert done == [("runs", 2)]
    contest.hold(plan("gain", "random", "leitner"), folder, tell=lambda what, n: done.append((what, n)))
    # The model is that of the others.
    assert done[1:] == [("runs", 2), ("runs", 1)]


def test_a_contest_that_was_stopped_says_the_same(folder: Path) -> None:
    before = told(plan(), folder)
    page = (folder / report.PAGE).read_text()
    for path in sorted((folder / "runs").glob("*random*")):
        path.unlink()
    with pytest.raises(FileNotFoundError):
        contest.results(plan(), folder)
    # What a killed process leaves.
    (folder / "runs" / ".half.npz.part").write_bytes(b"PK")
    contest.hold(plan(), folder)
    assert told(plan(), folder) == before
    assert (folder / report.PAGE).read_text() == page


def test_several_processes_find_what_one_finds(folder: Path, tmp_path: Path) -> None:
    contest.hold(plan(), tmp_path, jobs=2)
    assert told(plan(), tmp_path) == told(plan(), folder)


def test_other_rules_are_other_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    gain = Entrant.parse("gain")
    game = next(plan().games())
    names = {
        game.run_name(gain),
        game.run_name(Entrant.parse("gain:look_ahead=2")),
        *(next(plan(**{name: value}).games()).run_name(gain) for name, value in [("days", 5), ("seeds", (2,)),
          ("learners", 13), ("minutes", 3.0), ("concepts", 9), ("model", "half-life"), ("replan_after", 3)]),
    }  # fmt: skip
    object.__setattr__(POLICIES["gain"], "version", (was := POLICIES["gain"].version) + 1)
    names.add(game.run_name(gain))
    object.__setattr__(POLICIES["gain"], "version", was)
    assert len(names) == 10


def test_runs_of_other_code_are_told_and_played_again_if_asked(folder: Path) -> None:
    game, entrant = next(plan().games()), Entrant.parse("gain")
    path = folder / "runs" / game.run_name(entrant)
    found = Result.read(path)
    Result(found.record, found.start, found.ability, "other").write(path)
    told(plan(), folder)
    assert "2 states of the code" in (folder / report.PAGE).read_text()
    contest.hold(plan(), folder, fresh=True)
    told(plan(), folder)
    assert "states of the code" not in (folder / report.PAGE).read_text()


def test_figures_are_those_of_the_records() -> None:
    days, n = 10, 20
    of = plan("gain", "threshold", "random", days=days, learners=n)
    ability = np.arange(n, dtype=np.float64)
    levels = {"gain": 0.30, "threshold": 0.20, "random": 0.10}
    runs = {
        label: [Result(Record(np.full((days, n), level), np.full((days, n), 5.0), np.full((days, n), 9.0)),
                       np.full(n, 0.05), ability)]
        for label, level in levels.items()
    }  # fmt: skip
    found = outcome.compare(of, {"power": runs}, outcome.references(of))
    standing = found.standings[0]
    assert (found.hero, found.references, standing.best_baseline) == ("gain", ("threshold",), "random")
    assert list(standing.figures) == ["gain", "threshold", "random"]
    gain = standing.figures["gain"]
    assert (gain.mean.value, gain.exam.value, gain.minutes.value, gain.answers) == pytest.approx((0.3, 0.3, 5.0, 9.0))
    # Of 8 concepts a quarter was learnt in 50 minutes.
    assert gain.per_hour.value == pytest.approx(8 * 0.25 / (50 / 60))
    difference = standing.differences["threshold"]["gain"]
    assert difference.mean.value == pytest.approx(0.5)
    assert [each.value for each in difference.deciles] == pytest.approx([0.5] * 10)
    assert standing.differences["random"]["threshold"].exam.value == pytest.approx(1.0)


def test_the_report_can_be_read_alone(folder: Path) -> None:
    of = plan()
    told(of, folder)
    page = (folder / report.PAGE).read_text()
    assert "12 learners with each seed (1), 4 days" in page
    for picture in re.findall(r"\]\((\S+\.svg)\)", page):
        svg = ElementTree.fromstring((folder / picture).read_text())  # noqa: S314
        assert svg.get("role") == "img"
        text = (folder / picture).read_text()
        assert "prefers-color-scheme:dark" in text
        assert not re.search(r"\bnan\b|\binf\b|http(?!://www.w3.org)", text)
    assert "| gain |" in page and "| random |" in page


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"policies": ["best"]}, "policy 'best' is unknown: choose from"),
        ({"policies": ["gain:size=x"]}, "setting size is 'x': give a number"),
        ({"policies": ["gain:colour=1"]}, "setting 'colour' cannot be set here"),
        ({"policies": ["gain", "gain"]}, "give one or more, each once"),
        ({"worlds": ["mars"]}, "world 'mars' is unknown"),
        ({"minutes": 0.0}, "minutes is 0.0: must be above 0"),
        ({"policies": ["gain"], "against": ["fsrs"]}, "'fsrs' does not play: compare with one of gain"),
        ({"model": "guess"}, "no model is named 'guess'"),
    ],
)
def test_bad_options_are_refused_with_the_way_out(options: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=re.escape(said)):
        call_command("simulate", out=tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_the_command_plays_without_a_database(tmp_path: Path) -> None:
    """No fixture opens one, and pytest-django refuses to."""
    said = StringIO()
    call_command(
        "simulate", "--out", str(tmp_path), "--quick", "--learners", "10", "--days", "3", "--concepts", "5",
        "--model", "logistic", "--worlds", "psikt", "space",
        "--policies", "gain", "gain:horizon_days=7", "fixed_ladder", stdout=said,
    )  # fmt: skip
    page = Path(said.getvalue().strip())
    assert page.read_text().count("\n## World") == 2
    assert "gain:horizon_days=7" in page.read_text()
    assert json.loads((tmp_path / report.FIGURES).read_text())["references"] == ["fixed_ladder"]
