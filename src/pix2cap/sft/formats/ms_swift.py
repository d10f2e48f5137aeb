"""ms-swift's grounding rows: boxes beside the text, which swift writes the way the model expects them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pix2cap.sft.formats.row_format import Row, RowFormat, Spoken
from pix2cap.sft.regions import box_numbers


def grounding_rows(spoken: Spoken) -> Iterator[Row]:
    """One row a conversation. Each `<bbox>` in question or answer takes the next of `objects.bbox`.

    `bbox_type` is `real` for pixels and `norm1` for shares. Swift knows no third kind: boxes of 0 to 1000
    it makes itself, for the models that want them.
    """
    kind, size_wh = spoken.notation.boxes, spoken.conversation.image.size_wh
    boxes = [list(box_numbers(turn.region.box_xyxy, kind, size_wh)) for turn in spoken.turns]
    objects = {"ref": [], "bbox": boxes, "bbox_type": "real" if kind == "absolute" else "norm1"}
    messages = spoken.messages(image_token=True)
    yield {**spoken.facts(), "messages": messages, "images": [spoken.picture], "objects": objects}


MS_SWIFT: Final = RowFormat(
    name="ms-swift", rows=grounding_rows, regions=("slot",), boxes=("absolute", "unit")
)
