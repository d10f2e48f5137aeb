"""Verifying a frozen sample in the review app, in a real browser, by keyboard."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pix2cap.annotate.decisions import DecisionLog
from pix2cap.annotate.draw_sample import SampleOptions, draw_sample
from pix2cap.annotate.verdicts import Verdict
from tests.builders.review import ReviewServer, build_run
from tests.builders.review_page import Reviewer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

Open = Callable[..., Reviewer]
OPTIONS = {"task": "verify", "sample": "first"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = build_run(tmp_path_factory.mktemp("built"))
    drawn = draw_sample(run, SampleOptions(name="first", per_stratum=1, by=("class",)))
    assert drawn.items > 3
    return run


@pytest.fixture
def server(browser: Browser, built: Path, tmp_path: Path) -> Iterator[ReviewServer]:
    shutil.copytree(built.parent, tmp_path / "copy")
    served = ReviewServer(tmp_path / "copy" / "run", dict(OPTIONS)).start()
    yield served
    served.stop()


@pytest.fixture
def visit(browser: Browser, server: ReviewServer) -> Iterator[Open]:
    opened: list[tuple[Reviewer, tuple[str, ...]]] = []

    def open_page(*, allow: tuple[str, ...] = (), **options: Any) -> Reviewer:
        opened.append((Reviewer(browser, server, "/verify/first", **options), allow))
        return opened[-1][0]

    yield open_page
    for each, allow in opened:
        each.close(*allow)


def _verdicts(server: ReviewServer) -> list[Verdict]:
    log = DecisionLog(server.target, writable=False)
    try:
        return list(log.verdicts("first"))
    finally:
        log.close()


def _answers(verdict: Verdict) -> list[str]:
    return [verdict.answer(axis).replace("_", " ") for axis in ("object", "attributes", "relations", "place")]


def test_a_sample_is_verified_by_keyboard_alone(visit: Open, server: ReviewServer) -> None:
    seen = visit()
    total = seen.wait_for("item")["total"]
    shown: list[int] = []
    for number in range(total):
        at = seen.wait_for("item", done=number)
        shown.append(at["item"])
        assert seen.page.locator("#progress-words").inner_text() == f"{number} of {total}"
        seen.press(*(("1", "2", "3", "4") if number == 0 else ("y",)), "Enter")
        seen.wait_for("verdict", item=at["item"])
    seen.wait_for("item", item=None, done=total)
    assert seen.page.locator("#done-title").is_visible()
    given = _verdicts(server)
    assert [each.item for each in given] == shown
    assert _answers(given[0]) == ["yes", "no", "cannot tell", "not applicable"]
    assert _answers(given[1]) == ["yes"] * 4
    assert {each.reviewer for each in given} == {"ann"}


def test_the_caption_and_its_segment_are_shown(visit: Open, server: ReviewServer) -> None:
    seen = visit()
    item = seen.page.request.get(server.url + "/api/sample/first/next").json()
    assert seen.page.locator("#caption").inner_text() == item["text"]
    x0, _, x1, y1 = item["box"]
    assert seen.veil((x0 + x1) // 2, y1 - 8) == 0
    corners = [seen.veil(x, y) for x in (2, item["width"] - 3) for y in (2, item["height"] - 3)]
    assert max(corners) > 100, "everything else is veiled"


def test_an_unanswered_question_is_asked_for(visit: Open, server: ReviewServer) -> None:
    seen = visit()
    seen.press("1", "1", "Enter")
    assert seen.page.locator("#problem").inner_text() == "Please answer this one too."
    assert "current" in (seen.page.locator("[data-axis=relations]").get_attribute("class") or "")
    assert _verdicts(server) == []
    seen.press("k", "k", "2", "1", "1")
    assert seen.page.locator("[data-axis=object] input[value=no]").is_checked()


def test_going_back_and_answering_again(visit: Open, server: ReviewServer) -> None:
    seen = visit()
    first = seen.wait_for("item")["item"]
    seen.press("y", "Enter")
    seen.wait_for("item", done=1)
    seen.forget()
    seen.press("b")
    seen.wait_for("item", item=first)
    assert seen.page.locator("[data-axis=place] input[value=yes]").is_checked()
    seen.press("k", "2")
    seen.page.fill("#note", "It is on the other side.")
    seen.forget()
    seen.press("Enter")
    seen.wait_for("verdict", item=first)
    seen.wait_for("item", done=1)
    (given,) = _verdicts(server)
    assert "no" in _answers(given)
    assert given.note == "It is on the other side."


def test_an_answer_is_not_lost_when_the_server_is_killed(visit: Open, server: ReviewServer) -> None:
    seen = visit(allow=("net::ERR_", "403"))
    first = seen.wait_for("item")["item"]
    server.kill()
    seen.press("y", "Enter")
    seen.wait_for("waiting", item=first)
    assert "Not saved yet" in seen.page.locator("#problem").inner_text()
    server.start()
    seen.wait_for("verdict", item=first)
    seen.wait_for("item", done=1)
    assert [each.item for each in _verdicts(server)] == [first]


def test_the_buttons_can_be_touched(visit: Open, server: ReviewServer) -> None:
    seen = visit(viewport={"width": 390, "height": 844}, has_touch=True)
    for axis in ("object", "attributes", "relations", "place"):
        seen.page.locator(f"[data-axis={axis}] .answer-yes").tap()
    seen.page.tap("#save")
    seen.wait_for("item", done=1)
    assert [_answers(each) for each in _verdicts(server)] == [["yes"] * 4]
