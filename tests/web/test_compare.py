"""What a reader does with a page of before and after, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pix2cap.evaluate.bench_compare import compare_results
from pix2cap.evaluate.bench_scored import of_task, read_scored
from pix2cap.evaluate.bench_scored_items import of_vipbench
from pix2cap.report import report_comparison
from tests.builders.browser import EVIL, Open
from tests.builders.compared import region_file, vipbench_result
from tests.builders.panoptic import build_coco_panoptic
from tests.builders.results import changed, result_on, shorter
from tests.builders.visual_genome import build_vg

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("a comparison")
    paths = build_vg(folder, n_images=5).draw()
    true = paths.phrases()
    before = {k: t if k % 3 else t.split()[0] for k, t in true.items()}
    after = {k: EVIL if k == 101 else t for k, t in true.items() if k != 104} | {107: "a cat"}
    files = region_file(paths, before, "before"), region_file(paths, after, "after")
    sides = [read_scored(file) for file in files]
    found = compare_results(sides[0], sides[1], names=("plain", EVIL), samples=50)
    return report_comparison(found, *sides, folder / "compare.html", images=paths.images)


def test_hostile_text_is_only_text(visit: Open) -> None:
    seen = visit()
    assert seen.page.evaluate("() => window.pwned ?? null") is None
    assert seen.page.locator("script").count() == 1 and seen.page.locator("img[src=x]").count() == 0
    said = seen.page.locator(".answer .caption").evaluate_all("(all) => all.map((one) => one.textContent)")
    assert EVIL in said


def test_worse_and_better_are_shown_one_at_a_time(visit: Open) -> None:
    seen = visit()
    shown = seen.page.locator("[role=tabpanel]:visible")
    assert shown.get_attribute("id") == "kind-worse"
    keys = shown.locator(".example").evaluate_all("(all) => all.map((one) => one.dataset.key)")
    assert set(keys) == {"101", "104", "107"}
    assert shown.locator("text=no prediction").count() == 1
    seen.page.keyboard.press("Tab")
    seen.page.get_by_role("tab", name="Got better").click()
    assert shown.get_attribute("id") == "kind-better"
    deltas = shown.locator(".deltas .up b").all_inner_texts()
    assert deltas and all(text.startswith("+") for text in deltas)
    seen.page.keyboard.press("ArrowRight")
    assert shown.get_attribute("id") == "kind-worse"


def test_the_region_is_lit_in_its_picture(visit: Open) -> None:
    seen = visit()
    crop = seen.page.locator(".example .crop").first
    crop.scroll_into_view_if_needed()
    crop.locator("img").evaluate("(img) => img.decode()")
    assert crop.locator("img").bounding_box() == crop.locator("svg").bounding_box()
    fill = "(veil) => getComputedStyle(veil).fill"
    assert "rgba" in crop.locator(".veil").evaluate(fill)
    crop.hover()
    assert crop.locator(".veil").evaluate(fill) == "none"


def test_changes_stand_on_their_side_of_the_axis(visit: Open) -> None:
    seen = visit()
    rows = seen.page.locator(".headline tbody tr")
    assert rows.count() == 6
    for row in rows.all():
        text = row.locator(".gap .num").inner_text()
        x = float((row.locator("circle").get_attribute("cx") or "").rstrip("%"))
        assert (x > 50) == ("+" in text) and 0 <= x <= 100, text


def test_the_histogram_counts_what_moved(visit: Open) -> None:
    seen = visit()
    titles = seen.page.locator(".moves title").evaluate_all("(all) => all.map((one) => one.textContent)")
    counts = [int(title.rpartition(": ")[2]) for title in titles]
    better, worse, _ = (int(text) for text in seen.page.locator(".moves dd").all_inner_texts())
    assert (sum(counts[10:]), sum(counts[:10])) == (better, worse) and worse == 3


@pytest.mark.parametrize("width", [360, 820, 1180, 1920])
def test_no_width_makes_the_page_scroll_sideways(visit: Open, width: int) -> None:
    seen = visit(viewport={"width": width, "height": 800})
    assert seen.page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_without_script_everything_is_there(browser: Browser, page_path: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(page_path.as_uri())
    assert page.locator("[role=tabpanel]:visible").count() == 2
    context.close()


def test_segments_of_the_task_are_lit(visit: Open, tmp_path: Path) -> None:
    paths = build_coco_panoptic(tmp_path / "gt", n_images=3, size_wh=(160, 120), captions=True)
    first = result_on(paths)
    sides = of_task(first), of_task(changed(first, shorter))
    found = compare_results(*sides, samples=20)
    out = report_comparison(
        found, *sides, tmp_path / "c.html", images=paths.images, gt=paths.json_path, gt_masks=paths.masks
    )
    seen = visit(out)
    assert seen.page.locator(".crop .veil").count() == seen.page.locator(".example").count() > 0
    whys = seen.page.locator("[data-why]").all_inner_texts()
    assert any("mAP: single predictions" in text for text in whys)


def test_questions_are_shown_without_pictures(visit: Open, tmp_path: Path) -> None:
    grades = {f"v{n}": [n / 10] for n in range(8)}
    better = {key: [min(1.0, row[0] + 0.2)] for key, row in grades.items()}
    sides = of_vipbench(vipbench_result(grades)), of_vipbench(vipbench_result(better))
    out = report_comparison(compare_results(*sides, samples=20), *sides, tmp_path / "c.html")
    seen = visit(out)
    assert seen.page.locator("#kind-better .example").count() == 8
    assert seen.page.locator(".crop").count() == 0
    assert "what is it?" in seen.page.locator(".asked").first.inner_text()
