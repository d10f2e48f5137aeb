"""Who judges and how hard it may be driven, as flags and notebooks give it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pix2cap.annotate.asker import PricedModel
from pix2cap.annotate.bounds import require_range
from pix2cap.annotate.drive import open_priced, require_drive
from pix2cap.errors import UsageError
from pix2cap.vlm.model import Sampling
from pix2cap.vlm.pricing import Price

RULES = "rules"
"""Name of the judge that needs no network."""

_CAPTIONERS = ("describe", "replay")


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeOptions:
    """A second model that says which statements of every caption are true.

    Args:
        judge: Who judges: openai:MODEL, pydantic-ai:PROVIDER:MODEL, or rules for an offline dry run that
            knows sides, colours and class names only.
        out: Folder for the judge's journal and judge.json; the same command goes on there and pays once.
        plan: Count captions, requests, tokens and cost, and send nothing.
        max_cost: Stop before this many USD are exceeded (exit code 3).
        base_url: Endpoint of an OpenAI-compatible server (vLLM, SGLang, Ollama, OpenRouter, ...).
        per_request: Captions of one picture that a request asks about at most.
        limit: Judge only the first so many images.
        retry_failed: Ask again about captions on which no reply was of use.
        max_tokens: Longest reply in tokens.
        temperature: Sampling temperature.
        price_in: USD per million input tokens, where the price list does not know the model.
        price_out: USD per million output tokens.
        concurrency: Images and requests worked on at a time.
        requests_per_minute: Rate limit of the endpoint.
        tokens_per_minute: Rate limit of the endpoint.
        timeout: Seconds to wait for one reply.
        max_tries: Times one request is sent when the endpoint fails in passing (429, 5xx, reset).

    Raises:
        UsageError: A number is out of its range.
    """

    judge: str | None = None
    out: Path | None = None
    plan: bool = False
    max_cost: float | None = None
    base_url: str | None = None
    per_request: int = 4
    limit: int | None = None
    retry_failed: bool = False
    max_tokens: int = 4096
    temperature: float | None = 0.0
    price_in: float | None = None
    price_out: float | None = None
    concurrency: int = 16
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    timeout: float = 120.0
    max_tries: int = 6

    def __post_init__(self) -> None:
        """Refuse what no session could work with, before anything is opened or sent."""
        require_range("--per-request", self.per_request, least=1, most=12)
        require_range("--limit", self.limit, least=1)
        require_range("--max-cost", self.max_cost, least=0)
        require_range("--max-tokens", self.max_tokens, least=1)
        require_range("--temperature", self.temperature, least=0, most=2)
        require_drive(self)

    @property
    def sampling(self) -> Sampling:
        """The part that goes to the model's sampler."""
        return Sampling(temperature=self.temperature, max_tokens=self.max_tokens)

    @property
    def is_asked(self) -> bool:
        """True where a judge is named.

        Raises:
            UsageError: None is, but its folder or plan is asked for.
        """
        if self.judge is None and (self.plan or self.out is not None):
            raise UsageError(
                "expected --judge MODEL with --out and --plan, got none; checks alone write no files"
            )
        return self.judge is not None

    def require_judge(self) -> str:
        """The judge's name.

        Raises:
            UsageError: Nobody is named, or a captioner that cannot judge.
        """
        if self.judge is None:
            raise UsageError(
                "expected a judge with --judge: openai:MODEL, pydantic-ai:PROVIDER:MODEL or rules"
            )
        if self.judge.partition(":")[0] in _CAPTIONERS:
            raise UsageError(
                f"expected a judge with --judge, got {self.judge!r}, which writes captions and cannot judge"
                " them; name a vision-language model, or rules for an offline dry run"
            )
        return self.judge

    def require_out(self) -> Path:
        """The judge's folder.

        Raises:
            UsageError: There is none, or a file.
        """
        if self.out is None:
            raise UsageError(
                "expected --out FOLDER with --judge, where replies are kept and a stopped check goes on,"
                " got none"
            )
        if self.out.exists() and not self.out.is_dir():
            raise UsageError(f"expected a folder with --out, got the file {self.out}")
        return self.out

    def open_judge(self) -> PricedModel:
        """The judge with its price; nothing is sent yet.

        Raises:
            UsageError: The name is of no known form, or a key, a package or a price is missing.
        """
        name = self.require_judge()
        if name == RULES:
            from pix2cap.dataset.judge_rules import RulesJudge

            return PricedModel(RulesJudge(), Price(0.0, 0.0, "nothing leaves this machine"))
        return open_priced(
            name, self, base_url=self.base_url, price_in=self.price_in, price_out=self.price_out
        )
