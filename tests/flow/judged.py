"""Model versions with all that a card shows: figures of answers that were made up, and the verdict of their gates."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

from curricula.models import Curriculum
from kt_models import evaluate, metrics
from kt_models.baselines import half_life
from kt_models.evaluate import Scored
from kt_models.history import Practice
from kt_models.metrics import Answers
from tests.flow.steps import START
from tutor.language import Sentence
from tutor.registry import card_words
from tutor.registry import services as registry
from tutor.registry.gates import Gate, Verdict, plain
from tutor.registry.models import ModelVersion, TrainingRun
from tutor.registry.services import Origin

#: Log loss less the champion's, as gates keep it.
BETTER = {"value": -0.021, "low": -0.034, "high": -0.009}
LEARNERS, EACH = 60, 40
_GAPS = np.array([np.inf, 30.0, 300.0, 1_800.0, 40_000.0, 300_000.0])


def figures(groups: Mapping[UUID, int], *, overconfident: float = 0.0, seed: int = 3) -> dict[str, Any]:
    """As a run keeps them (`registry.steps`): learners go to groups of these sizes in turn.

    `overconfident`: so much more is expected than comes, at answers on a concept for the first time. Nothing was
    answered after longer than a week.
    """
    scored = _scored(overconfident, np.random.default_rng(seed))
    report = evaluate.report_on(scored, "psikt", replicates=60).to_json()
    ahead = evaluate.report_on(scored, "psikt", given=0, horizon=10, replicates=60).to_json()
    names = ("log_loss", "brier", "auc", "ece")
    return report | {
        "ahead": {name: ahead[name] for name in (*names, "by_ahead", "n")},
        "rivals": {name: {key: report[key] for key in names} for name in ("champion", "logistic", "untrained")},
        "by_part": [_part(name, scored.answers, members) for name, members in _members(groups).items()],
        "judged_from": START.timestamp(),
    }


def verdict(groups: Mapping[UUID, int], *, failing: str = "", told_worse: UUID | None = None) -> Verdict:
    """Of all gates; that of the name `failing` is shut, and that of the people over the group `told_worse`."""
    people = {name: {"log_loss": BETTER, "answers": EACH * len(members)} for name, members in _members(groups).items()}
    text = "of {n} groups and deciles none is told worse by more than {limit} nats an answer"
    reason = Sentence(text, n=len(people), limit=0.02)
    if told_worse:
        worse = {"value": 0.05, "low": 0.03, "high": 0.07}
        people[f"group {told_worse}"]["log_loss"] = worse
        text = "{part} is told worse by {value:+.4f} [{low:+.4f}, {high:+.4f}] nats an answer, {limit} are let through"
        reason = Sentence(text, part=f"group {told_worse}", limit=0.02, **worse)
    text = "log loss differs by {value:+.4f} [{low:+.4f}, {high:+.4f}] nats, {limit} are let through"
    told = Sentence(text, limit=0.003, **BETTER)
    names = ("next answer against champion", "ahead answer against champion", "next answer against logistic",
             "ahead answer against logistic")  # fmt: skip
    gates = [Gate("prediction", name, name != failing, told, {"log_loss": BETTER}) for name in names]
    calibrated = Sentence(card_words.CALIBRATION_ERROR, value=0.018, allowed=0.03)
    flips = Sentence("AUC is {auc:.4f} on coin flips, chance gives .5 within {allowed:.4f}", auc=0.5012, allowed=0.0301)
    return Verdict((
        *gates,
        Gate("prediction", "calibration", failing != "calibration", calibrated, {}),
        Gate("people", "groups and deciles", told_worse is None, reason, people),
        Gate("leaks", "coin flips", True, flips, {}),
    ))  # fmt: skip


def a_judged_version(
    curriculum: Curriculum, *, school_id: UUID | None = None, groups: Mapping[UUID, int] | None = None,
    judged: Verdict | None = None, found: dict[str, Any] | None = None, kind: str = "psikt", intercept: float = 1.0,
) -> ModelVersion:  # fmt: skip
    """Registered with its figures. Its artifact is a half-life model, whatever `kind` says."""
    judged = judged or verdict(groups or {})
    first = START.timestamp() - 90 * 86_400.0
    data = {"answers": 24_000, "learners": 600, "first": first, "last": START.timestamp() + 9 * 86_400.0,
            "before": START.timestamp(), "digest": "5e" * 32}  # fmt: skip
    origin = Origin(
        school_id=school_id, data=data, code_version="0.1.0+1f2e3d4c5b6a", verdict=judged.to_json(),
        reasons=judged.reasons,
    )  # fmt: skip
    content = curriculum.versions.get(number=1)
    with tempfile.TemporaryDirectory() as name:
        config = half_life.Config(intercept=intercept)
        half_life.prior_model(content.n_concepts, content.n_items, config=config).save(Path(name) / "model")
        version = registry.register(
            Path(name) / "model", curriculum_version=content, origin=origin,
            metrics=found if found is not None else figures(groups or {}), note="fitted on answers before 2026-03-02",
        )  # fmt: skip
    ModelVersion.objects.filter(pk=version.pk).update(kind=kind)
    version.refresh_from_db()
    return version


def a_finished_run(version: ModelVersion, *, epochs: int = 20) -> TrainingRun:
    """That a version came of, with its learning curve."""
    content = version.curriculum_version
    log = [
        {"event": "step", "epoch": float(epoch), "step": epoch * 100, "steps": epochs * 100,
         "train_log_loss": 0.5 + 0.2 / epoch, "validation_log_loss": 0.53 + 0.15 / epoch + 0.0008 * epoch}
        for epoch in range(1, epochs + 1)
    ]  # fmt: skip
    return TrainingRun.objects.create(
        kind=version.kind, curriculum=content.curriculum, curriculum_version=content, school_id=version.school_id,
        status="done", step="judge", log=log, version=version, created_at=START, started_at=START, finished_at=START,
        requested_by="Head",
    )  # fmt: skip


def _scored(overconfident: float, chance: np.random.Generator) -> Scored:
    n = LEARNERS * EACH
    learner = np.repeat(np.arange(LEARNERS), EACH)
    gap = chance.choice(_GAPS, n)
    attempt = np.where(np.isinf(gap), 1, chance.integers(2, 14, n))
    p = np.clip(chance.beta(4, 2, n), 0.03, 0.97)
    right = (chance.random(n) < p - overconfident * np.isinf(gap)).astype(np.float64)
    practice = Practice(gap, attempt, np.zeros(n, np.int64))
    return Scored(Answers(learner, p, right), practice, np.arange(n) % 10 + 1, has_time=True)


def _members(groups: Mapping[UUID, int]) -> dict[str, list[int]]:
    """Numbers of the learners of each part."""
    parts, at = {}, 0
    for group, size in groups.items():
        parts[f"group {group}"] = list(range(at, at + size))
        at += size
    tenth = LEARNERS // 10
    return parts | {f"decile {i + 1} by success": list(range(i * tenth, (i + 1) * tenth)) for i in range(10)}


def _part(name: str, answers: Answers, members: list[int]) -> dict[str, Any]:
    part = answers.take(np.isin(answers.learner, members))
    head = {"name": name, "n": len(part), "learners": part.n_learners}
    told = {"correct": float(part.correct.mean()), "predicted": float(part.p.mean())}
    return head | told | plain(metrics.slice_estimates(part, 0, 60))
