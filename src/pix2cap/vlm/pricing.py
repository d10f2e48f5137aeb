"""What requests cost: prices from genai-prices, token ranges from the rules that vendors publish."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image

from pix2cap.errors import UsageError
from pix2cap.vlm.model import CaptionRequest, Usage

_MILLION = 1_000_000
# Prices can have tiers for long contexts; a small probe reads the first tier, which our requests stay in.
_PROBE_TOKENS = 1000


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens.

    Args:
        usd_per_million_in: Input tokens, pictures included.
        usd_per_million_out: Output tokens.
        source: Where the numbers come from.
    """

    usd_per_million_in: float
    usd_per_million_out: float
    source: str


def price_of(
    model_name: str,
    *,
    base_url: str | None = None,
    price_in: float | None = None,
    price_out: float | None = None,
) -> Price | None:
    """The price of a model, None where it is not known; never a guess.

    Works offline: only data packaged with genai-prices is read.

    Args:
        model_name: As the user gives it: `describe`, `replay:FILE`, `openai:MODEL`,
            `pydantic-ai:PROVIDER:MODEL`.
        base_url: The endpoint of `openai:MODEL`, None for OpenAI's own. The same model costs something else,
            or nothing, elsewhere, so an unknown endpoint means an unknown price.
        price_in: USD per million input tokens, as the user knows it.
        price_out: USD per million output tokens.

    Raises:
        UsageError: One of the two prices is missing, or one is negative.

    Example:
        >>> price_of("describe").usd_per_million_in
        0.0
        >>> price_of("openai:my-own-model", base_url="http://127.0.0.1:8000/v1") is None
        True
    """
    if (price_in is None) != (price_out is None):
        given, missing = ("--price-in", "--price-out") if price_out is None else ("--price-out", "--price-in")
        raise UsageError(f"expected both prices (USD per million tokens), got {given} only: add {missing}")
    if price_in is not None and price_out is not None:
        if not (0 <= price_in < math.inf and 0 <= price_out < math.inf):
            raise UsageError(f"expected prices of at least 0 USD, got {price_in} and {price_out}")
        return Price(price_in, price_out, "given")
    form, _, rest = model_name.partition(":")
    if form in ("describe", "replay"):
        return Price(0.0, 0.0, "local")
    if form == "openai":
        return _look_up(rest, base_url=base_url or "https://api.openai.com/v1")
    if form == "pydantic-ai":
        provider, _, model = rest.partition(":")
        return _look_up(model, provider=provider)
    return None


def _look_up(model: str, *, base_url: str | None = None, provider: str | None = None) -> Price | None:
    # Imported here: its tables take a while to load, and offline models need none.
    from genai_prices import Usage as PricedUsage
    from genai_prices import calc_price

    probe = PricedUsage(input_tokens=_PROBE_TOKENS, output_tokens=_PROBE_TOKENS)
    try:
        if base_url is not None:
            found = calc_price(probe, model, provider_api_url=base_url)
        else:
            found = calc_price(probe, model, provider_id=provider)
    except LookupError:
        return None
    if found.model_price.input_mtok is None or found.model_price.output_mtok is None:
        return None  # listed without a price, which is not the same as free
    scale = _MILLION // _PROBE_TOKENS
    return Price(
        float(found.input_price * scale),
        float(found.output_price * scale),
        f"genai-prices: {found.provider.id}/{found.model.id}",
    )


def cost_usd(price: Price | None, usage: Usage) -> float | None:
    """US dollars for what a reply used; None where price or tokens are unknown.

    Example:
        >>> cost_usd(Price(2.0, 8.0, "given"), Usage(1000, 500))
        0.006
        >>> cost_usd(None, Usage(1000, 500)) is None
        True
    """
    if price is None:
        return None
    return _share(
        price.usd_per_million_in, usage.input_tokens, price.usd_per_million_out, usage.output_tokens
    )


def _share(price_in: float, tokens_in: int | None, price_out: float, tokens_out: int | None) -> float | None:
    if (price_in and tokens_in is None) or (price_out and tokens_out is None):
        return None
    return (price_in * (tokens_in or 0) + price_out * (tokens_out or 0)) / _MILLION


@dataclass(frozen=True, slots=True)
class TokenEstimate:
    """Tokens of a request as ranges, to plan and to reserve with; the true number comes with the reply."""

    input_low: int
    input_high: int
    output_low: int
    output_high: int

    def __add__(self, other: TokenEstimate) -> TokenEstimate:
        return TokenEstimate(
            self.input_low + other.input_low,
            self.input_high + other.input_high,
            self.output_low + other.output_low,
            self.output_high + other.output_high,
        )

    def cost_usd(self, price: Price | None) -> tuple[float, float] | None:
        """`(low, high)` in US dollars, None where the price is unknown."""
        if price is None:
            return None
        low = cost_usd(price, Usage(self.input_low, self.output_low))
        high = cost_usd(price, Usage(self.input_high, self.output_high))
        return None if low is None or high is None else (low, high)


def estimate_tokens(
    prompt_chars: int,
    picture_sizes_wh: Iterable[tuple[int, int]],
    n_captions: int,
    *,
    model_name: str | None = None,
) -> TokenEstimate:
    """Tokens of one request, from the cheapest to the dearest published way of counting.

    Text: English runs at about 4 characters a token, rows of three-decimal boxes at about 2.5; 30 to 150
    more for the chat frame and the schema. Captions: 23 words are about 30 tokens, 15 to 45 more for their
    JSON, and the longest that the checks allow have 60 words; a hidden chain of thought is not in it.
    Pictures: see `picture_tokens`.

    Args:
        prompt_chars: Characters of all texts sent.
        picture_sizes_wh: `(width, height)` in pixels of each picture as sent.
        n_captions: Captions asked for.
        model_name: Narrows the picture rule where the model is known to count otherwise.
    """
    low, high = prompt_chars / 4.5 + 30, prompt_chars / 2.5 + 150
    for size_wh in picture_sizes_wh:
        picture_low, picture_high = picture_tokens(size_wh, model_name=model_name)
        low += picture_low + 4
        high += picture_high + 10
    return TokenEstimate(math.floor(low), math.ceil(high), 8 + 25 * n_captions, 20 + 110 * n_captions)


def picture_tokens(size_wh: tuple[int, int], *, model_name: str | None = None) -> tuple[int, int]:
    """`(low, high)` over the vendors' published rules for one picture.

    Sources: the vision guides of OpenAI (85 + 170 a 512 px tile after scaling to 2048 and 768 px; 32 px
    patches, 1536 at most, times 1.62 or 2.46 for small models; gpt-4o-mini 2833 + 5667 a tile), Anthropic
    (area / 750, 1568 px at most), Google (258, or 258 a 768 px tile), and the model cards of Qwen-VL (28 px
    patches, 32 px in the third generation).

    Example:
        >>> picture_tokens((640, 480))
        (258, 738)
    """
    width, height = max(1, size_wh[0]), max(1, size_wh[1])
    tiles = _openai_tiles(width, height)
    if model_name is not None and "gpt-4o-mini" in model_name:
        return 2833 + 5667 * tiles, 2833 + 5667 * tiles
    patches = min(1536, math.ceil(width / 32) * math.ceil(height / 32))
    shrink = min(1.0, 1568 / max(width, height))
    counts = (
        85 + 170 * tiles,
        patches,
        patches * 2.46,
        min(1600.0, width * height * shrink**2 / 750),
        258,
        258 * math.ceil(width / 768) * math.ceil(height / 768),
        max(1, round(width / 28)) * max(1, round(height / 28)),
    )
    return math.floor(min(counts)), math.ceil(max(counts))


def _openai_tiles(width: int, height: int) -> int:
    scale = min(1.0, 2048 / max(width, height))
    scale *= min(1.0, 768 / (min(width, height) * scale))
    return math.ceil(width * scale / 512) * math.ceil(height * scale / 512)


def estimate_request_tokens(request: CaptionRequest, *, model_name: str | None = None) -> float:
    """Tokens to reserve for a request before its reply is there: the high end, capped by its token limit."""
    sizes_wh = []
    for picture in request.pictures:
        try:
            with Image.open(io.BytesIO(picture.data)) as opened:  # reads the header only
                sizes_wh.append(opened.size)
        except OSError:
            sizes_wh.append((1024, 1024))
    n_captions = len(request.unit.rows) if request.unit is not None else 12
    chars = len(request.prompt) + len(request.system or "")
    estimate = estimate_tokens(chars, sizes_wh, n_captions, model_name=model_name)
    return float(estimate.input_high + min(estimate.output_high, request.sampling.max_tokens))
