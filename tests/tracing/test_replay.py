"""What was believed at a moment of the past is had again from the log."""

from __future__ import annotations

from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curricula.models import Curriculum
from tests import people
from tests.flow import learnt
from tests.flow.steps import advance, answer, at, believed, record, right_and_wrong
from tutor.accounts.models import Learner, School
from tutor.tracing.beliefs import Belief
from tutor.tracing.replay import Place, Replayed, replay

#: Who, the minute of the answer, the item, the credit: in no order, so that many come late.
GIVEN = st.tuples(
    st.integers(0, 2), st.sampled_from([0, 0, 1, 7, 60, 3_000]), st.integers(0, 5), st.sampled_from([0.0, 0.5, 1.0])
)
STORIES = st.lists(st.lists(GIVEN, min_size=1, max_size=5), min_size=1, max_size=6)


def place_of(belief: Belief, minute: float) -> Place:
    return Place(belief.learner_id, belief.as_of, at(minute).timestamp())


def again(beliefs: list[tuple[Belief, float]], curriculum: Curriculum) -> dict[int, Replayed]:
    version = beliefs[0][0].version_id
    places = [place_of(belief, minute) for belief, minute in beliefs]
    return {each.place: each for each in replay(version, curriculum.pk, places, n_concepts=3)}


def assert_same(found: Replayed, belief: Belief) -> None:
    assert found.evidence.to_bytes() == belief.evidence.to_bytes()
    assert found.table.origin == belief.table.origin
    for days in (0, 1, 30):
        moment = belief.table.origin + days * 86_400
        assert found.table.at(moment).tolist() == belief.table.at(moment).tolist()
        assert found.table.after_at(belief.table.origin, moment).tolist() == (
            belief.table.after_at(belief.table.origin, moment).tolist()
        )


def tell(
    story: list[list[tuple[int, int, int, float]]], school: School, curriculum: Curriculum
) -> list[tuple[Belief, float]]:
    """Calls of a sender, a worker after each; what is believed of everybody after each, and the minute."""
    group = [people.a_learner(school, f"Learner {n}") for n in range(3)]
    kept = []
    for call, told in enumerate(story):
        now = 10_000 + call
        answers = [
            answer(group[who], curriculum, item, correct=correct, seconds=at(minute).timestamp())
            for who, minute, item, correct in told
        ]
        record(school, answers, now=at(now))
        advance(now=at(now + 0.5))
        kept += [(believed(learner, curriculum, now=at(now + 0.5)), now + 0.5) for learner in group]
    return kept


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=STORIES)
def test_what_was_believed_is_had_again(
    story: list[list[tuple[int, int, int, float]]], school: School, fractions: Curriculum
) -> None:
    kept = tell(story, school, fractions)
    found = again(kept, fractions)
    assert sorted(found) == list(range(len(kept)))
    for at_, (belief, _) in enumerate(kept):
        assert_same(found[at_], belief)


def test_the_same_of_a_model_with_a_graph(school: School, fractions: Curriculum) -> None:
    learnt.serve(fractions, {(0, 1): 0.99})
    kept = tell([[(0, 0, 0, 1.0), (1, 7, 2, 0.0)], [(0, 60, 1, 1.0), (1, 1, 3, 1.0)]], school, fractions)
    found = again(kept, fractions)
    for at_, (belief, _) in enumerate(kept):
        assert_same(found[at_], belief)


def test_a_late_answer_that_had_not_come_was_not_known(school: School, bo: Learner, fractions: Curriculum) -> None:
    record(school, right_and_wrong(bo, fractions, "11"), now=at(5))
    advance(now=at(6))
    before = believed(bo, fractions, now=at(6))
    record(school, [answer(bo, fractions, 3, seconds=at(0).timestamp())], now=at(20))
    advance(now=at(21))
    after = believed(bo, fractions, now=at(21))
    found = again([(before, 6), (after, 21)], fractions)
    assert [len(found[n].answers) for n in (0, 1)] == [2, 3]
    assert_same(found[0], before)
    assert_same(found[1], after)


def test_how_much_of_the_log_was_known_is_taken_at_its_word(school: School, bo: Learner, fractions: Curriculum) -> None:
    record(school, right_and_wrong(bo, fractions, "11"), now=at(5))
    advance(now=at(6))
    belief = believed(bo, fractions, now=at(6))
    # Received, but no worker has looked at it yet.
    record(school, [answer(bo, fractions, 3, seconds=at(0).timestamp())], now=at(7))
    place = place_of(belief, 8)._replace(applied_seq=belief.applied_seq)
    (found,) = replay(belief.version_id, fractions.pk, [place], n_concepts=3)
    assert_same(found, belief)


def test_what_the_log_does_not_hold_is_left_out(school: School, bo: Learner, fractions: Curriculum) -> None:
    record(school, right_and_wrong(bo, fractions, "11"), now=at(5))
    advance(now=at(6))
    belief = believed(bo, fractions, now=at(6))
    unheard_of = place_of(belief, 6)._replace(as_of=at(1.5).timestamp())
    erased = Place(uuid4(), at(2).timestamp(), at(6).timestamp())
    assert not list(replay(belief.version_id, fractions.pk, [unheard_of, erased], n_concepts=3))
