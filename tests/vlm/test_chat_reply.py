from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.vlm.chat_reply import read_error, read_reply
from pix2cap.vlm.model import Usage

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
ANSWER = '{"captions": []}'


def envelope(message: object, finish: object = "stop", **more: object) -> bytes:
    return json.dumps({"choices": [{"message": message, "finish_reason": finish}], **more}).encode()


@pytest.mark.parametrize(
    ("body", "text", "finish"),
    [
        (envelope({"content": ANSWER}), ANSWER, "stop"),
        (envelope({"content": ANSWER}, None), ANSWER, "stop"),
        (envelope({"content": ANSWER}, "length"), ANSWER, "length"),
        (envelope({"content": ANSWER}, "MAX_TOKENS"), ANSWER, "length"),
        (envelope({"content": "half"}, "content_filter"), "half", "refusal"),
        (envelope({"content": ""}, "content_filter"), "", "refusal"),
        (envelope({"content": None, "refusal": "I cannot."}), "I cannot.", "refusal"),
        (envelope({"content": [{"type": "refusal", "refusal": "No."}]}), "No.", "refusal"),
        (envelope({"content": None}), "", "other"),
        (envelope({"content": ""}), "", "other"),
        (envelope({}), "", "other"),
        (envelope(None), "", "other"),
        (envelope({"content": None, "tool_calls": []}, "tool_calls"), "", "other"),
        (envelope({"content": 7}, 7), "", "other"),
        (envelope({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}), "ab", "stop"),
        (envelope({"content": ["a", {"text": "b"}, {"type": "thinking", "thinking": "?"}]}), "ab", "stop"),
        (envelope({"content": ANSWER, "reasoning_content": "Let me see."}), ANSWER, "stop"),
        (envelope({"content": None, "reasoning_content": ANSWER}), ANSWER, "stop"),
        (envelope({"content": None, "reasoning_content": "Let me see {"}), "", "other"),
        (envelope({"content": "", "reasoning_content": ANSWER}, "length"), "", "length"),
        (b'{"choices": []}', '{"choices": []}', "other"),
        (b'{"error": {"code": 502}}', '{"error": {"code": 502}}', "other"),
        (b"<html>busy</html>", "<html>busy</html>", "other"),
        (b"[1]", "[1]", "other"),
        (b'{"choices": [{"mess', '{"choices": [{"mess', "other"),
        (b"", "", "other"),
    ],
)
def test_every_shape_becomes_a_reply(body, text, finish):
    reply = read_reply(body)
    assert (reply.text, reply.finish_reason) == (text, finish)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}, Usage(10, 4)),
        ({"input_tokens": 10, "output_tokens": 4}, Usage(10, 4)),
        ({"prompt_tokens": 10}, Usage(10, None)),
        ({"prompt_tokens": "10", "completion_tokens": -1}, Usage()),
        ({"prompt_tokens": True}, Usage()),
        (None, Usage()),
        ([], Usage()),
    ],
)
def test_usage_is_what_was_counted_or_unknown(usage, expected):
    assert read_reply(envelope({"content": "x"}, usage=usage)).usage == expected


def test_identity_of_the_reply():
    body = envelope({"content": "x"}, id="chatcmpl-1", model="gpt-4o-2024")
    assert (read_reply(body).request_id, read_reply(body).model) == ("chatcmpl-1", "gpt-4o-2024")
    assert read_reply(body, request_id="req-9", tries=3).request_id == "req-9"
    assert read_reply(body, tries=3).tries == 3


def test_a_reply_can_always_be_written_down():
    reply = read_reply(rb'{"choices": [{"message": {"content": "a\ud800b"}, "finish_reason": "stop"}]}')
    assert reply.text.encode() == b"a?b"


@given(st.binary())
def test_no_bytes_make_it_raise(body):
    read_reply(body).text.encode()
    read_error(body, 500).message.encode()


@given(JSON, JSON, JSON)
def test_no_json_makes_it_raise(choice, message, usage):
    for value in (
        choice,
        {"choices": choice, "usage": usage},
        {"choices": [choice]},
        {"choices": [{"message": message, "finish_reason": choice}], "id": usage},
        {"choices": [{"message": {"content": message, "refusal": choice, "reasoning_content": usage}}]},
        {"error": choice, "detail": message},
        {"error": {"message": choice, "code": message, "param": usage}},
        {"detail": [{"loc": choice, "msg": message}]},
    ):
        body = json.dumps(value).encode()
        read_reply(body).text.encode()
        assert read_error(body, 400).message


@pytest.mark.parametrize(
    ("body", "message", "code", "param"),
    [
        ({"error": {"message": "No.", "code": "c", "param": "p"}}, "No.", "c", "p"),
        ({"error": {"message": "No.", "type": "insufficient_quota"}}, "No.", "insufficient_quota", None),
        ([{"error": {"message": "Gemini's list", "code": 400}}], "Gemini's list", None, None),
        ({"error": "model not found"}, "model not found", None, None),
        ({"object": "error", "message": "vLLM's", "type": "Bad"}, "vLLM's", "Bad", None),
        ({"detail": "Not Found"}, "Not Found", None, None),
        ({"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs", "input": "x" * 9999}]},
         "body.seed: Extra inputs", None, "seed"),
    ],
)  # fmt: skip
def test_error_shapes(body, message, code, param):
    error = read_error(json.dumps(body).encode(), 400)
    assert (error.message, error.code, error.param) == (message, code, param)


def test_error_pages_are_named_not_quoted():
    page = b"<!DOCTYPE html><html><title>502 Bad Gateway</title><body>" + b"x" * 9000
    assert read_error(page, 502).message == "a web page titled '502 Bad Gateway'"
    assert len(read_error(b"y" * 9000, 502).message) == 600


def test_filters_and_quotas_are_told_apart():
    assert read_error(b'{"error": {"message": "m", "code": "content_filter"}}', 400).is_filtered
    assert read_error(b'{"error": {"message": "m", "code": "insufficient_quota"}}', 429).is_out_of_quota
    assert not read_error(b'{"error": {"message": "m", "code": "rate_limit_exceeded"}}', 429).is_out_of_quota
