"""The adapter against pydantic-ai's own fakes; no network, no vendor."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable

import pytest

pytest.importorskip("pydantic_ai")

from pydantic_ai.exceptions import (
    ContentFilterError,
    ModelAPIError,
    ModelHTTPError,
    UnexpectedModelBehavior,
    UserError,
)
from pydantic_ai.messages import BinaryContent, ModelMessage, ModelResponse, TextPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.usage import RequestUsage

from pix2cap.errors import ModelRejected, ModelUnavailable, UsageError
from pix2cap.vlm.model import CaptionModel, Sampling, Usage
from pix2cap.vlm.open_model import open_model
from pix2cap.vlm.pydantic_ai import PydanticAI
from tests.vlm.requests import SCHEMA, make_request

ANSWER = '{"captions": []}'


def adapter(
    answer: Callable[[list[ModelMessage], AgentInfo], ModelResponse],
    *,
    native: bool = True,
    **options: object,
) -> PydanticAI:
    profile = ModelProfile(supports_json_schema_output=native)
    model = FunctionModel(answer, model_name="fake", profile=profile)
    return PydanticAI(model, wait_initial_s=0.001, **options)  # type: ignore[arg-type]


def failing(error: Exception, times: int = 10**6) -> tuple[PydanticAI, list[int]]:
    """A model that raises for the first `times` requests, and the list of its calls."""
    calls: list[int] = []

    def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        calls.append(len(calls))
        if len(calls) <= times:
            raise error
        return ModelResponse([TextPart(ANSWER)])

    return adapter(answer, max_tries=3), calls


async def test_pictures_prompt_schema_and_sampling_reach_the_vendor():
    seen: list[tuple[list[ModelMessage], AgentInfo]] = []

    def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        seen.append((messages, info))
        return ModelResponse(
            [TextPart(ANSWER)],
            usage=RequestUsage(input_tokens=11, output_tokens=7),
            finish_reason="stop",
            provider_response_id="r1",
        )

    request = make_request(system="Be exact.", sampling=Sampling(0.2, 77, 3, 0.9))
    model = adapter(answer)
    reply = await model.ask(request)
    (message,), info = seen[0]
    content = message.parts[1].content  # type: ignore[union-attr]
    assert message.parts[0].content == "Be exact."  # type: ignore[union-attr]
    assert [content[i] for i in (0, 2, 4)] == ["Picture clean:", "Picture marked:", "Describe."]
    assert isinstance(content[3], BinaryContent)
    assert (content[3].data, content[3].media_type) == (request.pictures[1].data, "image/png")
    parameters = info.model_request_parameters
    assert parameters.output_mode == "native" and parameters.output_object is not None
    assert parameters.output_object.json_schema["required"] == ["captions"]
    settings = info.model_settings or {}
    assert {name: settings.get(name) for name in ("temperature", "max_tokens", "seed", "top_p")} == {
        "temperature": 0.2, "max_tokens": 77, "seed": 3, "top_p": 0.9
    }  # fmt: skip
    assert (reply.text, reply.usage, reply.finish_reason) == (ANSWER, Usage(11, 7), "stop")
    assert (reply.request_id, reply.model, reply.tries) == ("r1", "fake", 1)
    assert isinstance(model, CaptionModel) and model.reads_pictures
    assert model.name == "pydantic-ai:function:fake" and model.host == "function"


async def test_without_native_output_the_schema_is_in_the_prompt():
    prompts: list[str] = []

    def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        prompts.append(messages[0].parts[0].content[-1])  # type: ignore[union-attr, index, arg-type]
        assert info.model_request_parameters.output_mode == "text"
        return ModelResponse([TextPart(ANSWER)])

    await adapter(answer, native=False).ask(make_request())
    assert json.dumps(SCHEMA, separators=(",", ":")) in prompts[0]


async def test_pydantic_ais_test_model():
    reply = await PydanticAI(TestModel(custom_output_text=ANSWER)).ask(make_request(schema=None))
    assert (reply.text, reply.model) == (ANSWER, "test")
    assert reply.usage.output_tokens


@pytest.mark.parametrize(
    ("finish", "text", "expected"),
    [
        ("length", "{", "length"),
        ("content_filter", "", "refusal"),
        ("error", "", "other"),
        (None, "", "other"),
    ],
)
async def test_finish_reasons(finish, text, expected):
    parts = [TextPart(text)] if text else []
    model = adapter(lambda messages, info: ModelResponse(parts, finish_reason=finish))
    reply = await model.ask(make_request())
    assert (reply.text, reply.finish_reason) == (text, expected)


@pytest.mark.parametrize("status", [408, 429, 500, 529])
async def test_passing_faults_are_tried_again(status):
    model, calls = failing(ModelHTTPError(status, "fake", {"message": "busy"}), times=2)
    reply = await model.ask(make_request())
    assert (reply.text, reply.tries, len(calls)) == (ANSWER, 3, 3)


async def test_all_tries_used():
    model, calls = failing(ModelHTTPError(503, "fake"))
    with pytest.raises(ModelUnavailable, match="asked 3 times") as caught:
        await model.ask(make_request())
    assert caught.value.reason == "http 503" and len(calls) == 3


async def test_connection_faults():
    model, calls = failing(ModelAPIError("fake", "Connection error."))
    with pytest.raises(ModelUnavailable, match="Connection error") as caught:
        await model.ask(make_request())
    assert caught.value.reason == "connection" and len(calls) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_refusals_for_good(status):
    model, calls = failing(ModelHTTPError(status, "fake", {"message": "no such thing"}))
    with pytest.raises(ModelRejected, match=rf"{status}.*no such thing"):
        await model.ask(make_request())
    assert len(calls) == 1


async def test_what_the_vendor_answered_is_paid_for_and_not_asked_again():
    for error, finish in ((UnexpectedModelBehavior("bad"), "other"), (ContentFilterError("no"), "refusal")):
        model, calls = failing(error)
        reply = await model.ask(make_request())
        assert (reply.text, reply.finish_reason, len(calls)) == ("", finish, 1)


async def test_settings_the_vendor_cannot_take():
    model, _ = failing(UserError("pictures are not supported"))
    with pytest.raises(ModelRejected, match="pictures are not supported"):
        await model.ask(make_request())


async def test_a_time_out_is_tried_again_at_most_twice():
    calls: list[int] = []

    async def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        calls.append(1)
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(ModelUnavailable) as caught:
        await adapter(answer, timeout_s=0.02).ask(make_request())  # type: ignore[arg-type]
    assert caught.value.reason == "time-out" and len(calls) == 3


def test_an_unknown_provider_is_wrong_use():
    with pytest.raises(UsageError, match="nobody:model"):
        open_model("pydantic-ai:nobody:model")


def test_a_missing_vendor_package_names_the_extra():
    """The vendor's package is hidden from a process of its own."""
    code = (
        "import sys; sys.modules['mistralai'] = None\n"
        "from pix2cap.errors import UsageError\n"
        "from pix2cap.vlm.open_model import open_model\n"
        "try: open_model('pydantic-ai:mistral:pixtral-12b')\n"
        "except UsageError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "'pix2cap[vendors]'" in done.stdout and "pydantic-ai-slim[mistral]" in done.stdout


def test_a_missing_pydantic_ai_names_the_extra():
    code = (
        "import sys; sys.modules['pydantic_ai'] = None\n"
        "from pix2cap.errors import UsageError\n"
        "from pix2cap.vlm.open_model import open_model\n"
        "try: open_model('pydantic-ai:anthropic:claude')\n"
        "except UsageError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'pix2cap[vendors]'" in done.stdout
