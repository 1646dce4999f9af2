"""Prerequisites that models learn and teachers review, as rows."""

from __future__ import annotations

import pytest

from curricula.models import Curriculum
from tests.flow import learnt
from tutor.registry import services as registry

pytestmark = pytest.mark.django_db


def test_what_a_model_has_learnt_is_written_with_its_version(fractions: Curriculum) -> None:
    version = learnt.a_version(fractions, {(0, 1): 0.9, (1, 0): 0.1, (0, 2): 0.4}, evidence=50)
    written = version.edges.order_by("parent", "child").values_list("parent", "child", "direction", "evidence")
    assert list(written) == [(0, 1, 0.9, 50), (0, 2, 0.4, 50), (1, 0, 0.1, 50)]
    assert all(edge.effect > 0 for edge in version.edges.all())


def test_a_model_that_learns_no_graph_leaves_none(fractions: Curriculum) -> None:
    baseline = registry.ensure_served(fractions.pk)
    assert baseline is not None and not baseline.edges.exists()
