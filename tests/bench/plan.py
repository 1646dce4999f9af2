"""CPU of one plan, by policy, in a process without torch: `python -m tests.bench plan [--concepts N] [--quick]`.

A learner of 1,000 concepts has practised 400 of them with 2,000 answers in a year; who is placed has practised none.
Counted is what serves a learner whose rows were read: from the bytes of table and evidence to the choice, by
`time.process_time`, median of fresh plans. `again` is the same with answers that this process has planned for before:
`fsrs` keeps what it worked out.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any, Final, NamedTuple
from uuid import uuid4

import numpy as np

from kt_models.recall import DELAYS, SECONDS_PER_DAY, RecallTable
from tests.bench import harness

CONCEPTS: Final = 1_000
#: Of the concepts; answers to each, and items of each.
PRACTISED, ANSWERS, ITEMS = 0.4, 5, 4
PLANS: Final = 200
SEED: Final = 0
NOW: Final = 1_772_000_000.0
#: What Django asks for; nothing is read or written.
SETTINGS: Final = {
    "DJANGO_SETTINGS_MODULE": "tutor.settings",
    "SECRET_KEY": "bench",
    "DATABASE_URL": "postgres://none/none",
    "BROKER_URL": "redis://none",
}
#: The most that a plan may cost, CPU ms.
WANTED: Final = 2.0


class Learner(NamedTuple):
    """As rows hold them; `history` and `cohort` for policies that read those."""

    table: bytes
    evidence: bytes
    history: Any
    cohort: Any


def figures(options: Any) -> Iterator[dict[str, Any]]:
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    import django

    django.setup()
    from tutor.scheduling.policies import POLICIES
    from tutor.tracing.evidence import Evidence

    n = options.concepts or (50 if options.quick else CONCEPTS)
    plans = 5 if options.quick else PLANS
    content, practised = course(n), a_learner(n)
    beginner = practised._replace(evidence=Evidence.none().to_bytes())
    for policy in POLICIES.values():
        learner = practised if policy.needs_prerequisites else beginner
        fresh, again = (cpu_ms(policy, content, learner, plans, is_fresh=is_fresh) for is_fresh in (True, False))
        if "torch" in sys.modules:
            raise RuntimeError(f"policy {policy.name!r} has loaded torch, which no web process may")
        if policy.name == "gain" and fresh > WANTED:
            harness.remark(f"a plan by gain costs {fresh:.2f} ms of CPU, more than the {WANTED} ms wanted")
        yield {
            "name": policy.name, "value": round(fresh, 3), "unit": "CPU ms/plan", "again": round(again, 3),
            "concepts": n, "practised": int(n * PRACTISED), "answers": len(learner.history) , "plans": plans,
        }  # fmt: skip


def cpu_ms(policy: Any, content: Any, learner: Learner, plans: int, *, is_fresh: bool) -> float:
    """Median over plans. Fresh: with answers that no plan before had."""
    from tutor.scheduling.policies import History, Situation
    from tutor.tracing.evidence import Evidence

    spent = []
    for seed in range(plans + 1):
        history = learner.history
        if is_fresh:
            history = History(history.item, history.concept, history.seconds - seed, history.correct)
        begin = time.process_time()
        situation = Situation(
            NOW, content, RecallTable.from_bytes(learner.table), Evidence.from_bytes(learner.evidence), seed,
            history=history, cohort=learner.cohort,
        )  # fmt: skip
        entries = policy(situation).entries
        spent.append(1_000.0 * (time.process_time() - begin))
        if not entries:
            raise RuntimeError(f"policy {policy.name!r} offers nothing: there is nothing to measure")
    # The first plan also imports, and fills what is kept for each curriculum.
    return statistics.median(spent[1:])


def course(n: int) -> Any:
    """Concepts in rows of ten that build on one or two of the row before, with items of all difficulties."""
    from curricula.document import FORMAT, ConceptContent, Document, ItemContent
    from curricula.models import CurriculumVersion
    from curricula.snapshot import build

    random = np.random.default_rng(SEED)
    above = [sorted({int(p) for p in random.integers(c - 10, c, 2)}) if c >= 10 else [] for c in range(n)]
    document = Document(
        format=FORMAT, key="bench", title="A course", language="en",
        concepts=tuple(
            ConceptContent(key=f"c{c}", title=f"Concept {c}", prerequisites=tuple(f"c{p}" for p in above[c]))
            for c in range(n)
        ),
        items=tuple(
            ItemContent(
                key=f"i{c}-{k}", concepts=(f"c{c}",), statement="?", minutes=float(random.uniform(0.5, 3.0)),
                difficulty=float(np.clip(random.normal(), -3, 3)),
            )
            for c in range(n) for k in range(ITEMS)
        ),
    )  # fmt: skip
    version = CurriculumVersion(id=uuid4(), curriculum_id=uuid4(), number=1)
    keys = [each.key for each in document.concepts], [each.key for each in document.items]
    return build(version, document, *([(uuid4(), key) for key in of] for of in keys))


def a_learner(n: int) -> Learner:
    """The first concepts are practised: most of them mastered, some of those due, and some missed of late."""
    from tutor.scheduling.policies import Cohort, History
    from tutor.tracing.evidence import ROW, Evidence

    random, m = np.random.default_rng(SEED), int(n * PRACTISED)
    start = random.uniform(0.5, 0.97, (m, 1))
    recall = start * np.exp(-random.uniform(0.0, 0.1, (m, 1)) * np.arange(len(DELAYS)))
    after, rest = recall + 0.3 * (1.0 - recall), random.uniform(0.2, 0.6, n)
    table = RecallTable(
        NOW - SECONDS_PER_DAY, np.arange(m), recall, after, np.full(recall.shape, 0.6), rest, rest + 0.1, np.ones(n)
    )
    concept = np.repeat(np.arange(m), ANSWERS)
    correct = (random.random(len(concept)) < start[concept, 0]).astype(np.float64)
    seconds = NOW - SECONDS_PER_DAY * random.uniform(0.0, 365.0, len(concept))
    rows, outcomes = np.zeros(m, ROW), correct.reshape(m, ANSWERS)
    rows["concept"], rows["n"], rows["correct"] = np.arange(m), ANSWERS, outcomes.sum(axis=1)
    rows["mastered"], rows["recall"] = start[:, 0] > 0.65, start[:, 0]
    in_time = np.sort(seconds.reshape(m, ANSWERS), axis=1)
    rows["seconds"] = in_time[:, -1]
    rows["recent"] = (outcomes[:, ::-1] * 2.0 ** np.arange(ANSWERS)).sum(axis=1)
    order = np.argsort(in_time.ravel(), kind="stable")
    item = concept * ITEMS + np.tile(np.arange(ANSWERS) % ITEMS, m)
    history = History(item[order], concept[order], in_time.ravel()[order], correct[order])
    evidence = Evidence(rows, history.item[-64:])
    cohort = Cohort(random.uniform(0.0, 0.5, n), np.full(n, 100))
    return Learner(table.to_bytes(), evidence.to_bytes(), history, cohort)
