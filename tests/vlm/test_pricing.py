from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.errors import UsageError
from pix2cap.vlm.model import Usage
from pix2cap.vlm.pricing import (
    Price,
    TokenEstimate,
    cost_usd,
    estimate_request_tokens,
    estimate_tokens,
    picture_tokens,
    price_of,
)
from tests.vlm.requests import make_request, make_unit

LOCAL = "http://127.0.0.1:8000/v1"


@pytest.mark.parametrize("name", ["describe", "replay:captions.json"])
def test_local_models_cost_exactly_nothing(name):
    price = price_of(name)
    assert cost_usd(price, Usage()) == 0.0
    assert cost_usd(price, Usage(10**9, 10**9)) == 0.0
    assert estimate_tokens(1000, [(640, 480)], 12).cost_usd(price) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("name", "base_url"),
    [
        ("openai:gpt-4o", None),
        ("openai:gpt-4o", "https://api.openai.com/v1"),
        ("openai:google/gemini-2.5-flash", "https://openrouter.ai/api/v1"),
        ("pydantic-ai:anthropic:claude-sonnet-4-5", None),
    ],
)
def test_known_models_have_a_price_with_a_source(name, base_url):
    price = price_of(name, base_url=base_url)
    assert price is not None
    assert 0.01 < price.usd_per_million_in < price.usd_per_million_out < 1000
    assert price.source.startswith("genai-prices: ")


@pytest.mark.parametrize(
    ("name", "base_url"),
    [
        ("openai:no-such-model", None),
        ("openai:gpt-4o", LOCAL),
        ("openai:test", LOCAL),
        ("openai:gpt-4o", "https://models.example/v1"),
        ("pydantic-ai:nobody:gpt-4o", None),
        ("pydantic-ai:anthropic:no-such-model", None),
        ("gpt-4o", None),
    ],
)
def test_what_is_not_known_has_no_price(name, base_url):
    assert price_of(name, base_url=base_url) is None


def test_a_model_listed_without_a_price_is_not_free():
    assert price_of("pydantic-ai:cerebras:qwen-3-coder-480b") is None


def test_given_prices_win():
    assert price_of("openai:gpt-4o", price_in=1.0, price_out=0.0) == Price(1.0, 0.0, "given")


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        ({"price_in": 1.0}, "--price-out"),
        ({"price_out": 1.0}, "--price-in"),
        ({"price_in": -1.0, "price_out": 1.0}, "at least 0"),
        ({"price_in": float("nan"), "price_out": 1.0}, "at least 0"),
    ],
)
def test_prices_that_make_no_sense(prices, said):
    with pytest.raises(UsageError, match=said):
        price_of("openai:m", **prices)


@pytest.mark.parametrize(
    ("price", "usage", "cost"),
    [
        (Price(2, 8, "given"), Usage(1_000_000, 500_000), 6.0),
        (Price(2, 8, "given"), Usage(None, 5), None),
        (Price(2, 8, "given"), Usage(5, None), None),
        (Price(0, 8, "given"), Usage(None, 1_000_000), 8.0),
        (None, Usage(5, 5), None),
    ],
)
def test_cost_is_null_where_anything_needed_is_unknown(price, usage, cost):
    assert cost_usd(price, usage) == cost


@pytest.mark.parametrize(
    ("size_wh", "tokens"),
    [
        # OpenAI's own example: 1024x1024 is scaled to 768x768, four tiles, 765 tokens.
        ((1024, 1024), 765),
        # and 2048x4096 to 768x1536, six tiles, 1105 tokens.
        ((2048, 4096), 1105),
        # 640x480 in Qwen2.5-VL: 23 x 17 patches.
        ((640, 480), 391),
        # Google: anything small is 258.
        ((300, 200), 258),
    ],
)
def test_published_counts_lie_in_the_range(size_wh, tokens):
    low, high = picture_tokens(size_wh)
    assert low <= tokens <= high


def test_gpt_4o_mini_counts_in_its_own_way():
    assert picture_tokens((640, 480), model_name="gpt-4o-mini") == (14167, 14167)


@given(st.integers(0, 20_000), st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 5000)), max_size=4),
       st.integers(0, 130))  # fmt: skip
def test_ranges_are_ranges_and_add_up(chars, sizes_wh, n_captions):
    estimate = estimate_tokens(chars, sizes_wh, n_captions)
    assert 0 <= estimate.input_low <= estimate.input_high
    assert 0 <= estimate.output_low <= estimate.output_high
    more = estimate_tokens(chars + 400, [*sizes_wh, (64, 64)], n_captions + 1)
    assert more.input_low > estimate.input_low and more.output_high > estimate.output_high
    assert (estimate + TokenEstimate(1, 2, 3, 4)).output_high == estimate.output_high + 4


def test_recorded_captions_lie_in_the_range():
    """23 words in the reply's JSON, at OpenAI's rule of thumb of 4 characters a token."""
    caption = '{"id": 12, "caption": "' + "a striped tabby cat lies curled " * 4 + '", "visible": true}, '
    estimate = estimate_tokens(0, [], 12)
    assert estimate.output_low < 12 * len(caption) / 4 < estimate.output_high


def test_a_reservation_reads_the_picture_sizes_and_keeps_to_the_token_limit():
    request = make_request(unit=make_unit())
    free = estimate_request_tokens(request)
    assert free > 2 * 258
    from dataclasses import replace

    tight = replace(request, sampling=replace(request.sampling, max_tokens=10))
    assert estimate_request_tokens(tight) == free - (20 + 110 * 3) + 10
