import logging

import pytest

from api import context
from api.context import RequestContext
from tests.people import Caller

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_log_lines_know_the_request_they_belong_to(client: Caller, caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.addFilter(RequestContext())
    with caplog.at_level(logging.WARNING):
        client.get("/api/v1/nothing", x_request_id="r-1", traceparent=TRACE)
    assert {(line.request_id, line.traceparent) for line in caplog.records} == {("r-1", TRACE)}  # type: ignore[attr-defined]


def test_an_ill_formed_trace_is_dropped(client: Caller) -> None:
    client.get("/api/v1/me", traceparent="00-zz-1-01\n")
    assert context._current.get().traceparent == ""
