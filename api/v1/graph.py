"""Prerequisites by layer: what authors wrote, what the model has learnt, what holds; and what teachers say of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final
from uuid import UUID

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import CONFLICT, TRANSLATIONS, Problem, bad_parameter, invalid
from api.pagination import PageQuery, slice_of
from api.serializers import Query, Strict
from api.v1.states import ConceptRefOut, ModelRef
from api.views import ApiView
from curricula import snapshot
from curricula.snapshot import Snapshot
from tutor.accounts.access import NotFound, access_curriculum
from tutor.registry import differences, edges, graphs, queries, reviews
from tutor.registry.differences import MARGIN, Change, Difference
from tutor.registry.graphs import LAYERS
from tutor.registry.models import EdgeReview, ModelVersion
from tutor.registry.prerequisites import LEARNERS, SURE, Dropped, Learned, Pair, Verdict
from tutor.registry.reviews import ReviewRefused, Verb

TRANSLATIONS[ReviewRefused] = lambda error: Problem(CONFLICT, str(error))


class LearnedOut(serializers.Serializer[Learned]):
    probability = serializers.FloatField(help_text="That the parent supports the child: existence times direction")
    existence = serializers.FloatField(help_text="Probability that the two are linked, in either direction")
    direction = serializers.FloatField(help_text="Probability that a link runs from parent to child")
    effect = serializers.FloatField(help_text="Logits by which a mastered parent raises the child's long-run level")
    evidence = serializers.IntegerField(min_value=0, help_text="Learners whose answers bear on it")


class ReviewOut(serializers.Serializer[EdgeReview]):
    decision = serializers.ChoiceField(EdgeReview.Decision.values)
    locked = serializers.BooleanField()
    reason = serializers.CharField(allow_blank=True)
    reviewer = serializers.CharField(allow_null=True, help_text="Name of the teacher; null: a key of the school")
    shared = serializers.BooleanField(help_text="Said by the operator for all schools")
    updated_at = serializers.DateTimeField()


class DroppedOut(serializers.Serializer[Any]):
    code = serializers.ChoiceField([reason.value for reason in Dropped])
    text = serializers.CharField()
    path = ConceptRefOut(many=True, help_text="Of a cycle: from the child to the parent, over edges that are stronger")


class EdgeOut(serializers.Serializer[Any]):
    parent = ConceptRefOut(help_text="To know first")
    child = ConceptRefOut()
    layers = serializers.ListField(child=serializers.ChoiceField(LAYERS))
    learned = LearnedOut(allow_null=True)
    review = ReviewOut(allow_null=True)
    dropped = DroppedOut(allow_null=True, help_text="Why it does not hold; null if it does")


class GraphPage(serializers.Serializer[Any]):
    data = EdgeOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)
    version = serializers.IntegerField(help_text="Number of the curriculum's version")
    model = ModelRef(help_text="The version that serves the school")
    learned_by = ModelRef(
        allow_null=True,
        help_text="The version whose edges the learnt ones are: that which serves or, where it learns none, the newest "
        "that does; null if none does. Where it does not serve, its edges hold once a teacher accepts them.",
    )


class GraphQuery(PageQuery):
    layer = serializers.CharField(
        required=False, max_length=60, help_text=f"Of {', '.join(LAYERS)}, separated by commas; all if absent"
    )
    min_probability = serializers.FloatField(
        min_value=0, max_value=1, default=0.1, help_text="Learnt edges less probable than this are left out"
    )
    model = serializers.UUIDField(
        required=False, help_text="Model version whose learnt edges are wanted, instead of `learned_by`'s usual one"
    )


class DifferenceQuery(Query):
    to = serializers.UUIDField(help_text="Model version, the later one")
    margin = serializers.FloatField(
        min_value=0, max_value=1, default=MARGIN, help_text="Smaller changes of probability are left out"
    )

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python, so no attribute can have this name.
        return {"from": serializers.UUIDField(help_text="Model version, the earlier one"), **super().get_fields()}


class ChangeOut(serializers.Serializer[Change]):
    parent = ConceptRefOut()
    child = ConceptRefOut()
    before = serializers.FloatField(help_text="Probability in the earlier version, 0 if it does not know the pair")
    after = serializers.FloatField()


class DifferenceOut(serializers.Serializer[Difference]):
    gained = ChangeOut(many=True, help_text="More likely than not, and were not")
    lost = ChangeOut(many=True)
    flipped = ChangeOut(many=True, help_text="Were more likely than not in the other direction")
    changed = ChangeOut(many=True, help_text="By the margin or more, the rest as before")


class ReviewIn(Strict):
    parent = serializers.CharField(max_length=120, help_text="Key or id of a concept")  # type: ignore[assignment]
    child = serializers.CharField(max_length=120, help_text="Key or id of the concept that it supports")
    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")


_TEXTS: Final = {
    Dropped.REJECTED: "Rejected by a review.",
    Dropped.UNSURE: "Learnt with probability {edge.probability:.2f} from {edge.evidence} learners: {sure:g} and "
    "{learners} are needed, or a teacher who accepts it.",
    Dropped.NOT_SERVING: "Learnt with probability {edge.probability:.2f} from {edge.evidence} learners by a "
    "version that does not serve the school: it holds once a teacher accepts it.",
    Dropped.CYCLE: "It would close a cycle with edges that are stronger.",
    Dropped.REMOVED: "One of its concepts is not in this version of the curriculum.",
}


_REVIEWED: Final[dict[str, Any]] = {"tags": ["Curricula"], "request": ReviewIn, "responses": EdgeOut}


class Graph(ApiView):
    required_scope: ClassVar = {"GET": "curriculum:read"}
    queries: ClassVar = {"GET": GraphQuery}
    bucket = "reports"

    @extend_schema(
        operation_id="get_graph",
        summary="Prerequisites by layer: authored, learnt, reviewed, and those that hold",
        description=(
            "What holds (`effective`) gates what learners of the school may begin: authored and accepted edges, and "
            f"learnt ones of probability {SURE:g} or more from {LEARNERS} learners or more, if the version that serves "
            "has learnt them, without those rejected. "
            "Where they close a cycle, the weakest edge of it is left out."
        ),
        tags=["Curricula"],
        parameters=[GraphQuery],
        responses=GraphPage,
    )
    def get(self, request: Request, curriculum: UUID) -> Response:
        wanted = _wanted(self.parameters.get("layer"))
        content, wanted_model = _content(self.client, curriculum), self.parameters.get("model")
        learner = _version(self.client, content, wanted_model) if wanted_model else None
        graph = graphs.graph(self.client.school_id, content, learner)
        pairs = graph.listed(wanted, self.parameters["min_probability"])
        page = slice_of(pairs, request._request, self.parameters, lambda pair: _edge(graph, pair))
        page.data["version"] = graph.content.number
        page.data["model"] = {"name": graph.model.name, "version": graph.model.pk}
        by = graph.learner
        page.data["learned_by"] = {"name": by.name, "version": by.pk} if by else None
        return page


class GraphDifference(ApiView):
    required_scope: ClassVar = {"GET": "curriculum:read"}
    queries: ClassVar = {"GET": DifferenceQuery}
    bucket = "reports"

    @extend_schema(
        operation_id="compare_graphs",
        summary="What one model version has learnt of prerequisites that another has not",
        tags=["Curricula"],
        parameters=[DifferenceQuery],
        responses=DifferenceOut,
    )
    def get(self, request: Request, curriculum: UUID) -> Response:
        content = _content(self.client, curriculum)
        removed = edges.removed(content)
        names = self.parameters["from"], self.parameters["to"]
        before, after = (edges.learned(_version(self.client, content, name).pk) for name in names)
        found = differences.difference(before, after, margin=self.parameters["margin"])
        return Response(
            {name: [_change(content, removed, each) for each in changes] for name, changes in vars(found).items()}
        )


class _Review(ApiView):
    required_scope: ClassVar = {"POST": "curriculum:write"}
    refusals: ClassVar = {"POST": (409,)}

    def say(self, curriculum: UUID, verb: Verb) -> Response:
        content = _content(self.client, curriculum)
        said = self.read_body(ReviewIn)
        removed = edges.removed(content) if verb in reviews.ENDING else {}
        pair = _position(content, removed, said, "parent"), _position(content, removed, said, "child")
        reviews.review(self.client, curriculum, pair, verb, reason=said["reason"], now=timezone.now())
        return Response(_edge(graphs.graph(self.client.school_id, content), pair))


class AcceptEdge(_Review):
    @extend_schema(
        operation_id="accept_edge",
        summary="Let a prerequisite hold in the school, whatever a model says of it",
        description="The edge need be neither authored nor learnt. The next fits take it as likely.",
        **_REVIEWED,
    )
    def post(self, request: Request, curriculum: UUID) -> Response:
        return self.say(curriculum, Verb.ACCEPT)


class RejectEdge(_Review):
    @extend_schema(
        operation_id="reject_edge",
        summary="Let a prerequisite hold no longer in the school, be it authored or learnt",
        description="The next fits leave it out.",
        **_REVIEWED,
    )
    def post(self, request: Request, curriculum: UUID) -> Response:
        return self.say(curriculum, Verb.REJECT)


class LockEdge(_Review):
    @extend_schema(
        operation_id="lock_edge",
        summary="Keep the review of an edge from being changed",
        description="The next fits take a locked edge as certain.",
        **_REVIEWED,
    )
    def post(self, request: Request, curriculum: UUID) -> Response:
        return self.say(curriculum, Verb.LOCK)


class UnlockEdge(_Review):
    @extend_schema(
        operation_id="unlock_edge",
        summary="Let the review of an edge be changed again",
        description="Concepts that have been removed from the curriculum may be named too.",
        **_REVIEWED,
    )
    def post(self, request: Request, curriculum: UUID) -> Response:
        return self.say(curriculum, Verb.UNLOCK)


class ClearEdge(_Review):
    @extend_schema(
        operation_id="clear_edge",
        summary="Take the review of an edge back",
        description="Concepts that have been removed from the curriculum may be named too.",
        **_REVIEWED,
    )
    def post(self, request: Request, curriculum: UUID) -> Response:
        return self.say(curriculum, Verb.CLEAR)


def _content(client: Any, curriculum: UUID) -> Snapshot:
    return snapshot.latest(access_curriculum(client, curriculum).pk)


def _version(client: Any, content: Snapshot, pk: UUID) -> ModelVersion:
    visible = queries.versions(client.school_id).filter(curriculum_version__curriculum=content.curriculum_id)
    found = visible.filter(pk=pk).first()
    if found is None:
        raise NotFound("model version of this curriculum", pk)
    return found


def _wanted(text: str | None) -> frozenset[str]:
    names = LAYERS if text is None else text.split(",")
    for name in names:
        if name not in LAYERS:
            raise bad_parameter("layer", "unknown_layer", f"{name!r} is no layer: use {', '.join(LAYERS)}")
    return frozenset(names)


def _position(content: Snapshot, removed: Mapping[int, str], said: Mapping[str, Any], field: str) -> int:
    """By key or id, of the version's concepts and of those `removed` that may be named."""
    ref = said[field]
    by_key = {key: position for position, key in removed.items()} | content.concept_position
    found = by_key.get(ref)
    if found is None and len(ref) == 36:
        by_id = {str(content.concept_ids[position]): position for position in by_key.values()}
        found = by_id.get(ref.lower())
    if found is None:
        raise invalid(
            f"/{field}", "unknown_concept",
            f"{ref!r} is no concept of {content.title!r}, version {content.number}: see its list of concepts",
        )  # fmt: skip
    return found


def _edge(graph: graphs.Graph, pair: Pair) -> dict[str, Any]:
    verdict, learned, review = graph.verdicts.get(pair), graph.layers.learned.get(pair), graph.reviews.get(pair)
    return {
        **_ends(graph.content, graph.removed, pair),
        "layers": graph.layers_of(pair),
        "learned": LearnedOut(learned).data if learned else None,
        "review": _review(review) if review else None,
        "dropped": _dropped(graph, pair, verdict) if verdict and verdict.dropped else None,
    }


def _dropped(graph: graphs.Graph, pair: Pair, verdict: Verdict) -> dict[str, Any]:
    text = _TEXTS[verdict.dropped or Dropped.UNSURE]
    return {
        "code": verdict.dropped,
        "text": text.format(edge=graph.layers.learned.get(pair), sure=SURE, learners=LEARNERS),
        "path": [_concept(graph.content, graph.removed, position) for position in verdict.path],
    }


def _ends(content: Snapshot, removed: Mapping[int, str], pair: Pair) -> dict[str, Any]:
    return {"parent": _concept(content, removed, pair[0]), "child": _concept(content, removed, pair[1])}


def _concept(content: Snapshot, removed: Mapping[int, str], position: int) -> dict[str, Any]:
    """Of a removed one too: its id and key stay, its title is gone with it."""
    key = content.concept_keys[position] or removed[position]
    return {"id": content.concept_ids[position], "key": key, "title": content.concept_titles[position]}


def _review(review: EdgeReview) -> dict[str, Any]:
    return {
        "decision": review.decision,
        "locked": review.locked,
        "reason": review.reason,
        "reviewer": (review.reviewer.name or review.reviewer.email) if review.reviewer else None,
        "shared": review.school_id is None,
        "updated_at": review.updated_at,
    }


def _change(content: Snapshot, removed: Mapping[int, str], change: Change) -> dict[str, Any]:
    pair = change.parent, change.child
    return {**_ends(content, removed, pair), "before": change.before, "after": change.after}


urlpatterns = [
    path("curricula/<uuid:curriculum>/graph", Graph.as_view()),
    path("curricula/<uuid:curriculum>/graph/diff", GraphDifference.as_view()),
    path("curricula/<uuid:curriculum>/edges:accept", AcceptEdge.as_view()),
    path("curricula/<uuid:curriculum>/edges:reject", RejectEdge.as_view()),
    path("curricula/<uuid:curriculum>/edges:lock", LockEdge.as_view()),
    path("curricula/<uuid:curriculum>/edges:unlock", UnlockEdge.as_view()),
    path("curricula/<uuid:curriculum>/edges:clear", ClearEdge.as_view()),
]
