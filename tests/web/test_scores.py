"""What a reader does with a page of scores, in a real browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pix2cap.report import report_scores
from tests.builders.browser import EVIL, Open, Visit
from tests.builders.panoptic import build_coco_panoptic
from tests.builders.results import changed, golden_result, result_on, shorter

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("a score page")
    paths = build_coco_panoptic(folder / "gt", n_images=4, size_wh=(160, 120), captions=True)
    paths.document["categories"][1]["name"] = "<b onclick=x>car</b>"
    paths.save()
    strong = result_on(paths, lambda text, n: EVIL if n % 5 == 0 else "Something " + text[2:])
    strong = replace(strong, warnings=(EVIL,))
    return report_scores(
        [("strong", strong), (EVIL, changed(strong, shorter))], folder / "scores.html",
        images=paths.images, gt=paths.json_path, gt_masks=paths.masks,
    )  # fmt: skip


def _column(seen: Visit, key: str, table: int = 0) -> list[float]:
    rows = seen.page.locator(".by-category").nth(table).locator("tbody tr")
    return [float(v) for v in rows.evaluate_all(f"(rows) => rows.map((row) => row.dataset.{key})")]


def test_hostile_text_is_only_text(visit: Open) -> None:
    seen = visit()
    assert seen.page.evaluate("() => window.pwned ?? null") is None
    assert seen.page.locator("script").count() == 1
    assert seen.page.locator("img[src=x], b[onclick]").count() == 0
    captions = seen.page.locator(".answer .caption").evaluate_all(
        "(all) => all.map((one) => one.textContent)"
    )
    assert EVIL in captions
    names = seen.page.locator(".by-category tbody th").all_inner_texts()
    assert "<b onclick=x>car</b>" in names


def test_only_the_page_s_own_script_may_run(browser: Browser, page_path: Path, tmp_path: Path) -> None:
    smuggled = tmp_path / "smuggled.html"
    smuggled.write_text(
        page_path.read_text().replace("</main>", "<script>window.pwned = 4</script></main>", 1)
    )
    seen = Visit(browser, smuggled)
    assert seen.page.evaluate("() => window.pwned ?? null") is None
    assert any("Content Security Policy" in each for each in seen.complaints)
    seen.close()


def test_categories_sort_by_every_column_and_back(visit: Open) -> None:
    seen = visit()
    assert _column(seen, "truths") == sorted(_column(seen, "truths"), reverse=True)
    table = seen.page.locator(".by-category").first
    for key in ("pq", "captions", "gap"):
        table.locator(f"[data-sort={key}]").click()
        values = _column(seen, key)
        assert values == sorted(values, reverse=True), key
        table.locator(f"[data-sort={key}]").click()
        there = [v for v in _column(seen, key) if v > -1000]
        assert there == sorted(there), key
    table.locator("[data-sort=name]").click()
    names = table.locator("tbody th").all_inner_texts()
    assert names == sorted(names, key=lambda name: name.strip("<").lower())
    head = table.locator("th[aria-sort=ascending]")
    assert head.inner_text().startswith("category")


def test_things_and_stuff_stand_apart(visit: Open) -> None:
    seen = visit()
    tables = [t.locator("tbody th").all_inner_texts() for t in seen.page.locator(".by-category").all()]
    assert len(tables) == 2
    assert "person" in tables[0]
    assert {"sky-other-merged", "grass-merged"} == set(tables[1])


def test_bars_are_as_long_as_their_numbers(visit: Open) -> None:
    seen = visit()
    for track in seen.page.locator(".by-category .track").all():
        number = track.locator(".num").inner_text()
        width = float(track.locator("rect").get_attribute("width") or 0)
        assert width == pytest.approx(0 if number == "–" else float(number), abs=0.06)


def test_a_category_is_found_by_its_name(visit: Open) -> None:
    seen = visit()
    seen.page.fill("#find", " GRASS ")
    seen.wait_for("filter", categories=1)
    assert seen.page.locator(".by-category tbody th:visible").all_inner_texts() == ["grass-merged"]
    seen.page.fill("#find", "nothing of that name")
    seen.wait_for("filter", categories=0)
    assert seen.page.locator("#nothing").is_visible()
    seen.page.fill("#find", "")
    seen.wait_for("filter", categories=5)


def test_tabs_show_one_kind_of_captions_at_a_time(visit: Open) -> None:
    seen = visit()
    panels = seen.page.locator("[role=tabpanel]")
    shown = seen.page.locator("[role=tabpanel]:visible")
    assert (panels.count(), shown.count()) == (3, 1)
    assert shown.get_attribute("id") == "kind-worst"
    seen.page.get_by_role("tab", name="Best").click()
    assert shown.get_attribute("id") == "kind-best"
    seen.page.keyboard.press("ArrowRight")
    assert shown.get_attribute("id") == "kind-apart"
    assert seen.page.get_by_role("tab", name="Furthest apart").get_attribute("aria-selected") == "true"
    seen.page.keyboard.press("ArrowRight")
    assert shown.get_attribute("id") == "kind-worst"


def test_pointing_at_a_crop_lifts_the_veil(visit: Open) -> None:
    seen = visit()
    crop = seen.page.locator("#kind-worst .crop").first
    crop.scroll_into_view_if_needed()
    fill = "(veil) => getComputedStyle(veil).fill"
    seen.page.mouse.move(1, 1)
    assert "rgba" in crop.locator(".veil").evaluate(fill)
    crop.hover()
    assert crop.locator(".veil").evaluate(fill) == "none"
    seen.page.mouse.move(1, 1)
    assert "rgba" in crop.locator(".veil").evaluate(fill)
    crop.focus()
    assert crop.locator(".veil").evaluate(fill) == "none", "the keyboard can do it too"


def test_the_picture_fills_the_frame_of_its_outline(visit: Open) -> None:
    seen = visit()
    for crop in seen.page.locator("#kind-worst .crop").all():
        crop.scroll_into_view_if_needed()
        image, drawing = crop.locator("img").bounding_box(), crop.locator("svg").bounding_box()
        assert image == drawing
        box = crop.locator("svg").get_attribute("viewBox")
        size = [crop.locator("img").get_attribute(name) for name in ("width", "height")]
        assert box == f"0 0 {size[0]} {size[1]}"
        crop.locator("img").evaluate("(img) => img.decode()")
        assert crop.locator("img").evaluate("(img) => img.naturalWidth") == int(size[0] or 0)


def test_without_script_everything_is_there(browser: Browser, page_path: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(page_path.as_uri())
    assert page.locator("[role=tabpanel]:visible").count() == 3
    context.close()


@pytest.mark.parametrize("width", [360, 820, 1180, 1920])
def test_no_width_makes_the_page_scroll_sideways(visit: Open, width: int) -> None:
    seen = visit(viewport={"width": width, "height": 800})
    assert seen.page.evaluate("() => document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("scheme", "darker"), [("light", False), ("dark", True)])
def test_the_page_follows_the_colour_scheme(visit: Open, scheme: str, darker: bool) -> None:
    seen = visit(color_scheme=scheme)
    paper = "() => getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number)[0] < 128"
    assert seen.page.evaluate(paper) is darker
    seen.page.locator("#scheme").click()
    assert seen.page.evaluate(paper) is False
    seen.page.locator("#scheme").click()
    assert seen.page.evaluate(paper) is True


_CONTRAST = """(text) => {
  const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const rect = text.parentElement.querySelector('rect');
  const card = parse(getComputedStyle(text.closest('.panel')).backgroundColor);
  const over = parse(getComputedStyle(rect).fill);
  const alpha = Number(rect.getAttribute('fill-opacity'));
  const ground = over.map((c, i) => c * alpha + card[i] * (1 - alpha));
  const light = (rgb) => {
    const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgb.slice(0, 3).map((c) => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [a, b] = [light(parse(getComputedStyle(text).fill)), light(ground)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_numbers_on_the_heat_map_can_be_read(visit: Open, scheme: str) -> None:
    seen = visit(color_scheme=scheme)
    ratios = [
        text.evaluate(_CONTRAST) for text in seen.page.locator(".heat-map").first.locator(".value").all()
    ]
    assert len(ratios) == 30
    assert min(ratios) >= 4.5, ratios


def test_real_captions_with_real_pictures(visit: Open, golden: Path, coco: Path, tmp_path: Path) -> None:
    folder, first = golden / "real60", golden_result(golden)
    path = report_scores(
        [("perturbed", first), ("shorter", changed(first, shorter))], tmp_path / "real.html",
        images=coco / "val2017", gt=folder / "gt.json", gt_masks=folder / "gt",
    )  # fmt: skip
    seen = visit(path)
    assert seen.page.locator(".by-category tbody tr").count() == 124
    for crop in seen.page.locator("#kind-worst img").all():
        crop.scroll_into_view_if_needed()
        crop.evaluate("(img) => img.decode()")
    assert seen.page.locator("#kind-worst .example").count() == 12
    row = seen.page.locator(".headline tr", has=seen.page.locator("th", has_text="caption-PQ (ROUGE-L)"))
    assert row.locator(".score .num").all_inner_texts()[0] == "27.3"
