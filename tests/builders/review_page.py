"""A person at the review app: a page of a real browser, what it told, and what went wrong on it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.builders.review import ReviewServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TIMEOUT_MS = 60_000
_EVENTS = (
    *("ready", "map", "hover", "segment", "view", "marks", "filter", "failed", "checked", "reviewer"),
    *("decided", "waiting", "conflict", "refused", "dropped", "refreshed", "answered", "item", "verdict"),
)
_RECORD = f"""
window.told = [];
for (const name of {json.dumps(_EVENTS)}) {{
  document.addEventListener(`pix2cap:${{name}}`, (event) => window.told.push({{ name, ...event.detail }}));
}}
"""


class Reviewer:
    """One browser with its own cookies and storage.

    Args:
        browser: Where it is opened.
        server: What it talks to.
        path: The first page.
        options: Of the browser context (`viewport`, `color_scheme`, `java_script_enabled`).
    """

    def __init__(self, browser: Browser, server: ReviewServer, path: str = "/", **options: Any) -> None:
        self.server = server
        self.has_scripts = bool(options.get("java_script_enabled", True))
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        self.context.set_default_timeout(TIMEOUT_MS)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("dialog", lambda dialog: (self.complaints.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.add_init_script(_RECORD)
        self.open(path)

    def open(self, path: str) -> None:
        """Go to a page and wait until it is ready."""
        self.page.goto(self.server.url + path)
        if self.has_scripts:
            self.wait_for("ready")

    def wait_for(self, name: str, **detail: Any) -> dict[str, Any]:
        """Wait until an event of that name carried this detail, and return it."""
        wanted = json.dumps({"name": name, **detail})
        handle = self.page.wait_for_function(
            "(wanted) => window.told?.findLast((event) => Object.entries(JSON.parse(wanted)).every("
            "([key, value]) => event[key] === value))",
            arg=wanted,
        )
        event: dict[str, Any] = handle.json_value()
        return event

    def forget(self) -> None:
        """Forget the events so far, so that the next wait is for a new one."""
        self.page.evaluate("() => { window.told = []; }")

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    @property
    def query(self) -> dict[str, str]:
        """The query of the address that the browser shows."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.page.url).query).items()}

    @property
    def chosen(self) -> int:
        """Id of the segment that is chosen."""
        row = self.page.locator("#segments [aria-selected=true]")
        return int(row.get_attribute("data-segment") or "0")

    def choose(self, segment_id: int) -> None:
        """Click a segment in the list."""
        self.forget()
        self.page.locator(f"#segment-{segment_id}").click()
        self.wait_for("segment", segmentId=segment_id)

    def detail(self) -> str:
        """What is told of the chosen segment."""
        return self.page.locator("#detail").inner_text()

    def saving(self) -> str:
        """The line that says what is saved."""
        return self.page.locator("#saving").inner_text()

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where in the window a pixel of the picture lies."""
        client: list[float] = self.page.evaluate(
            """([x, y]) => {
              const photo = document.getElementById('photo');
              const box = photo.getBoundingClientRect();
              const scale = box.width / Number(photo.getAttribute('width'));
              return [box.left + (x + 0.5) * scale, box.top + (y + 0.5) * scale];
            }""",
            [x, y],
        )
        return client[0], client[1]

    def point(self, x: float, y: float) -> None:
        """Move the pointer to a pixel of the picture."""
        self.page.mouse.move(*self.place(x, y))

    def veil(self, x: float, y: float) -> int:
        """Opacity 0..255 of what is drawn over a pixel of the picture, once it is drawn: 0 is clear."""
        alpha: int = self.page.evaluate(
            """async ([x, y]) => {
              const painted = () => new Promise((done) => { requestAnimationFrame(done); });
              await painted();
              await painted();
              const canvas = document.getElementById('overlay');
              const box = canvas.getBoundingClientRect();
              const dense = canvas.width / box.width;
              const at = [Math.floor((x - box.left) * dense), Math.floor((y - box.top) * dense)];
              const copy = new OffscreenCanvas(1, 1).getContext('2d');
              copy.drawImage(canvas, ...at, 1, 1, 0, 0, 1, 1);
              return copy.getImageData(0, 0, 1, 1).data[3];
            }""",
            list(self.place(x, y)),
        )
        return alpha

    def close(self, *allowed: str) -> None:
        """Close it; everything that was logged must hold one of the allowed texts.

        Raises:
            AssertionError: The page complained, or asked somebody else than its server.
        """
        self.context.close()
        left = [text for text in self.complaints if not any(each in text for each in allowed)]
        assert left == [], left
        foreign = [url for url in self.requests if not url.startswith((self.server.url, "blob:"))]
        assert foreign == [], foreign
