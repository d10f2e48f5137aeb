"""Who answers and who judges, by name: the options that benches with a judge share."""

from __future__ import annotations

from dataclasses import dataclass

from pix2cap.annotate.asker import PricedModel
from pix2cap.annotate.bounds import require_range
from pix2cap.annotate.drive import open_priced, require_drive
from pix2cap.vlm.model import Sampling

EXACT = "exact"


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchModels:
    """Answerer and judge.

    Args:
        model: Who answers: openai:MODEL, pydantic-ai:PROVIDER:MODEL or describe.
        base_url: Endpoint of the answerer, an OpenAI-compatible server (vLLM, SGLang, Ollama, ...).
        price_in: USD per million input tokens of the answerer, where the price list does not know it.
        price_out: USD per million output tokens of the answerer.
        max_tokens: Longest answer in tokens.
        judge: Who grades: openai:MODEL, pydantic-ai:PROVIDER:MODEL, or exact for a local dry run.
        judge_base_url: Endpoint of the judge.
        judge_price_in: USD per million input tokens of the judge.
        judge_price_out: USD per million output tokens of the judge.
        judge_max_tokens: Longest reply of the judge in tokens; one that thinks aloud needs more.
        concurrency: Questions in flight at a time.
        timeout: Seconds to wait for one reply.
        max_tries: Times one request is sent when the endpoint fails in passing (429, 5xx, reset).
        requests_per_minute: Rate limit of either endpoint.

    Raises:
        UsageError: A number is out of its range.
    """

    model: str | None = None
    base_url: str | None = None
    price_in: float | None = None
    price_out: float | None = None
    max_tokens: int = 1024
    judge: str = EXACT
    judge_base_url: str | None = None
    judge_price_in: float | None = None
    judge_price_out: float | None = None
    judge_max_tokens: int = 256
    concurrency: int = 16
    timeout: float = 120.0
    max_tries: int = 6
    requests_per_minute: float | None = None

    def __post_init__(self) -> None:
        """Refuse what no bench could work with."""
        require_range("--max-tokens", self.max_tokens, least=1)
        require_range("--judge-max-tokens", self.judge_max_tokens, least=1)
        require_drive(self)

    def open_answerer(self) -> PricedModel | None:
        """The answerer with its price; None where no model is named.

        Raises:
            UsageError: The name is of no known form, or a key or package is missing.
        """
        if self.model is None:
            return None
        return open_priced(
            self.model, self, base_url=self.base_url, price_in=self.price_in, price_out=self.price_out
        )

    def open_judge(self) -> PricedModel | None:
        """The judge with its price; None for the exact-match judge.

        Raises:
            UsageError: The name is of no known form, or a key or package is missing.
        """
        if self.judge == EXACT:
            return None
        return open_priced(
            self.judge,
            self,
            base_url=self.judge_base_url,
            price_in=self.judge_price_in,
            price_out=self.judge_price_out,
        )

    @property
    def tokens_per_minute(self) -> None:
        """Benches have no such option."""

    @property
    def answer_sampling(self) -> Sampling:
        """How answers are drawn: the likeliest words."""
        return Sampling(temperature=0.0, max_tokens=self.max_tokens)

    @property
    def judge_sampling(self) -> Sampling:
        """How grades are drawn: the likeliest words."""
        return Sampling(temperature=0.0, max_tokens=self.judge_max_tokens)
