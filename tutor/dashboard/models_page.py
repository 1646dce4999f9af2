"""The models of a curriculum: who serves, who is tried beside it, how fits come along, and how the workers are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple, final
from uuid import UUID

from django.utils import translation
from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from curricula.models import Curriculum
from tutor.accounts.access import NotFound
from tutor.dashboard import models_queries as queries
from tutor.dashboard.models_moves import MoveLine, move_lines
from tutor.dashboard.models_pictures import DriftChart, drift_chart
from tutor.dashboard.models_queries import Choice, Manager, SchoolLine, VersionLine
from tutor.dashboard.models_words import ALERTS, ENDED, SHADOW, STEPS, WORKERS
from tutor.language import grouped, percent, told_again
from tutor.registry import card, card_words, deployments
from tutor.registry.card_words import FIGURES, KIND_TEXTS, KINDS
from tutor.registry.models import Deployment, ModelVersion, TrainingRun
from tutor.tracing import beside, drift, rollout, shadow, workers
from tutor.tracing.rollout import Progress
from tutor.tracing.workers import Queue

#: A comparison counts some thousand resamples; nobody needs it younger than this.
COMPARED_SECONDS: Final = 60
#: Kinds to fit, in the order in which they are offered.
SUGGESTED: Final = ("psikt", "cakt", "logistic", "half-life")


@final
@dataclass(frozen=True)
class RunLine:
    """A training run. `share` of its present step that is done, None where that is not known."""

    run: TrainingRun
    step: str
    detail: str
    share: float | None

    @property
    def title(self) -> str:
        return card_words.kind(self.run.kind)

    @property
    def is_open(self) -> bool:
        return self.run.finished_at is None

    @property
    def ended(self) -> str:
        return ENDED.get(self.run.status, self.run.status)

    @property
    def message(self) -> str:
        """How it went, in the reader's language as far as the words are ours."""
        return str(told_again(self.run.message, self.run.said, "/message"))

    @property
    def percent(self) -> int | None:
        return None if self.share is None else round(self.share * 100)


class Alert(NamedTuple):
    text: str
    since: datetime


class Difference(NamedTuple):
    """Of a figure, challenger less champion. `key`: that of its definition."""

    key: str
    title: str
    value: card.Value


class Shadow(NamedTuple):
    """What the challenger has shown so far; `answers_share`, `days_share` of what it takes at least."""

    verdict: str
    title: str
    comparison: shadow.Comparison
    answers_share: float
    days_share: float
    differences: tuple[Difference, ...]


class WorkerLine(NamedTuple):
    """`models` of this curriculum that it holds, and how many others."""

    worker: workers.Worker
    state: str
    mean_batch: float | None
    models: tuple[str, ...]
    others: int


@final
@dataclass(frozen=True)
class ModelsPage:
    """`own`: of the manager's school, or for an operator of all schools; `serving`: what learners get.

    `left`: what the school had of its own before it followed all others. `site`: what serves those, and `to_follow` how
    far its states of the school's learners are, where another serves the school. `stand_in`: who serves while the
    champion cannot be loaded.
    """

    manager: Manager
    choices: tuple[Choice, ...]
    curriculum: Curriculum
    own: Deployment | None
    serving: Deployment | None
    left: Deployment | None
    site: VersionLine | None
    to_follow: Progress | None
    champion: VersionLine | None
    stand_in: VersionLine | None
    challenger: VersionLine | None
    previous: VersionLine | None
    progress: Progress | None
    shadow: Shadow | None
    alerts: tuple[Alert, ...]
    drift: DriftChart | None
    versions: tuple[VersionLine, ...]
    older: UUID | None
    runs: tuple[RunLine, ...]
    moves: tuple[MoveLine, ...]
    schools: tuple[SchoolLine, ...]
    queue: Queue
    workers: tuple[WorkerLine, ...]

    @property
    def follows(self) -> bool:
        """The school has no model of its own, and goes with that of all schools."""
        return self.own is None and self.serving is not None

    @property
    def kinds(self) -> list[tuple[str, str, str]]:
        """What can be fitted: name, title and text; the first is suggested."""
        return [(name, KINDS[name], KIND_TEXTS[name]) for name in SUGGESTED]

    @property
    def nightly(self) -> str:
        """What is fitted by night."""
        titles = [card_words.kind(kind) for kind in self.own.retrains] if self.own else []
        return get_text_list(titles, _("and"))

    @property
    def is_degraded(self) -> bool:
        return self.champion is not None and self.champion.state == ModelVersion.State.FAILED


def models_page(of: Manager, chosen: UUID | None, *, before: UUID | None = None, now: datetime) -> ModelsPage | None:
    """None if nothing is published that a model could be of.

    Raises:
        NotFound: if the curriculum chosen is not the manager's.
    """
    choices = queries.choices(of)
    if not choices and chosen is None:
        return None
    curriculum = curriculum_of(choices, chosen)
    own, site = queries.deployments_of(of, curriculum.pk)
    serving = own or site
    left = deployments.left(curriculum.pk, of.school_id) if of.school_id and not own else None
    back = deployments.reopened(left) if left else serving
    named = [serving.champion_id, serving.challenger_id, back.previous_id] if serving and back else []
    apart = site if own and own != site else None
    stand_in = _stand_in(serving)
    lines = queries.versions(
        of, curriculum.pk, before=before, also=_named(*named, stand_in, apart.champion_id if apart else None)
    )
    by_id = {line.id: line for line in lines}
    page = [line for line in lines if before is None or line.id < before]
    # The newest beyond a page is among them, if there is any: it only tells that there are more.
    listed = page[: queries.VERSIONS]
    champion, challenger, previous = (by_id.get(pk) if pk else None for pk in named or (None, None, None))
    queue, panel = workers_of(of, {line.id: line.title for line in lines}, now)
    return ModelsPage(
        manager=of,
        choices=tuple(choices),
        curriculum=curriculum,
        own=own,
        serving=serving,
        left=left,
        site=by_id.get(apart.champion_id) if apart else None,
        to_follow=_to_follow(own, apart, now),
        champion=champion,
        stand_in=by_id.get(stand_in) if stand_in else None,
        challenger=challenger,
        previous=previous,
        progress=rollout.progress(serving, challenger.id, now=now) if serving and challenger else None,
        shadow=shadow_of(serving, now) if serving and challenger else None,
        alerts=tuple(_alerts(serving)) if serving else (),
        drift=drift_chart(drift.series(serving)) if serving else None,
        versions=tuple(listed),
        older=listed[-1].id if len(page) > len(listed) else None,
        runs=tuple(run_line(run) for run in queries.training_runs(of, curriculum.pk)),
        moves=move_lines(of, curriculum.pk),
        schools=tuple(queries.schools_apart(curriculum.pk)) if of.is_operator else (),
        queue=queue,
        workers=panel,
    )


def curriculum_of(choices: Sequence[Choice], chosen: UUID | None) -> Curriculum:
    """The one chosen, or the first.

    Raises:
        NotFound: if it is not the manager's, or there is none.
    """
    found = next((each.curriculum for each in choices if chosen in (None, each.curriculum.pk)), None)
    if found is None:
        raise NotFound("curriculum", chosen)
    return found


def _named(*ids: UUID | None) -> list[UUID]:
    return [each for each in ids if each]


def _stand_in(serving: Deployment | None) -> UUID | None:
    """Who serves in place of the champion, if that cannot be loaded."""
    found = beside.served_by(serving) if serving else None
    return None if serving is None or found == serving.champion_id else found


def _to_follow(own: Deployment | None, site: Deployment | None, now: datetime) -> Progress | None:
    """Nothing where it would change nothing for learners."""
    if own is None or site is None or own.champion_id == site.champion_id:
        return None
    return rollout.progress(own, site.champion_id, now=now)


def run_line(run: TrainingRun) -> RunLine:
    told, share = run.progress, None
    detail = ""
    if run.step == TrainingRun.Step.EXPORT and "answers" in told:
        detail = _("%(n)s answers so far") % {"n": grouped(told["answers"])}
    elif run.step == TrainingRun.Step.FIT and told.get("steps"):
        share = min(float(told.get("step", 0)) / float(told["steps"]), 1.0)
        detail = percent(share)
        if "epoch" in told:
            detail = _("%(share)s, epoch %(epoch)s") % {"share": detail, "epoch": grouped(told["epoch"])}
    return RunLine(run, STEPS.get(run.step, run.step), detail, share)


def _alerts(serving: Deployment) -> Iterator[Alert]:
    found = drift.alerts(serving.curriculum_id, serving.school_id)
    for alert in found.filter(cleared_at=None, version_id=serving.champion_id):
        figures, text = alert.figures, ALERTS.get(alert.kind, alert.kind)
        if alert.kind == "calibration" and {"expected", "observed"} <= figures.keys():
            expected, observed = figures["expected"], figures["observed"]
            if expected > observed:
                text = _("The champion expects too much: %(right)s of answers right where %(expected)s were expected")
            else:
                text = _("The champion expects too little: %(right)s of answers right where %(expected)s were expected")
            text %= {"right": percent(observed), "expected": percent(expected)}
        yield Alert(text, alert.raised_at)


def shadow_of(serving: Deployment, now: datetime) -> Shadow | None:
    if serving.challenger_since is None:
        return None
    minute = int(now.timestamp()) // COMPARED_SECONDS
    found = _compared(serving.pk, serving.champion_id, serving.challenger_id, minute, translation.get_language())
    return Shadow(
        verdict=found.verdict,
        title=SHADOW.get(found.verdict, found.verdict),
        comparison=found,
        answers_share=min(found.answers / max(serving.shadow_answers, 1), 1.0),
        days_share=min(found.days / serving.shadow_days, 1.0) if serving.shadow_days else 1.0,
        differences=tuple(
            Difference(key, FIGURES[key], card.of_estimate(found.differences[key]))
            for key in ("log_loss", "brier", "auc")
            if found.differences
        ),
    )


@lru_cache(maxsize=64)
def _compared(
    deployment_id: int, champion: UUID, challenger: UUID | None, minute: int, language: str | None
) -> shadow.Comparison:
    del champion, challenger, language
    now = datetime.fromtimestamp(minute * COMPARED_SECONDS, UTC)
    deployment = Deployment.objects.select_related("champion", "challenger").get(pk=deployment_id)
    return shadow.compare(deployment, now=now)


def workers_of(of: Manager, titles: Mapping[UUID, str], now: datetime) -> tuple[Queue, tuple[WorkerLine, ...]]:
    """The queue of the manager's learners, and the workers of all; `titles` of the versions to name."""
    site = workers.queue(now)
    queue = workers.queue(now, of.school_id) if of.school_id else site
    lines = []
    for worker in workers.workers(now, site.oldest_seconds):
        sizes, held = worker.status.batch_sizes, worker.status.versions
        named = sorted(titles[version] for version in held if version in titles)
        mean = sum(sizes) / len(sizes) if sizes else None
        state = WORKERS.get(worker.state, worker.state)
        lines.append(WorkerLine(worker, state, mean, tuple(named), len(held) - len(named)))
    return queue, tuple(lines)
