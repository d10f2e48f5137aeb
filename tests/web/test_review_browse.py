"""Looking at a run in the review app, in a real browser: grid, filters, permalinks, picture page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pix2cap.annotate import export_run
from pix2cap.web.keys import KEYS
from tests.builders.review import (
    BENCH,
    CAPTIONS,
    CAT,
    CURTAIN,
    DOG,
    EVIL,
    EVIL_CLASS,
    EVIL_TEXT,
    FLOOR,
    ReviewServer,
    build_run,
)
from tests.builders.review_page import Reviewer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

Open = Callable[..., Reviewer]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_run(tmp_path_factory.mktemp("a run"))


@pytest.fixture(scope="module")
def server(browser: Browser, run: Path) -> Iterator[ReviewServer]:
    served = ReviewServer(run).start()
    yield served
    served.stop()


@pytest.fixture
def visit(browser: Browser, server: ReviewServer) -> Iterator[Open]:
    """Opens a page; afterwards nothing may have been logged or asked of anybody else."""
    opened: list[Reviewer] = []

    def open_page(path: str = "/", **options: Any) -> Reviewer:
        opened.append(Reviewer(browser, server, path, **options))
        return opened[-1]

    yield open_page
    for each in opened:
        each.close()


def _tiles(seen: Reviewer) -> list[int]:
    links = seen.page.locator(".tile a")
    return [int(link.get_attribute("data-image") or "0") for link in links.all()]


def test_the_grid_shows_every_picture_and_counts(visit: Open) -> None:
    seen = visit()
    assert _tiles(seen) == [1, 2, 3]
    assert seen.page.locator("#found").inner_text() == "9 segments in 3 pictures"
    assert "3 pictures, 9 segments, 7 with a caption" in seen.page.locator(".lead").inner_text()
    assert seen.page.locator("[data-image='1']").inner_text().splitlines()[0] == "room.png"
    assert "1 failed" in seen.page.locator("[data-image='1']").inner_text()
    loaded = seen.page.locator(".thumb img").evaluate_all("(all) => all.every((one) => one.complete)")
    assert loaded


def test_filters_apply_as_they_change_and_make_a_permalink(visit: Open) -> None:
    seen = visit()
    seen.page.focus("#filter-status")
    seen.page.select_option("#filter-status", "failed")
    seen.wait_for("filter", found="2 segments in 2 pictures")
    assert _tiles(seen) == [1, 2]
    assert seen.query == {"status": "failed"}
    assert seen.page.locator("#filter-status").evaluate("(box) => box === document.activeElement")
    seen.page.locator("#more summary").click()
    seen.page.select_option("#filter-check", "refusal")
    seen.wait_for("filter", found="1 segment in 1 picture")
    assert seen.query == {"status": "failed", "check": "refusal"}
    again = visit(f"/?{seen.page.url.partition('?')[2]}")
    assert _tiles(again) == [2]
    assert again.page.locator("#filter-check").input_value() == "refusal"
    seen.page.go_back()
    seen.wait_for("filter", found="2 segments in 2 pictures")
    assert seen.page.locator("#filter-check").input_value() == ""


def test_searching_by_typing_and_clearing(visit: Open) -> None:
    seen = visit()
    seen.press("/")
    seen.page.keyboard.type("cushions")
    seen.wait_for("filter", found="1 segment in 1 picture")
    assert _tiles(seen) == [3]
    assert seen.query == {"q": "cushions"}
    assert seen.page.locator("#q").evaluate("(box) => box === document.activeElement")
    seen.page.locator("#clear").click()
    seen.wait_for("filter", found="9 segments in 3 pictures")
    assert seen.query == {}
    seen.page.fill("#q", "nobody wrote this")
    seen.wait_for("filter", found="0 segments in 0 pictures")
    assert "No picture has such a segment" in seen.page.locator("#cards").inner_text()


def test_words_and_class_narrow_the_grid(visit: Open) -> None:
    seen = visit("/?class=cat")
    assert _tiles(seen) == [3]
    long = {key for key, text in CAPTIONS.items() if key[1] != EVIL and len(text.split()) >= 15}
    assert len(long) == 2
    seen.open("/?status=captioned&words_min=15")
    assert seen.page.locator("#found").inner_text() == "2 segments in 1 picture"
    assert _tiles(seen) == [image_id for image_id, _ in long][:1]


def test_next_and_previous_keep_the_filter(visit: Open) -> None:
    seen = visit("/?status=failed")
    seen.page.locator("[data-image='1']").click()
    seen.wait_for("ready", page="picture", imageId=1)
    assert seen.chosen == BENCH
    seen.press("n")
    seen.wait_for("ready", page="picture", imageId=2)
    assert seen.chosen == EVIL
    assert seen.page.locator("#next").count() == 0
    seen.press("p")
    seen.wait_for("ready", page="picture", imageId=1)
    seen.press("g")
    seen.wait_for("ready", page="grid")
    assert seen.query == {"status": "failed"}


def test_the_segment_under_the_pointer_lights_up_with_all_its_parts(visit: Open) -> None:
    seen = visit("/image/1")
    seen.point(190, 100)
    told = seen.wait_for("hover", segmentId=CURTAIN)
    assert told["caption"] == CAPTIONS[1, CURTAIN]
    assert seen.page.locator("#tip .caption").inner_text() == CAPTIONS[1, CURTAIN]
    assert seen.veil(190, 150) == 0
    assert seen.veil(280, 150) == 0, "the other part of the curtain lights up too"
    assert seen.veil(235, 100) > 100, "the gap between the parts stays veiled"
    assert seen.veil(60, 150) > 100
    assert "lit" in (seen.page.locator(f"#segment-{CURTAIN}").get_attribute("class") or "")
    seen.point(235, 100)
    seen.wait_for("hover", segmentId=None)
    assert seen.page.locator("#tip").is_hidden()
    assert seen.veil(60, 150) == 0


def test_a_row_of_the_list_lights_its_segment(visit: Open) -> None:
    seen = visit(f"/image/1?segment={DOG}")
    seen.page.locator(f"#segment-{FLOOR}").hover()
    assert seen.veil(60, 150) > 100
    assert seen.veil(100, 222) == 0


def test_choosing_by_click_and_by_key(visit: Open) -> None:
    seen = visit(f"/image/1?segment={CURTAIN}")
    assert seen.chosen == CURTAIN
    seen.page.mouse.click(*seen.place(80, 150))
    seen.wait_for("segment", segmentId=DOG)
    assert seen.query["segment"] == str(DOG)
    assert CAPTIONS[1, DOG] in seen.detail()
    assert seen.veil(20, 150) > 100, "the chosen segment is outlined"
    assert seen.veil(80, 150) == 0
    order = [
        int(row.get_attribute("data-segment") or "0") for row in seen.page.locator("#segments .row").all()
    ]
    after = order[(order.index(DOG) + 1) % len(order)]
    seen.press("j")
    seen.wait_for("segment", segmentId=after)
    assert seen.page.locator(f"#segment-{after}").evaluate("(row) => row === document.activeElement")
    seen.forget()
    seen.press("k")
    seen.wait_for("segment", segmentId=DOG)


def test_zoom_and_pan_keep_the_pointer_true(visit: Open) -> None:
    seen = visit("/image/1")
    fit = seen.wait_for("view")["scale"]
    seen.point(80, 150)
    seen.forget()
    seen.page.mouse.wheel(0, -200)
    near = seen.wait_for("view")["scale"]
    assert near > 1.5 * fit
    seen.forget()
    seen.page.mouse.wheel(0, -200)
    assert seen.wait_for("view")["scale"] == pytest.approx(near**2 / fit)
    seen.point(100, 90)
    seen.wait_for("hover", segmentId=None)
    x, y = seen.place(80, 150)
    seen.page.mouse.move(x + 3, y + 3)
    seen.wait_for("hover", segmentId=DOG)
    seen.page.mouse.down()
    seen.page.mouse.move(x - 60, y - 40, steps=4)
    seen.page.mouse.up()
    moved = seen.place(80, 150)
    assert (moved[0] - x, moved[1] - y) == pytest.approx((-63, -43), abs=1)
    seen.forget()
    seen.press("0")
    assert seen.wait_for("view")["scale"] == pytest.approx(fit)
    seen.forget()
    seen.press("+")
    assert seen.wait_for("view")["scale"] == pytest.approx(1.3 * fit)
    seen.forget()
    seen.press("-")
    assert seen.wait_for("view")["scale"] == pytest.approx(fit)
    seen.choose(BENCH)
    seen.press("z")
    left, top = seen.place(20, 20)
    pane = seen.page.locator("#window").bounding_box()
    assert pane is not None
    assert pane["x"] < left < pane["x"] + pane["width"] / 2
    assert pane["y"] < top < pane["y"] + pane["height"] / 2


def test_marks_and_the_close_up(visit: Open) -> None:
    seen = visit(f"/image/1?segment={DOG}")
    photo = seen.page.locator("#photo")
    assert photo.get_attribute("src") == "/pixels/1.jpg"
    with seen.page.expect_response("**/marked/1.jpg*") as answered:
        seen.press("h")
    assert answered.value.ok
    assert seen.page.locator("#marks").get_attribute("aria-pressed") == "true"
    seen.press("h")
    assert photo.get_attribute("src") == "/pixels/1.jpg"
    crop = seen.page.locator(".crop img")
    assert crop.get_attribute("src") == f"/crop/1/{DOG}.jpg"
    crop.evaluate("(image) => image.decode()")
    assert crop.evaluate("(image) => image.naturalWidth") > 0


def test_all_attempts_with_their_reasons(visit: Open) -> None:
    seen = visit(f"/image/2?segment={EVIL}")
    attempts = seen.page.locator(".attempts > li")
    assert attempts.count() > 1
    first = attempts.first.inner_text()
    assert "1. first" in first
    assert "refusal" in first
    assert "markup" in first


def test_captions_and_names_full_of_markup_are_only_text(visit: Open) -> None:
    seen = visit(f"/image/2?segment={EVIL}")
    seen.point(160, 40)
    seen.wait_for("hover", segmentId=EVIL)
    assert EVIL_CLASS in seen.page.locator("#tip .tip-head").inner_text()
    assert EVIL_CLASS in seen.detail()
    assert EVIL_TEXT.split()[0] in seen.page.locator(".attempts .caption").first.inner_text()
    seen.open("/?q=kite")
    assert seen.page.evaluate("() => window.pwned") is None
    assert seen.page.locator("img[src='x']").count() == 0
    assert seen.page.locator("#main script").count() == 0
    assert EVIL_CLASS in seen.page.locator("#filter-class").inner_text()


def test_everything_can_be_read_without_scripts(visit: Open) -> None:
    seen = visit(f"/image/1?segment={DOG}", java_script_enabled=False)
    assert CAPTIONS[1, DOG] in seen.detail()
    assert CAPTIONS[1, FLOOR] in seen.page.locator("#segments").inner_text()
    seen.open("/?status=failed")
    assert _tiles(seen) == [1, 2]
    seen.page.select_option("#filter-class", "bench")
    seen.page.click("#apply")
    assert _tiles(seen) == [1]


def test_the_help_is_drawn_from_the_table_of_keys(visit: Open) -> None:
    seen = visit("/image/1")
    seen.press("?")
    dialog = seen.page.locator("#keys-dialog")
    told = dialog.inner_text()
    for key in KEYS:
        if key.page in ("picture", "any"):
            assert key.words in told
    seen.forget()
    seen.press("j")
    assert seen.page.evaluate("() => window.told.length") == 0, "a key behind the help does nothing"
    seen.press("Escape")
    assert dialog.is_hidden()
    seen.open("/help")
    whole = seen.page.locator("main").inner_text()
    assert all(key.words in whole for key in KEYS)


def test_a_page_that_is_not_there_says_so(visit: Open) -> None:
    seen = visit("/image/99")
    assert "There is no such page" in seen.page.locator("h1").inner_text()
    assert "99" in seen.page.locator("main").inner_text()
    seen.complaints.clear()


def test_a_dataset_is_read_only(browser: Browser, run: Path, tmp_path: Path) -> None:
    export_run(run, tmp_path / "dataset")
    server = ReviewServer(tmp_path / "dataset", {"images": str(run.parent / "sample" / "images")}).start()
    try:
        seen = Reviewer(browser, server, f"/image/3?segment={CAT}")
        assert CAPTIONS[3, CAT] in seen.detail()
        assert seen.page.locator(".top .badge").inner_text() == "read-only"
        assert seen.page.locator(".actions").count() == 0
        assert seen.page.locator("#who").count() == 0
        seen.press("a", "e", "u")
        assert "nothing can be changed" in (seen.page.locator("#say").text_content() or "")
        assert not [url for url in seen.requests if "/api/decide" in url]
        seen.open("/")
        assert "read here" in seen.page.locator(".note").inner_text()
        seen.close()
    finally:
        server.stop()
