"""Opening a model with its price: how options that name one drive it, and which settings can be meant."""

from __future__ import annotations

from typing import Protocol

from pix2cap.annotate.asker import PricedModel
from pix2cap.annotate.bounds import require_range
from pix2cap.vlm.open_model import open_model
from pix2cap.vlm.pricing import price_of


class Drive(Protocol):
    """What options say of how hard a model may be driven."""

    @property
    def concurrency(self) -> int:
        """Requests in flight at a time."""
        ...

    @property
    def requests_per_minute(self) -> float | None:
        """Rate limit of the endpoint."""
        ...

    @property
    def tokens_per_minute(self) -> float | None:
        """Rate limit of the endpoint."""
        ...

    @property
    def timeout(self) -> float:
        """Seconds to wait for one reply."""
        ...

    @property
    def max_tries(self) -> int:
        """Times one request is sent when the endpoint fails in passing."""
        ...


def require_drive(drive: Drive) -> None:
    """Refuse what no endpoint could be driven with, before anything is opened or sent.

    Raises:
        UsageError: A number is out of its range.
    """
    require_range("--concurrency", drive.concurrency, least=1)
    require_range("--timeout", drive.timeout, above=0)
    require_range("--max-tries", drive.max_tries, least=1)
    require_range("--requests-per-minute", drive.requests_per_minute, above=0)
    require_range("--tokens-per-minute", drive.tokens_per_minute, above=0)


def open_priced(
    name: str, drive: Drive, *, base_url: str | None, price_in: float | None, price_out: float | None
) -> PricedModel:
    """Open a model by name, with its price; nothing is sent yet.

    Args:
        name: As `open_model` takes it.
        drive: How hard it may be driven.
        base_url: Endpoint of an OpenAI-compatible server; None for OpenAI's own.
        price_in: USD per million input tokens, where the price list does not know the model.
        price_out: USD per million output tokens.

    Raises:
        UsageError: The name is of no known form, or a key, a package or a price is missing.
    """
    model = open_model(
        name,
        base_url=base_url,
        concurrency=drive.concurrency,
        requests_per_minute=drive.requests_per_minute,
        tokens_per_minute=drive.tokens_per_minute,
        timeout_s=drive.timeout,
        max_tries=drive.max_tries,
    )
    return PricedModel(model, price_of(name, base_url=base_url, price_in=price_in, price_out=price_out))
