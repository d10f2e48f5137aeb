"""Deciding in the review app, in a real browser: by keyboard, by two people, and across a killed server."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pix2cap.annotate.decisions import Action, Decision, DecisionLog, Standing
from tests.builders.review import (
    BENCH,
    CAPTIONS,
    CAT,
    CURTAIN,
    DOG,
    EVIL_TEXT,
    FLOOR,
    GRASS,
    SKY,
    SOFA,
    ReviewServer,
    build_run,
)
from tests.builders.review_page import Reviewer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

pytestmark = pytest.mark.browser

Open = Callable[..., Reviewer]
NO_ANSWER = "net::ERR_"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_run(tmp_path_factory.mktemp("built"))


@pytest.fixture
def server(browser: Browser, built: Path, tmp_path: Path) -> Iterator[ReviewServer]:
    """Each test decides on a copy of its own."""
    shutil.copytree(built.parent, tmp_path / "copy")
    served = ReviewServer(tmp_path / "copy" / "run").start()
    yield served
    served.stop()


@pytest.fixture
def visit(browser: Browser, server: ReviewServer) -> Iterator[Open]:
    opened: list[tuple[Reviewer, tuple[str, ...]]] = []

    def open_page(path: str, *, allow: tuple[str, ...] = (), **options: Any) -> Reviewer:
        opened.append((Reviewer(browser, server, path, **options), allow))
        return opened[-1][0]

    yield open_page
    for each, allow in opened:
        each.close(*allow)


def _standing(server: ReviewServer, image_id: int, segment_id: int) -> Standing:
    log = DecisionLog(server.target, writable=False)
    try:
        return log.standing(image_id, segment_id)
    finally:
        log.close()


def _all(server: ReviewServer) -> list[Decision]:
    log = DecisionLog(server.target, writable=False)
    try:
        return log.since(0)
    finally:
        log.close()


def _rename(seen: Reviewer, name: str) -> None:
    seen.page.click("#who")
    seen.page.fill("#who-input", name)
    seen.press("Enter")
    seen.wait_for("reviewer", reviewer=name)


def test_a_picture_is_reviewed_by_keyboard_alone(visit: Open, server: ReviewServer) -> None:
    seen = visit(f"/image/1?segment={DOG}")
    seen.press("a")
    seen.wait_for("decided", segmentId=DOG, action="accept")
    assert seen.chosen != DOG, "the next one without a decision is chosen"
    assert "accepted" in seen.page.locator(f"#segment-{DOG} .verdict").inner_text()
    seen.press("u")
    seen.wait_for("decided", segmentId=DOG, action="undo")
    assert seen.chosen == DOG
    seen.choose(FLOOR)
    seen.press("x")
    assert seen.page.locator("#reason").evaluate("(box) => box === document.activeElement")
    seen.page.keyboard.type("an a and a u are only letters here")
    seen.press("Enter")
    seen.wait_for("decided", segmentId=FLOOR, action="reject")
    seen.choose(BENCH)
    seen.press("r")
    seen.page.keyboard.type("It is the yellow one.")
    seen.press("Enter")
    seen.wait_for("decided", segmentId=BENCH, action="ask_again")
    assert seen.saving().endswith("All saved")
    made = [(each.segment_id, each.action, each.reason) for each in _all(server)]
    assert made == [
        (DOG, Action.ACCEPT, None),
        (DOG, Action.UNDO, None),
        (FLOOR, Action.REJECT, "an a and a u are only letters here"),
        (BENCH, Action.ASK_AGAIN, "It is the yellow one."),
    ]
    assert {each.reviewer for each in _all(server)} == {"ann"}
    seen.open(f"/image/1?segment={FLOOR}")
    assert "rejected" in seen.page.locator(f"#segment-{FLOOR} .badge").inner_text()
    assert "an a and a u are only letters here" in seen.page.locator(".history").inner_text()
    assert seen.page.locator(".history time").get_attribute("datetime") is not None


def test_accepting_everything_goes_from_segment_to_segment(visit: Open, server: ReviewServer) -> None:
    seen = visit("/image/3")
    seen.press("a", "a")
    for segment_id in (CAT, SOFA):
        seen.wait_for("decided", segmentId=segment_id, action="accept")
    accepted = {each.segment_id: each.text for each in _all(server)}
    assert accepted == {CAT: CAPTIONS[3, CAT], SOFA: CAPTIONS[3, SOFA]}
    seen.open("/?decision=accept")
    assert seen.page.locator("#found").inner_text() == "2 segments in 1 picture"
    assert "2 decided" in seen.page.locator("[data-image='3']").inner_text()


def test_editing_shows_warnings_as_one_writes_and_saves_all_the_same(
    visit: Open, server: ReviewServer
) -> None:
    seen = visit(f"/image/1?segment={DOG}")
    seen.press("e")
    seen.wait_for("checked", segmentId=DOG, findings=0)
    assert seen.page.locator("#edit").input_value() == CAPTIONS[1, DOG]
    text = "The object marked with number 3 in the image is a dog that lies on the floor."
    seen.page.fill("#edit", text)
    told = seen.wait_for("checked", segmentId=DOG, text=text)
    assert told["findings"] > 0
    assert "mark talk" in seen.page.locator(".warnings").inner_text()
    better = "A dog of plain green lies on the floor, its head turned to the hanging curtain."
    seen.page.fill("#edit", better)
    seen.wait_for("checked", text=better, findings=0)
    seen.page.fill("#edit", text)
    seen.press("Enter")
    seen.wait_for("decided", segmentId=DOG, action="edit")
    assert _standing(server, 1, DOG).decision is not None
    assert _all(server)[-1].text == text
    seen.open(f"/image/1?segment={DOG}")
    assert seen.page.locator(".caption.large").inner_text() == text


def test_leaving_the_edit_box_changes_nothing(visit: Open, server: ReviewServer) -> None:
    seen = visit(f"/image/1?segment={DOG}")
    seen.press("e")
    seen.page.keyboard.type(" nobody keeps this")
    seen.press("Escape")
    assert seen.page.locator("#edit").count() == 0
    assert CAPTIONS[1, DOG] in seen.detail()
    assert seen.page.locator(f"#segment-{DOG}").evaluate("(row) => row === document.activeElement")
    assert _all(server) == []


def test_an_edit_full_of_markup_is_only_text(visit: Open, server: ReviewServer) -> None:
    seen = visit(f"/image/2?segment={SKY}")
    seen.press("e")
    seen.page.fill("#edit", EVIL_TEXT)
    seen.press("Enter")
    seen.wait_for("decided", segmentId=SKY, action="edit")
    assert EVIL_TEXT in seen.page.locator(f"#segment-{SKY} .caption").inner_text()
    seen.open(f"/image/2?segment={SKY}")
    assert EVIL_TEXT in seen.page.locator(".caption.large").inner_text()
    assert seen.page.evaluate("() => window.pwned") is None
    assert _all(server)[-1].text == EVIL_TEXT


def test_buttons_do_what_the_keys_do(visit: Open, server: ReviewServer) -> None:
    seen = visit(f"/image/2?segment={GRASS}", viewport={"width": 390, "height": 844}, has_touch=True)
    seen.page.tap("[data-action=accept]")
    seen.wait_for("decided", segmentId=GRASS, action="accept")
    seen.choose(GRASS)
    seen.page.tap("[data-action=undo]")
    seen.wait_for("decided", segmentId=GRASS, action="undo")
    assert _standing(server, 2, GRASS).decision is None


def test_two_reviewers_never_overwrite_each_other(visit: Open, server: ReviewServer) -> None:
    ann = visit(f"/image/1?segment={CURTAIN}")
    ben = visit(f"/image/1?segment={CURTAIN}", allow=("409",))
    _rename(ben, "ben")
    ann.press("a")
    ann.wait_for("decided", segmentId=CURTAIN)
    ben.press("x", "Enter")
    ben.wait_for("conflict", segmentId=CURTAIN)
    notice = ben.page.locator(".notice[role=alert]")
    assert "ann accepted" in notice.inner_text()
    assert "Somebody else decided too" in ben.saving()
    assert len(_all(server)) == 1, "nothing is stored before ben has seen what ann did"
    ben.page.click("[data-action=keep_both]")
    ben.wait_for("decided", segmentId=CURTAIN, action="reject")
    ben.choose(CURTAIN)
    assert "Reviewers disagree" in ben.detail()
    standing = _standing(server, 1, CURTAIN)
    assert standing.conflict
    assert [each.reviewer for each in standing.history] == ["ann", "ben"]
    ann.open("/?decision=conflict")
    assert ann.page.locator("#found").inner_text() == "1 segment in 1 picture"
    ann.open(f"/image/1?segment={CURTAIN}")
    assert "Reviewers disagree" in ann.detail()
    ann.press("a")
    ann.wait_for("decided", segmentId=CURTAIN, action="accept")
    assert not _standing(server, 1, CURTAIN).conflict, "decided with both on the screen"


def test_a_conflict_can_be_dropped_or_overruled(visit: Open, server: ReviewServer) -> None:
    ann = visit(f"/image/3?segment={CAT}")
    ben = visit(f"/image/3?segment={CAT}", allow=("409",))
    _rename(ben, "ben")
    ann.press("a", "a")
    ann.wait_for("decided", segmentId=SOFA)
    ben.press("x", "Enter")
    ben.wait_for("conflict", segmentId=CAT)
    ben.page.click("[data-action=drop]")
    ben.wait_for("dropped", segmentId=CAT)
    assert len(_all(server)) == 2
    ben.choose(SOFA)
    ben.press("x", "Enter")
    ben.wait_for("conflict", segmentId=SOFA)
    ben.page.click("[data-action=overrule]")
    ben.wait_for("decided", segmentId=SOFA, action="reject")
    standing = _standing(server, 3, SOFA)
    assert not standing.conflict
    assert standing.decision is not None
    assert standing.decision.action is Action.REJECT


def test_nothing_is_lost_when_the_server_is_killed_while_deciding(visit: Open, server: ReviewServer) -> None:
    seen = visit(f"/image/1?segment={DOG}", allow=(NO_ANSWER, "403"))
    server.kill()
    seen.press("a")
    seen.wait_for("waiting", pending=1)
    assert "not saved yet" in seen.saving()
    assert "saving" in seen.page.locator(f"#segment-{DOG} .verdict").inner_text()
    seen.choose(FLOOR)
    seen.press("e")
    seen.page.fill("#edit", "A floor of wide boards runs along below everything else.")
    seen.press("Enter")
    assert _all(server) == []
    server.start()
    seen.wait_for("decided", segmentId=DOG, action="accept")
    seen.wait_for("decided", segmentId=FLOOR, action="edit")
    assert seen.saving().endswith("All saved")
    assert [each.segment_id for each in _all(server)] == [DOG, FLOOR]


def test_decisions_wait_in_the_browser_even_with_the_page_closed(visit: Open, server: ReviewServer) -> None:
    seen = visit(f"/image/1?segment={DOG}", allow=(NO_ANSWER, "403"))
    server.kill()
    seen.press("a")
    seen.wait_for("waiting", pending=1)
    seen.page.goto("about:blank")
    server.start()
    seen.open("/")
    seen.wait_for("decided", imageId=1, segmentId=DOG, action="accept")
    assert [each.segment_id for each in _all(server)] == [DOG]


def test_what_waits_for_one_run_is_never_sent_to_another(
    visit: Open, server: ReviewServer, tmp_path: Path
) -> None:
    """Run folders are called `run`, and the port is mostly the same."""
    seen = visit(f"/image/1?segment={DOG}", allow=(NO_ANSWER,))
    server.kill()
    seen.press("a")
    seen.wait_for("waiting", pending=1)
    seen.page.goto("about:blank")
    other = ReviewServer(build_run(tmp_path / "other"), port=server.port).start()
    try:
        seen.open("/")
        assert seen.saving() == ""
        seen.open(f"/image/1?segment={CURTAIN}")
        seen.press("a")
        seen.wait_for("decided", segmentId=CURTAIN)
        assert [each.segment_id for each in _all(other)] == [CURTAIN]
    finally:
        other.kill()
    server.start()
    seen.open("/")
    seen.wait_for("decided", imageId=1, segmentId=DOG)
    assert [each.segment_id for each in _all(server)] == [DOG]


def test_a_lost_answer_does_not_count_twice(visit: Open, server: ReviewServer) -> None:
    seen = visit(f"/image/1?segment={DOG}", allow=(NO_ANSWER,))
    lost: list[int] = []

    def lose_the_first(route: Route) -> None:
        if lost:
            route.continue_()
        else:
            lost.append(route.fetch().status)
            route.abort()

    seen.page.route("**/api/decide", lose_the_first)
    seen.press("a")
    seen.wait_for("waiting")
    seen.wait_for("decided", segmentId=DOG, action="accept")
    assert lost == [200]
    assert len(_all(server)) == 1


def test_a_refused_decision_says_why_and_can_be_dropped(visit: Open, server: ReviewServer) -> None:
    seen = visit(f"/image/1?segment={DOG}", allow=("507",))
    seen.page.route(
        "**/api/decide", lambda route: route.fulfill(status=400, json={"error": "the reason stands here"})
    )
    seen.press("a")
    seen.wait_for("refused", segmentId=DOG, problem="the reason stands here")
    assert "Not saved" in seen.saving()
    seen.choose(DOG)
    assert "the reason stands here" in seen.detail()
    seen.page.unroute("**/api/decide")
    seen.page.click("[data-action=resend]")
    seen.wait_for("decided", segmentId=DOG, action="accept")
    assert len(_all(server)) == 1
    seen.complaints.clear()


def test_the_name_of_the_reviewer_is_kept_with_the_browser(visit: Open, server: ReviewServer) -> None:
    seen = visit(f"/image/1?segment={DOG}")
    _rename(seen, "Zoë O'Neil")
    seen.press("a")
    seen.wait_for("decided", segmentId=DOG)
    assert _all(server)[-1].reviewer == "Zoë O'Neil"
    seen.open("/")
    assert seen.page.locator("#who-name").inner_text() == "Zoë O'Neil"


def test_coming_back_to_the_page_shows_what_others_decided(visit: Open) -> None:
    ann = visit(f"/image/1?segment={DOG}")
    ben = visit(f"/image/1?segment={DOG}")
    _rename(ben, "ben")
    ben.press("a")
    ben.wait_for("decided", segmentId=DOG)
    ann.page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    ann.wait_for("refreshed")
    assert "accepted by ben" in ann.detail().lower()
