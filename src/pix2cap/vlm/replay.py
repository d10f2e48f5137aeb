"""Captions recorded earlier, answered as a model would: for tests, for comparisons, for moving a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import orjson

from pix2cap.errors import ModelRejected
from pix2cap.vlm.model import CaptionRequest, Reply, Usage


class Recorded(Protocol):
    """What one record must offer."""

    @property
    def caption(self) -> str:
        """The text; "" where the segment was not made out."""
        ...

    @property
    def visible(self) -> bool:
        """False where the segment could not be made out."""
        ...


class Replay:
    """A `CaptionModel` that reads no pictures and answers from records.

    A segment without a record is left out of the reply, as a model would forget it.

    Args:
        records: `(image_id, segment_id)` to record.
        name: Shown as the model, `replay:FILE` by convention.
    """

    reads_pictures = False

    def __init__(self, records: Mapping[tuple[int, int], Recorded], *, name: str = "replay") -> None:
        self._records = records
        self._name = name

    def __repr__(self) -> str:
        return f"Replay({self._name!r}, {len(self._records)} captions)"

    @property
    def name(self) -> str:
        """As given."""
        return self._name

    @property
    def host(self) -> None:
        """None: nothing leaves the machine."""
        return None

    async def ask(self, request: CaptionRequest) -> Reply:
        """The recorded captions of the unit's rows.

        Raises:
            ModelRejected: The request says not which segments it is about.
        """
        unit = request.unit
        if unit is None:
            raise ModelRejected(f"expected a request with a unit, got none: {self._name} reads no pictures")
        captions = []
        for row in unit.rows:
            record = self._records.get((unit.image.image_id, row.segment_id))
            if record is not None:
                captions.append({"id": row.number, "caption": record.caption, "visible": record.visible})
        return Reply(orjson.dumps({"captions": captions}).decode(), Usage(0, 0), model=self._name)

    async def aclose(self) -> None:
        """Nothing to release."""
