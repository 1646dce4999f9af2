"""Server time of every page of the dashboard: a class of 40, 300 concepts, 200,000 answers in the log.

`python -m tests.bench dashboard [--quick]`

Requests go through the site's WSGI application in this process, one after the other, with sessions, middleware,
templates and the database as in service, and bodies are drawn to their end. Pages are those of `tests.dashboard.pages`,
at addresses found by following links. `p50` and `p95` of the rounds; the value is p95, `cpu` the median of what this
process itself computes, which other work on the machine changes less. What is kept for some minutes is
asked for anew as well, for another day or by another setting in each round: `..._first`.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode
from wsgiref.util import setup_testing_defaults

import numpy as np

from tests.bench import _pool_site as pool
from tests.dashboard import pages
from tests.dashboard.pages import Reader

if TYPE_CHECKING:
    from tests.bench._dashboard_school import Readers

#: (learners of the school, concepts, answers of each)
FULL: Final = (400, 300, 500)
QUICK: Final = (80, 60, 60)
ROUNDS, QUICK_ROUNDS, WARMING = 40, 3, 3
#: The limit that every page keeps.
MOST_MS: Final = 300.0

Application = Callable[[dict[str, Any], Callable[..., Any]], Any]


def figures(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    # What Django's test client, which signs readers in, calls the site.
    os.environ["ALLOWED_HOSTS"] = "localhost,testserver"
    with pool.servers():
        from django.utils import timezone

        from tests.bench import _dashboard_school as school

        learners, concepts, each = QUICK if options.quick else FULL
        readers = school.build(learners=learners, concepts=options.concepts or concepts, each=each, now=timezone.now())
        of = {"class": school.CLASS, "concepts": options.concepts or concepts, "answers": learners * each}
        yield from _measured(readers, QUICK_ROUNDS if options.quick else ROUNDS, of)


def _measured(readers: Readers, rounds: int, of: dict[str, int]) -> Iterator[dict[str, Any]]:
    browser = Browser(readers)
    found = pages.places(
        lambda reader, address: browser.get(reader, address).decode(), {"learner_id": str(readers.learner_id)}
    )
    slow = []
    reached = list(pages.within_reach(found))
    asked = [(page.name, page.reader, [address] * (WARMING + rounds)) for page, address in reached]
    asked += [(name, Reader.TEACHER, each) for name, each in _first_times(browser, found, WARMING + rounds)]
    for name, reader, addresses in asked:
        times, cpu = np.array([browser.milliseconds(reader, address) for address in addresses][WARMING:]).T
        statements, size = browser.statements(reader, addresses[-1])
        p50, p95 = (round(float(q), 1) for q in np.percentile(times, (50, 95)))
        slow += [name] if p95 > MOST_MS else []
        figure = {
            "p50": p50,
            "cpu": round(float(np.median(cpu)), 1),
            "statements": statements,
            "kib": round(size / 1024),
            "rounds": rounds,
            **of,
        }
        yield {"name": name, "value": p95, "unit": "ms", **figure}
    left = sorted({page.name for page in pages.PAGES} - {page.name for page, _ in reached})
    yield {"name": "slow_pages", "value": len(slow), "unit": f"pages over {MOST_MS:.0f} ms", "pages": slow, **of}
    yield {"name": "pages_not_reached", "value": len(left), "unit": "pages", "pages": left, **of}


def _first_times(browser: Browser, found: Mapping[str, str], n: int) -> Iterator[tuple[str, list[str]]]:
    """Addresses of which each asks for figures that nothing is kept of."""
    from django.utils import timezone

    of, today = f"/classes/{found['group_id']}", timezone.localdate()
    near, far = ([today + timedelta(days=first + each) for each in range(n)] for first in (20, 80))
    yield "forecast_first", [f"{of}/forecast/?date={day}" for day in near]
    yield "forecast_minutes_first", [f"{of}/forecast/minutes/?date={day}" for day in far]
    form = Form("settings")
    form.feed(browser.get(Reader.TEACHER, f"{of}/settings/").decode())
    typed = [urlencode({**form.fields, "retention": 50 + each}) for each in range(n)]
    yield "settings_preview_first", [f"{of}/settings/?{each}" for each in typed]


class Form(HTMLParser):
    """What a browser would send of a form as it is shown; of several of a name, the last."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._name, self._is_within, self._select = name, False, ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        match tag:
            case "form":
                self._is_within = said.get("id") == self._name
            case "select":
                self._select = said["name"]
            case "option" if "selected" in said and self._is_within:
                self.fields[self._select] = said["value"]
            case "input" if self._is_within and "name" in said:
                if said.get("type") not in ("checkbox", "radio") or "checked" in said:
                    self.fields[said["name"]] = said.get("value", "on")

    def handle_endtag(self, tag: str) -> None:
        self._is_within &= tag != "form"


class Browser:
    """Asks the site for pages, signed in as each reader."""

    def __init__(self, readers: Readers) -> None:
        from django.test import Client

        from tutor.dashboard import own_session
        from tutor.wsgi import application

        self._application: Application = application
        self._cookies: dict[Reader, str] = {Reader.NOBODY: ""}
        for reader, user in ((Reader.TEACHER, readers.teacher), (Reader.ADMIN, readers.admin)):
            client = Client()
            client.force_login(user)
            self._cookies[reader] = client.cookies.output(attrs=[], header="", sep=";").strip()
        learner = Client()
        learner.get(own_session.address(readers.token))
        self._cookies[Reader.LEARNER] = learner.cookies.output(attrs=[], header="", sep=";").strip()

    def get(self, reader: Reader, address: str) -> bytes:
        """Raises: RuntimeError: if the answer is not the page."""
        path, _, query = address.partition("?")
        environ: dict[str, Any] = {"PATH_INFO": path, "QUERY_STRING": query, "HTTP_HOST": "localhost"}
        environ["HTTP_COOKIE"] = self._cookies[reader]
        setup_testing_defaults(environ)
        said: list[str] = []
        answer = self._application(environ, lambda status, headers, exc_info=None: said.append(status))
        try:
            body = b"".join(answer)
        finally:
            answer.close()
        if not said[0].startswith("200"):
            raise RuntimeError(f"{reader} at {address}: {said[0]}: {body[:500]!r}")
        return body

    def milliseconds(self, reader: Reader, address: str) -> tuple[float, float]:
        """Until the answer is there, and those of them that this process computed."""
        begin, computed = time.perf_counter(), time.process_time()
        self.get(reader, address)
        return (time.perf_counter() - begin) * 1e3, (time.process_time() - computed) * 1e3

    def statements(self, reader: Reader, address: str) -> tuple[int, int]:
        """How many it takes, and how many bytes come of it."""
        from django.db import connection

        count = 0

        def counted(execute: Callable[..., Any], *asked: Any) -> Any:
            nonlocal count
            count += 1
            return execute(*asked)

        with connection.execute_wrapper(counted):
            size = len(self.get(reader, address))
        return count, size
