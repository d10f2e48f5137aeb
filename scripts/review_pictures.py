"""Make docs/img/review_*.jpg: screenshots of `pix2cap review` on the demo's own sample, in a real Chromium.

    .venv/bin/python scripts/review_pictures.py

Only rendered scenes and public-domain or CC0 photos of the demo are shown, so that the screenshots may be
committed. The app is started as a user starts it, and a few captions are decided to show it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pix2cap.annotate.draw_sample import SampleOptions, draw_sample
from pix2cap.demo import run_demo

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "img"
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
SIZE = {"width": 1280, "height": 800}
SAMPLE = "verify"
PHOTO = "rocket.png"


@contextmanager
def served(run: Path) -> Iterator[str]:
    """The app's address while the block runs."""
    command = [
        str(Path(sys.executable).with_name("pix2cap")),
        "review",
        str(run),
        "--port",
        "0",
        "--reviewer",
        "Ada",
    ]
    command += ["--task", "verify", "--sample", SAMPLE, "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        try:
            said: list[str] = []
            for line in process.stdout:
                said.append(line)
                if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                    yield found[0]
                    return
            raise RuntimeError(f"expected the app's address, it said: {''.join(said)}")
        finally:
            process.terminate()


def _wait(page: Page, *events: str) -> None:
    page.wait_for_function("(all) => all.includes(document.documentElement.dataset.event)", arg=list(events))


def _shoot(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.screenshot(path=str(OUT / f"review_{name}.jpg"), type="jpeg", quality=82)


def _point(page: Page, share_x: float, share_y: float) -> None:
    box = page.locator("#photo").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + share_x * box["width"], box["y"] + share_y * box["height"])


def take(page: Page, address: str) -> None:
    """Decide on a few captions, then take the three pictures."""
    page.goto(f"{address}/")
    _wait(page, "ready")
    page.locator(".tile a", has_text=PHOTO).click()
    page.wait_for_selector("#segments")
    _wait(page, "ready", "view")
    page.locator("#segments .row", has_text="This rocket").click()
    page.keyboard.press("a")
    page.wait_for_selector("#saving[data-state=saved]")
    page.locator("#segments .row", has_text="Alongside the sky").click()
    page.keyboard.press("a")
    page.wait_for_selector("#saving[data-state=saved]")
    page.locator("#segments .row", has_text="The second from the left").click()
    _point(page, 0.5, 0.5)
    _shoot(page, "picture")
    page.goto(f"{address}/")
    _wait(page, "ready")
    _shoot(page, "grid")
    page.goto(f"{address}/verify/{SAMPLE}")
    _wait(page, "ready")
    page.keyboard.press("1")
    page.keyboard.press("1")
    _wait(page, "answered")
    _shoot(page, "verify")


def main() -> None:
    """Write the three pictures."""
    from playwright.sync_api import sync_playwright

    executable = os.environ.get("PIX2CAP_CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUMS)), None)
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        run_demo(Path(folder) / "demo")
        run = Path(folder) / "demo" / "run"
        draw_sample(run, SampleOptions(name=SAMPLE, per_stratum=2))
        with served(run) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=executable, args=["--no-sandbox", "--disable-gpu"]
            )
            page = browser.new_page(viewport=SIZE, color_scheme="light")
            page.set_default_timeout(120_000)
            take(page, address)
            browser.close()


if __name__ == "__main__":
    main()
