"""The one thing every captioner offers: `CaptionModel.ask`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from pix2cap.vlm.unit import Unit

FinishReason = Literal["stop", "length", "refusal", "other"]


@dataclass(frozen=True, slots=True)
class PicturePart:
    """One encoded picture of a request, in the order sent."""

    data: bytes
    media_type: str
    label: str
    """What the prompt calls it: `clean`, `marked`, `crop 3`."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model should draw its reply.

    Args:
        temperature: 0 for the likeliest words; None leaves it to the endpoint.
        max_tokens: Longest reply in tokens.
        seed: Sent where given; not every endpoint heeds it.
        top_p: Nucleus share; None leaves it to the endpoint.
    """

    temperature: float | None = 0.0
    max_tokens: int = 2048
    seed: int | None = None
    top_p: float | None = None


@dataclass(frozen=True, slots=True)
class CaptionRequest:
    """Everything a model is sent.

    Args:
        pictures: Encoded pictures.
        prompt: The text.
        schema: JSON schema of the wanted reply, None for free text.
        sampling: Temperature and the like.
        key: The journal's key; goes out as header `X-Pix2Cap-Key`.
        unit: What the pictures show, for models that read no pictures (`describe`, `replay`).
        system: System prompt, where there is one.
    """

    pictures: tuple[PicturePart, ...]
    prompt: str
    schema: Mapping[str, Any] | None
    sampling: Sampling
    key: str
    unit: Unit | None = None
    system: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them; None where it said nothing."""

    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered.

    Args:
        text: The reply's text as it came; "" for none.
        usage: Tokens paid for.
        finish_reason: `length` where the token limit cut it, `refusal` where a filter stopped it.
        request_id: The provider's name for the request.
        model: The model that the provider says answered.
        tries: HTTP requests it took, 1 without a retry.
    """

    text: str
    usage: Usage = Usage()
    finish_reason: FinishReason = "stop"
    request_id: str | None = None
    model: str | None = None
    tries: int = 1


@runtime_checkable
class CaptionModel(Protocol):
    """A captioner, remote or local."""

    @property
    def name(self) -> str:
        """The name as the user gave it (`openai:gpt-4o`, `describe`)."""
        ...

    @property
    def host(self) -> str | None:
        """The remote host that gets the pictures, None where nothing leaves the machine."""
        ...

    @property
    def reads_pictures(self) -> bool:
        """False for a model that answers from `request.unit` alone, so that nothing need be drawn for it."""
        ...

    async def ask(self, request: CaptionRequest) -> Reply:
        """Answer one request; retries of passing faults happen inside.

        Raises:
            ModelUnavailable: Transport gave up.
            ModelRejected: The endpoint refused for good.
        """
        ...

    async def aclose(self) -> None:
        """Release connections."""
        ...
