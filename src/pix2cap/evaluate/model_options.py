"""How a bench's model is named and driven, as flags and notebooks give it."""

from __future__ import annotations

from dataclasses import dataclass

from pix2cap.annotate.asker import PricedModel
from pix2cap.annotate.bounds import require_range
from pix2cap.annotate.drive import open_priced, require_drive
from pix2cap.vlm.model import Sampling


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """How to drive a model.

    Args:
        base_url: Endpoint of an OpenAI-compatible server (vLLM, SGLang, Ollama, OpenRouter, ...).
        temperature: Sampling temperature.
        max_tokens: Longest reply in tokens.
        model_seed: Sampling seed, where the endpoint heeds one.
        price_in: USD per million input tokens, where the price list does not know the model.
        price_out: USD per million output tokens.
        concurrency: Requests in flight at a time.
        requests_per_minute: Rate limit of the endpoint.
        tokens_per_minute: Rate limit of the endpoint.
        timeout: Seconds to wait for one reply.
        max_tries: Times one request is sent when the endpoint fails in passing (429, 5xx, reset).

    Raises:
        UsageError: A number is out of its range.
    """

    base_url: str | None = None
    temperature: float | None = 0.0
    max_tokens: int = 256
    model_seed: int | None = None
    price_in: float | None = None
    price_out: float | None = None
    concurrency: int = 16
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    timeout: float = 120.0
    max_tries: int = 6

    def __post_init__(self) -> None:
        """Refuse what no run could work with, before anything is opened or sent."""
        require_range("--max-tokens", self.max_tokens, least=1)
        require_range("--temperature", self.temperature, least=0, most=2)
        require_drive(self)

    @property
    def sampling(self) -> Sampling:
        """The part that goes to the model's sampler."""
        return Sampling(temperature=self.temperature, max_tokens=self.max_tokens, seed=self.model_seed)

    def open(self, name: str) -> PricedModel:
        """Open a model by name, with its price; nothing is sent yet.

        Raises:
            UsageError: The name is of no known form, or a key or a price is missing.
        """
        return open_priced(
            name, self, base_url=self.base_url, price_in=self.price_in, price_out=self.price_out
        )
