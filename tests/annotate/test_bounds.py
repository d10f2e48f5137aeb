"""Numbers and languages that cannot be meant are refused by name."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.annotate.bounds import require_language, require_range
from pix2cap.errors import UsageError


@given(st.one_of(st.integers(), st.floats()), st.integers(-9, 9), st.integers(-9, 9))
def test_a_range_is_what_it_says(value: float, least: int, most: int) -> None:
    inside = math.isfinite(value) and least <= value <= most
    try:
        require_range("--x", value, least=least, most=most)
    except UsageError as error:
        assert not inside
        assert str(error).startswith(f"expected --x to be at least {least} and at most {most}, got ")
    else:
        assert inside


@pytest.mark.parametrize("value", [0, -1.5, math.inf, -math.inf, math.nan])
def test_above_leaves_the_bound_itself_out(value: float) -> None:
    with pytest.raises(UsageError, match=r"above 0, got"):
        require_range("--timeout", value, above=0)
    require_range("--timeout", 1e-9, above=0)


def test_nothing_given_is_fine() -> None:
    require_range("--seed", None, least=1)


@pytest.mark.parametrize("code", ["en", "de", "DE", "pt-BR", "zh-Hant", "Swahili", "Icelandic"])
def test_languages(code: str) -> None:
    require_language(code)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("english", "write en"),
        ("German", "write de"),
        ("xx", "expected --language out of ar, bg"),
        ("", "out of ar"),
    ],
)
def test_languages_that_are_none(code: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        require_language(code)
