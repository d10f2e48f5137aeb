"""Everybody can use the review app: axe-core finds nothing serious, the keyboard reaches everything."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pix2cap.annotate.draw_sample import SampleOptions, draw_sample
from tests.builders.review import BENCH, CAT, DOG, EVIL, SOFA, ReviewServer, build_run
from tests.builders.review_page import Reviewer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
PAGES = {
    "grid": "/",
    "filtered": "/?status=failed&words_min=2",
    "nothing": "/?q=nobodywrotethis",
    "picture": f"/image/1?segment={DOG}",
    "failed": f"/image/2?segment={EVIL}",
    "verify": "/verify/first",
    "help": "/help",
    "problem": "/image/99",
}


@pytest.fixture(scope="module")
def server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReviewServer]:
    run = build_run(tmp_path_factory.mktemp("a run"))
    draw_sample(run, SampleOptions(name="first", per_stratum=1, by=("class",)))
    served = ReviewServer(run, {"task": "verify", "sample": "first"}).start()
    yield served
    served.stop()


@pytest.fixture(scope="module")
def axe() -> str:
    pytest.importorskip("axe_playwright_python", reason="axe-core comes with the dev extra")
    return (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")


def serious(seen: Reviewer, axe: str) -> list[dict[str, Any]]:
    """What axe-core finds on the page as it stands, serious or worse: rule, elements, why."""
    seen.page.evaluate(axe)
    found: list[dict[str, Any]] = seen.page.evaluate(
        """async () => (await axe.run(document, { resultTypes: ['violations'] })).violations
          .filter((each) => ['serious', 'critical'].includes(each.impact))
          .map(({ id, nodes }) => ({ id, nodes: nodes.map((node) => [node.html, node.failureSummary]) }))"""
    )
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing_serious(
    browser: Browser, server: ReviewServer, axe: str, scheme: str, size: dict[str, int]
) -> None:
    seen = Reviewer(browser, server, color_scheme=scheme, viewport=size)
    for name, path in PAGES.items():
        seen.open(path)
        assert serious(seen, axe) == [], name
        assert seen.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), name
    seen.close("404")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_while_one_writes(
    browser: Browser, server: ReviewServer, axe: str, scheme: str
) -> None:
    seen = Reviewer(browser, server, f"/image/1?segment={BENCH}", color_scheme=scheme)
    seen.press("e")
    seen.page.fill("#edit", "mark 3 is a bench")
    seen.wait_for("checked", text="mark 3 is a bench")
    assert serious(seen, axe) == []
    seen.press("Escape", "x")
    assert serious(seen, axe) == []
    seen.press("Escape", "?")
    assert serious(seen, axe) == []
    seen.press("Escape")
    seen.page.click("#who")
    assert serious(seen, axe) == []
    seen.close()


@pytest.mark.parametrize(("scheme", "segment_id"), [("light", CAT), ("dark", SOFA)])
def test_axe_finds_nothing_serious_in_a_conflict(
    browser: Browser, server: ReviewServer, axe: str, scheme: str, segment_id: int
) -> None:
    path = f"/image/3?segment={segment_id}"
    ann, ben = (Reviewer(browser, server, path, color_scheme=scheme) for _ in range(2))
    ben.page.click("#who")
    ben.page.fill("#who-input", "ben")
    ben.press("Enter")
    ben.wait_for("reviewer")
    ann.press("a")
    ann.wait_for("decided", segmentId=segment_id)
    ben.press("x", "Enter")
    ben.wait_for("conflict")
    ben.page.locator(".notice[role=alert]").wait_for()
    assert serious(ben, axe) == []
    ben.page.click("[data-action=keep_both]")
    ben.wait_for("decided")
    ben.choose(segment_id)
    assert "Reviewers disagree" in ben.detail()
    assert serious(ben, axe) == []
    ann.close()
    ben.close("409")


@pytest.mark.parametrize("path", ["/", f"/image/1?segment={DOG}", "/help"])
def test_tab_reaches_everything_and_shows_where_it_is(
    browser: Browser, server: ReviewServer, path: str
) -> None:
    seen = Reviewer(browser, server, path)
    wanted: int = seen.page.evaluate(
        """() => [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex="0"]')]
          .filter((each) => each.checkVisibility() && !each.disabled && each.tabIndex >= 0).length"""
    )
    visited: list[str] = []
    for _ in range(wanted):
        seen.press("Tab")
        name, is_shown = seen.page.evaluate(
            """() => {
              const at = document.activeElement;
              const style = getComputedStyle(at);
              const box = at.getBoundingClientRect();
              const seen = box.top < innerHeight && box.bottom > 0 && box.width > 0;
              return [`${at.tagName} ${at.id} ${at.textContent.trim().slice(0, 30)}`,
                      seen && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2];
            }"""
        )
        assert is_shown, f"{name}: expected a visible outline on what has the focus"
        visited.append(name)
    assert visited[0].startswith("A  Skip to the content")
    assert len(set(visited)) >= wanted - 1, "Tab goes on and comes to everything"
    seen.close()


def test_what_happens_is_also_said(browser: Browser, server: ReviewServer) -> None:
    seen = Reviewer(browser, server, "/")
    seen.page.select_option("#filter-class", "dog")
    seen.wait_for("filter")
    assert seen.page.locator("#say").text_content() == "1 segment in 1 picture"
    assert seen.page.locator("#say").get_attribute("aria-live") == "polite"
    assert seen.page.locator("#saving").get_attribute("role") == "status"
    seen.close()


def test_the_theme_is_kept(browser: Browser, server: ReviewServer) -> None:
    seen = Reviewer(browser, server, "/", color_scheme="light")
    background = "() => getComputedStyle(document.body).backgroundColor"
    light = seen.page.evaluate(background)
    seen.page.click("#scheme")
    seen.page.click("#scheme")
    assert seen.page.locator("#scheme-name").inner_text() == "dark"
    dark = seen.page.evaluate(background)
    assert dark != light
    seen.open("/help")
    assert seen.page.evaluate(background) == dark
    seen.close()


def test_there_is_no_way_in_for_a_script(browser: Browser, server: ReviewServer) -> None:
    """The policy is strict, and holds: what is injected all the same does not run."""
    seen = Reviewer(browser, server, f"/image/1?segment={DOG}")
    answer = seen.page.request.get(server.url + "/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    seen.page.evaluate(
        """() => {
          const made = document.createElement('div');
          made.innerHTML = '<img src=x onerror="window.pwned = 1">';
          document.body.append(made);
          const script = document.createElement('script');
          script.textContent = 'window.pwned = 2';
          document.body.append(script);
        }"""
    )
    assert seen.page.evaluate("() => window.pwned") is None
    assert any("Content Security Policy" in text for text in seen.complaints)
    seen.close("Content Security Policy", "404")


def test_a_run_folder_is_named_and_its_path_is_not(browser: Browser, server: ReviewServer) -> None:
    seen = Reviewer(browser, server, "/")
    assert str(Path(server.target).parent) not in seen.page.content()
    seen.close()
