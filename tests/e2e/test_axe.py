"""The check of accessibility finds what is wrong, and names it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.e2e import axe

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]

PAGE = "<!doctype html><html lang='en'><head><title>Classes</title></head><body><main><h1>Classes</h1>{}</main>"


def test_a_sound_page_has_no_violations(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(PAGE.format("<p>Three classes <button>Sign out</button></p>"))
    assert axe.violations(page) == []


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        ("<button></button>", "button-name"),
        ("<input id='area'>", "label"),
        ("<p style='color: #999; background: #fff'>Nearly white</p>", "color-contrast"),
        ("<p><button style='width: 9px'>a</button><button style='width: 9px'>b</button></p>", "target-size"),
    ],
)
def test_what_is_wrong_is_named_with_its_element(broken: str, rule: str, browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(PAGE.format(broken))
    first, *elements = axe.violations(page)
    assert first.startswith(f"{rule} (")
    assert elements
