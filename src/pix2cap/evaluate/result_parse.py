"""The one place where JSON becomes a result: pydantic checks every type."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pix2cap.errors import InputError
from pix2cap.evaluate.result import PanopticCaptioningResult

_SHOWN = 4


def parse_result(record: object, where: str) -> PanopticCaptioningResult:
    """Check and build a result.

    Args:
        record: What a JSON parser gave.
        where: File name for messages.

    Raises:
        InputError: Keys are missing, or values are of another type than expected.
    """
    if not isinstance(record, dict):
        raise InputError(f"{where}: expected the JSON object of `pix2cap score`, got {type(record).__name__}")
    if not {"mode", "panoptic"} & record.keys():
        keys = ", ".join(map(str, record))[:80] or "no keys"
        raise InputError(
            f"{where}: expected a result of `pix2cap score` (mode, panoptic, captions, ...), got {keys}"
        )
    try:
        # An empty provenance stands for none: JSON readers may then look into it without a check.
        result: PanopticCaptioningResult = _adapter().validate_python(
            {**record, "provenance": record.get("provenance") or None}
        )
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False)
        told = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'result'}: {e['msg']}" for e in wrong[:_SHOWN])
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise InputError(f"{where}: expected a result of `pix2cap score`, got {told}{more}") from error
    return result


@cache
def _adapter() -> TypeAdapter[Any]:
    return TypeAdapter(PanopticCaptioningResult)
