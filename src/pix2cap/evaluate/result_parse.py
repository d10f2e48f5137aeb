"""The one place where JSON becomes a result of `pix2cap score`."""

from __future__ import annotations

from pix2cap.errors import InputError
from pix2cap.evaluate.result import PanopticCaptioningResult
from pix2cap.evaluate.result_files import parse_as

_COMMAND = "pix2cap score"


def parse_result(record: object, where: str) -> PanopticCaptioningResult:
    """Check and build a result.

    Args:
        record: What a JSON parser gave.
        where: File name for messages.

    Raises:
        InputError: Keys are missing, or values are of another type than expected.
    """
    if isinstance(record, dict) and not {"mode", "panoptic"} & record.keys():
        keys = ", ".join(map(str, record))[:80] or "no keys"
        raise InputError(
            f"{where}: expected a result of `pix2cap score` (mode, panoptic, captions, ...), got {keys}"
        )
    return parse_as(PanopticCaptioningResult, record, where=where, command=_COMMAND)
