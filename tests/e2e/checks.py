"""What every page must keep to, measured in the page itself."""

from __future__ import annotations

from typing import Final

from playwright.sync_api import Page, expect

from tests.e2e.axe import violations
from tests.e2e.browser import DESK, PHONE, Scheme

#: WCAG 2.2 AA (1.4.3): 4.5:1, or 3:1 from 24 px, or from 18.66 px if bold. axe leaves open what lies over something.
_CONTRAST: Final = """
() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = ([r, g, b]) => {
    const linear = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return rgba("Canvas");
  };
  const bad = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode.data.trim(), element = texts.currentNode.parentElement;
    if (!text || !element.checkVisibility()) continue;
    const style = getComputedStyle(element), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const [high, low] = [light(rgba(style.color)), light(ground(element))].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < (large ? 3 : 4.5)) bad.push(`${ratio.toFixed(2)}:1 ${text.slice(0, 40)}`);
  }
  return bad;
}
"""
AXE_WINDOWS: Final[tuple[tuple[Scheme, int], ...]] = (("light", DESK), ("dark", PHONE))
_TOO_WIDE: Final = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def assert_page_is_fit(page: Page) -> None:
    assert not (found := faults(page)), "\n".join([page.url, *found])


def faults(page: Page) -> list[str]:
    """What keeps a page from being readable, operable, and no wider than its window.

    axe takes seconds: of the windows that pages are tried in, it looks at one in each scheme and of each width.
    """
    return [
        *([f"scrolls sideways by {over} px"] if (over := page.evaluate(_TOO_WIDE)) > 0 else []),
        *page.evaluate(_CONTRAST),
        *([] if page.locator("h1").count() == 1 else ["has not one heading of the first level"]),
        *(violations(page) if window(page) in AXE_WINDOWS else []),
    ]


def window(page: Page) -> tuple[Scheme, int]:
    assert page.viewport_size is not None
    is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    return "dark" if is_dark else "light", page.viewport_size["width"]


def assert_definitions_are_readable(page: Page) -> None:
    """Each opens within the window's width, and closes again."""
    for definition in page.locator("details.why").all():
        if not definition.is_visible():
            continue
        definition.locator("summary").click()
        said = definition.locator(".said")
        box = said.bounding_box()
        assert box is not None
        assert page.viewport_size is not None
        width = page.viewport_size["width"]
        assert box["x"] >= 0 and box["x"] + box["width"] <= width, f"{said.inner_text()!r} does not fit {width} px"
        assert page.evaluate(_TOO_WIDE) <= 0, f"{page.url} scrolls sideways with a definition open"
        definition.locator("summary").click()
        expect(said).to_be_hidden()
