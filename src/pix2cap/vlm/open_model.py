"""From a model's name, as flags and run.toml have it, to the model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict, Unpack

from pix2cap.errors import UsageError
from pix2cap.vlm.chat_body import Detail, JsonMode
from pix2cap.vlm.model import CaptionModel
from pix2cap.vlm.replay import Recorded

FORMS = "describe, replay:FILE, openai:MODEL or pydantic-ai:PROVIDER:MODEL"


class Limits(TypedDict, total=False):
    """How hard a remote model may be driven; what is left out has the client's default."""

    concurrency: int
    """Requests in flight at most."""
    requests_per_minute: float | None
    """None for no limit."""
    tokens_per_minute: float | None
    """Input and output tokens together; None for no limit."""
    timeout_s: float
    """Seconds for one reply."""
    max_tries: int
    """Times one request is sent at most while faults pass."""


def open_model(
    spec: str,
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    json_mode: JsonMode = "auto",
    detail: Detail | None = None,
    replay_records: Mapping[tuple[int, int], Recorded] | None = None,
    **limits: Unpack[Limits],
) -> CaptionModel:
    """Open a captioner by name; nothing is sent yet.

    Args:
        spec: `describe` (built in, offline), `replay:FILE` (recorded captions), `openai:MODEL` (any endpoint
            that speaks the OpenAI chat API) or `pydantic-ai:PROVIDER:MODEL` (every other vendor).
        base_url: Endpoint of `openai:MODEL`, None for OpenAI's own.
        api_key: None takes it from the environment, see `OpenAICompatible`.
        json_mode: `auto`, or the reply format to keep to.
        detail: Resolution hint of the OpenAI API.
        replay_records: `(image_id, segment_id)` to record, in place of reading FILE.
        limits: See `Limits`; local models need none and take any.

    Raises:
        UsageError: The name has another form, a vendor's package or key is missing, or a setting is wrong.
        InputError: FILE of `replay:FILE` is not what it should be.

    Example:
        >>> open_model("replay:none.json", replay_records={}).name
        'replay:none.json'
    """
    form, _, rest = spec.partition(":")
    if spec == "describe":
        from pix2cap.vlm.describe import Describer

        return Describer()
    if form == "replay" and rest:
        return _open_replay(spec, rest, replay_records)
    if form == "openai" and rest:
        return _open_openai(rest, base_url, api_key, json_mode, detail, limits)
    if form == "pydantic-ai" and all(rest.partition(":")):
        from pix2cap.vlm.pydantic_ai import PydanticAI

        return PydanticAI(rest, **limits)
    raise UsageError(f"expected a model of the form {FORMS}, got {spec!r}")


def _open_openai(
    model: str,
    base_url: str | None,
    api_key: str | None,
    json_mode: JsonMode,
    detail: Detail | None,
    limits: Limits,
) -> CaptionModel:
    from pix2cap.vlm.openai_compatible import OPENAI_URL, OpenAICompatible

    url = base_url or OPENAI_URL
    return OpenAICompatible(
        model, base_url=url, api_key=api_key, json_mode=json_mode, detail=detail, **limits
    )


def _open_replay(spec: str, file: str, records: Mapping[tuple[int, int], Recorded] | None) -> CaptionModel:
    from pix2cap.vlm.replay import Replay

    if records is None:
        from pix2cap.formats.captions_json import read_recorded_captions

        records = read_recorded_captions(Path(file))
    return Replay(records, name=spec)
