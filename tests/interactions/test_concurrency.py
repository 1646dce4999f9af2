"""Many senders at once: nothing is lost, nothing counts twice, nobody deadlocks."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from threading import Event

import pytest
from django.db import transaction

from curricula.models import Curriculum
from tests.flow.steps import again, answer, at, learners, log_of, record
from tests.flow.together import together
from tutor.accounts.models import Learner, School
from tutor.interactions.models import Interaction
from tutor.interactions.services import Answer, Outcome

pytestmark = pytest.mark.django_db(transaction=True)

SENDERS, ANSWERS, LEARNERS, CALL = 8, 2_000, 100, 50


@pytest.fixture
def homework(school: School, fractions: Curriculum) -> list[Answer]:
    """Of learners of whom nothing was ever recorded, so that their logs are opened in the crowd too."""
    group = learners(school, LEARNERS)
    return [answer(group[i % LEARNERS], fractions, i % 6, seconds=at(i).timestamp()) for i in range(ANSWERS)]


def send(school: School, answers: list[Answer], seed: int, around: AbstractContextManager[object]) -> Counter[Outcome]:
    shuffled = random.Random(seed).sample(answers, len(answers))
    outcomes: Counter[Outcome] = Counter()
    for start in range(0, len(shuffled), CALL):
        with around:
            outcomes.update(record(school, [again(given) for given in shuffled[start : start + CALL]]))
    return outcomes


@pytest.mark.parametrize("around", [nullcontext, transaction.atomic], ids=["alone", "in the caller's transaction"])
def test_the_same_answers_from_eight_senders_count_once(
    around: type[AbstractContextManager[object]], school: School, homework: list[Answer]
) -> None:
    outcomes = together(*[lambda seed=seed: send(school, homework, seed, around()) for seed in range(SENDERS)])  # type: ignore[misc]
    assert sum(outcomes, Counter()) == {Outcome.ACCEPTED: ANSWERS, Outcome.DUPLICATE: ANSWERS * (SENDERS - 1)}
    assert Interaction.objects.filter(school_id=school.pk).count() == ANSWERS


def test_whoever_sees_a_number_sees_all_below_it_that_will_ever_be(
    school: School, bo: Learner, fractions: Curriculum
) -> None:
    """What a worker relies on that has folded answers up to a number: none turns up below it later."""
    sent, seen, turned_up_late = Event(), set[int](), set[int]()

    def watch() -> None:
        while not sent.is_set():
            numbers = {kept.seq for kept in log_of(bo)}
            turned_up_late.update(n for n in numbers - seen if n < max(seen, default=0))
            seen.update(numbers)

    def send_all() -> None:
        together(*[lambda: [record(school, [answer(bo, fractions)]) for _ in range(100)]] * 4)
        sent.set()

    together(watch, send_all)
    assert turned_up_late == set()
    assert [kept.seq for kept in log_of(bo)] == list(range(1, 401))
