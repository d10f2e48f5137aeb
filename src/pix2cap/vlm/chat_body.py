"""Request bodies of the chat-completions API, and what an endpoint has shown it will not take.

Endpoints that call themselves OpenAI-compatible differ in a handful of fields. A `Dialect` says which form of
each is in use; `adapt` reads a refusal and gives the next form to try, or None where nothing is left.

Source: the public chat-completions reference; error texts as OpenAI, vLLM, SGLang, Ollama, Gemini's and
OpenRouter's endpoints word them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import orjson
import pybase64

from pix2cap.vlm.chat_reply import ApiError
from pix2cap.vlm.model import CaptionRequest, PicturePart

JsonMode = Literal["auto", "schema", "object", "text"]
ReplyFormat = Literal["schema", "object", "text"]
Detail = Literal["auto", "low", "high"]

_LOWER_FORMAT: dict[ReplyFormat, ReplyFormat] = {"schema": "object", "object": "text"}
_OTHER_LIMIT = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
_DROPPABLE = ("temperature", "seed", "top_p", "detail")

# Word stems with which servers say "this field, not its value, is the trouble". Without one of them a 400
# that mentions `max_tokens` is about a context that is too long, which no other spelling would mend.
_REFUSES_FIELD = re.compile(
    r"support|unrecogni[sz]ed|unknown|unexpected|extra|not permitted|not allowed|not available|instead"
    r"|deprecat|only the default|forbidden|no such|not implemented"
)
_SPEAKS_OF_SIZE = re.compile(r"too (large|long|many)|at most|maximum|exceed")
_SPEAKS_OF_FORMAT = re.compile(
    r"response_format|response format|json_schema|json_object|json schema|json mode|structured output"
    r"|guided|grammar|invalid schema"
)
_SAFE_MEDIA_TYPE = re.compile(r"[A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+")


@dataclass(frozen=True, slots=True)
class Dialect:
    """The form of the request that an endpoint takes.

    Args:
        reply_format: How the reply's shape is asked for: strict JSON schema, JSON mode, or words alone.
        limit_field: Name of the field with the token limit; None where no name was taken.
        limit_swapped: True once the other name was tried.
        dropped: Optional fields that the endpoint refused (`temperature`, `seed`, `top_p`, `detail`), and
            `system` where it refused a system message (it is then put before the prompt).
        may_fall_back: False where the user fixed the reply format.
    """

    reply_format: ReplyFormat = "schema"
    limit_field: str | None = "max_tokens"
    limit_swapped: bool = False
    dropped: frozenset[str] = frozenset()
    may_fall_back: bool = True


def adapt(dialect: Dialect, error: ApiError, request: CaptionRequest) -> Dialect | None:
    """The next form to try after a refusal, None where the refusal is about something else.

    Every step gives something up, so a chain of them ends.

    Args:
        dialect: The form that was refused.
        error: What the endpoint said.
        request: What was asked, since only fields that were sent can be at fault.

    Example:
        >>> from pix2cap.vlm.model import Sampling
        >>> request = CaptionRequest((), "Hi", {"type": "object"}, Sampling(), "k")
        >>> adapt(Dialect(), ApiError("response_format is not supported"), request).reply_format
        'object'
        >>> adapt(Dialect(), ApiError("no such model"), request) is None
        True
    """
    text = error.message.lower()
    about = (error.param or "").lower()
    refuses = bool(_REFUSES_FIELD.search(text)) or error.code in (
        "unsupported_parameter",
        "unsupported_value",
    )
    names_limit = (limit := dialect.limit_field) and (about == limit or _names(text, limit))
    if limit and names_limit and refuses and not _SPEAKS_OF_SIZE.search(text):
        if dialect.limit_swapped:
            return replace(dialect, limit_field=None)
        return replace(dialect, limit_field=_OTHER_LIMIT[limit], limit_swapped=True)
    for field in _DROPPABLE:
        sent = field == "detail" or getattr(request.sampling, field) is not None
        if sent and field not in dialect.dropped and (about == field or (refuses and _names(text, field))):
            return replace(dialect, dropped=dialect.dropped | {field})
    speaks_of_format = about.startswith("response_format") or _SPEAKS_OF_FORMAT.search(text)
    if request.schema is not None and dialect.may_fall_back and speaks_of_format:
        lower = _LOWER_FORMAT.get(dialect.reply_format)
        return replace(dialect, reply_format=lower) if lower else None
    about_system = re.search(r"system (role|message|prompt|instruction)|developer instruction", text)
    if request.system and "system" not in dialect.dropped and about_system:
        return replace(dialect, dropped=dialect.dropped | {"system"})
    return None


def _names(text: str, field: str) -> bool:
    return re.search(rf"(?<![a-z_]){field}(?![a-z_])", text) is not None


def encode_pictures(pictures: Sequence[PicturePart]) -> tuple[bytes, ...]:
    """Base64 of each picture, done once a request however often it is sent.

    Raises:
        ValueError: A media type is not of the form `type/subtype`.
    """
    for picture in pictures:
        if not _SAFE_MEDIA_TYPE.fullmatch(picture.media_type):
            raise ValueError(f"expected a media type such as image/jpeg, got {picture.media_type!r}")
    # The standard library's encoder takes 0.2 ms for 160 KiB, a third of a request's whole CPU time; this one
    # uses vector instructions and takes 0.004 ms.
    return tuple(pybase64.b64encode(picture.data) for picture in pictures)


def chat_body(
    model: str,
    request: CaptionRequest,
    encoded: Sequence[bytes],
    *,
    dialect: Dialect,
    detail: Detail | None = None,
) -> bytes:
    """The body of one request as bytes, pictures before the prompt.

    The base64 text never passes through a JSON encoder or a `str`: with 160 KiB pictures that is what bounds
    the request rate.

    Args:
        model: Name of the model.
        request: What is asked.
        encoded: Base64 of `request.pictures`, in their order.
        dialect: The form that the endpoint takes.
        detail: Resolution hint of the OpenAI API, None to leave it out.
    """
    pieces = [b'{"model":', _dumps(model), b',"messages":[']
    prompt = request.prompt + _format_in_words(request, dialect)
    if request.system and "system" in dialect.dropped:
        prompt = f"{request.system}\n\n{prompt}"
    elif request.system:
        pieces += [_dumps({"role": "system", "content": request.system}), b","]
    pieces.append(b'{"role":"user","content":[')
    tail = b'"}},'
    if detail is not None and "detail" not in dialect.dropped:
        tail = b'","detail":' + _dumps(detail) + b"}},"
    for picture, data in zip(request.pictures, encoded, strict=True):
        label = _dumps({"type": "text", "text": f"Picture {picture.label}:"})
        head = b',{"type":"image_url","image_url":{"url":"data:' + picture.media_type.encode() + b";base64,"
        pieces += [label, head, data, tail]
    pieces += [_dumps({"type": "text", "text": prompt}), b"]}]"]
    options = _dumps(_options(request, dialect))
    pieces += [b"}"] if options == b"{}" else [b",", options[1:]]
    return b"".join(pieces)


def _options(request: CaptionRequest, dialect: Dialect) -> dict[str, Any]:
    sampling = request.sampling
    options: dict[str, Any] = {
        field: value
        for field in ("temperature", "top_p", "seed")
        if (value := getattr(sampling, field)) is not None and field not in dialect.dropped
    }
    if dialect.limit_field is not None:
        options[dialect.limit_field] = sampling.max_tokens
    if request.schema is not None:
        wanted = response_format(request.schema, dialect.reply_format)
        if wanted is not None:
            options["response_format"] = wanted
    return options


def response_format(schema: Mapping[str, Any], reply_format: ReplyFormat) -> dict[str, Any] | None:
    """The `response_format` field, None where the shape is asked for in words."""
    if reply_format == "schema":
        body = {"name": "captions", "strict": True, "schema": dict(schema)}
        return {"type": "json_schema", "json_schema": body}
    return {"type": "json_object"} if reply_format == "object" else None


def schema_in_words(schema: Mapping[str, Any]) -> str:
    """A sentence that asks for the reply's shape, for endpoints that enforce none."""
    return (
        "\n\nReply with one JSON object and nothing else. It must match this JSON schema:\n"
        + _dumps(dict(schema)).decode()
    )


def _format_in_words(request: CaptionRequest, dialect: Dialect) -> str:
    if request.schema is None or dialect.reply_format == "schema":
        return ""
    return schema_in_words(request.schema)


def _dumps(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        # A lone surrogate from somebody's JSON file; no endpoint could read it either.
        return orjson.dumps(_without_surrogates(value))


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(item) for item in value]
    return value
