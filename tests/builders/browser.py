"""A real Chromium for tests, and what its pages told through their `pix2cap:*` events."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
EVIL = "</script><script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'>\u2028\"'&amp; words"
"""What nobody's caption should be able to do to a page."""
Open = Callable[..., "Visit"]
_RECORD = """
window.told = [];
for (const name of ['ready', 'map', 'hover', 'filter']) {
  document.addEventListener(`pix2cap:${name}`, (event) => window.told.push({ name, ...event.detail }));
}
"""


def find_chromium() -> str | None:
    """The browser's path: `PIX2CAP_CHROMIUM`, else the first known name on the PATH."""
    named = os.environ.get("PIX2CAP_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A headless Chromium; skips the test with the reason where there is none."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.skip("playwright is not installed (pip install -e '.[dev]')")
    executable = find_chromium()
    if executable is None:
        pytest.skip(f"no Chromium on the PATH ({', '.join(NAMES)}) and PIX2CAP_CHROMIUM is not set")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """An opened report: its page, and everything that went wrong on it.

    Args:
        browser: Where it is opened.
        report: The HTML file.
        options: Of the browser context (`viewport`, `color_scheme`, `has_touch`).
    """

    def __init__(self, browser: Browser, report: Path, **options: Any) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("dialog", lambda dialog: (self.complaints.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.add_init_script(_RECORD)
        self.page.goto(report.as_uri())
        self.wait_for("ready")

    def wait_for(self, name: str, **detail: Any) -> dict[str, Any]:
        """Wait until an event of that name carried this detail, and return it."""
        wanted = json.dumps({"name": name, **detail})
        handle = self.page.wait_for_function(
            "(wanted) => window.told.findLast((event) => Object.entries(JSON.parse(wanted)).every("
            "([key, value]) => event[key] === value))",
            arg=wanted,
            timeout=10_000,
        )
        event: dict[str, Any] = handle.json_value()
        return event

    def forget(self) -> None:
        """Forget the events so far, so that the next wait is for a new one."""
        self.page.evaluate("() => { window.told = []; }")

    def show(self, image_id: int) -> None:
        """Scroll a picture into the window and wait until its map is read."""
        self.page.locator(f"#image-{image_id}").scroll_into_view_if_needed()
        self.page.locator(f"#image-{image_id}[data-map=read]").wait_for()

    def point(self, image_id: int, x: float, y: float) -> tuple[float, float]:
        """Where in the window a pixel of the embedded picture lies."""
        client: list[float] = self.page.evaluate(
            """([id, x, y]) => {
              const picture = document.querySelector(`#image-${id} img`);
              const box = picture.getBoundingClientRect();
              const [w, h] = [picture.getAttribute('width'), picture.getAttribute('height')];
              const scale = Math.min(box.width / w, box.height / h);
              return [box.left + (box.width - w * scale) / 2 + (x + 0.5) * scale,
                      box.top + (box.height - h * scale) / 2 + (y + 0.5) * scale];
            }""",
            [image_id, x, y],
        )
        return client[0], client[1]

    def hover(self, image_id: int, x: float, y: float) -> None:
        """Move the pointer to a pixel of a picture."""
        self.page.mouse.move(*self.point(image_id, x, y))

    def veil(self, image_id: int, x: float, y: float) -> int:
        """Opacity 0..255 of what is painted over a pixel: 0 is the clear picture."""
        alpha: int = self.page.evaluate(
            """([id, x, y]) => {
              const picture = document.querySelector(`#image-${id} img`);
              const canvas = document.querySelector(`#image-${id} canvas`);
              const scale = canvas.width / picture.getAttribute('width');
              const at = [Math.floor((x + 0.5) * scale), Math.floor((y + 0.5) * scale)];
              const copy = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
              const pen = copy.getContext('2d', { willReadFrequently: true });
              pen.drawImage(canvas, ...at, 1, 1, 0, 0, 1, 1);
              return pen.getImageData(0, 0, 1, 1).data[3];
            }""",
            [image_id, x, y],
        )
        return alpha

    def close(self) -> None:
        """Close the page."""
        self.context.close()


@contextmanager
def visits(browser: Browser, page: Path) -> Iterator[Open]:
    """Opens a page, or another; at the end nothing may have been logged or asked of the network."""
    opened: list[Visit] = []

    def open_page(path: Path = page, **options: Any) -> Visit:
        opened.append(Visit(browser, path, **options))
        return opened[-1]

    yield open_page
    for each in opened:
        each.close()
        assert each.complaints == []
        # The icon, the pictures and the page itself are all there is.
        assert [url for url in each.requests if not url.startswith(("file://", "data:"))] == []
        assert sum(url.startswith("file://") for url in each.requests) == 1
