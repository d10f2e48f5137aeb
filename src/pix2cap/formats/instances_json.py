"""Segments of an id-map as COCO instance annotations with RLE."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from pix2cap.core import CaptionedImage
from pix2cap.core.boxes import xyxy_to_xywh
from pix2cap.formats.published import Published


def id_map_to_rles(id_map: NDArray[np.uint32]) -> dict[int, dict[str, Any]]:
    """All segments' COCO RLE in one pass.

    COCO's RLE counts down the columns. The runs of the whole map are found once and dealt out to their
    segments, so that no segment needs a full-frame mask.

    Args:
        id_map: `(H, W)` uint32.

    Returns:
        Id to `{"size": [H, W], "counts": str}`, without id 0.

    Example:
        >>> id_map_to_rles(np.array([[5, 5], [0, 5]], np.uint32))
        {5: {'size': [2, 2], 'counts': '0111'}}
    """
    height, width = id_map.shape
    flat = id_map.T.reshape(-1)
    starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    ends = np.append(starts[1:], flat.size)
    values = flat[starts]
    order = np.argsort(values, kind="stable")
    ids, firsts = np.unique(values[order], return_index=True)
    rles = {}
    for segment_id, runs in zip(ids.tolist(), np.split(order, firsts[1:]), strict=True):
        if segment_id == 0:
            continue
        borders = np.column_stack((starts[runs], ends[runs])).reshape(-1)
        counts = np.diff(borders, prepend=0).tolist()
        if borders[-1] < flat.size:
            counts.append(int(flat.size - borders[-1]))
        plain = {"size": [height, width], "counts": counts}
        packed = coco_mask.frPyObjects(plain, height, width)
        rles[segment_id] = {"size": [height, width], "counts": packed["counts"].decode("ascii")}
    return rles


def instance_annotations(
    item: CaptionedImage, published: Published, first_id: int
) -> Iterator[dict[str, Any]]:
    """One annotation a segment; stuff too, as it has captions: `isthing` of the category tells them apart.

    Annotation ids must be unique in the file while segment ids are so only in their image, so annotations
    are numbered and the segment's id stands beside.
    """
    rles = id_map_to_rles(item.panoptic.id_map)
    for number, segment in enumerate(item.panoptic.segments, first_id):
        caption = published[segment.id]
        yield {
            "id": number,
            "image_id": item.image.image_id,
            "segment_id": segment.id,
            "category_id": segment.category_id,
            "iscrowd": int(segment.is_crowd),
            "area": segment.area,
            "bbox": list(xyxy_to_xywh(segment.box_xyxy)),
            "segmentation": rles[segment.id],
            "caption": caption.description,
            "caption_status": caption.status.value,
        }
