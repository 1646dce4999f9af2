"""Policies: what they never do, how they draw, and that nothing but the situation decides."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from hypothesis import assume, given, note
from hypothesis import strategies as st

from curricula.snapshot import Snapshot
from kt_models.recall import DELAYS, RecallTable
from tests.flow.situations import ORIGIN, concepts_of, content_of, parents_of, situations
from tutor.scheduling.policies import POLICIES, Choice, Entry, Kind, Policy, Reason, Settings, Situation
from tutor.scheduling.reasons import sentence
from tutor.tracing.evidence import Evidence
from tutor.tracing.status import BY_CODE, CODES, DEFAULT, Criteria, Status

gain = POLICIES["gain"]
#: Reviews fall due as the belief says, and nothing else that is mastered is offered.
BY_BELIEF = ("gain", "threshold", "exam", "lowest_mastery", "zpdes", "alp_gmm", "skill_it")
#: Reviews fall due by a schedule of the policy's own.
BY_SCHEDULE = ("fixed_ladder", "leitner", "sm2", "fsrs")
#: Where scores are drawn, the seed decides who the candidates are.
WITHOUT_CHANCE = tuple(name for name, policy in POLICIES.items() if not policy.draws)


def each(names: Iterable[str]) -> Iterator[Policy]:
    """One after the other within an example: a situation costs more than all the choices in it."""
    for name in names:
        note(name)
        yield POLICIES[name]


def chosen_by_it(choice: Choice, *but: Reason) -> list[Entry]:
    """What the policy, and not a teacher, chose, but for entries of some reasons."""
    left_out = {Reason.PINNED, *but}
    return [entry for entry in choice.entries if not left_out & {code for code, _ in entry.reasons}]


def with_seed(situation: Situation, seed: int) -> Situation:
    return dataclasses.replace(situation, seed=seed)


def exploring(situation: Situation, exploration: float) -> Situation:
    return dataclasses.replace(situation, settings=dataclasses.replace(situation.settings, exploration=exploration))


@given(situation=situations())
def test_the_same_situation_gives_the_same_choice(situation: Situation) -> None:
    for policy in each(POLICIES):
        before = random.getstate(), str(np.random.get_state())
        assert policy(dataclasses.replace(situation)) == policy(situation)
        assert (random.getstate(), str(np.random.get_state())) == before


@given(situation=situations())
def test_what_may_not_be_offered_never_is(situation: Situation) -> None:
    for policy in each(POLICIES):
        content = situation.content
        for entry in policy(situation).entries:
            assert content.concept_active[entry.concept]
            assert content.item_active[entry.item]
            assert entry.concept in concepts_of(content, entry.item)
            assert situation.scope is None or situation.scope[entry.concept]
            assert entry.item not in situation.exclude_items
            for candidate in entry.candidates:
                assert candidate.item not in situation.exclude_items
                assert situation.scope is None or situation.scope[candidate.concept]


@given(situation=situations())
def test_new_material_rests_on_what_is_likely_mastered(situation: Situation) -> None:
    """Or on what a teacher says; a placement asks ahead of it."""
    for policy in each(name for name, policy in POLICIES.items() if policy.needs_prerequisites):
        rules, n = situation.rules, situation.evidence.column("n", situation.content.n_concepts)
        mastered = situation.evidence.column("mastered", situation.content.n_concepts)
        for entry in chosen_by_it(policy(situation)):
            if entry.kind is Kind.NEW and entry.concept not in rules.opened:
                assert n[entry.concept] == 0
                for parent in parents_of(situation.content, entry.concept):
                    needed = DEFAULT.ready_at if n[parent] else DEFAULT.mastered_at
                    assert mastered[parent] or situation.recall[parent] >= needed or parent in rules.known


@given(situation=situations())
def test_a_kind_says_why_a_concept_is_offered(situation: Situation) -> None:
    for policy in each(POLICIES):
        n, mastered = (situation.evidence.column(name, situation.content.n_concepts) for name in ("n", "mastered"))
        for entry in policy(situation).entries:
            assert (entry.kind is Kind.REVIEW) == bool(mastered[entry.concept])
            assert (entry.kind is Kind.NEW) == (n[entry.concept] == 0)


@given(situation=situations())
def test_a_review_is_offered_when_the_belief_says_it_is_due(situation: Situation) -> None:
    """What was missed a moment ago is asked again in any case."""
    for policy in each(BY_BELIEF):
        for entry in chosen_by_it(policy(situation), Reason.RETRY):
            status = BY_CODE[situation.status[entry.concept]]
            assert (entry.kind is Kind.REVIEW) == (status is Status.DUE_FOR_REVIEW)
            assert status is not Status.LOCKED or entry.concept in situation.rules.opened


@given(situation=situations())
def test_a_review_is_offered_when_its_own_schedule_says_it_is_due(situation: Situation) -> None:
    for policy in each(BY_SCHEDULE):
        due = policy.rank(situation).due
        for entry in chosen_by_it(policy(situation), Reason.RETRY):
            assert (entry.kind is Kind.NEW) or due[entry.concept] <= situation.now
            assert entry.due <= situation.now


@given(situation=situations())
def test_nothing_is_offered_twice(situation: Situation) -> None:
    for policy in each(POLICIES):
        entries = policy(situation).entries
        assert len({entry.concept for entry in entries}) == len(entries)
        assert len({entry.item for entry in entries}) == len(entries)


@given(situation=situations(), size=st.integers(0, 8))
def test_size_and_minutes_are_kept_to(situation: Situation, size: int) -> None:
    for policy in each(POLICIES):
        entries = policy(dataclasses.replace(situation, size=size)).entries
        assert len(entries) <= size
        minutes = [situation.content.item_minutes[entry.item] for entry in entries]
        for most in (situation.minutes, situation.rules.minutes_left):
            assert most is None or sum(minutes[:-1]) < most or not entries


@given(situation=situations())
def test_probabilities_of_the_candidates_are_one_in_all(situation: Situation) -> None:
    for policy in each(POLICIES):
        for entry in chosen_by_it(policy(situation)):
            assert sum(c.probability for c in entry.candidates) == pytest.approx(1.0, abs=1e-5)
            chosen = [c for c in entry.candidates if (c.concept, c.item) == (entry.concept, entry.item)]
            assert [(c.probability, c.score) for c in chosen] == [(entry.propensity, entry.score)]


@given(situation=situations(), seed=st.integers(0, 2**53))
def test_without_exploration_the_best_is_chosen_whatever_the_seed(situation: Situation, seed: int) -> None:
    for policy in each(WITHOUT_CHANCE):
        greedy = exploring(situation, 0.0)
        choice = policy(greedy)
        assert policy(with_seed(greedy, seed)) == choice
        for entry in choice.entries:
            assert entry.propensity == (Reason.PINNED not in [code for code, _ in entry.reasons])
        for entry in chosen_by_it(choice):
            assert entry.score == max(c.score for c in entry.candidates)


@given(situation=situations(), seed=st.integers(0, 2**53))
def test_exploration_never_changes_who_the_first_candidates_are(situation: Situation, seed: int) -> None:
    for policy in each(WITHOUT_CHANCE):
        one, other = policy(situation), policy(with_seed(situation, seed))
        assert [e.candidates for e in one.entries[:1]] == [e.candidates for e in other.entries[:1]]


@given(situation=situations())
def test_the_next_look_is_ahead(situation: Situation) -> None:
    for policy in each(POLICIES):
        assert policy(situation).next_due > situation.now


@given(situation=situations(ruled=False))
def test_the_next_review_is_the_earliest_of_those_still_to_come(situation: Situation) -> None:
    for policy in each((*BY_BELIEF, "memorize")):
        due = policy(situation).next_due
        later = dataclasses.replace(situation, now=min(due + 60, situation.now + 1e9))
        assert np.isinf(due) or CODES[Status.DUE_FOR_REVIEW] in later.status[situation.content.concept_active]


@given(situation=situations(ruled=False))
def test_at_the_next_look_a_schedule_wants_something_that_it_did_not(situation: Situation) -> None:
    for policy in each(BY_SCHEDULE):
        due = policy(situation).next_due
        later = dataclasses.replace(situation, now=due if np.isfinite(due) else situation.now)
        now, then = (np.isfinite(policy.rank(at).score) for at in (situation, later))
        assert np.isinf(due) or (then & ~now & situation.content.concept_active).any()


@given(situation=situations(ruled=False))
def test_who_reviews_nothing_on_time_looks_no_more(situation: Situation) -> None:
    for policy in each(("random", "curriculum_order", "placement")):
        assert policy(situation).next_due == np.inf


@given(situation=situations())
def test_every_concept_in_use_is_counted_under_its_status(situation: Situation) -> None:
    for policy in each(POLICIES):
        counts = policy(situation).counts
        active = situation.status[situation.content.concept_active]
        assert counts == {s.value: int((active == code).sum()) for s, code in CODES.items()}


@given(situation=situations(), more=st.floats(0.0, 0.29))
def test_whoever_wants_more_remembered_looks_again_earlier(situation: Situation, more: float) -> None:
    assume(not (situation.status == CODES[Status.DUE_FOR_REVIEW]).any())
    strict = dataclasses.replace(situation, criteria=Criteria(review_at=DEFAULT.review_at + more))
    assume(not (strict.status == CODES[Status.DUE_FOR_REVIEW]).any())
    for policy in each((*BY_BELIEF, "memorize")):
        assert policy(strict).next_due <= policy(situation).next_due


@given(situation=situations(ruled=False))
def test_items_answered_lately_wait_while_the_concept_has_others(situation: Situation) -> None:
    gap = situation.settings.item_gap
    lately = set(situation.evidence.items.tolist()[-gap:])
    taken: set[int] = set()
    for entry in gain(situation).entries:
        lists = situation.content.concept_items
        of_concept = set(lists.flat[lists.offset[entry.concept] : lists.offset[entry.concept + 1]].tolist())
        others = of_concept - lately - situation.exclude_items
        reachable = {i for i in others if not _builds_on_what_is_locked(situation, i)}
        if entry.item in lately:
            assert not (reachable - taken - {c.item for c in entry.candidates})
        taken.add(entry.item)


def _builds_on_what_is_locked(situation: Situation, item: int) -> bool:
    return any(situation.status[c] == CODES[Status.LOCKED] for c in concepts_of(situation.content, item))


@given(situation=situations(ruled=False))
def test_an_item_of_something_locked_is_offered_only_if_there_is_no_other(situation: Situation) -> None:
    situation = dataclasses.replace(situation, evidence=Evidence(situation.evidence.rows, np.empty(0, np.int64)))
    entries = gain(situation).entries
    if entries and _builds_on_what_is_locked(situation, entries[0].item):
        lists = situation.content.concept_items
        concept = entries[0].concept
        others = set(lists.flat[lists.offset[concept] : lists.offset[concept + 1]].tolist()) - situation.exclude_items
        taken = {c.item for c in entries[0].candidates if c.concept != concept}
        assert all(_builds_on_what_is_locked(situation, item) for item in others - taken)


def test_draws_come_as_often_as_they_say() -> None:
    """Within five standard errors, for each candidate of the first slot."""
    situation = Situation(
        ORIGIN, six_concepts(), flat_table(6), Evidence.none(), 0, settings=Settings(exploration=0.5, size=1)
    )
    candidates = gain(situation).entries[0].candidates
    assert len(candidates) == 5
    drawn = Counter(first(gain(with_seed(situation, seed))) for seed in range(2_000))
    for candidate in candidates:
        expected = candidate.probability * 2_000
        assert abs(drawn[candidate.item] - expected) < 5 * np.sqrt(expected)


def six_concepts() -> Snapshot:
    concepts = [{"key": f"c{n}", "title": f"C {n}", "prerequisites": []} for n in range(6)]
    items = [{"key": f"i{n}", "concepts": [f"c{n}"], "statement": "?"} for n in range(6)]
    head = {"format": "trellis-curriculum/1", "key": "six", "title": "Six", "language": "en"}
    return content_of({**head, "concepts": concepts, "items": items})


def flat_table(n_concepts: int) -> RecallTable:
    none, half = np.empty((0, len(DELAYS))), np.full(n_concepts, 0.5)
    return RecallTable(ORIGIN, np.empty(0, np.int64), none, none, none, half, half + 0.1, half)


def first(choice: Choice) -> int:
    return choice.entries[0].item


@given(situation=situations())
def test_every_reason_is_a_sentence(situation: Situation) -> None:
    for policy in each(POLICIES):
        for entry in policy(situation).entries:
            assert entry.reasons
            for code, figure in entry.reasons:
                assert Reason(code)
                assert sentence(code, figure).endswith(".")


@given(situation=situations())
def test_what_was_drawn_by_chance_says_so(situation: Situation) -> None:
    for policy in each(POLICIES):
        for entry in chosen_by_it(policy(situation)):
            best = entry.candidates[0]
            explored = Reason.EXPLORED in [code for code, _ in entry.reasons]
            assert explored == ((entry.concept, entry.item) != (best.concept, best.item))
