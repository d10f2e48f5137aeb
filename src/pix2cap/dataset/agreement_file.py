"""Read what `pix2cap dataset agreement --format json` printed, as far as a card tells of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pix2cap.errors import InputError
from pix2cap.formats.card_evidence import AgreementRow, Verified

_WHAT = "what `pix2cap dataset agreement --format json` prints"


def read_agreement(path: Path) -> Verified:
    """The figures over all rated captions; names of raters stay behind, a card is public.

    Raises:
        InputError: The file is missing, damaged or something else.
    """
    try:
        record = json.loads(path.read_bytes())
        rows = tuple(_row(axis, told) for axis, told in record["overall"]["axes"].items())
        return Verified(
            items=int(record["items"]),
            rated=int(record["rated"]),
            raters=len(record["raters"]),
            covered=float(record["covered"]),
            rows=rows,
        )
    except FileNotFoundError:
        raise InputError(f"{path}: expected {_WHAT}, found no such file") from None
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: expected {_WHAT}, got: {error!r}") from error


def _row(axis: str, told: Mapping[str, Any]) -> AgreementRow:
    rate = told["weighted"]
    return AgreementRow(
        str(axis),
        int(told["decided"]),
        accepted=_share(rate["share"]),
        low=_share(rate["low"]),
        high=_share(rate["high"]),
        alpha=_share(told["alpha"]),
    )


def _share(value: Any) -> float | None:
    return None if value is None else float(value)
