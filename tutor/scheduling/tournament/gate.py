"""The registry's last gate: a policy driven by the candidate teaches simulated learners no less than by the champion.

A model is fitted on a real curriculum and knows no simulated course, so the course is drawn on that curriculum: its
concepts, prerequisites and items are real, how hard they are is told by the answers that the candidate is judged on,
and so is how much learners know at first. Only how they learn and forget is a world's, of two natures that no model is
told of. Both models meet the same learners and the same luck.

Limits: hardness is read off shares of right answers, so that what was practised much passes for easy. An item counts
for the first of its concepts. Of large curricula only the concepts with the most answers are played. A candidate fails
only where the interval shows it worse: one that is a little worse passes, one that gets only timing wrong may, and
worlds that are wrong may pass what fails real learners.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from functools import partial
from typing import Any, Final, NamedTuple, final

import numpy as np
from django.utils.translation import gettext_noop

from curricula.snapshot import Snapshot, with_prerequisites
from kt_models.base import ConceptLists, Interactions
from kt_models.metrics import Estimate
from kt_models.recall import Float, Int, logit, sigmoid
from kt_models.simulate import (
    Attendance,
    Bootstrap,
    CoupledNature,
    CoupledWorld,
    Course,
    PowerNature,
    PowerWorld,
    Record,
    Scene,
    World,
    day_start,
)
from tutor.language import Sentence
from tutor.registry.gates import Case, Gate, Table, plain
from tutor.scheduling.policies import POLICIES, Pace, Settings
from tutor.scheduling.tournament.course import Ground
from tutor.scheduling.tournament.run import Choose, Rounds, pace_in, play, warm_up
from tutor.tracing.pupils import Pupils

#: The policy that both models drive.
POLICY: Final = "gain"
LEARNERS: Final = 60
DAYS: Final = 30
MINUTES: Final = 5.0
#: Days of others' answers that tell how long answers take.
PACE_DAYS: Final = 5
#: Concepts that are played at most, and items of each. With many more, all minutes go to new concepts and no model
#: matters: of 300, one that claims that nobody ever knows anything loses 1 %, of 40 it loses 14 %. With fewer than
#: `LEAST` all is soon learnt, whatever drives the policy.
CONCEPTS: Final = 40
ITEMS: Final = 6
LEAST: Final = 10
#: How much less knowledge, averaged over all days, is let through.
MARGIN: Final = 0.01
TOO_LITTLE: Final = gettext_noop(
    "fewer than {least} concepts have items: all is soon learnt, whatever drives the policy"
)
#: Answers that an estimate of hardness waits for: until then it leans on the mean, or on the author.
_CONCEPT_ANSWERS: Final = 20.0
_ITEM_ANSWERS: Final = 10.0
#: Logits that a concept may be easier or harder than the average one.
_MOST: Final = 2.5

#: A whole contest of one policy, driven by one model.
Play = Callable[[World[Any]], Record]


@final
class Told(NamedTuple):
    """What became of two before the same simulated learners.

    Attributes:
        passed: whether the first was not shown to be worse by more than `MARGIN`.     words: the world that tells most.
        worlds: figures by world.
    """

    passed: bool
    words: Sentence
    worlds: dict[str, Any]


def not_worse(case: Case, table: Table) -> Iterator[Gate]:
    """A block of `gates`: one gate where a champion is known and there is enough to choose from."""
    del table
    champion = case.rivals.get("champion")
    if champion is None or case.content is None:
        return
    ground = drawn_on(case.content, case.answers.interactions)
    if ground is None:
        yield Gate("scheduling", "policy", True, too_little(), {})
        return
    own, theirs = (partial(played, ground, model, Acting(POLICIES[POLICY])) for model in (case.candidate, champion))
    told = compared(
        worlds(ground, case.answers.interactions, case.seed), own, theirs, names=("candidate", "champion"),
        seed=case.seed, replicates=case.replicates,
    )  # fmt: skip
    sizes = {"policy": POLICY, "learners": LEARNERS, "days": DAYS, "concepts": ground.course.n_concepts}
    reason = Sentence(gettext_noop("{policy} driven by it {told}"), policy=POLICY, told=told.words)
    yield Gate("scheduling", "policy", told.passed, reason, sizes | {"worlds": told.worlds})


def too_little() -> Sentence:
    return Sentence(TOO_LITTLE, least=LEAST)


def compared(
    played_in: Iterable[World[Any]], own: Play, theirs: Play, *, names: tuple[str, str], seed: int, replicates: int
) -> Told:
    """Of each world in turn, both meet the same luck; `names` are of the two in the figures."""
    found, told, each = Bootstrap(seed, replicates), dict[str, Any](), list[tuple[str, Estimate]]()
    for world in played_in:
        first, second = own(world.again()), theirs(world.again())
        difference = found.relative(first.mean(), second.mean())
        each.append((world.kind, difference))
        told[world.kind] = plain({
            "mean": difference,
            "exam": found.relative(first.at_exam(), second.at_exam()),
            names[0]: found.mean(first.mean()),
            names[1]: found.mean(second.mean()),
        })  # fmt: skip
    worse = [one for one in each if one[1].high < -MARGIN]
    kind, shown = min(worse or each, key=lambda one: one[1].value)
    percents = {name: 100 * value for name, value in asdict(shown).items()}
    text = gettext_noop(
        "gives {value:+.1f} % [{low:+.1f}, {high:+.1f}] knowledge in world {world}, down to {least:.0f} % is let "
        "through"
    )
    words = Sentence(text, **percents, world=kind, least=-100 * MARGIN)
    return Told(not worse, words, told)


@final
class Acting(NamedTuple):
    """A policy as it is asked here, and whether it must be told of the cohort."""

    choose: Choose
    settings: Settings = Settings(exploration=0.0)
    reads_cohort: bool = False


def played(ground: Ground, model: Any, acting: Acting, world: World[Any]) -> Record:
    """What becomes of the learners of a fresh world."""
    pupils = Pupils(model, world.n_learners, ground.content, day_start(0))
    rounds, pace = Rounds(DAYS, settings=acting.settings), _pace(world, ground)
    return play(world, ground, acting.choose, pupils, rounds, with_cohort=acting.reads_cohort, pace=pace)


def _pace(world: World[Any], ground: Ground) -> Pace:
    return pace_in(warm_up(world.again(world.seed + 1), ground, PACE_DAYS), ground)


def worlds(ground: Ground, seen: Interactions, seed: int) -> Iterator[World[Any]]:
    """Of learners who know as much at first as the answers tell."""
    scene = Scene(LEARNERS, attendance=Attendance(minutes=MINUTES), course=ground.course)
    level = _first_level(seen, scene)
    yield CoupledWorld(scene, CoupledNature(level=level), seed)
    yield PowerWorld(scene, PowerNature(before=level), seed)


def _first_level(seen: Interactions, scene: Scene) -> float:
    """Logit of what an average learner knows before the first answer on a concept."""
    owner = seen.concepts.owner
    pair = seen.learner[owner] * (int(seen.concepts.flat.max(initial=0)) + 1) + seen.concepts.flat
    first = np.unique(pair, return_index=True)[1]
    answering = scene.answering
    known = (float(seen.correct[owner[first]].mean()) - answering.guess) / (1.0 - answering.guess - answering.slip)
    return float(logit(np.clip(known, 0.05, 0.9)))


def drawn_on(content: Snapshot, seen: Interactions, most: int = CONCEPTS) -> Ground | None:
    """The course of a curriculum, as hard as its answers tell; None if too little of it can be practised.

    Args: most: concepts that are taken, those with the most answers.
    """
    home = _homes(content)
    asked, right = _counts(seen, content.n_items)
    concept_asked = np.bincount(home[home >= 0], asked[home >= 0], content.n_concepts)
    usable = np.unique(home[home >= 0])
    if len(usable) < LEAST:
        return None
    taken = usable[np.argsort(-concept_asked[usable], kind="stable")[:most]]
    # Parents first: depth grows along every edge.
    taken = taken[np.lexsort((taken, content.depth[taken]))]
    slots = _slots(home, asked, taken)
    reduced = _reduced(content, slots, taken)
    level, difficulty = _hardness(content, slots, taken, asked, right)
    place = np.full(content.n_concepts, -1)
    place[taken] = np.arange(len(taken))
    edges = reduced.prerequisites
    item = np.full(content.n_items, -1)
    item[slots[slots >= 0]] = np.flatnonzero(slots.ravel() >= 0)
    return Ground(reduced, Course(level, place[edges.flat], place[edges.owner], difficulty.ravel()), item)


def _homes(content: Snapshot) -> Int:
    """(items,) the first active concept of each active item, -1 where there is none."""
    lists = content.item_concepts
    usable = content.concept_active[lists.flat] & content.item_active[lists.owner]
    owner, concept = lists.owner[usable], lists.flat[usable]
    items, first = np.unique(owner, return_index=True)
    out = np.full(content.n_items, -1)
    out[items] = concept[first]
    return out


def _counts(seen: Interactions, n_items: int) -> tuple[Float, Float]:
    """(items,) answers, and credit given."""
    known = (seen.item >= 0) & (seen.item < n_items)
    item = seen.item[known]
    asked = np.bincount(item, minlength=n_items).astype(np.float64)
    return asked, np.bincount(item, seen.correct[known], n_items).astype(np.float64)


def _slots(home: Int, asked: Float, taken: Int) -> Int:
    """(taken, m) items of each concept, the most answered first, -1 where it has fewer than others."""
    order = np.lexsort((np.arange(len(home)), -asked))
    items = [order[home[order] == concept][:ITEMS] for concept in taken.tolist()]
    out = np.full((len(taken), max(map(len, items))), -1)
    for place, each in enumerate(items):
        out[place, : len(each)] = each
    return out


def _reduced(content: Snapshot, slots: Int, taken: Int) -> Snapshot:
    """The same positions, with nothing but what is played; all items take equally long, as they do in the worlds."""
    concept_active, item_active = np.zeros(content.n_concepts, bool), np.zeros(content.n_items, bool)
    concept_active[taken], item_active[slots[slots >= 0]] = True, True
    by_concept: list[list[int]] = [[] for _ in range(content.n_concepts)]
    by_item: list[list[int]] = [[] for _ in range(content.n_items)]
    for concept, items in zip(taken.tolist(), slots.tolist(), strict=True):
        by_concept[concept] = [item for item in items if item >= 0]
        for item in by_concept[concept]:
            by_item[item] = [concept]
    lists = content.prerequisites
    kept = concept_active[lists.flat] & concept_active[lists.owner]
    counts = np.bincount(lists.owner[kept], minlength=content.n_concepts)
    parents = ConceptLists(lists.flat[kept], np.concatenate([[0], np.cumsum(counts)]))
    narrow = replace(
        content,
        concept_active=concept_active,
        item_active=item_active,
        concept_items=ConceptLists.of(by_concept),
        item_concepts=ConceptLists.of(by_item),
        item_minutes=np.full(content.n_items, Scene().answering.seconds / 60.0),
    )
    return with_prerequisites(narrow, parents, content.graph)


def _hardness(content: Snapshot, slots: Int, taken: Int, asked: Float, right: Float) -> tuple[Float, Float]:
    """(taken,) logits by which concepts are easier than average; (taken, m) by which items are harder than theirs.

    Shares of right answers, held back towards the mean of all, and for items towards what their author says.
    """
    real = slots >= 0
    n, correct = np.where(real, asked[slots], 0.0), np.where(real, right[slots], 0.0)
    mean = (correct.sum() + 1.0) / (n.sum() + 2.0)
    share = (correct.sum(1) + _CONCEPT_ANSWERS * mean) / (n.sum(1) + _CONCEPT_ANSWERS)
    authored = _centred(np.where(real, content.item_difficulty[slots], 0.0), real)
    expected = sigmoid(logit(share)[:, None] - authored)
    each = (correct + _ITEM_ANSWERS * expected) / (n + _ITEM_ANSWERS)
    level = logit(share) - logit(mean)
    return np.clip(level - level.mean(), -_MOST, _MOST), _centred(np.where(real, -logit(each), 0.0), real)


def _centred(values: Float, real: Any) -> Float:
    """Of mean 0 within each row, over what is real; 0 elsewhere."""
    mean = values.sum(1, keepdims=True) / np.maximum(real.sum(1, keepdims=True), 1)
    return np.asarray(np.where(real, values - mean, 0.0))
