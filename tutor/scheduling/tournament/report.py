"""The report of a contest: a page of tables and pictures that can be read alone, and the figures beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from kt_models.metrics import Estimate
from tutor.scheduling.policies import POLICIES
from tutor.scheduling.tournament import pictures
from tutor.scheduling.tournament.contest import Plan
from tutor.scheduling.tournament.outcome import Difference, Outcome, Standing

PAGE: Final = "report.md"
FIGURES: Final = "results.json"
#: Worse by more than this is told in bold.
MARGIN: Final = 0.01


def write(outcome: Outcome, folder: Path) -> Path:
    """Everything anew; the path of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in _PICTURES.items():
        (folder / f"{name}.svg").write_text(draw(outcome))
    (folder / FIGURES).write_text(json.dumps(_plain(asdict(outcome)), indent=1, allow_nan=False) + "\n")
    page = folder / PAGE
    page.write_text("\n".join(_page(outcome)) + "\n")
    return page


_PICTURES: Final = {
    "ranking": pictures.ranking,
    "knowledge": pictures.knowledge,
    "minutes": pictures.minutes,
    "deciles": pictures.deciles,
}


def _plain(value: Any) -> Any:
    """For JSON: null where a number is undefined."""
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _page(outcome: Outcome) -> Iterator[str]:
    yield "# Policies in simulated worlds"
    yield _setting(outcome.plan)
    yield _MEANING
    if len(outcome.codes) > 1:
        states = f"{len(outcome.codes)} states of the code ({', '.join(outcome.codes)})"
        yield f"**Runs are of {states}**: `--fresh` plays them all anew.\n"
    yield from _verdict(outcome)
    yield "![Knowledge averaged over all days, by policy and world](ranking.svg)\n"
    yield "![Knowledge over the days](knowledge.svg)\n"
    yield "![Minutes of practice a day](minutes.svg)\n"
    yield f"![{outcome.hero} by tenths of learners](deciles.svg)\n"
    for standing in outcome.standings:
        yield from _world(outcome, standing)
    yield "## Policies"
    for name in dict.fromkeys(entrant.policy for entrant in outcome.plan.entrants):
        yield f"- `{name}` (version {POLICIES[name].version}): {POLICIES[name].about}"


def _setting(plan: Plan) -> str:
    seeds = ", ".join(map(str, plan.seeds))
    return (
        f"{len(plan.entrants)} policies, {len(plan.worlds)} worlds, {plan.learners} learners with each seed ({seeds}), "
        f"{plan.days} days, visits of {plan.minutes:g} minutes (median), {plan.concepts} concepts. All are driven by a "
        f"{plan.model} model fitted on {plan.learners} other learners of the same course, and plan anew after every "
        f"{plan.replan_after} answers.\n"
    )


_MEANING: Final = """\
Knowledge is the true probability that a rested learner knows an average item never seen, averaged over concepts.
Intervals (95 %) are over learners, resampled in pairs: every policy had the same learners, who came on the same days
and met the same luck. They tell of chance within these worlds, not of how far the worlds are from true.
"""


def _verdict(outcome: Outcome) -> Iterator[str]:
    """The first policy against references and the best baseline, one row a world."""
    hero = outcome.hero
    against = [name for name in outcome.references if name != hero]
    yield f"## {hero} against the others"
    yield "Difference of knowledge averaged over all days; bold where the interval shows it worse by more than 1 %.\n"
    head = ["world", *(f"by {name}" for name in against), "by the best baseline", "at the exam, by it", "worst tenth"]
    yield from _table(head)
    for standing in outcome.standings:
        cells = [_told(standing.differences[name][hero].mean) for name in against]
        best = standing.best_baseline
        ours = standing.differences[best].get(hero) if best else None
        cells += [f"{_told(ours.mean)} ({best})", _told(ours.exam)] if ours else ["", ""]
        yield _row([standing.kind, *cells, _worst(standing, hero, against)])
    yield ""


def _worst(standing: Standing, hero: str, against: list[str]) -> str:
    """Of all tenths, by the first reference."""
    if not against:
        return ""
    row = standing.differences[against[0]][hero].deciles
    tenth = min(range(len(row)), key=lambda i: row[i].value if math.isfinite(row[i].value) else math.inf)
    return f"{_told(row[tenth])} (tenth {tenth + 1}, by {against[0]})"


def _world(outcome: Outcome, standing: Standing) -> Iterator[str]:
    yield f"## World {pictures.TITLES.get(standing.kind, standing.kind)}"
    yield f"Before any answer {100 * standing.start:.1f} % were known.\n"
    compared = list(standing.differences)
    yield from _table([
        "policy", "mean of all days", "at the exam", "concepts an hour", "minutes a day", "answers a day",
        *(f"by {name}" for name in compared),
    ])  # fmt: skip
    for label, figures in standing.figures.items():
        cells = [_share(figures.mean), _share(figures.exam), _number(figures.per_hour), _number(figures.minutes)]
        found = (standing.differences[name].get(label) for name in compared)
        yield _row([label, *cells, f"{figures.answers:.1f}", *(_mean(each) for each in found)])
    yield ""


def _mean(difference: Difference | None) -> str:
    return _told(difference.mean) if difference else ""


def _table(head: list[str]) -> Iterator[str]:
    yield _row(head)
    yield "|" + "---|" * len(head)


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _told(found: Estimate) -> str:
    if not math.isfinite(found.value):
        return "undefined"
    words = f"{100 * found.value:+.1f} % [{100 * found.low:+.1f}, {100 * found.high:+.1f}]"
    return f"**{words}**" if found.high < -MARGIN else words


def _share(found: Estimate) -> str:
    return f"{100 * found.value:.1f} % [{100 * found.low:.1f}, {100 * found.high:.1f}]"


def _number(found: Estimate) -> str:
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
