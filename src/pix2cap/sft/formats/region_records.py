"""Region records: masks as COCO run lengths beside a conversation whose `<region>` tokens refer to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pix2cap.sft.formats.llava import conversation
from pix2cap.sft.formats.row_format import Row, RowFormat, Spoken


def region_rows(spoken: Spoken) -> Iterator[Row]:
    """One row a conversation: the n-th `<region>` is `annotation[n]`, in COCO's keys with RLE."""
    about = spoken.conversation
    facts = spoken.facts()
    del facts["regions"]
    yield {
        **facts,
        "image": spoken.picture,
        "width": about.image.width,
        "height": about.image.height,
        "annotation": [turn.region.annotation() for turn in spoken.turns],
        "conversations": conversation(spoken),
    }


REGIONS: Final = RowFormat(name="regions", rows=region_rows, regions=("token",), with_rle=True)
