"""From a model's name, as flags and run.toml have it, to the model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pix2cap.errors import UsageError
from pix2cap.vlm.chat_body import Detail, JsonMode
from pix2cap.vlm.model import CaptionModel
from pix2cap.vlm.replay import Recorded

FORMS = "describe, replay:FILE, openai:MODEL or pydantic-ai:PROVIDER:MODEL"


def open_model(
    spec: str,
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    concurrency: int = 32,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    timeout_s: float = 120.0,
    max_tries: int = 6,
    json_mode: JsonMode = "auto",
    detail: Detail | None = None,
    replay_records: Mapping[tuple[int, int], Recorded] | None = None,
) -> CaptionModel:
    """Open a captioner by name; nothing is sent yet.

    Args:
        spec: `describe` (built in, offline), `replay:FILE` (recorded captions), `openai:MODEL` (any endpoint
            that speaks the OpenAI chat API) or `pydantic-ai:PROVIDER:MODEL` (every other vendor).
        base_url: Endpoint of `openai:MODEL`, None for OpenAI's own.
        api_key: None takes it from the environment, see `OpenAICompatible`.
        concurrency: Requests in flight at most.
        requests_per_minute: None for no limit.
        tokens_per_minute: None for no limit.
        timeout_s: Seconds for one reply.
        max_tries: Times one request is sent at most while faults pass.
        json_mode: `auto`, or the reply format to keep to.
        detail: Resolution hint of the OpenAI API.
        replay_records: `(image_id, segment_id)` to record, in place of reading FILE.

    Raises:
        UsageError: The name has another form, a vendor's package or key is missing, or a setting is wrong.
        InputError: FILE of `replay:FILE` is not what it should be.

    Example:
        >>> open_model("replay:none.json", replay_records={}).name
        'replay:none.json'
    """
    form, _, rest = spec.partition(":")
    if form == "describe" and not rest:
        from pix2cap.vlm.describe import Describer

        return Describer()
    if form == "replay" and rest:
        return _open_replay(spec, rest, replay_records)
    if form == "openai" and rest:
        from pix2cap.vlm.openai_compatible import OPENAI_URL, OpenAICompatible

        return OpenAICompatible(
            rest,
            base_url=base_url or OPENAI_URL,
            api_key=api_key,
            concurrency=concurrency,
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
            timeout_s=timeout_s,
            max_tries=max_tries,
            json_mode=json_mode,
            detail=detail,
        )
    if form == "pydantic-ai" and all(rest.partition(":")):
        from pix2cap.vlm.pydantic_ai import PydanticAI

        return PydanticAI(
            rest,
            concurrency=concurrency,
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
            timeout_s=timeout_s,
            max_tries=max_tries,
        )
    raise UsageError(f"expected a model of the form {FORMS}, got {spec!r}")


def _open_replay(spec: str, file: str, records: Mapping[tuple[int, int], Recorded] | None) -> CaptionModel:
    from pix2cap.vlm.replay import Replay

    if records is None:
        from pix2cap.formats.captions_json import read_recorded_captions

        records = read_recorded_captions(Path(file))
    return Replay(records, name=spec)
