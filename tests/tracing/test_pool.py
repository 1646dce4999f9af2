"""Inference workers: what they do when memory runs out, what they say of themselves, where they run, who is silent."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from celery.worker import state as celery_state

from curricula.models import Curriculum
from kt_models.base import Interactions, Prediction
from kt_models.baselines import half_life
from kt_models.state import LearnerState as ModelState
from tests.flow.folds import assert_state_is_the_fold_of_the_log
from tests.flow.steps import advance, answer, at, is_behind, learners, record
from tutor.accounts.models import School
from tutor.registry import device, loader
from tutor.registry import services as registry
from tutor.registry.models import ModelVersion
from tutor.tracing import services as tracing
from tutor.tracing import worker, workers
from tutor.tracing.models import LearnerState, WorkerStatus
from tutor.tracing.pool import Vigil
from tutor.tracing.pulse import MAX_HALVINGS, SLOW_SECONDS, Pulse
from tutor.tracing.slots import NoDevices, slots

ROOT = Path(__file__).parents[2]
VERSION = uuid4()


@pytest.fixture(autouse=True)
def pulse(monkeypatch: pytest.MonkeyPatch) -> Pulse:
    """As of a new process."""
    fresh = Pulse()
    monkeypatch.setattr(tracing, "PULSE", fresh)
    return fresh


def with_room_for(most: int, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """A device on which larger batches do not fit."""
    trace = half_life.Model.trace

    def traced(model: half_life.Model, state: ModelState, seen: Interactions) -> tuple[ModelState, Prediction]:
        if len(state) > most:
            raise error
        return trace(model, state, seen)

    monkeypatch.setattr(half_life.Model, "trace", traced)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("[enforce fail] can't allocate memory: 3 GB")])
def test_a_batch_that_does_not_fit_is_halved_and_the_next_is_not_tried_whole(
    error: Exception, school: School, fractions: Curriculum, pulse: Pulse, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = learners(school, 16)
    with_room_for(5, monkeypatch, error)
    for _ in range(2):
        record(school, [answer(learner, fractions) for learner in group])
        assert len(advance()) == 16
    assert (pulse.halvings, list(pulse.rooms.values())) == (2, [4])
    assert list(pulse.sizes) == [4] * 8
    for learner in group:
        assert_state_is_the_fold_of_the_log(learner)


def test_a_learner_who_does_not_fit_alone_is_the_devices_trouble_and_nobodys_else(
    school: School, fractions: Curriculum, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = learners(school, 3)
    record(school, [answer(learner, fractions) for learner in group])
    with_room_for(0, monkeypatch, MemoryError("out of memory"))
    with pytest.raises(device.Unusable, match="cpu has no room for 1 learners: out of memory"):
        advance()
    assert all(map(is_behind, group))
    assert set(LearnerState.objects.values_list("trouble", flat=True)) <= {""}
    monkeypatch.undo()
    assert len(advance()) == 3


def test_memory_that_runs_out_again_and_again_wants_a_new_process() -> None:
    pulse = Pulse()
    for _ in range(MAX_HALVINGS):
        pulse.out_of_memory(VERSION, 256, MemoryError())
    with pytest.raises(device.Unusable):
        pulse.out_of_memory(VERSION, 256, MemoryError())


def test_a_model_that_is_slow_here_gets_smaller_batches_and_no_other_does() -> None:
    pulse = Pulse()
    pulse.drained(VERSION, 256, SLOW_SECONDS / 2, at(0))
    assert pulse.room(VERSION) > 256
    pulse.drained(VERSION, 256, 4 * SLOW_SECONDS, at(0))
    assert pulse.room(VERSION) == 64
    pulse.drained(VERSION, 2, 4 * SLOW_SECONDS, at(0))
    assert pulse.room(VERSION) == 1
    assert pulse.room(uuid4()) > 256


def test_one_learner_with_a_long_history_makes_no_batch_of_others_smaller() -> None:
    pulse = Pulse()
    pulse.drained(VERSION, 1, 4 * SLOW_SECONDS, at(0))
    assert pulse.room(VERSION) > 256
    pulse.drained(VERSION, 256, 4 * SLOW_SECONDS, at(0))
    pulse.drained(VERSION, 1, 4 * SLOW_SECONDS, at(0))
    assert pulse.room(VERSION) == 64


def test_batches_that_are_quick_again_grow_again() -> None:
    """As after a batch in which somebody's long history was replayed."""
    pulse = Pulse()
    pulse.drained(VERSION, 256, 20 * SLOW_SECONDS, at(0))
    assert pulse.room(VERSION) == 12
    # 256 halved until there is room.
    for n, room in ((8, 24), (16, 48), (32, 96)):
        pulse.drained(VERSION, n, 1.0, at(0))
        assert pulse.room(VERSION) == room
    pulse.drained(VERSION, 3, 0.01, at(0))
    assert pulse.room(VERSION) == 96, "three learners say nothing of a hundred"
    pulse.drained(VERSION, 96, SLOW_SECONDS * 0.9, at(0))
    assert pulse.room(VERSION) == 96, "twice as many would be slow"
    pulse.drained(VERSION, 96, SLOW_SECONDS * 0.4, at(0))
    assert pulse.room(VERSION) == 192


def test_what_did_not_fit_is_not_tried_again_because_less_was_quick() -> None:
    pulse = Pulse()
    pulse.out_of_memory(VERSION, 16, MemoryError())
    for _ in range(100):
        pulse.drained(VERSION, 8, 0.01, at(0))
    assert pulse.room(VERSION) == 8


def test_a_broken_device_ends_the_worker_and_marks_nothing(
    school: School, fractions: Curriculum, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    (learner,) = learners(school, 1)
    record(school, [answer(learner, fractions)])
    with_room_for(0, monkeypatch, torch.AcceleratorError("CUDA error: an illegal memory access was encountered"))
    with pytest.raises(device.Unusable, match="illegal memory access") as raised:
        advance()
    assert not ModelVersion.objects.filter(state=ModelVersion.State.FAILED).exists()
    assert LearnerState.objects.filter(trouble="").count() == LearnerState.objects.count()
    monkeypatch.setattr(celery_state, "should_stop", None)
    worker._give_up(exception=raised.value)
    assert celery_state.should_stop == worker.TRY_AGAIN


@pytest.fixture
def versions(fractions: Curriculum, tmp_path: Path) -> Iterator[list[UUID]]:
    published = fractions.versions.get(number=1)
    found = []
    for n in range(4):
        half_life.prior_model(3, 6, config=half_life.Config(intercept=float(n))).save(tmp_path / str(n))
        found.append(registry.register(tmp_path / str(n), curriculum_version=published).pk)
    loader.forget()
    yield found
    loader.forget()


def test_models_not_used_for_longest_make_room(versions: list[UUID], settings: Any) -> None:
    settings.MODELS_KEPT = 2
    a, b, c, _ = versions
    kept = loader.load(a)
    loader.load(b)
    assert loader.load(a) is kept
    loader.load(c)
    assert loader.loaded() == [a, c]


def test_models_together_take_no_more_memory_than_they_may(versions: list[UUID], settings: Any) -> None:
    loader.load(versions[0])
    size = loader._bytes()
    settings.MODEL_MEMORY_BYTES = 2.5 * size
    for version in versions:
        loader.load(version)
    assert loader.loaded() == versions[2:]
    settings.MODEL_MEMORY_BYTES = size / 2
    loader.load(versions[0])
    assert loader.loaded() == versions[:1]


def test_a_worker_says_what_it_has_done(school: School, fractions: Curriculum, pulse: Pulse) -> None:
    group = learners(school, 3)
    record(school, [answer(learner, fractions) for learner in group])
    loader.forget()
    advanced = advance(now=at(60))
    reporter = worker.Reporter(pulse, ["inference"], at(0))
    for minute in (61, 62):
        reporter.say(at(minute))
    row = WorkerStatus.objects.get()
    assert (row.name, row.queues, row.device, row.started_at) == (worker.worker_name(), ["inference"], "cpu", at(0))
    assert (row.batches, row.learners, row.answers, row.batch_sizes, row.halvings) == (1, 3, 3, [3], 0)
    assert (row.beat_at, row.drained_at) == (at(62), at(60))
    assert row.versions == [advanced[0].belief.version_id]
    assert row.memory_bytes > 10_000_000


def test_workers_long_gone_are_forgotten(db: None, pulse: Pulse) -> None:
    reporter = worker.Reporter(pulse, ["inference"], at(0))
    for name, day in (("old:1", -1.1), ("gone:2", -0.9)):
        WorkerStatus.objects.create(name=name, queues=[], device="cpu", started_at=at(0), beat_at=at(days=day))
    reporter.say(at(0))
    assert set(WorkerStatus.objects.values_list("name", flat=True)) == {"gone:2", worker.worker_name()}


@pytest.mark.parametrize(
    ("beat", "drained", "waiting", "state"),
    [
        (1, 5, 0, "ok"),
        (1, 5, 4_000, "ok"),
        (1, 90, 0, "idle"),
        (1, 4_000, 100, "idle"),
        (1, None, 0, "idle"),
        (1, 4_000, 4_000, "silent"),
        (1, None, 4_000, "silent"),
        (60, 60, 0, "gone"),
        (60, 4_000, 4_000, "gone"),
    ],
)
def test_a_worker_is_judged_by_what_it_has_drained(beat: int, drained: int | None, waiting: int, state: str) -> None:
    """Seconds since its last beat and batch, and how long the oldest learner has waited; it started hours ago."""
    since = lambda seconds: at(0) - timedelta(seconds=seconds)  # noqa: E731
    status = WorkerStatus(
        beat_at=since(beat), drained_at=None if drained is None else since(drained), started_at=since(9_000)
    )
    assert workers.state(status, waiting, at(0)) == state


def test_those_put_off_are_not_behind(school: School, fractions: Curriculum) -> None:
    sick, *well = learners(school, 3)
    record(school, [answer(sick, fractions, concepts=[-1])], now=at(0))
    advance(now=at(0))
    for minute, learner in enumerate(well):
        record(school, [answer(learner, fractions)], now=at(minute))
    assert workers.queue(at(5)) == workers.Queue(behind=2, put_off=1, oldest_seconds=300.0)


def test_silence_is_standing_still_while_somebody_waits() -> None:
    vigil = Vigil(patience_seconds=60)
    assert not vigil.look((1, 5, 5), 0, now=0)
    assert not vigil.look((1, 5, 5), 50, now=500)
    # It drains, though the queue is long.
    for second in range(510, 700, 10):
        assert not vigil.look((1, 5, second), 1_000, now=second)
    assert not vigil.look((1, 5, 690), 1_000, now=745)
    assert vigil.look((1, 5, 690), 1_000, now=760)


def test_a_worker_that_never_tells_anything_is_silent_as_well() -> None:
    vigil = Vigil(patience_seconds=60)
    assert not vigil.look(None, 0, now=0)
    assert not vigil.look(None, 61, now=50)
    assert vigil.look(None, 90, now=61)


def test_a_restart_that_helps_nobody_is_tried_less_and_less() -> None:
    vigil, ended = Vigil(patience_seconds=10), []
    for now in range(1_000):
        if vigil.look(None, 5_000, now):
            ended.append(now)
            vigil.restarted(now)
    assert [b - a for a, b in pairwise(ended)][:5] == [21, 41, 81, 161, 161]
    vigil.look((7, 1, 1), 5_000, now=1_001)
    vigil.look((7, 2, 2), 5_000, now=1_002)
    assert vigil.look((7, 2, 2), 5_000, now=1_013)


TWO_CARDS = {"CUDA_VISIBLE_DEVICES": "2,5"}


def test_a_card_has_one_process() -> None:
    assert [place.env for place in slots("cuda", None, TWO_CARDS)] == [
        {"TRELLIS_DEVICE": "cuda", "CUDA_VISIBLE_DEVICES": "2"},
        {"TRELLIS_DEVICE": "cuda", "CUDA_VISIBLE_DEVICES": "5"},
    ]
    assert [place.name for place in slots("cuda:1", None, TWO_CARDS)] == ["cuda-5"]


def test_the_cpu_has_as_many_as_are_wanted() -> None:
    assert [place.name for place in slots("cpu", 3, TWO_CARDS)] == ["cpu-0", "cpu-1", "cpu-2"]
    assert {place.env["TRELLIS_DEVICE"] for place in slots("cpu", 3, {})} == {"cpu"}
    assert [place.name for place in slots("auto", None, {"CUDA_VISIBLE_DEVICES": ""})] == ["cpu-0"]


def test_cards_are_found_without_torch(tmp_path: Path) -> None:
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho 'GPU 0: H100 (UUID: a)'\necho 'GPU 1: H100 (UUID: b)'\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert [place.name for place in slots("cuda", None, {"PATH": f"{tmp_path}:/bin"})] == ["cuda-0", "cuda-1"]


@pytest.mark.parametrize(
    ("devices", "processes", "env", "said"),
    [
        ("cuda", None, {"PATH": "/nowhere"}, "--devices cuda: this machine shows no card"),
        ("cuda:2", None, TWO_CARDS, "--devices cuda:2: there is no '2' among cuda:0,cuda:1"),
        ("mps", None, TWO_CARDS, "--devices mps: there is no 'mps' among cuda:0,cuda:1; or say auto or cpu"),
        ("cuda:1,cuda:1", None, TWO_CARDS, "name each once"),
        ("cuda", 4, TWO_CARDS, "--processes 4 on cuda: a card has one process"),
    ],
)
def test_devices_that_are_not_there_are_refused(
    devices: str, processes: int | None, env: dict[str, str], said: str
) -> None:
    with pytest.raises(NoDevices, match=said):
        slots(devices, processes, env)


def test_a_worker_without_its_card_says_so_in_one_line_and_harms_no_model(fractions: Curriculum) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a card")
    registry.ensure_served(fractions.pk)
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "tutor", "worker", "-Q", "inference", "--pool", "threads", "-c", "1"],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=60, env={**os.environ, "TRELLIS_DEVICE": "cuda"},
    )  # fmt: skip
    assert done.returncode == worker.CANNOT_RUN
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("inference worker:")]
    assert line.startswith("inference worker: TRELLIS_DEVICE is 'cuda', but ")
    assert line.endswith("mend that, or set TRELLIS_DEVICE=cpu")
    assert "Traceback" not in done.stderr
    assert not ModelVersion.objects.filter(state=ModelVersion.State.FAILED).exists()


def test_the_supervisor_loads_no_torch() -> None:
    code = (
        "import django; django.setup(); import tutor.tracing.management.commands.inference_pool, sys; "
        "print('torch' in sys.modules, 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stdout.split()[0] == "False", done.stderr
