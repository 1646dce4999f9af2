"""Pictures of a running Trellis, in both colour schemes, on a phone and on a desk, as WebP.

python -m tests.e2e.screenshots http://localhost:8000 .dev/demo.json FOLDER [--all] [--language de]

Without --all, those that the documentation shows. The accounts file is what the demo writes.
"""

from __future__ import annotations

import argparse
import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page

from tests.dashboard import pages
from tests.dashboard.pages import Reader
from tests.e2e.browser import DESK, PHONE, SCHEMES, Scheme, Watch, chromium

#: Height in CSS pixels at which a picture for the documentation is cut, and what each width is called.
HEIGHT: Final = 1000
WIDTHS: Final = {DESK: "", PHONE: "-phone"}
#: What the documentation shows, on a desk.
SHOWN: Final[dict[str, tuple[Scheme, ...]]] = {
    "class": ("light", "dark"),
    "need": ("light",),
    "reteach": ("light",),
    "mastery": ("light",),
    "prerequisites": ("light",),
    "learner": ("light",),
    "forecast": ("light",),
    "items": ("light",),
}
#: Text stays sharp, and a page takes some 60 KB. A WebP is at most 16,383 pixels high: what is longer is cut.
_QUALITY: Final = 0.82
_TO_WEBP: Final = """
async ([png, quality]) => {
  const picture = new Image();
  picture.src = `data:image/png;base64,${png}`;
  await picture.decode();
  const height = Math.min(picture.height, 16383);
  const canvas = Object.assign(document.createElement("canvas"), {width: picture.width, height});
  canvas.getContext("2d").drawImage(picture, 0, 0);
  return canvas.toDataURL("image/webp", quality).split(",")[1];
}
"""


class Shot(NamedTuple):
    """`whole`: to the end of the page, however long."""

    page: pages.Page
    address: str
    scheme: Scheme
    width: int
    whole: bool

    @property
    def name(self) -> str:
        return f"{self.page.name}{WIDTHS[self.width]}{'-dark' if self.scheme == 'dark' else ''}.webp"


class Site:
    """A browser's contexts, one a reader, scheme and width, signed in as the reader does it."""

    def __init__(self, browser: Browser, url: str, accounts: dict[str, str], language: str) -> None:
        self.url, self._browser, self._accounts, self._language = url, browser, accounts, language
        self.watch = Watch(urlsplit(url).netloc)
        self._contexts: dict[tuple[Reader, Scheme, int], BrowserContext] = {}
        self._bench = browser.new_page()
        self.places = pages.places(self._html, {"learner_id": accounts["learner_id"]})

    def page(self, reader: Reader, scheme: Scheme = "light", width: int = DESK) -> Page:
        wanted = reader, scheme, width
        if wanted not in self._contexts:
            self._contexts[wanted] = self._browser.new_context(
                base_url=self.url, viewport={"width": width, "height": HEIGHT}, color_scheme=scheme,
                locale=self._language,
            )  # fmt: skip
            self._enter(reader, self._contexts[wanted].new_page())
        return self._contexts[wanted].pages[0]

    def shoot(self, shot: Shot, folder: Path) -> Path:
        page = self.page(shot.page.reader, shot.scheme, shot.width)
        page.goto(shot.address, wait_until="networkidle")
        png = base64.b64encode(page.screenshot(full_page=shot.whole)).decode()
        path = folder / shot.name
        path.write_bytes(base64.b64decode(self._bench.evaluate(_TO_WEBP, [png, _QUALITY])))
        return path

    def _enter(self, reader: Reader, page: Page) -> None:
        self.watch.over(page)
        if reader in (Reader.TEACHER, Reader.ADMIN):
            page.goto("/login/")
            page.locator("#id_username").fill(self._accounts[f"{reader}_email"])
            page.locator("#id_password").fill(self._accounts[f"{reader}_password"])
            with page.expect_navigation():
                page.locator("main form button").click()
        elif reader is Reader.LEARNER:
            page.goto(self._link())

    def _link(self) -> str:
        """As an LMS asks for it on a learner's behalf."""
        asked = self._browser.new_context(base_url=self.url).request.post(
            "/api/v1/learner-tokens",
            headers={"Authorization": f"Bearer {self._accounts['api_key']}"},
            data={"learner": self._accounts["learner_id"], "name": "pictures"},
        )
        if not asked.ok:
            raise RuntimeError(f"no link to the learner's page: {asked.status} {asked.text()[:400]}")
        return str(asked.json()["page"])

    def _html(self, reader: Reader, address: str) -> str:
        page = self.page(reader)
        page.goto(address)
        return page.content()


def shots(found: dict[str, str], *, every: bool) -> Iterator[Shot]:
    for page, address in pages.within_reach(found):
        if every and page.is_whole:
            yield from (Shot(page, address, scheme, width, True) for scheme in SCHEMES for width in WIDTHS)
        elif not every:
            yield from (Shot(page, address, scheme, DESK, False) for scheme in SHOWN.get(page.name, ()))


def take(
    browser: Browser, url: str, accounts: dict[str, str], folder: Path, *, every: bool = False, language: str = "en"
) -> Iterator[Path]:
    """PAGE[-phone][-dark].webp of each; raises at the end if a page complained."""
    folder.mkdir(parents=True, exist_ok=True)
    site = Site(browser, url, accounts, language)
    for shot in shots(site.places, every=every):
        yield site.shoot(shot, folder)
    if site.watch.complaints:
        raise RuntimeError("\n".join(site.watch.complaints))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("accounts", type=Path, help="the file with addresses, passwords and key that the demo writes")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true", help="every page, both schemes, both widths, to its end")
    parser.add_argument("--language", default="en", help="of the pages")
    options = parser.parse_args()
    accounts: dict[str, Any] = json.loads(options.accounts.read_text())
    with chromium() as browser:
        url = options.url.rstrip("/")
        for path in take(browser, url, accounts, options.folder, every=options.all, language=options.language):
            print(path, flush=True)


if __name__ == "__main__":
    main()
