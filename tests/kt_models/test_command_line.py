"""The command line as scripts use it: its outputs, and one line for every mistake."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kt_models import artifact, data
from kt_models.__main__ import main

MODEL = "half-life"


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "answers.parquet"
    assert main(["simulate", "--learners", "40", "--concepts", "6", "--days", "12", "--out", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def fitted(answers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "m"
    log = folder.parent / "log.jsonl"
    arguments = ["--data", str(answers), "--out", str(folder), "--validation", "0.25", "--json-log", str(log)]
    assert main(["fit", "--model", MODEL, *arguments]) == 0
    return folder


def evaluate(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["evaluate", "--json", *map(str, arguments)]) == 0
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_a_simulated_file_is_a_data_set(answers: Path) -> None:
    simulated = data.read(answers)
    assert (simulated.n_learners, simulated.concepts.size) == (40, 6)
    assert simulated.has_time


def test_a_fit_logs_its_start_steps_and_result(fitted: Path, answers: Path) -> None:
    records = [json.loads(line) for line in (fitted.parent / "log.jsonl").read_text().splitlines()]
    start, *steps, saved = records
    assert start["event"] == "start"
    assert (start["kind"], start["seed"], start["learners"]) == (MODEL, 0, 30)
    assert {record["event"] for record in steps} <= {"step"}
    assert (saved["event"], saved["checksum"]) == ("saved", artifact.checksum(fitted))


def test_an_evaluation_is_one_json_object(fitted: Path, answers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = evaluate(capsys, "--artifact", fitted, "--data", answers)
    assert (result["kind"], result["protocol"], result["learners"]) == (MODEL, "next", 40)
    for name in ("auc", "log_loss", "accuracy", "f1", "brier", "ece"):
        assert set(result[name]) == {"value", "low", "high"}
    assert {"n", "by_gap", "by_attempt", "reliability"} <= result.keys()


def test_learners_left_out_of_the_fit_can_be_evaluated(
    fitted: Path, answers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ("--artifact", fitted, "--data", answers)
    assert evaluate(capsys, *common, "--held-out", 0.25)["learners"] == 10
    assert evaluate(capsys, *common, "--learners", 7)["learners"] == 7
    ahead = evaluate(capsys, *common, "--protocol", "horizon", "--given", 5, "--horizon", 4)
    assert (ahead["given"], ahead["horizon"], len(ahead["by_ahead"])) == (5, 4, 4)


def test_ids_of_another_file_are_matched_to_those_of_the_fit(
    fitted: Path, answers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Without concept 0 all positions shift: only the ids tell which is which.
    whole = data.read(answers)
    seen = whole.interactions
    data.write(whole.where(seen.concepts.flat != 0), tmp_path / "part.parquet")
    result = evaluate(capsys, "--artifact", fitted, "--data", tmp_path / "part.parquet")
    assert result["log_loss"]["value"] < result["base_log_loss"]


def test_a_report_for_people_is_a_table(fitted: Path, answers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--artifact", str(fitted), "--data", str(answers)]) == 0
    text = capsys.readouterr().out
    assert "95 % interval" in text
    assert "since last practice" in text


def test_bench_prints_a_line_for_each_operation_and_batch(fitted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["bench", "--artifact", str(fitted), "--batch", "1", "32"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {(r["operation"], r["batch"]) for r in records} >= {
        (name, batch) for name in ("update", "predict", "forecast") for batch in (1, 32)
    }
    assert all(r["microseconds"] > 0 for r in records)


MISTAKES = [
    ("fit --model half-life --data {absent} --out {new}", "no such file"),
    ("fit --model nope --data {data} --out {new}", "no model is named 'nope': give one of"),
    ("fit --model half-life --data {csv} --out {new}", "column 'learner' is needed"),
    ("fit --model half-life --data {data} --out {model}", "not empty"),
    ("fit --model half-life --data {data} --out {new} --set nope=1", "no setting is named 'nope'"),
    ("fit --model half-life --data {data} --out {new} --set half_life_days=soon", "'soon' must be a number"),
    ("fit --model half-life --data {data} --out {new} --set half_life_days", "must be key=value"),
    ("fit --model half-life --data {data} --out {new} --validation 2", "at least 0 and below 1"),
    ("fit --model half-life --data {data} --out {new} --device tpu", "must be cpu, cuda"),
    ("fit --model half-life --data {data} --out {new} --where split", "must be column=value"),
    ("fit --model half-life --data {data} --out {new} --where split=train", "no column 'split'"),
    ("fit --model half-life --data {data} --out {new} --json-log {absent}/log", "cannot be written"),
    ("fit --model half-life --data {data} --out {new} --checkpoint {new}.pt", "keep none: leave it out"),
    ("fit --model logistic --data {data} --out {new} --warm-start {model}", "give one of the same kind"),
    ("fit --model psikt --data {data} --out {new} --warm-start {absent}", "cannot be read"),
    ("fit --model psikt --data {data} --out {new} --checkpoint {absent}/fit.pt", "there is no folder"),
    ("fit --model psikt --data {data} --out {new} --set epochs=0", "epochs is 0, must be above 0"),
    ("fit --model psikt --data {data} --out {new} --set coupling=loose", "must be one of lazy, event, exact, none"),
    ("fit --model half-life --data {data} --out {new} --validation-where fold", "must be column=value"),
    ("fit --model half-life --data {data} --out {new} --validation-where fold=1", "no column 'fold'"),
    ("fit --model half-life --data {split} --out {new} --validation-where fold=1,2", "leave some to fit on"),
    ("fit --model half-life --data {split} --out {new} --validation-where fold=1 --validation 0.1", "give one of them"),
    ("fit --model cakt --data {data} --out {new} --set side=0", "side is 0, must be above 0"),
    ("fit --model cakt --data {data} --out {new} --set encoder=wavelet", "must be one of conv, capsule, recurrent"),
    ("evaluate --artifact {absent} --data {data}", "cannot be read"),
    ("evaluate --artifact {broken} --data {data}", "checksum"),
    ("evaluate --artifact {model} --data {data} --protocol horizon --given 9999", "no learner has enough answers"),
    ("simulate --out {absent}/x.parquet", "cannot be written"),
    ("simulate --out {new} --learners 0", "must be above 0"),
    ("simulate --out {new} --set gain=much", "'much' must be a number"),
]


@pytest.mark.parametrize(("line", "complaint"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_a_mistake_gets_one_line_and_status_2(
    line: str, complaint: str, fitted: Path, answers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.csv").write_text("user,concept,correct\n1,1,1\n")
    (tmp_path / "split.csv").write_text("learner,concept,correct,fold\n1,1,1,1\n2,1,1,2\n")
    (tmp_path / "broken").mkdir()
    for name, content in ((n, (fitted / n).read_bytes()) for n in (artifact.MANIFEST, artifact.WEIGHTS)):
        (tmp_path / "broken" / name).write_bytes(content + b"x" * (name == artifact.WEIGHTS))
    places = {
        "absent": tmp_path / "absent",
        "new": tmp_path / "new",
        "csv": tmp_path / "bad.csv",
        "split": tmp_path / "split.csv",
        "broken": tmp_path / "broken",
        "data": answers,
        "model": fitted,
    }
    capsys.readouterr()
    assert main([word.format(**places) for word in line.split()]) == 2
    captured = capsys.readouterr()
    assert complaint in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


QUICK = [word for setting in ("epochs=2", "min_steps=1", "chunk=8") for word in ("--set", setting)]


def last_record(log: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(log.read_text().splitlines()[-1])
    return record


@pytest.mark.parametrize("kind", ["psikt", "cakt"])
def test_a_checkpoint_that_does_not_fit_has_a_status_of_its_own(
    kind: str, answers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, log = tmp_path / "fit.pt", tmp_path / "log.jsonl"
    command = ["fit", "--model", kind, "--data", str(answers), "--out", str(tmp_path / "m"), "--json-log", str(log)]
    command += ["--checkpoint", str(kept), *QUICK]
    for content in (b"half a file", answers.read_bytes()):
        kept.write_bytes(content)
        assert main(command) == 3
        (line,) = capsys.readouterr().err.splitlines()
        assert "remove it to fit from the start" in line
        assert last_record(log) == {"event": "failed", "status": 3, "message": line.removeprefix("kt_models: ")}
    # What the caller can do about it.
    kept.unlink()
    assert main(command) == 0
    assert last_record(log)["event"] == "saved"


@pytest.mark.parametrize("begun", [False, True])
def test_what_can_be_mended_is_told_in_the_log_too(begun: bool, answers: Path, tmp_path: Path) -> None:
    log, wrong = tmp_path / "log.jsonl", ["--device", "tpu"] if not begun else ["--set", "learning_rate=1e36"]
    command = ["fit", "--model", "cakt", "--data", str(answers), "--out", str(tmp_path / "m"), *QUICK, *wrong]
    assert main([*command, "--json-log", str(log)]) == 2
    events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    assert ("start" in events, events.count("failed")) == (begun, 1)
    told = last_record(log)
    assert (told["event"], told["status"]) == ("failed", 2)
    assert ("lower learning_rate" if begun else "--device tpu") in told["message"]


def test_a_parent_of_several_processes_finds_their_status_in_the_log(answers: Path, tmp_path: Path) -> None:
    kept, log = tmp_path / "fit.pt", tmp_path / "log.jsonl"
    kept.write_bytes(b"half a file")
    command = ["fit", "--model", "psikt", "--data", str(answers), "--out", str(tmp_path / "m"), "--json-log", str(log)]
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "kt_models"]
    done = subprocess.run(
        [*run, *command, "--checkpoint", str(kept)], cwd=Path(__file__).parents[2], capture_output=True, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    told = last_record(log)
    assert (told["event"], told["status"]) == ("failed", 3)
    assert f"kt_models: {told['message']}" in done.stderr.splitlines()


@pytest.mark.parametrize("kind", ["psikt", "cakt"])
def test_a_checkpoint_is_there_until_the_model_is(kind: str, answers: Path, tmp_path: Path) -> None:
    """A file where the folder is to be made: the fit comes to its end, and its model cannot be written."""
    kept, out, log = tmp_path / "fit.pt", tmp_path / "in" / "m", tmp_path / "log.jsonl"
    command = ["fit", "--model", kind, "--data", str(answers), "--json-log", str(log), "--checkpoint", str(kept)]
    (tmp_path / "in").write_text("")
    assert main([*command, "--out", str(out), *QUICK]) == 2
    assert "cannot be written" in last_record(log)["message"]
    assert kept.exists()
    (tmp_path / "in").unlink()
    before = log.read_text().count("train_log_loss")
    assert main([*command, "--out", str(out), *QUICK]) == 0
    assert log.read_text().count("train_log_loss") == before == 2
    assert not kept.exists()
    assert artifact.load_model(out).kind == kind


def test_a_file_of_published_splits_is_fitted_and_evaluated_by_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Order alone, concepts numbered from 1: train rows in folds of learners, test rows in none."""
    path, log, out = tmp_path / "set.csv", tmp_path / "log.jsonl", tmp_path / "model"
    rng = random.Random(0)
    rows = [
        (
            learner,
            rng.randint(1, 4),
            int(rng.random() < 0.4 + 0.05 * step),
            *(("train", 1 + learner % 3), ("test", 0))[learner >= 30],
        )
        for learner in range(40)
        for step in range(10)
    ]
    path.write_text("learner,concept,correct,split,fold\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
    settings = ("side=3", "head=8", "epochs=2", "min_steps=1")
    chosen = ["--where", "split=train", "--validation-where", "fold=1", "--json-log", str(log)]
    options = [word for setting in settings for word in ("--set", setting)]
    assert main(["fit", "--model", "cakt", "--data", str(path), "--out", str(out), *chosen, *options]) == 0
    start, *steps, _ = (json.loads(line) for line in log.read_text().splitlines())
    assert (start["learners"], start["answers"]) == (20, 200)
    assert all(0 < step["validation_auc"] < 1 for step in steps if "validation_log_loss" in step)
    result = evaluate(capsys, "--artifact", out, "--data", path, "--where", "split=test")
    assert (result["kind"], result["learners"], result["n"]) == ("cakt", 10, 100)


def test_the_module_runs_as_a_command() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "kt_models", "fit", "--help"], capture_output=True, text=True, check=True
    )
    assert "half-life" in shown.stdout


def test_a_fit_on_positions_before_a_moment_sees_no_later_answer(answers: Path, tmp_path: Path) -> None:
    whole = data.read(answers)
    moment = float(np.quantile(whole.interactions.seconds, 0.6))
    early = tmp_path / "early.parquet"
    data.write(whole.before(moment), early)
    common = ["--model", MODEL, "--concepts", "9", "--items", "60"]
    cut = [*common, "--data", str(answers), "--before", str(moment), "--out", str(tmp_path / "cut")]
    assert main(["fit", *cut]) == main(["fit", *common, "--data", str(early), "--out", str(tmp_path / "early")]) == 0
    model = artifact.load_model(tmp_path / "cut")
    assert (model.n_concepts, model.n_items) == (9, 60)
    assert artifact.checksum(tmp_path / "cut") == artifact.checksum(tmp_path / "early")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--concepts", "2"], "--concepts 2: the data name others"),
        (["--items", "3"], "--items 3: the data name others"),
        (["--before=-1e12"], "no answer is earlier"),
    ],
)
def test_a_cut_that_does_not_fit_the_data_is_refused(
    options: list[str], said: str, answers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--model", MODEL, "--data", str(answers), "--out", str(tmp_path / "m"), *options]
    assert main(["fit", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "m").exists()
