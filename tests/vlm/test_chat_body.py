from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.vlm.chat_body import Dialect, adapt, chat_body, encode_pictures
from pix2cap.vlm.chat_reply import ApiError
from pix2cap.vlm.model import CaptionRequest, PicturePart, Sampling
from tests.vlm.requests import SCHEMA, make_request


def body_of(request: CaptionRequest, **options: object) -> dict:
    dialect = options.pop("dialect", Dialect())
    return json.loads(
        chat_body("m", request, encode_pictures(request.pictures), dialect=dialect, **options)  # type: ignore[arg-type]
    )


def test_pictures_come_before_the_prompt_each_after_its_label():
    request = make_request(prompt="What is it?")
    parts = body_of(request)["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["text", "image_url", "text", "image_url", "text"]
    assert [parts[i]["text"] for i in (0, 2, 4)] == ["Picture clean:", "Picture marked:", "What is it?"]
    head, _, data = parts[3]["image_url"]["url"].partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(data, validate=True) == request.pictures[1].data
    assert "detail" not in parts[1]["image_url"]


def test_strict_schema_and_sampling_go_out():
    body = body_of(make_request(sampling=Sampling(0.5, 99, 7, 0.9)), detail="high")
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "captions", "strict": True, "schema": SCHEMA},
    }
    sampling = {name: body[name] for name in ("temperature", "max_tokens", "seed", "top_p")}
    assert sampling == {"temperature": 0.5, "max_tokens": 99, "seed": 7, "top_p": 0.9}
    assert body["messages"][0]["content"][1]["image_url"]["detail"] == "high"


@pytest.mark.parametrize(("reply_format", "sent"), [("object", {"type": "json_object"}), ("text", None)])
def test_weaker_formats_put_the_schema_into_words(reply_format, sent):
    body = body_of(make_request(), dialect=Dialect(reply_format))
    assert body.get("response_format") == sent
    prompt = body["messages"][0]["content"][-1]["text"]
    assert "JSON" in prompt and json.dumps(SCHEMA, separators=(",", ":")) in prompt


def test_dropped_fields_stay_away():
    dropped = frozenset({"temperature", "seed", "top_p", "detail", "system"})
    dialect = Dialect(limit_field=None, dropped=dropped)
    body = body_of(make_request(system="Be exact."), dialect=dialect, detail="low")
    assert set(body) == {"model", "messages", "response_format"}
    assert [message["role"] for message in body["messages"]] == ["user"]
    assert body["messages"][0]["content"][-1]["text"].startswith("Be exact.\n\n")
    assert "detail" not in body["messages"][0]["content"][1]["image_url"]


def test_free_text_asks_for_no_format_and_nothing_optional_is_sent():
    request = CaptionRequest((), "Hi", None, Sampling(None, 10), "k")
    assert set(body_of(request, dialect=Dialect(limit_field=None))) == {"model", "messages"}


def test_a_media_type_cannot_smuggle_json():
    with pytest.raises(ValueError, match="media type"):
        encode_pictures([PicturePart(b"x", 'image/png","x":"', "clean")])


@given(prompt=st.text(), label=st.text(), data=st.binary(max_size=300), model=st.text())
def test_any_text_and_bytes_make_valid_json(prompt, label, data, model):
    request = CaptionRequest((PicturePart(data, "image/png", label),), prompt, None, Sampling(), "k")
    encoded = encode_pictures(request.pictures)
    parts = json.loads(chat_body(model, request, encoded, dialect=Dialect()))["messages"][0]["content"]
    assert base64.b64decode(parts[1]["image_url"]["url"].partition(",")[2]) == data
    assert parts[-1]["text"] == prompt


def test_lone_surrogates_do_not_stop_a_request():
    assert body_of(make_request(prompt="a\ud800b"))["messages"][0]["content"][-1]["text"] == "a?b"


REFUSALS = [
    ("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'"
     " instead.", "max_tokens", {"limit_field": "max_completion_tokens", "limit_swapped": True}),
    ("Unsupported value: 'temperature' does not support 0.0 with this model. Only the default (1) value is"
     " supported.", "temperature", {"dropped": {"temperature"}}),
    ("[{'type': 'extra_forbidden', 'loc': ('body', 'seed'), 'msg': 'Extra inputs are not permitted'}]", None,
     {"dropped": {"seed"}}),
    ("Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.", None,
     {"reply_format": "object"}),
    ("Invalid schema for response_format 'captions': 'additionalProperties' is required", "response_format",
     {"reply_format": "object"}),
    ("guided decoding is disabled", None, {"reply_format": "object"}),
    ("System role not supported", None, {"dropped": {"system"}}),
    ("unknown field `detail` in image_url", None, {"dropped": {"detail"}}),
]  # fmt: skip


@pytest.mark.parametrize(("message", "param", "changed"), REFUSALS)
def test_a_refusal_changes_the_one_thing_it_speaks_of(message, param, changed):
    adapted = adapt(Dialect(), ApiError(message, None, param), make_request(system="s"))
    assert adapted == Dialect(**changed)


@pytest.mark.parametrize(
    "message",
    [
        "The model `gpt-9` does not exist",
        "This model's maximum context length is 4096 tokens, you asked for 5000 (max_tokens: 2048).",
        "max_tokens is too large: 99999. This model supports at most 16384 completion tokens",
        "Image input is not supported by this model",
    ],
)
def test_other_refusals_are_left_to_the_user(message):
    assert adapt(Dialect(), ApiError(message), make_request()) is None


def test_fields_that_were_not_sent_are_not_to_blame():
    request = make_request(sampling=Sampling(None), schema=None)
    for message in ("temperature is not supported", "response_format is not supported", "unknown field seed"):
        assert adapt(Dialect(), ApiError(message), request) is None


def test_a_fixed_format_does_not_step_down():
    dialect = Dialect(may_fall_back=False)
    assert adapt(dialect, ApiError("response_format is not supported"), make_request()) is None


@given(st.lists(st.sampled_from([message for message, _, _ in REFUSALS]), min_size=30, max_size=30))
def test_every_chain_of_refusals_ends(messages):
    """No refusal is answered by a dialect that was refused before."""
    dialect: Dialect | None = Dialect()
    seen = {dialect}
    for message in messages:
        adapted = adapt(dialect, ApiError(message), make_request(system="s"))
        if adapted is not None:
            assert adapted not in seen
            seen.add(adapted)
            dialect = adapted
    assert len(seen) < 12
