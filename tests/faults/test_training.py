"""A fit whose worker is killed, again and again, becomes the model that it would have become."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.faults.site import Site

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("faults")]

EPOCHS = 10
#: When the worker is killed: in which step, and after how many epochs of it.
MOMENTS = [("export", 0), ("fit", 0), *(("fit", epoch) for epoch in (1, 2, 4, 5, 7, 8)), ("judge", 0), ("judge", 0)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("training"))
    try:
        site.valkey.start()
        site.install()
        pupils = site.do("setup", "20")
        site.do("practise", pupils["school"], json.dumps(pupils["learners"]), "600")
        yield site
    finally:
        site.stop()


def requested(site: Site) -> str:
    return str(site.do("request_run", "psikt", json.dumps({"epochs": EPOCHS}))["run"])


def state(site: Site, run: str) -> tuple[str, str, dict[str, Any]]:
    with psycopg.connect(site.postgres.url, autocommit=True) as connection:
        query = "SELECT status, step, progress FROM registry_trainingrun WHERE id = %s"
        row = connection.execute(query, [run]).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def is_at(site: Site, run: str, step: str, epochs: int) -> bool:
    """Epochs are the candidate's: the baseline beside it has been fitted by then."""
    status, at, progress = state(site, run)
    of_candidate = epochs == 0 or (site.folder / "training" / run / "models" / "logistic").exists()
    return at == step and of_candidate and progress.get("step", 0) >= epochs and status == "running"


def is_beyond(site: Site, run: str, step: str) -> bool:
    status, at, _ = state(site, run)
    order = ["", "export", "fit", "judge"]
    return status == "done" or order.index(at) > order.index(step)


def test_a_run_whose_worker_is_killed_ends_as_if_nothing_had_been(site: Site) -> None:
    whole = requested(site)
    site.do("train")
    broken = requested(site)
    killed = 0
    for step, epochs in MOMENTS:
        site.start("trainer")
        site.wait(
            lambda: is_at(site, broken, step, epochs) or is_beyond(site, broken, step),  # noqa: B023
            f"{step} with {epochs} epochs",
        )
        killed += not is_beyond(site, broken, step)
        site.children["trainer"].kill()
    assert killed >= len(MOMENTS) - 2
    site.wait(lambda: state(site, broken)[0] == "done", "the end of the run")
    found = site.do("difference", whole, broken)
    assert found["parameters"] < 1e-5
    assert found["log_loss"] < 1e-6
    assert not list((site.folder / "training").iterdir())
