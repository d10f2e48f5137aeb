"""The page of figures in a real browser: nothing refused, nothing fetched, nothing wider than a phone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pix2cap.dataset.stats import dataset_stats
from pix2cap.report.stats import write_stats
from tests.builders.panoptic import build_coco_panoptic

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

BRIGHTNESS = """(name) => getComputedStyle(document.body)[name].match(/\\d+/g).slice(0, 3)
    .reduce((sum, part) => sum + Number(part), 0)"""
EVIL = "<img src=x onerror='document.title = 1'>"


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figures")
    files = []
    for number in range(2):
        paths = build_coco_panoptic(folder / str(number), n_images=4, captions=True, seed=number)
        paths.document["categories"][0]["name"] = EVIL
        paths.segment()["description"] = f"{EVIL} stands here in the middle."
        files.append(paths.save().json_path.rename(folder / f"a dataset with a long name {number}.json"))
    return write_stats(dataset_stats(files, tag_share=0).to_json(), folder / "stats.html")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_and_is_quiet(browser: Browser, page_path: Path, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("request", lambda request: told.append(request.url))
    page.goto(page_path.as_uri())
    assert told == [page_path.as_uri()]
    assert page.title() == "Captions in figures"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    plot = page.locator("svg.chart").first.bounding_box()
    assert plot is not None and plot["width"] > 250 and plot["height"] > 90
    ink, paper = (page.evaluate(BRIGHTNESS, name) for name in ("color", "backgroundColor"))
    assert (ink > paper) == (scheme == "dark")
    context.close()


def test_a_column_of_a_plot_tells_its_numbers(browser: Browser, page_path: Path) -> None:
    page = browser.new_page()
    page.goto(page_path.as_uri())
    column = page.locator("svg.chart rect.column").first
    assert "%" in (column.locator("title").text_content() or "")
    assert page.locator(".figures th.theirs").inner_text().startswith("Pix2Cap-COCO")
    assert page.locator(".class-table").inner_text().count(EVIL) == 1
    page.close()
