"""Every other vendor, through pydantic-ai: `pydantic-ai:PROVIDER:MODEL`.

For breadth, not speed: the vendors' own clients do the talking. The schema goes out as the vendor's native
structured output where pydantic-ai says the model has one, and in words in the prompt where it has not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import stamina

from pix2cap.errors import ModelRejected, ModelUnavailable, UsageError
from pix2cap.vlm.chat_body import schema_in_words
from pix2cap.vlm.model import CaptionRequest, FinishReason, Reply, Usage
from pix2cap.vlm.openai_compatible import KEY_HEADER
from pix2cap.vlm.pricing import estimate_request_tokens
from pix2cap.vlm.rate_limit import RateLimit
from pix2cap.vlm.retry import Backoff, PassingError

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse, UserContent
    from pydantic_ai.models import Model, ModelRequestParameters
    from pydantic_ai.settings import ModelSettings

_FINISH: dict[str | None, FinishReason] = {
    None: "stop",
    "stop": "stop",
    "length": "length",
    "content_filter": "refusal",
}
_PASSING = frozenset({408, 409, 425, 429})


class PydanticAI:
    """A `CaptionModel` through pydantic-ai.

    Args:
        model: `PROVIDER:MODEL` as pydantic-ai names it, or one of its model objects.
        concurrency: Requests in flight at most.
        requests_per_minute: None for no limit.
        tokens_per_minute: None for no limit.
        timeout_s: Seconds for one reply, what the vendor's client retries included.
        max_tries: Times one request is handed to the vendor's client at most.
        wait_initial_s: First wait before another try; it doubles each time, with jitter.

    Raises:
        UsageError: pydantic-ai or the vendor's package is missing, the name is unknown or the key is not set.
    """

    reads_pictures = True

    def __init__(
        self,
        model: str | Model,
        *,
        concurrency: int = 32,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        timeout_s: float = 120.0,
        max_tries: int = 6,
        wait_initial_s: float = 0.5,
    ) -> None:
        self._model = _infer(model) if isinstance(model, str) else model
        self._label = model if isinstance(model, str) else f"{self._model.system}:{self._model.model_name}"
        self._concurrency = concurrency
        self._timeout_s = timeout_s
        self._max_tries = max_tries
        self._wait_initial_s = wait_initial_s
        self._rate = RateLimit(requests_per_minute, tokens_per_minute)
        self._loop: asyncio.AbstractEventLoop | None = None

    def __repr__(self) -> str:
        return f"PydanticAI({self._label!r})"

    @property
    def name(self) -> str:
        """`pydantic-ai:PROVIDER:MODEL`."""
        return f"pydantic-ai:{self._label}"

    @property
    def host(self) -> str:
        """The vendor's host where pydantic-ai knows it, else the provider's name."""
        from yarl import URL

        base_url = getattr(self._model, "base_url", None)
        found = URL(base_url).host_port_subcomponent if isinstance(base_url, str) else None
        return found or self._label.partition(":")[0]

    async def ask(self, request: CaptionRequest) -> Reply:
        """Answer one request.

        Raises:
            ModelUnavailable: All tries met passing faults.
            ModelRejected: The vendor refused for good.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._slots = loop, asyncio.Semaphore(self._concurrency)
        async with self._slots:
            tries = 0
            try:
                async for attempt in stamina.retry_context(
                    on=Backoff(retry_after_cap_s=60.0, jitter_s=self._wait_initial_s),
                    attempts=self._max_tries,
                    timeout=None,
                    wait_initial=self._wait_initial_s,
                    wait_max=30.0,
                    wait_jitter=4 * self._wait_initial_s,
                ):
                    with attempt:
                        tries = attempt.num
                        return await self._try(request, tries)
            except PassingError as error:
                fault = error
            times = "once" if tries == 1 else f"{tries} times"
            raise ModelUnavailable(
                f"asked {times}, no reply: {fault}; run the command again later",
                reason=fault.reason,
                unreachable=fault.unreachable,
            )

    async def aclose(self) -> None:
        """The vendors' clients are shared by pydantic-ai and closed by it."""

    async def _try(self, request: CaptionRequest, tries: int) -> Reply:
        from pydantic_ai import exceptions
        from pydantic_ai.direct import model_request

        messages, parameters = self._message(request)
        tokens = estimate_request_tokens(request) if self._rate.counts_tokens else 0.0
        await self._rate.take(tokens)
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await model_request(
                    self._model,
                    messages,
                    model_settings=self._settings(request),
                    model_request_parameters=parameters,
                )
        except TimeoutError:
            raise PassingError(
                f"{self.host} did not answer within {self._timeout_s:g} s", reason="time-out"
            ) from None
        except exceptions.UnexpectedModelBehavior as error:
            # It answered, and the answer is paid for, but the vendor's client could not read it.
            filtered = type(error).__name__ == "ContentFilterError"
            return Reply("", finish_reason="refusal" if filtered else "other", tries=tries)
        except exceptions.ModelAPIError as error:
            raise self._as_fault(error) from None
        except exceptions.UserError as error:
            raise ModelRejected(f"{self.name} cannot take this request: {error}") from None
        reply = _read_response(response, tries)
        used = (reply.usage.input_tokens or 0) + (reply.usage.output_tokens or 0)
        self._rate.settle(used - tokens if used else 0.0)
        return reply

    def _message(self, request: CaptionRequest) -> tuple[list[Any], ModelRequestParameters]:
        from pydantic_ai.messages import BinaryContent, ModelRequest, SystemPromptPart, UserPromptPart
        from pydantic_ai.models import ModelRequestParameters
        from pydantic_ai.output import OutputObjectDefinition

        prompt, parameters = request.prompt, ModelRequestParameters()
        if request.schema is not None and _has_native_schema(self._model):
            wanted = OutputObjectDefinition(json_schema=dict(request.schema), name="captions", strict=True)
            parameters = ModelRequestParameters(output_mode="native", output_object=wanted)
        elif request.schema is not None:
            prompt += schema_in_words(request.schema)
        content: list[UserContent] = []
        for picture in request.pictures:
            content.append(f"Picture {picture.label}:")
            content.append(BinaryContent(picture.data, media_type=picture.media_type))
        content.append(prompt)
        parts: list[Any] = [SystemPromptPart(request.system)] if request.system else []
        return [ModelRequest(parts=[*parts, UserPromptPart(content)])], parameters

    def _settings(self, request: CaptionRequest) -> ModelSettings:
        sampling = request.sampling
        settings: dict[str, Any] = {
            field: value
            for field in ("temperature", "top_p", "seed", "max_tokens")
            if (value := getattr(sampling, field)) is not None
        }
        # Vendors without extra headers would warn of it once a request.
        if "extra_headers" not in getattr(self._model, "unsupported_settings", ()):
            settings["extra_headers"] = {KEY_HEADER: request.key}
        return cast("ModelSettings", settings)

    def _as_fault(self, error: Exception) -> PassingError | ModelRejected:
        kinds = {kind.__name__ for kind in type(error).__mro__}
        status = getattr(error, "status_code", None)
        said = f"{self.host}: {error}"
        is_final = "ModelQuotaExceededError" in kinds or "ModelRequestRejectedError" in kinds
        if isinstance(status, int) and not is_final and (status in _PASSING or status >= 500):
            wait_s = getattr(error, "retry_after", None)
            return PassingError(said, reason=f"http {status}", retry_after_s=wait_s)
        if isinstance(status, int) or is_final:
            return ModelRejected(
                f"{said}. Check the model's name, the vendor's key and its limits.",
                status=status if isinstance(status, int) else None,
            )
        if kinds & {"ModelTimeoutError", "ModelRequestTimeout"}:
            return PassingError(said, reason="time-out")
        unreachable = getattr(error, "phase", None) == "connect"
        return PassingError(said, reason="connection", unreachable=unreachable)


def _infer(name: str) -> Model:
    try:
        from pydantic_ai.exceptions import UserError
        from pydantic_ai.models import infer_model
    except ImportError as error:
        raise UsageError(
            f"pydantic-ai:{name} needs the extra `vendors` ({error}): pip install 'pix2cap[vendors]'"
        ) from None
    try:
        return infer_model(name)
    except ImportError as error:
        vendor = name.partition(":")[0]
        raise UsageError(
            f"pydantic-ai:{name} needs a package of the vendor: pip install 'pix2cap[vendors]'"
            f" 'pydantic-ai-slim[{vendor}]' ({error})"
        ) from None
    except UserError as error:
        raise UsageError(f"pydantic-ai:{name} cannot be opened: {error}") from None


def _has_native_schema(model: Model) -> bool:
    profile: object = model.profile
    if isinstance(profile, Mapping):
        return bool(profile.get("supports_json_schema_output", False))
    return bool(getattr(profile, "supports_json_schema_output", False))


def _read_response(response: ModelResponse, tries: int) -> Reply:
    from pydantic_ai.messages import TextPart

    text = "".join(part.content for part in response.parts if isinstance(part, TextPart))
    finish = _FINISH.get(response.finish_reason, "other")
    counted = response.usage
    return Reply(
        text,
        # pydantic-ai counts 0 where the vendor said nothing.
        Usage(counted.input_tokens or None, counted.output_tokens or None),
        "other" if finish == "stop" and not text else finish,
        response.provider_response_id,
        response.model_name,
        tries,
    )
