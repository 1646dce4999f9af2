"""What the tests of faults do inside a site: commands that speak JSON, each in a process of its own."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

#: A client gives up after this; no fault of these tests lasts a tenth of it.
PATIENCE_SECONDS = 90.0
CALL = 50
#: Answers a call of a stream.
SIP = 10
START = datetime(2026, 3, 2, 8, tzinfo=UTC)


def homework(learners: list[str], answers: int, lesson: int = 0) -> list[dict[str, Any]]:
    """Answers of learners in turn, a minute apart, to all items, some wrong: the same whoever asks."""
    chance = random.Random(lesson)
    keys = [f"{concept}-{n}" for concept in ("halves", "equal-parts", "adding") for n in (1, 2)]
    return [
        {
            "id": f"{lesson}-{i}",
            "learner": learners[i % len(learners)],
            "item": chance.choice(keys),
            "correct": chance.random() < 0.7,
            "occurred_at": (START + timedelta(days=lesson, minutes=i)).isoformat(),
        }
        for i in range(answers)
    ]


def calls(rows: list[dict[str, Any]], times: int, clients: int, seed: int = 0) -> list[list[list[dict[str, Any]]]]:
    """Every row so many times, shuffled, dealt to the clients, in calls."""
    shuffled = rows * times
    random.Random(seed).shuffle(shuffled)
    hands = [shuffled[client::clients] for client in range(clients)]
    return [[hand[i : i + CALL] for i in range(0, len(hand), CALL)] for hand in hands]


def insist(action: Callable[[], Counter[str]], failures: tuple[type[Exception], ...]) -> Counter[str]:
    """As clients do: the same again until it is taken."""
    deadline, pause = time.monotonic() + PATIENCE_SECONDS, Event()
    while True:
        try:
            return action()
        except failures:
            if time.monotonic() > deadline:
                raise
            pause.wait(0.05)


def setup(learners: str) -> dict[str, Any]:
    """A school on the fractions of `people`, with so many learners and a key."""
    from tests import people
    from tutor.registry.services import ensure_served

    school = people.a_school()
    curriculum = people.a_curriculum(school.pk)
    group = [people.a_learner(school, f"Learner {i}") for i in range(int(learners))]
    ensure_served(curriculum.pk)
    return {
        "school": str(school.pk),
        "learners": [str(learner.pk) for learner in group],
        "key": people.a_client(school).key,
    }


def send(school: str, learners: str, lesson: str, answers: str, times: str, clients: str) -> dict[str, int]:
    """Through intake, each client with a connection of its own; how often what was said."""
    hands = calls(homework(json.loads(learners), int(answers), int(lesson)), int(times), int(clients))
    with ThreadPoolExecutor(len(hands)) as pool:
        said = list(pool.map(lambda hand: _send(school, hand), hands))
    # The bell of a web server outlives its last ring; this process would take it along.
    ring()
    return sum(said, Counter())


def _send(school: str, hand: list[list[dict[str, Any]]]) -> Counter[str]:
    from uuid import UUID, uuid4

    import msgspec
    import psycopg
    from django import db
    from django.utils import timezone

    from tutor.accounts.access import Client
    from tutor.scheduling.intake import AnswerIn, submit

    client = Client(uuid4(), UUID(school), "LMS", frozenset())

    def submit_one(rows: list[dict[str, Any]]) -> Counter[str]:
        db.close_old_connections()
        answers = msgspec.convert(rows, list[AnswerIn])
        return Counter(receipt.status for receipt in submit(client, answers, now=timezone.now()))

    failures = (psycopg.Error, db.Error)
    try:
        return sum((insist(lambda rows=rows: submit_one(rows), failures) for rows in hand), Counter())  # type: ignore[misc]
    finally:
        db.connections.close_all()


def stream(school: str, learners: str, lesson: str, until: str) -> dict[str, int]:
    """Some answers at a time, as a class at work gives them, until there is a file of this name."""
    taken, pause = Counter[str](), Event()
    for call in calls(homework(json.loads(learners), 100_000, int(lesson)), 1, 1)[0]:
        for start in range(0, len(call), SIP):
            taken += _send(school, [call[start : start + SIP]])
            ring()
            pause.wait(0.05)
            if Path(until).exists():
                return taken
    return taken


def ring() -> None:
    from kombu.exceptions import OperationalError

    from tutor.scheduling import tasks

    with suppress(OperationalError):
        tasks.advance_and_plan.apply_async(expires=10, retry=False)


def check(learners: str) -> dict[str, int]:
    """That every state is the fold of its learner's log; that none was foreseen twice; how many answers there are."""
    from tests.flow.folds import assert_state_is_the_fold_of_the_log
    from tutor.accounts.models import Learner
    from tutor.interactions.models import Interaction
    from tutor.tracing.models import Score

    group = Learner.objects.filter(pk__in=json.loads(learners))
    for learner in group:
        assert_state_is_the_fold_of_the_log(learner)
    logged = Interaction.objects.filter(learner_id__in=[learner.pk for learner in group])
    ids = list(logged.values_list("client_id", flat=True))
    scores = Score.objects.filter(learner_id__in=[learner.pk for learner in group])
    foreseen = list(scores.values_list("version_id", "learner_id", "curriculum_id", "seq"))
    assert len(foreseen) == len(set(foreseen)), "an answer was foreseen twice"
    return {"learners": len(group), "answers": len(ids), "different": len(set(ids))}


def practise(school: str, learners: str, answers: str) -> dict[str, int]:
    """Homework that came in an hour ago: a training run may begin with it at once."""
    from uuid import UUID, uuid4

    import msgspec
    from django.utils import timezone

    from tutor.accounts.access import Client
    from tutor.scheduling.intake import AnswerIn, submit

    client = Client(uuid4(), UUID(school), "LMS", frozenset())
    rows = msgspec.convert(homework(json.loads(learners), int(answers)), list[AnswerIn])
    return Counter(receipt.status for receipt in submit(client, rows, now=timezone.now() - timedelta(hours=1)))


def request_run(kind: str, settings: str) -> dict[str, str]:
    """From scratch, on the answers of all schools."""
    from django.utils import timezone

    from curricula.models import Curriculum
    from tutor.registry import runs

    curriculum = Curriculum.objects.get()
    run = runs.request(
        kind=kind, curriculum_id=curriculum.pk, settings=json.loads(settings), full=True, now=timezone.now()
    )
    return {"run": str(run.pk)}


def train() -> dict[str, int]:
    """What waits, as the worker of the queue does."""
    from django.utils import timezone

    from tutor.registry import trainer

    return {"carried_out": sum(1 for _ in iter(lambda: trainer.run_next(now=timezone.now()), False))}


def difference(one: str, other: str) -> dict[str, Any]:
    """Of what two runs came to: their parameters, and their figures."""
    import numpy as np

    from kt_models import artifact
    from tutor.registry import store
    from tutor.registry.models import TrainingRun

    versions = [TrainingRun.objects.get(pk=run).version for run in (one, other)]
    tensors = []
    for version in versions:
        assert version is not None
        with store.fetch(version.pk) as folder:
            tensors.append(artifact.load(folder).tensors)
    assert tensors[0].keys() == tensors[1].keys()
    pairs = [(tensors[0][name].astype(float), tensors[1][name].astype(float)) for name in tensors[0]]
    apart = max(float(np.max(np.abs(mine - theirs), initial=0.0)) for mine, theirs in pairs)
    losses = [version.metrics["log_loss"]["value"] for version in versions if version]
    return {"parameters": apart, "log_loss": abs(losses[0] - losses[1])}


COMMANDS: dict[str, Callable[..., Any]] = {
    "setup": setup, "send": send, "stream": stream, "ring": ring, "check": check,
    "practise": practise, "request_run": request_run, "train": train, "difference": difference,
}  # fmt: skip

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tutor.settings")
    import django

    django.setup()
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
