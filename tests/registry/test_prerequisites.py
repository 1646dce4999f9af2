"""Which prerequisites hold, given what authors wrote, a model learnt and teachers said."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutor.registry.prerequisites import LEARNERS, SURE, Acyclic, Dropped, Layers, Learned, Pair, Said, Verdict, closes

N = 7
pairs = st.tuples(st.integers(0, N - 1), st.integers(0, N - 1)).filter(lambda pair: pair[0] != pair[1])
upward = pairs.map(lambda pair: (min(pair), max(pair)))
chances = st.floats(0.0, 1.0)
learnt = st.builds(Learned, st.just(1.0), chances | st.floats(SURE, 1.0), st.just(0.3), st.sampled_from([50, 200]))


def sure(probability: float = 0.95, evidence: int = 500) -> Learned:
    return Learned(1.0, probability, 0.3, evidence)


def layers(
    authored: set[Pair] | None = None,
    learned: dict[Pair, Learned] | None = None,
    accepted: tuple[Pair, ...] = (),
    rejected: tuple[Pair, ...] = (),
) -> Layers:
    said = {pair: Said(True, False, True) for pair in accepted} | {pair: Said(False, False, True) for pair in rejected}
    return Layers(frozenset(authored or set()), learned or {}, said, range(N))


@st.composite
def worlds(draw: st.DrawFn) -> Layers:
    """Any learnt edges; authored ones acyclic, and accepted ones too, though perhaps not together."""
    turned = draw(st.permutations(range(N)))
    accepted = {(turned[a], turned[b]) for a, b in draw(st.sets(upward, max_size=8))}
    rejected = draw(st.sets(pairs, max_size=8)) - accepted
    says = {p: Said(True, draw(st.booleans()), draw(st.booleans())) for p in accepted}
    says |= {p: Said(False, draw(st.booleans()), True) for p in rejected}
    learned = draw(st.dictionaries(pairs, learnt, max_size=25))
    return Layers(frozenset(draw(st.sets(upward, max_size=12))), learned, says, range(N))


@given(world=worlds(), chance=st.randoms())
def test_the_effective_graph_is_acyclic_keeps_to_what_teachers_say_and_to_no_order_of_rows(
    world: Layers, chance: object
) -> None:
    effective = world.effective()
    assert nx.is_directed_acyclic_graph(nx.DiGraph(effective))
    accepted = {pair for pair, said in world.reviews.items() if said.is_accepted}
    assert accepted <= effective and not (world.reviews.keys() - accepted) & effective
    learned, reviews = list(world.learned.items()), list(world.reviews.items())
    for rows in (learned, reviews):
        chance.shuffle(rows)  # type: ignore[attr-defined]
    assert Layers(world.authored, dict(learned), dict(reviews), world.active).effective() == effective


@given(world=worlds())
def test_whatever_is_left_out_has_a_reason(world: Layers) -> None:
    effective = world.effective()
    for pair, verdict in world.verdicts().items():
        assert (verdict.dropped is None) == (pair in effective)
        if verdict.dropped is Dropped.CYCLE:
            steps = set(zip(verdict.path, verdict.path[1:], strict=False))
            assert (verdict.path[-1], verdict.path[0]) == pair and steps <= effective


@given(edges=st.lists(pairs, max_size=30), likely=st.sets(pairs, max_size=10))
def test_an_edge_is_refused_just_where_it_would_close_a_cycle(edges: list[Pair], likely: set[Pair]) -> None:
    graph, plain = Acyclic(sorted(likely)), nx.DiGraph()
    plain.add_nodes_from(range(N))
    for parent, child in edges:
        path = graph.add((parent, child))
        assert bool(path) == nx.has_path(plain, child, parent)
        if not path:
            plain.add_edge(parent, child)


@given(world=worlds())
def test_authored_and_accepted_edges_are_all_there_unless_they_contradict_each_other(world: Layers) -> None:
    firm = world.firm()
    if nx.is_directed_acyclic_graph(nx.DiGraph(firm)):
        assert firm <= world.effective()


@pytest.mark.parametrize(
    ("edge", "holds"),
    [
        (sure(SURE, LEARNERS), True),
        (sure(SURE - 0.01, LEARNERS), False),
        (sure(0.99, LEARNERS - 1), False),
        (Learned(0.93, 0.93, 0.3, LEARNERS), False),
    ],
)
def test_what_a_model_learns_holds_once_it_is_probable_and_many_learners_tell_it(edge: Learned, holds: bool) -> None:
    assert layers(learned={(0, 1): edge}).verdicts()[0, 1] == Verdict(None if holds else Dropped.UNSURE)


@given(world=worlds())
def test_what_a_version_that_does_not_serve_has_learnt_holds_for_nobody_but_where_it_is_accepted(world: Layers) -> None:
    told = replace(world, serves=False)
    assert told.effective() == replace(world, learned={}).effective()
    for pair, verdict in told.verdicts().items():
        if verdict.dropped is Dropped.NOT_SERVING:
            assert pair in world.learned and pair not in {*world.authored, *world.reviews}


def test_an_accepted_edge_holds_however_unsure_the_model_is_or_unheard_of() -> None:
    assert layers(learned={(0, 1): sure(0.1)}, accepted=((0, 1), (2, 3))).effective() == {(0, 1), (2, 3)}


def test_rejecting_takes_away_authored_and_learnt_edges_alike() -> None:
    assert not layers({(0, 1)}, {(1, 2): sure()}, rejected=((0, 1), (1, 2))).effective()


def test_of_a_cycle_of_learnt_edges_the_weakest_goes() -> None:
    found = layers(learned={(0, 1): sure(0.97), (1, 2): sure(0.91), (2, 0): sure(0.95)}).verdicts()
    assert found[1, 2] == Verdict(Dropped.CYCLE, (2, 0, 1))
    assert not found[0, 1].dropped and not found[2, 0].dropped


def test_what_is_authored_goes_before_what_is_learnt_and_what_is_accepted_before_both() -> None:
    assert layers({(0, 1)}, {(1, 0): sure(1.0)}).effective() == {(0, 1)}
    assert layers({(0, 1)}, {(0, 1): sure(1.0)}, accepted=((1, 0),)).effective() == {(1, 0)}


def test_a_school_s_own_word_goes_before_the_operator_s() -> None:
    said = {(0, 1): Said(True, True, False), (1, 0): Said(True, False, True)}
    assert Layers(frozenset(), {}, said, range(2)).effective() == {(1, 0)}


def test_an_edge_of_a_removed_concept_waits_for_its_return() -> None:
    world = layers(accepted=((0, 1),))
    assert Layers(world.authored, {}, world.reviews, [1]).verdicts() == {(0, 1): Verdict(Dropped.REMOVED)}


def test_redundant_edges_stay() -> None:
    chain = {(0, 1), (1, 2), (0, 2)}
    assert layers(chain).effective() == chain


def test_the_path_of_a_cycle_is_told() -> None:
    assert closes([(0, 1), (1, 2), (2, 0)], (2, 0)) == (0, 1, 2)
    assert closes([(0, 1), (1, 2)], (0, 2)) == closes([(0, 1)], (5, 6)) == ()
