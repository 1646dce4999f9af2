"""The steps of a training run, each done by a process of its own (`manage.py training_step`), into the run's folder."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, final
from uuid import UUID

import numpy as np
import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop
from pyarrow import parquet

from curricula import snapshot
from curricula.models import CurriculumVersion
from kt_models import artifact, evaluate, metrics
from kt_models import data as datasets
from kt_models.artifact import LIBRARY_VERSION
from kt_models.base import LearnerModel
from kt_models.data import Dataset, Vocabulary
from kt_models.metrics import Answers
from kt_models.recall import Int
from tutor.accounts.models import Membership
from tutor.interactions import export
from tutor.interactions.export import ANSWERS, LEARNERS, Manifest
from tutor.language import Sentence
from tutor.registry import candidates, deployments, edges, gates, loader, queries, runs, services, store
from tutor.registry.gates import Case, Table
from tutor.registry.models import ModelVersion, TrainingRun
from tutor.registry.services import Origin

log = structlog.get_logger()

#: In a run's folder: the export, fitted models by kind, records and checkpoint of a fit, the model and the
#: edges that it begins with, and where the answers are cut.
DATA: Final = "data"
MODEL: Final = "models"
LOG: Final = "log.jsonl"
CHECKPOINT: Final = "checkpoint"
WARM: Final = "warm"
EDGES: Final = "edges.json"
CUT: Final = "cut.json"

#: Kinds that learn a graph of prerequisites.
GRAPHS: Final = frozenset({"psikt"})
#: Fitted beside each candidate on the same answers, for it to beat.
BASELINE: Final = "logistic"
#: Parts of the answers' span that a cut may fall between.
BINS: Final = 100_000
#: Models are fitted on the answers before this quantile of their times, and judged on those from then on.
FITTED: Final = 0.9
#: Fewer tell nothing.
LEAST_LEARNERS: Final = 5
LEAST_ANSWERS: Final = 100
#: Learners that a candidate is judged on, at most: intervals get no narrower that matters.
JUDGED_LEARNERS: Final = 4000

Step = TrainingRun.Step


class CannotStep(ValueError):
    """A step cannot be done; what is said tells what is missing."""

    def __init__(self, said: Sentence) -> None:
        super().__init__(said)
        self.said = said


@final
@dataclass(frozen=True)
class Cut:
    """`before`: Unix time from which on no answer is fitted on. `concepts`, `items`: positions of the curriculum."""

    before: float
    concepts: int
    items: int

    @classmethod
    def read(cls, folder: Path) -> Cut:
        return cls(**json.loads((folder / CUT).read_text()))


def command(run: TrainingRun, step: TrainingRun.Step) -> list[str]:
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), "training_step", str(run.pk), step]


def do(run: TrainingRun, step: TrainingRun.Step, folder: Path) -> None:
    """Raises:
    CannotStep: if the answers do not suffice.
    """
    {Step.EXPORT: _export, Step.JUDGE: _judge}[step](run, folder)


def prepare_fit(run: TrainingRun, folder: Path, cut: Cut) -> None:
    """Brings the model that the candidate's fit begins with, and what people know of the graph."""
    if run.kind in GRAPHS and not (folder / EDGES).exists():
        _write(folder / EDGES, edges.prior_for_fit(run.curriculum_id, run.school_id))
    if run.warm_start is not None and not (folder / WARM).exists():
        _bring_start(run, run.warm_start, folder, cut)


def _bring_start(run: TrainingRun, start: ModelVersion, folder: Path, cut: Cut) -> None:
    """The start's artifact; the fit is from scratch if it is lost, or would know the answers to be judged by."""
    part = folder / f".{WARM}.part"
    shutil.rmtree(part, ignore_errors=True)
    try:
        if seen_until(start) > cut.before:
            raise CannotStep(Sentence("it was fitted on answers that the candidate is to be judged by"))
        with store.fetch(start.pk) as fetched:
            artifact.load(fetched)
            shutil.copytree(fetched, part)
    except (CannotStep, artifact.BadArtifact, FileNotFoundError) as error:
        log.warning("fitted_from_scratch", run=str(run.pk), start=str(start.pk), reason=str(error))
        TrainingRun.objects.filter(pk=run.pk).update(warm_start=None)
        run.warm_start = None
        return
    part.rename(folder / WARM)


def seen_until(version: ModelVersion) -> float:
    """Unix time from which on a version has certainly seen no answer."""
    if version.is_baseline:
        return -math.inf
    # Of one registered by hand nothing else is known.
    return float(version.data.get("before") or version.created_at.timestamp())


def fit_options(folder: Path) -> list[str]:
    """Those of the candidate's fit alone."""
    options = ["--warm-start", str(folder / WARM)] if (folder / WARM).exists() else []
    known = (folder / EDGES).exists() and json.loads((folder / EDGES).read_text())
    return options + (["--edges", str(folder / EDGES)] if known else [])


def _export(run: TrainingRun, folder: Path) -> None:
    (folder / DATA).mkdir(exist_ok=True)
    manifest = export.write(folder / DATA, run.curriculum_id, school_id=run.school_id, progress=_teller(folder))
    if manifest.learners < LEAST_LEARNERS or manifest.answers < LEAST_ANSWERS:
        minutes = export.SETTLED.total_seconds() / 60
        text = gettext_noop(
            "there are {answers} answers of {learners} learners, at least {least_answers} of {least_learners} are "
            "needed: wait for more (what came in the last {minutes:.0f} minutes counts next)"
        )
        least = {"least_answers": LEAST_ANSWERS, "least_learners": LEAST_LEARNERS}
        raise CannotStep(Sentence(text, answers=manifest.answers, learners=manifest.learners, minutes=minutes, **least))
    # What is published by now: answers on what came while the run waited are in the export.
    published = runs.published(run.curriculum_id)
    TrainingRun.objects.filter(pk=run.pk).update(curriculum_version=published)
    cut = _cut_of(folder / DATA / ANSWERS, manifest, published)
    _write(folder / CUT, asdict(cut))


def _cut_of(answers: Path, manifest: Manifest, published: CurriculumVersion) -> Cut:
    """The quantile of the answers' times, to a hundred-thousandth of their span, in bounded memory."""
    first, span = manifest.first or 0.0, (manifest.last or 0.0) - (manifest.first or 0.0)
    counts = np.zeros(BINS, np.int64)
    for batch in parquet.ParquetFile(answers).iter_batches(columns=["timestamp"]):
        place = (batch["timestamp"].to_numpy() - first) / (span or 1.0) * BINS
        counts += np.bincount(np.clip(place.astype(np.int64), 0, BINS - 1), minlength=BINS)
    upper = int(np.searchsorted(np.cumsum(counts), FITTED * counts.sum())) + 1
    earlier = int(counts[:upper].sum())
    if not 0 < earlier < counts.sum():
        text = gettext_noop(
            "of {n} answers {earlier} come before the last tenth: their times are too much alike to fit on the earlier "
            "and judge by the later ones: wait for more"
        )
        raise CannotStep(Sentence(text, n=int(counts.sum()), earlier=earlier))
    return Cut(first + upper * span / BINS, published.n_concepts, published.n_items)


def _judge(run: TrainingRun, folder: Path) -> None:
    cut = Cut.read(folder)
    models = {kind: artifact.load_model(folder / MODEL / kind) for kind in {BASELINE, run.kind}}
    candidate = models.pop(run.kind)
    if baseline := queries.newest_baseline(run.curriculum_id):
        models["untrained"] = _load(baseline)
    champion, known = _champion(run)
    if known is not None:
        models["champion"] = known
    # Nobody may know the answers by heart: what the champion has seen counts for neither.
    since = max(cut.before, seen_until(champion) if champion else cut.before)
    answers, rows = _judged(folder, cut, since, run.seed)
    if not answers.n_answers:
        text = gettext_noop("no answer has come since the model that serves was fitted: wait for some, or roll it back")
        raise CannotStep(Sentence(text))
    groups, names = _groups(folder, rows)
    content = snapshot.load(run.curriculum_version_id)
    case = Case(candidate, models, answers, since, groups, names, content=content, seed=run.seed)
    _register(run, folder, case, Table(case), champion, cut)


def _register(
    run: TrainingRun, folder: Path, case: Case, table: Table, champion: ModelVersion | None, cut: Cut
) -> None:
    verdict = gates.judge(case, table)
    against = {"champion": str(champion.pk) if champion else None}
    manifest = json.loads((folder / DATA / export.MANIFEST).read_text())
    origin = Origin(
        school_id=run.school_id,
        parent=run.warm_start,
        data=manifest | {"before": cut.before},
        code_version=code_version(),
        verdict=verdict.to_json() | against,
        reasons=verdict.reasons,
    )
    note = f"fitted on answers before {datetime.fromtimestamp(cut.before, UTC):%Y-%m-%d %H:%M}"
    with transaction.atomic():
        _still_ours(run)
        version = services.register(
            folder / MODEL / run.kind, curriculum_version=run.curriculum_version, origin=origin,
            metrics=_figures(run, case, table), note=note,
        )  # fmt: skip
        TrainingRun.objects.filter(pk=run.pk).update(version=version)
        candidates.put_in_shadow(version, now=timezone.now())


def _still_ours(run: TrainingRun) -> None:
    """Locks the run. Raises CannotStep if it was cancelled, or another worker's step has come before."""
    current = TrainingRun.objects.select_for_update().get(pk=run.pk)
    if current.cancel_requested or current.finished_at or current.version_id or current.worker != run.worker:
        raise CannotStep(Sentence(gettext_noop("the run was cancelled or taken over: nothing is registered")))


def _judged(folder: Path, cut: Cut, since: float, seed: int) -> tuple[Dataset, Int]:
    """Whole histories of learners who have answers to judge by, and their numbers in the export."""
    answers = datasets.read(
        folder / DATA / ANSWERS, concepts=Vocabulary(np.arange(cut.concepts)), items=Vocabulary(np.arange(cut.items))
    )
    later = np.unique(answers.interactions.learner[answers.interactions.seconds >= since])
    answers = answers.take(later)
    if answers.n_learners > JUDGED_LEARNERS:
        share = JUDGED_LEARNERS / answers.n_learners
        answers, _ = answers.split_learners((share, 1 - share), seed)
    return answers, answers.learner_ids


def _groups(folder: Path, rows: Int) -> tuple[Int, tuple[str, ...]]:
    """(learners,) number of the group of each learner judged, the oldest of several, -1 for none; and the groups' ids.

    Ids, not names: those who may know the names look them up.
    """
    ids = parquet.read_table(folder / DATA / LEARNERS)["id"].to_pylist()
    members = Membership.objects.filter(learner__in=[ids[row] for row in rows])
    group_of = dict(members.order_by("learner", "group").distinct("learner").values_list("learner", "group"))
    groups = sorted(set(group_of.values()))
    place = {group: number for number, group in enumerate(groups)}
    learners = [UUID(ids[row]) for row in rows]
    numbers = np.array([place[group_of[each]] if each in group_of else -1 for each in learners], np.int64)
    return numbers, tuple(map(str, groups))


def _figures(run: TrainingRun, case: Case, table: Table) -> dict[str, Any]:
    """What a model card shows: of the next answer whole and in parts, ahead, and everybody's losses beside."""
    scored = table.next["candidate"]
    report = evaluate.report_on(scored, run.kind, seed=case.seed).to_json()
    ahead = evaluate.report_on(table.ahead["candidate"], run.kind, given=0, horizon=gates.HORIZON, seed=case.seed)
    beside = {name: evaluate.report_on(table.next[name], name, seed=case.seed).estimates for name in case.rivals}
    parts = {name: scored.answers.take(mask) for name, mask in gates.parts(case)}
    figures = ("log_loss", "brier", "auc", "ece")
    return report | {
        "ahead": {k: v for k, v in ahead.to_json().items() if k in (*figures, "by_ahead", "n")},
        "rivals": {name: gates.plain({figure: found[figure] for figure in figures}) for name, found in beside.items()},
        "by_part": [_part(name, part, case.seed) for name, part in parts.items()],
        "judged_from": case.since,
    }


def _part(name: str, answers: Answers, seed: int) -> dict[str, Any]:
    found = gates.plain(metrics.slice_estimates(answers, seed))
    head = {"name": name, "n": len(answers), "learners": answers.n_learners}
    return head | {"correct": float(answers.correct.mean()), "predicted": float(answers.p.mean()), **found}


def _load(version: ModelVersion) -> LearnerModel:
    with store.fetch(version.pk) as folder:
        return artifact.load_model(folder)


def _champion(run: TrainingRun) -> tuple[ModelVersion | None, LearnerModel | None]:
    """Whom the candidate would replace, if that can be loaded; one that cannot is marked, and compared with no more."""
    own = deployments.deployed(run.curriculum_id, run.school_id) or deployments.deployed(run.curriculum_id, None)
    if own is None or own.champion.state == ModelVersion.State.FAILED:
        return None, None
    try:
        return own.champion, _load(own.champion)
    except (artifact.BadArtifact, FileNotFoundError) as error:
        loader.mark_failed(own.champion.pk, error)
        return None, None


@cache
def code_version() -> str:
    """The library's version and a digest of its source: the same code gives the same."""
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(path.read_bytes())
    return f"{LIBRARY_VERSION}+{digest.hexdigest()[:12]}"


def _sources() -> Iterator[Path]:
    yield from sorted(Path(artifact.__file__).parent.rglob("*.py"))


def _teller(folder: Path) -> export.Progress:
    """Notes how far the export is where the trainer looks."""

    def tell(answers: int) -> None:
        (folder / LOG).write_text(json.dumps({"answers": answers}) + "\n")

    return tell


def tell_refusal(folder: Path, refused: CannotStep) -> None:
    """To the trainer, in a form in which others can read it in their language."""
    with (folder / LOG).open("a") as records:
        record = {"event": "failed", "message": str(refused), "said": refused.said.kept()}
        records.write(json.dumps(record) + "\n")


def _write(path: Path, content: Any) -> None:
    """Whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(content, allow_nan=False) + "\n")
    part.replace(path)
