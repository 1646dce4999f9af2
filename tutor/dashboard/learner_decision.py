"""One choice that a learner was offered, as the log keeps it: what, why, among what, by which versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, final
from uuid import UUID

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from curricula import snapshot
from curricula.snapshot import Snapshot
from tutor import language
from tutor.accounts.access import NotFound
from tutor.accounts.models import Group, Learner, User
from tutor.dashboard import learner_words, queries
from tutor.dashboard.learner_history import Offered
from tutor.dashboard.words import Definition
from tutor.registry.models import ModelVersion
from tutor.scheduling import decisions, explanations
from tutor.scheduling.models import Decision
from tutor.scheduling.policies import POLICIES
from tutor.scheduling.reasons import sentence

#: Candidates shown at once, the likeliest first.
SHOWN: Final = 12


class CandidateRow(NamedTuple):
    """`is_chosen`: what was offered. `probability` is the chance with which it could have been."""

    concept: str
    key: str
    statement: str
    score: float
    probability: float
    is_chosen: bool


@final
@dataclass(frozen=True)
class DecisionPage:
    group: Group
    learner: Learner
    name: str
    decision: Decision
    content: Snapshot
    offered: Offered
    reasons: tuple[str, ...]
    how: str
    narrowed: tuple[str, ...]
    barred: str
    candidates: tuple[CandidateRow, ...]
    model: str
    policy_about: str
    definitions: Mapping[str, Definition]

    @property
    def key(self) -> str:
        return self.content.concept_keys[self.decision.concept]

    @property
    def first(self) -> tuple[CandidateRow, ...]:
        return self.candidates[:SHOWN]

    @property
    def others(self) -> tuple[CandidateRow, ...]:
        return self.candidates[SHOWN:]


def decision_page(user: User, group: Group, learner: Learner, decision_id: UUID) -> DecisionPage:
    """Raises: NotFound: if there is no such decision about this learner."""
    found = decisions.access(user, decision_id)
    if found.learner_id != learner.pk:
        raise NotFound("choice for this learner", decision_id)
    content = snapshot.load(found.curriculum_version_id)
    statement, title = content.item_statement(found.item), content.concept_titles[found.concept]
    policy = POLICIES.get(found.policy)
    return DecisionPage(
        group=group,
        learner=learner,
        name=queries.called(learner),
        decision=found,
        content=content,
        offered=Offered(
            found.pk, found.served_at, title, statement, found.kind, found.outcome, found.outcome_at, found.correct,
            found.policy,
        ),
        reasons=tuple(sentence(code, figure) for code, figure in found.reasons),
        how=_how(found),
        narrowed=tuple(_narrowed(found.narrowing, content)),
        barred=explanations.barred(found.narrowing.get("barriers", {})),
        candidates=candidates(found, content),
        model=_model(found.model_version_id),
        policy_about=_(policy.about) if policy else "",
        definitions=learner_words.of_decision(),
    )  # fmt: skip


def candidates(found: Decision, content: Snapshot) -> tuple[CandidateRow, ...]:
    """Those that could have been chosen, the likeliest first."""
    rows = [
        CandidateRow(
            content.concept_titles[concept],
            content.concept_keys[concept],
            content.item_statement(item),
            float(score),
            float(probability),
            (concept, item) == (found.concept, found.item),
        )
        for concept, item, score, probability in found.candidates
    ]
    return tuple(sorted(rows, key=lambda row: (-row.probability, -row.score)))


def _how(found: Decision) -> str:
    """How chance came into it."""
    n = len(found.candidates)
    if found.propensity == 0.0:
        return _("Nobody drew it: a teacher wanted it next. Beside it stands what would have been drawn from.")
    if found.propensity > 0.999:
        return ngettext(
            "Nothing was left to chance: the same would have been offered again (%(n)s candidate).",
            "Nothing was left to chance: the same would have been offered again (%(n)s candidates).",
            n,
        ) % {"n": n}
    return ngettext(
        "Chance had a part in it: of %(n)s candidate it was drawn with a probability of %(p)s.",
        "Chance had a part in it: of %(n)s candidates it was drawn with a probability of %(p)s.",
        n,
    ) % {"n": n, "p": language.percent(found.propensity)}


def _narrowed(narrowing: Mapping[str, Any], content: Snapshot) -> list[str]:
    """What was asked for and agreed, a sentence each."""
    concepts = {
        "concepts": _("Only these concepts were asked for: %(list)s."),
        "pinned": _("A teacher wanted next: %(list)s."),
        "excluded": _("A teacher had left out: %(list)s."),
        "known": _("A teacher said that this is known: %(list)s."),
        "opened": _("A teacher did not wait for the prerequisites of: %(list)s."),
    }
    said = [
        text % {"list": ", ".join(content.concept_titles[at] for at in narrowing[name] if at < content.n_concepts)}
        for name, text in concepts.items()
        if narrowing.get(name)
    ]
    figures = {
        "minutes": _("The session was to take at most %(n)s minutes."),
        "answers_left": _("Of the answers agreed for the day, %(n)s were left."),
        "new_left": _("Of the new concepts agreed for the day, %(n)s were left."),
        "minutes_left": _("Of the minutes agreed for the day, %(n)s were left."),
    }
    said += [
        text % {"n": f"{narrowing[name]:.0f}"} for name, text in figures.items() if narrowing.get(name) is not None
    ]
    if n := len(narrowing.get("exclude", [])):
        text = ngettext(
            "%(n)s item was left out: just answered, skipped, or not wanted by whoever asked.",
            "%(n)s items were left out: just answered, skipped, or not wanted by whoever asked.",
            n,
        )
        said.append(text % {"n": n})
    if narrowing.get("explores") is False:
        said.append(_("Nothing may be drawn by chance for this learner."))
    return said + _agreed(narrowing.get("settings", {}))


def _agreed(settings: Mapping[str, Any]) -> list[str]:
    """Of the class's settings, what differs from the defaults, as the API names it."""
    if not settings:
        return []
    named = ", ".join(f"{name} {value}" for name, value in sorted(settings.items()))
    return [_("Agreed for the class: %(settings)s.") % {"settings": named}]


def _model(version_id: UUID) -> str:
    row = ModelVersion.objects.filter(pk=version_id).values_list("kind", "created_at").first()
    if row is None:
        return _("a version that has been removed since")
    kind, made = row
    return _("“%(kind)s” of %(day)s") % {"kind": kind, "day": date_format(made, "DATE_FORMAT")}
