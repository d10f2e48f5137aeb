"""COCO run-length encoding, by pycocotools (imported on first use)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def mask_to_rle(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """A `(H, W)` bool mask to `{"size": [H, W], "counts": str}`."""
    from pycocotools import mask as coco_mask

    rle: dict[str, Any] = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(n) for n in rle["size"]], "counts": rle["counts"].decode("ascii")}


def rle_to_mask(rle: dict[str, Any]) -> NDArray[np.bool_]:
    """COCO RLE (compressed string or uncompressed list of counts) to a `(H, W)` bool mask.

    Raises:
        ValueError: The record is no RLE.
    """
    from pycocotools import mask as coco_mask

    try:
        size, counts = rle["size"], rle["counts"]
        packed = coco_mask.frPyObjects(rle, *size) if isinstance(counts, list) else rle
        decoded: NDArray[Any] = coco_mask.decode(packed)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"expected COCO RLE with size and counts, got {str(rle)[:80]}") from error
    return decoded.astype(np.bool_)
