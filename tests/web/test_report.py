"""What a reader does with a report, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pix2cap.core import CaptionStatus, SegmentCaption
from pix2cap.report import ReportItem, write_report
from tests.builders.browser import EVIL, Open, Visit
from tests.builders.captioned import report_item
from tests.builders.coco_sample import coco_items

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

DOG, SPLIT, FAILED, HIDDEN, CROWD = 3226956, 16777215, 257, 65536, 9


def _first() -> ReportItem:
    """A dog, a curtain in two parts, a failed, a hidden and a crowd segment; void at the right edge."""
    return report_item(
        {
            DOG: [(4, 4, 50, 40)],
            SPLIT: [(56, 4, 70, 76), (90, 4, 104, 76)],
            FAILED: [(4, 48, 28, 76)],
            HIDDEN: [(32, 50, 36, 54)],
            CROWD: [(40, 56, 54, 76)],
        },
        [
            SegmentCaption(DOG, "A brown dog lies on a red rug beside the curtain."),
            SegmentCaption(SPLIT, "A blue curtain hangs in two parts at the right."),
            SegmentCaption(FAILED, "Object 3 is a bench.", CaptionStatus.FAILED, "mark talk"),
            SegmentCaption(HIDDEN, "", CaptionStatus.NOT_VISIBLE),
        ],
        class_names={DOG: "dog", SPLIT: "curtain", FAILED: "bench", HIDDEN: "clock", CROWD: "person"},
        crowd=[CROWD],
    )


def _second() -> ReportItem:
    return report_item(
        {5: [(0, 0, 60, 80)], 6: [(60, 0, 120, 80)]},
        [SegmentCaption(5, "Shared grass covers the left."), SegmentCaption(6, EVIL)],
        image_id=2,
        class_names={5: "grass", 6: "<b onclick=x>sky</b>"},
        file_name="a&b <i>.jpg",
    )


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("a report")
    facts = {"model": "<script>window.pwned = 3</script>", "cost_usd": None}
    return write_report([_first(), _second()], folder / "report.html", title=EVIL, facts=facts, notes=[EVIL])


def test_hovering_a_segment_shows_its_caption_and_marks_it_in_the_list(visit: Open) -> None:
    seen = visit()
    seen.show(1)
    seen.hover(1, 20, 20)
    told = seen.wait_for("hover", segmentId=DOG)
    assert told["imageId"] == 1
    assert told["caption"] == "A brown dog lies on a red rug beside the curtain."
    card = seen.page.locator("#image-1")
    assert card.locator(".tip").is_visible()
    assert card.locator(".tip .caption").inner_text() == told["caption"]
    assert card.locator(".row.lit").get_attribute("data-segment") == str(DOG)
    assert seen.veil(1, 20, 20) == 0
    assert seen.veil(1, 100, 20) > 100
    seen.hover(1, 115, 40)
    seen.wait_for("hover", segmentId=None)
    assert card.locator(".tip").is_hidden()
    assert card.locator(".row.lit").count() == 0
    assert seen.veil(1, 100, 20) == 0


def test_hovering_a_caption_lights_up_all_parts_of_its_segment(visit: Open) -> None:
    seen = visit()
    seen.show(1)
    seen.page.locator(f"#image-1 .row[data-segment='{SPLIT}']").hover()
    told = seen.wait_for("hover", segmentId=SPLIT)
    assert told["origin"] == "list"
    assert seen.veil(1, 63, 40) == 0
    assert seen.veil(1, 97, 40) == 0
    assert seen.veil(1, 80, 40) > 100, "the gap between the parts stays veiled"
    assert seen.veil(1, 20, 20) > 100
    seen.page.mouse.move(2, 2)
    seen.wait_for("hover", segmentId=None)
    assert seen.veil(1, 20, 20) == 0


def test_a_segment_without_caption_says_why(visit: Open) -> None:
    seen = visit()
    seen.show(1)
    seen.hover(1, 15, 60)
    seen.wait_for("hover", segmentId=FAILED)
    assert seen.page.locator("#image-1 .tip .badge").inner_text() == "failed: mark talk"
    badges = seen.page.locator("#image-1 .row .badge").all_inner_texts()
    assert badges == ["failed: mark talk", "not visible", "crowd"]


def test_search_status_and_class_narrow_the_page(visit: Open) -> None:
    seen = visit()
    shown = seen.page.locator(".row:visible")
    seen.page.fill("#search", "BLUE cur")
    seen.wait_for("filter", segments=1, pictures=1)
    assert shown.get_attribute("data-segment") == str(SPLIT)
    assert seen.page.locator("#found").inner_text() == "1 segment in 1 picture"
    assert seen.page.locator("#image-2").is_hidden()
    seen.forget()
    seen.page.fill("#search", "red")
    seen.wait_for("filter", segments=1)
    assert shown.get_attribute("data-segment") == str(DOG), "`red` begins a word; `Shared` does not count"
    seen.page.fill("#search", "no such (words")
    seen.wait_for("filter", segments=0)
    seen.page.get_by_role("button", name="Show everything").click()
    seen.wait_for("filter", segments=7, pictures=2)
    seen.page.locator(".chip[data-status=failed]").click()
    seen.page.locator(".chip[data-status=crowd]").click()
    seen.wait_for("filter", segments=2)
    seen.page.locator("#class").select_option("person")
    seen.wait_for("filter", segments=1)
    assert shown.get_attribute("data-segment") == str(CROWD)


def test_a_class_of_the_table_and_a_frequent_word_lead_to_their_segments(visit: Open) -> None:
    seen = visit()
    seen.page.locator(".classes summary").click()
    seen.page.locator("[data-class=curtain].link").click()
    seen.wait_for("filter", segments=1)
    seen.page.locator("#class").select_option("")
    seen.forget()
    seen.page.locator("[data-word=rug]").click()
    seen.wait_for("filter", segments=1)
    assert seen.page.locator(".row:visible").get_attribute("data-segment") == str(DOG)


def test_the_class_table_sorts(visit: Open) -> None:
    seen = visit()
    seen.page.locator(".classes summary").click()
    names = seen.page.locator("tbody th")
    seen.page.get_by_role("button", name="class", exact=True).click()
    ascending = names.all_inner_texts()
    seen.page.get_by_role("button", name="class", exact=True).click()
    assert names.all_inner_texts() == ascending[::-1]
    seen.page.get_by_role("button", name="crowd", exact=True).click()
    assert names.first.inner_text() == "person"


def test_hostile_text_is_only_text(visit: Open) -> None:
    seen = visit()
    seen.show(2)
    seen.hover(2, 90, 40)
    told = seen.wait_for("hover", segmentId=6)
    assert told["caption"] == EVIL
    assert seen.page.locator("#image-2 .tip .caption").evaluate("(node) => node.textContent") == EVIL
    assert seen.page.locator("#image-2 .tip *").count() == 2, "class and caption, nothing parsed out of them"
    assert seen.page.locator("h1").evaluate("(node) => node.textContent") == EVIL
    assert seen.page.locator("#image-2 h2").inner_text() == "a&b <i>.jpg"
    assert seen.page.locator("#class option").all_inner_texts().count("<b onclick=x>sky</b>") == 1
    assert seen.page.evaluate("() => window.pwned ?? null") is None
    assert seen.page.locator("script").count() == 1


def test_only_the_page_s_own_script_may_run(browser: Browser, page_path: Path, tmp_path: Path) -> None:
    smuggled = tmp_path / "smuggled.html"
    smuggled.write_text(
        page_path.read_text().replace("</main>", "<script>window.pwned = 4</script></main>", 1)
    )
    seen = Visit(browser, smuggled)
    assert seen.page.evaluate("() => window.pwned ?? null") is None
    assert any("Content Security Policy" in each for each in seen.complaints)
    seen.close()


def test_the_keyboard_walks_the_captions_and_holds_one(visit: Open) -> None:
    seen = visit()
    seen.show(1)
    seen.page.locator("#image-1 .figure").focus()
    seen.page.keyboard.press("Tab")
    first = seen.wait_for("hover", origin="list")["segmentId"]
    assert seen.page.locator(".row:focus").get_attribute("data-segment") == str(first)
    outline = "(node) => getComputedStyle(node).outlineStyle + getComputedStyle(node).outlineWidth"
    assert seen.page.locator(".row:focus").evaluate(outline) == "solid2px"
    seen.page.keyboard.press("ArrowDown")
    seen.wait_for("hover", segmentId=DOG)
    assert seen.veil(1, 20, 20) == 0
    assert seen.veil(1, 63, 40) > 100
    seen.page.keyboard.press("Enter")
    seen.hover(1, 63, 40)
    assert seen.page.locator("#image-1 .row.held.lit").get_attribute("data-segment") == str(DOG)
    seen.page.keyboard.press("Escape")
    seen.wait_for("hover", segmentId=None)
    assert seen.page.locator(".held").count() == 0


def test_arrow_keys_on_a_picture_show_captions_in_the_grid(visit: Open) -> None:
    seen = visit()
    seen.page.keyboard.press("g")
    seen.show(1)
    assert seen.page.locator(".list:visible").count() == 0
    seen.page.keyboard.press("n")
    seen.page.keyboard.press("ArrowRight")
    told = seen.wait_for("hover", origin="picture")
    assert told["imageId"] == 1
    assert seen.page.locator("#image-1 .tip .caption").inner_text() == told["caption"]
    seen.page.keyboard.press("n")
    seen.page.keyboard.press("ArrowLeft")
    seen.wait_for("hover", imageId=2, segmentId=6)
    assert seen.page.locator(".tip:visible").count() == 1


def test_a_click_holds_a_segment_and_another_click_lets_go(visit: Open) -> None:
    seen = visit()
    seen.show(1)
    seen.page.mouse.click(*seen.point(1, 20, 20))
    seen.wait_for("hover", segmentId=DOG)
    seen.page.locator(f"#image-1 .row[data-segment='{SPLIT}']").hover()
    assert seen.page.locator(".row.lit").get_attribute("data-segment") == str(DOG)
    seen.page.mouse.click(*seen.point(1, 20, 20))
    seen.hover(1, 63, 40)
    seen.wait_for("hover", segmentId=SPLIT)
    assert seen.page.locator(".held").count() == 0


def test_a_tap_on_a_phone_shows_the_caption_beside_the_finger(visit: Open) -> None:
    seen = visit(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True, color_scheme="dark")
    assert seen.page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    seen.show(1)
    seen.page.touchscreen.tap(*seen.point(1, 20, 20))
    seen.wait_for("hover", segmentId=DOG)
    tip = seen.page.locator("#image-1 .tip").bounding_box()
    picture = seen.page.locator("#image-1 img").bounding_box()
    assert tip is not None
    assert picture is not None
    assert tip["y"] >= picture["y"] + picture["height"] - 1, "the tip must not hide what the finger points at"
    seen.forget()
    seen.page.touchscreen.tap(*seen.point(1, 63, 40))
    seen.wait_for("hover", segmentId=SPLIT)


@pytest.mark.parametrize(("scheme", "darker"), [("light", False), ("dark", True)])
def test_the_page_follows_the_colour_scheme(visit: Open, scheme: str, darker: bool) -> None:
    seen = visit(color_scheme=scheme)
    paper = "() => getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number)[0] < 128"
    assert seen.page.evaluate(paper) is darker
    seen.page.locator("#scheme").click()
    assert seen.page.evaluate(paper) is False
    seen.page.locator("#scheme").click()
    assert seen.page.evaluate(paper) is True


def test_a_picture_of_many_segments_is_read_exactly(visit: Open, tmp_path: Path) -> None:
    cells = {1000 + i: [(i % 25 * 8, i // 25 * 8, i % 25 * 8 + 8, i // 25 * 8 + 8)] for i in range(500)}
    item = report_item(cells, size_wh=(200, 160))
    seen = visit(write_report([item], tmp_path / "many.html", title="Many", facts={}))
    seen.show(1)
    for cell in (0, 24, 254, 255, 256, 257, 311, 499):
        seen.hover(1, cell % 25 * 8 + 3, cell // 25 * 8 + 4)
        seen.wait_for("hover", segmentId=1000 + cell)


def test_pictures_far_away_are_not_decoded_and_those_left_are_forgotten(visit: Open, tmp_path: Path) -> None:
    items = [report_item({7: [(0, 0, 90, 60)]}, image_id=i, size_wh=(400, 300)) for i in range(1, 41)]
    seen = visit(write_report(items, tmp_path / "long.html", title="Long", facts={}))
    seen.show(1)
    assert seen.page.locator("#image-40[data-map]").count() == 0
    seen.show(40)
    seen.page.wait_for_function("() => !document.querySelector('#image-1[data-map]')")
    assert seen.page.locator("#image-1 canvas").evaluate("(canvas) => canvas.width") == 1


def test_every_pixel_of_real_pictures_answers_with_its_own_segment(
    visit: Open, coco: Path, tmp_path: Path
) -> None:
    items = coco_items(coco, image_ids=[139, 1000, 5001])
    seen = visit(write_report(items, tmp_path / "real.html", title="Real", facts={}))
    rng = np.random.default_rng(7)
    for item in items:
        image = item.captioned.image
        seen.show(image.image_id)
        for _ in range(25):
            x, y = int(rng.integers(image.width)), int(rng.integers(image.height))
            expected = int(item.captioned.panoptic.id_map[y, x]) or None
            seen.page.mouse.move(1, 1)
            seen.hover(image.image_id, x, y)
            lit = seen.page.locator(f"#image-{image.image_id} .row.lit")
            assert (int(lit.get_attribute("data-segment") or 0) if lit.count() else None) == expected
