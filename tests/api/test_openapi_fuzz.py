"""Every operation, with data that the document allows and data that it forbids: the server never fails, and answers
only what the document says. `FUZZ_EXAMPLES` sets the depth."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import yaml
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi import checks as openapi_checks

from curricula.models import Curriculum
from tests import people
from tests.api.test_openapi import COMMITTED
from tests.people import Caller
from tutor.accounts import services
from tutor.accounts.models import Group, Learner, School

#: An operation and mode. The ordinary run asks the same each time; with `FUZZ_EXAMPLES`, something new.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "15"))
IS_REPEATABLE = "FUZZ_EXAMPLES" not in os.environ
CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
]


#: Answer 202 with a verdict on each row, at once or later.
REFUSES_ROW_BY_ROW = {"post_interactions", "create_import"}


def is_wrong(case: Any) -> bool:
    """Whether body or query are, for certain: paths and keys are replaced by good ones."""
    parts = case.meta.components
    return any(part.value in ("body", "query") and parts[part].mode is GenerationMode.NEGATIVE for part in parts)


def operations() -> list[Any]:
    schema = schemathesis.openapi.from_dict(yaml.safe_load(COMMITTED.read_text()))
    schema.app = get_wsgi_application()
    # A stale If-Match is told before the body is looked at.
    schema.config.checks.negative_data_rejection.expected_statuses += ["412"]
    return [found.ok() for found in schema.get_all_operations()]


@pytest.fixture
def one_long_request(settings: Any) -> Iterator[None]:
    """All requests run inside the test's transaction, and none is one too many."""
    settings.RATE_LIMITS = {"ingest": 0, "recommend": 0, "reports": 0, "default": 0}
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def known(school: School, class_7b: Group, bo: Learner, fractions: Curriculum) -> dict[str, str]:
    """Path parameters that exist, so that not every answer is 404."""
    victim = services.create_key(school.pk, name="victim", scopes=["roster:read"]).client
    people.a_learner(school, "Cy", source="lms", external_id="cy")
    return {
        "learner": str(bo.pk),
        "group": str(class_7b.pk),
        "curriculum": str(fractions.pk),
        "key": str(victim.pk),
    }


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.label)
def test_the_server_keeps_to_its_document(
    operation: Any, mode: GenerationMode, client: Caller, known: dict[str, str], one_long_request: None
) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=IS_REPEATABLE,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), real=st.booleans(), current=st.booleans())
    def probe(case: Any, real: bool, current: bool) -> None:
        headers = {"Authorization": f"Bearer {client.key}"}
        if real:
            case.path_parameters = {
                name: known.get(name, value) for name, value in (case.path_parameters or {}).items()
            }
        if current and "If-Match" in (case.headers or {}):
            headers["If-Match"] = "*"
        response = case.call(headers=headers)
        refusable = is_wrong(case) and operation.definition.raw["operationId"] not in REFUSES_ROW_BY_ROW
        wanted = [*CHECKS, openapi_checks.negative_data_rejection] if refusable else CHECKS
        case.validate_response(response, checks=wanted)

    probe()
