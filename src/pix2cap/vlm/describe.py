"""The built-in describer: offline, free, and true by construction.

It names only what masks and pixels prove: class, colours on which a clear majority of pixels agrees,
place, size and shape in the picture, rank among its kind, neighbours that really touch or nearly do.
It does not guess what anything is doing.
"""

from __future__ import annotations

import json
from typing import Final

from pix2cap.core import PanopticMap
from pix2cap.errors import ModelRejected
from pix2cap.vlm.describe_looks import look_at
from pix2cap.vlm.describe_sentences import write_captions
from pix2cap.vlm.model import CaptionRequest, Reply, Usage
from pix2cap.vlm.unit import Unit

LEAST_VISIBLE_PX: Final = 9
"""A segment of fewer pixels shows nothing that a caption could be held to."""


class Describer:
    """A `CaptionModel` that needs no network and no key.

    It keeps the captions of the last picture, since the units of one picture come one after another
    and no two segments of a picture may get the same words.
    """

    def __init__(self) -> None:
        self._last: tuple[PanopticMap, int, dict[int, str]] | None = None

    @property
    def name(self) -> str:
        """`describe`."""
        return "describe"

    @property
    def host(self) -> None:
        """None: nothing leaves the machine."""
        return

    @property
    def reads_pictures(self) -> bool:
        """False: it reads the unit's pixels and map, so nothing need be drawn or encoded for it."""
        return False

    async def ask(self, request: CaptionRequest) -> Reply:
        """Describe the rows of `request.unit` as the JSON that the prompt asks of any model.

        Raises:
            ModelRejected: The request carries no unit, or a unit without pixels.
        """
        if request.unit is None or request.unit.rgb is None:
            raise ModelRejected(
                "describe: expected a request with its unit and the unit's pixels (rgb), got "
                + (
                    "no unit"
                    if request.unit is None
                    else f"no pixels for image {request.unit.image.image_id}"
                )
            )
        captions = self.captions(request.unit)
        entries = [
            {
                "id": row.number,
                "caption": captions[row.segment_id],
                "visible": request.unit.panoptic.by_id[row.segment_id].area >= LEAST_VISIBLE_PX,
            }
            for row in request.unit.rows
        ]
        return Reply(json.dumps({"captions": entries}), Usage(0, 0), model=self.name)

    async def aclose(self) -> None:
        """Nothing to release."""

    def captions(self, unit: Unit) -> dict[int, str]:
        """Captions of all segments of the unit's picture but crowds, by segment id.

        Args:
            unit: Any unit of the picture, with its pixels.

        Raises:
            ValueError: The unit has no pixels, or pixels of another size than its map.
        """
        last = self._last
        if last is not None and last[0] is unit.panoptic and last[1] == unit.image.image_id:
            return last[2]
        if unit.rgb is None or unit.rgb.shape != (*unit.panoptic.id_map.shape, 3):
            got = None if unit.rgb is None else unit.rgb.shape
            raise ValueError(f"expected pixels of shape {(*unit.panoptic.id_map.shape, 3)}, got {got}")
        captions = write_captions(
            look_at(unit.rgb, unit.panoptic, unit.class_names), str(unit.image.image_id)
        )
        self._last = (unit.panoptic, unit.image.image_id, captions)
        return captions
