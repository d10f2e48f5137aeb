"""One browser for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.builders.browser import open_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser


# Not for the session: while Playwright's own event loop lives, asyncio tests elsewhere cannot start theirs.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser
