"""One browser for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.builders.browser import Open, open_browser, visits

if TYPE_CHECKING:
    from playwright.sync_api import Browser


# Not for the session: while Playwright's own event loop lives, asyncio tests elsewhere cannot start theirs.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser, page_path: Path) -> Iterator[Open]:
    """Opens the file's own `page_path`, or another page."""
    with visits(browser, page_path) as open_page:
        yield open_page
