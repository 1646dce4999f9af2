"""Pictures of a running Trellis: every page of a teacher, in both colour schemes, on a phone and on a desk.

python -m tests.e2e.screenshots http://localhost:8000 teacher@example.org password docs/img
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page

from tests.e2e.browser import DESK, PHONE, SCHEMES, Watch, chromium

#: Name and height in CSS pixels of each width that is taken; a picture is cut there.
WIDTHS: Final = {DESK: ("", 1080), PHONE: ("-phone", 900)}


def take(browser: Browser, url: str, email: str, password: str, folder: Path, learner: str = "") -> list[Path]:
    """PAGE[-phone][-dark].png of sign-in, classes, class and learner; raises if a page complains.

    The learner is the one of this name, or the one most in need.
    """
    folder.mkdir(parents=True, exist_ok=True)
    taken: list[Path] = []
    watch = Watch(urlsplit(url).netloc)
    for scheme in SCHEMES:
        for width, (suffix, height) in WIDTHS.items():
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            watch.over(page)
            name = f"{{}}{suffix}{'-dark' if scheme == 'dark' else ''}.png"
            taken += _walk(page, url, email, password, folder / name, learner)
            page.close()
    if watch.complaints:
        raise RuntimeError("\n".join(watch.complaints))
    return taken


def _walk(page: Page, url: str, email: str, password: str, picture: Path, learner: str) -> list[Path]:
    taken: list[Path] = []

    def shoot(what: str) -> None:
        taken.append(picture.with_name(picture.name.format(what)))
        page.screenshot(path=taken[-1])

    page.goto(f"{url}/login/")
    shoot("sign-in")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector(".classes")
    shoot("classes")
    page.locator(".classes a").first.click()
    page.wait_for_selector(".learners")
    shoot("class")
    page.locator(".learners tbody a", has_text=learner).first.click()
    page.wait_for_selector("h2#answers")
    shoot("learner")
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("email")
    parser.add_argument("password")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("docs/img"))
    parser.add_argument("--learner", default="", help="whose page to take; the one most in need if absent")
    options = parser.parse_args()
    url = options.url.rstrip("/")
    with chromium() as browser:
        for path in take(browser, url, options.email, options.password, options.folder, options.learner):
            print(path)


if __name__ == "__main__":
    main()
