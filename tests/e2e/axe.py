"""axe-core in the page itself, put there by the browser's debugger: the pages' own policy lets no other script in."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Any, Final

from playwright.sync_api import Page

_SCRIPT: Final = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
#: WCAG 2.0, 2.1 and 2.2, levels A and AA; rules of taste are left out.
_LEVELS: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa")
_IMPACTS: Final = ("serious", "critical")
_RUN: Final = """
async (levels) => (await axe.run(document, {
  runOnly: {type: "tag", values: levels},
  resultTypes: ["violations"],
})).violations
"""


def violations(page: Page) -> list[str]:
    """What keeps somebody from using the page: rule, what it asks for, and each element with what is wrong with it."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_SCRIPT)
    found: list[dict[str, Any]] = page.evaluate(_RUN, list(_LEVELS))
    return [line for violation in found if violation["impact"] in _IMPACTS for line in _lines(violation)]


def _lines(violation: dict[str, Any]) -> Iterator[str]:
    yield f"{violation['id']} ({violation['impact']}): {violation['help']}"
    for node in violation["nodes"]:
        where = " ".join(map(str, node["target"]))
        summary = "; ".join(line.strip() for line in node["failureSummary"].splitlines()[1:])
        yield f"  {where}  {node['html'][:120]}  {summary}"
