"""Make docs/img/ and the caption table of README.md from the demo's own sample.

    .venv/bin/python scripts/readme_pictures.py             # marked picture and caption table
    .venv/bin/python scripts/readme_pictures.py --report    # and the screenshot (Chromium)

Only rendered scenes and public-domain or CC0 photos of the demo are used, so everything may be committed.
`tests/test_docs.py` makes the same things again and compares.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import tempfile
from pathlib import Path

import cv2
import numpy as np
import orjson
from numpy.typing import NDArray

from pix2cap.demo import run_demo
from pix2cap.draw.encode import encode_jpeg
from pix2cap.draw.marks import draw_marks
from pix2cap.draw.partition import split_into_units
from pix2cap.formats.open_source import read_dataset_source
from pix2cap.formats.source import Source

ROOT = Path(__file__).resolve().parents[1]
PHOTO, SCENE = "rocket.png", "scene_6.png"
BEGIN, END = "<!-- captions of the marked picture -->", "<!-- end of the captions -->"
HEIGHT = 427


def _image_id(source: Source, file_name: str) -> int:
    return next(entry.image.image_id for entry in source.entries() if entry.image.file_name == file_name)


def _units(source: Source, image_id: int) -> list[tuple[int, ...]]:
    panoptic = source.panoptic(image_id)
    return split_into_units(panoptic, [segment.id for segment in panoptic.captionable()], max_marks=12)


def marked_picture(dataset: Path) -> NDArray[np.uint8]:
    """The photo and a scene as a model is shown them, side by side."""
    source = read_dataset_source(dataset)
    panels = []
    for name in (PHOTO, SCENE):
        image_id = _image_id(source, name)
        drawn = _units(source, image_id)[0]
        marked = draw_marks(source.picture(image_id).rgb, source.panoptic(image_id), drawn).rgb
        width = round(marked.shape[1] * HEIGHT / marked.shape[0])
        panels.append(cv2.resize(marked, (width, HEIGHT), interpolation=cv2.INTER_AREA))
        panels.append(np.full((HEIGHT, 8, 3), 255, np.uint8))
    return np.ascontiguousarray(np.hstack(panels[:-1]))


def caption_table(dataset: Path) -> str:
    """A Markdown table with the captions of the photo, by the numbers drawn on it."""
    source = read_dataset_source(dataset)
    image_id = _image_id(source, PHOTO)
    document = orjson.loads((dataset / "panoptic.json").read_bytes())
    (annotation,) = [a for a in document["annotations"] if a["image_id"] == image_id]
    captions = {info["id"]: info["description"] for info in annotation["segments_info"]}
    panoptic = source.panoptic(image_id)
    lines = ["| mark | class | caption |", "|---|---|---|"]
    for number, segment_id in enumerate(_units(source, image_id)[0], start=1):
        name = source.categories[panoptic.by_id[segment_id].category_id].name
        lines.append(f"| {number} | {name} | {captions[segment_id]} |")
    return "\n".join(lines)


def with_table(readme: str, table: str) -> str:
    """The README with its caption table replaced.

    Raises:
        ValueError: The two marker lines are not there.
    """
    pattern = re.compile(f"{re.escape(BEGIN)}\n.*?{re.escape(END)}", re.S)
    if not pattern.search(readme):
        raise ValueError(f"expected the lines {BEGIN} and {END} in README.md, found no such pair")
    return pattern.sub(lambda _: f"{BEGIN}\n{table}\n{END}", readme)


def screenshot(report: Path, out: Path) -> None:
    """The rocket's card with the pointer on the rocket, as a JPEG."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
    browser_path = os.environ.get("PIX2CAP_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
        page.goto(report.resolve().as_uri())
        card = page.locator("article.card", has_text=PHOTO)
        card.scroll_into_view_if_needed()
        page.wait_for_timeout(1000)
        card.locator(".row", has_text="This rocket").hover()
        page.wait_for_timeout(500)
        card.screenshot(path=str(out), type="jpeg", quality=82)
        browser.close()


def main() -> None:
    """Write what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--report", action="store_true", help="also take the screenshot; needs Chromium")
    arguments = parser.parse_args()
    pictures = ROOT / "docs" / "img"
    pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        demo = run_demo(Path(folder) / "demo")
        (pictures / "marked.jpg").write_bytes(encode_jpeg(marked_picture(demo.dataset), quality=88))
        readme = ROOT / "README.md"
        readme.write_text(with_table(readme.read_text("utf-8"), caption_table(demo.dataset)), "utf-8")
        if arguments.report:
            screenshot(demo.report, pictures / "report.jpg")


if __name__ == "__main__":
    main()
