"""The tables of the page of policies as files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.utils.translation import gettext as _

from tutor.dashboard.csv import Cell
from tutor.dashboard.settings_policy import Estimated, EvaluationLine, PolicyPage, RehearsalLine, World
from tutor.dashboard.settings_policy_words import percents

#: What there is no interval of.
_NONE = (None, None, None)

Cells = tuple[Sequence[str], Iterator[Sequence[Cell]]]


def table(page: PolicyPage, name: str) -> Cells | None:
    """Head and rows of a table as a file; None if there is no such table."""
    made = {"policies": _policies, "trials": _trials, "evaluations": _evaluations, "rehearsals": _rehearsals}.get(name)
    return made(page) if made else None


def _policies(page: PolicyPage) -> Cells:
    head = [_("Policy"), _("Name in the log"), _("Version"), _("What it does"), _("What it serves"), _("Agreed here")]
    rows = (
        (line.label, line.name, line.version, line.about, line.serves, _("yes") if line.is_agreed else _("no"))
        for line in page.policies
    )
    return head, rows


def _trials(page: PolicyPage) -> Cells:
    head = [
        _("Approved policy"), _("New policy"), _("State"), _("Begun"), _("Ended"), _("Share of plans (%)"),
        _("Reward"), _("Learners"), _("Value, approved (%)"), _("Value, new (%)"), _("Lowest difference (%)"),
        _("Highest difference (%)"), _("Rehearsal"),
    ]  # fmt: skip
    rows = (
        (
            line.approved, line.new, line.state, line.trial.created_at, line.trial.ended_at,
            percents(line.trial.mixing), line.reward, line.figures["learners"] if line.figures else None,
            *map(percents, line.values or (None, None)), *(line.difference.cells if line.difference else _NONE)[1:],
            _("passed") if line.rehearsal else line.trial.unrehearsed or _("none"),
        )
        for line in page.trials
    )  # fmt: skip
    return head, rows


def _evaluations(page: PolicyPage) -> Cells:
    head = [
        _("Policy"), _("From"), _("Until"), _("Choices of"), _("Reward"), _("Status"), _("Estimate"), _("Value (%)"),
        _("Lowest (%)"), _("Highest (%)"), _("More than what was done (%)"), _("More, lowest (%)"),
        _("More, highest (%)"), _("Effective sample"), _("Nothing is told since"),
    ]  # fmt: skip
    rows = (
        (
            line.label, line.job.since, line.job.until, line.logged, line.reward, line.status,
            each.label if each else "", *(each.value.cells if each else _NONE),
            *(each.more.cells if each and each.more else _NONE), line.effective,
            line.refusal or (_("too few learners of other classes") if line.is_hidden else line.message),
        )
        for line in page.evaluations
        for each in _estimates(line)
    )  # fmt: skip
    return head, rows


def _rehearsals(page: PolicyPage) -> Cells:
    head = [
        _("New policy"), _("Approved policy"), _("Status"), _("Ended"), _("World"), _("Known, new (%)"),
        _("Known, approved (%)"), _("Difference (%)"), _("Lowest difference (%)"), _("Highest difference (%)"),
    ]  # fmt: skip
    rows = (
        (
            line.new, line.approved, line.status, line.job.finished_at, each.label if each else "",
            each.new.cells[0] if each else None, each.approved.cells[0] if each else None,
            *(each.difference.cells if each else _NONE),
        )
        for line in page.rehearsals
        for each in _worlds(line)
    )  # fmt: skip
    return head, rows


def _estimates(line: EvaluationLine) -> Sequence[Estimated | None]:
    """One row where there are none."""
    return line.estimates or (None,)


def _worlds(line: RehearsalLine) -> Sequence[World | None]:
    """The same."""
    return line.worlds or (None,)
