"""A panoptic map: one integer a pixel, and what each integer stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pix2cap.core.boxes import label_extents
from pix2cap.core.segment import Segment

VOID = 0
"""The id of pixels that belong to no segment."""


@dataclass(frozen=True)
class PanopticMap:
    """Non-overlapping segments of one image as an id-map.

    An id-map, not N masks: 130 segments at 640x480 are 1.2 MB instead of 40.

    Args:
        id_map: `(H, W)` uint32, `VOID` (0) where nothing is.
        segments: One entry an id; every id occurs in `id_map` and every non-void pixel has an entry.

    Raises:
        ValueError: The array has another shape or type, an id stands twice or is missing on one side.

    Example:
        >>> import numpy as np
        >>> ids = np.array([[7, 7, 0], [7, 9, 9]], np.uint32)
        >>> pan = PanopticMap.from_id_map(ids, {7: (1, True, False), 9: (2, False, False)})
        >>> [(s.id, s.area, s.box_xyxy) for s in pan.segments]
        [(7, 3, (0, 0, 2, 2)), (9, 2, (1, 1, 3, 2))]
    """

    id_map: NDArray[np.uint32]
    segments: tuple[Segment, ...]

    def __post_init__(self) -> None:
        if self.id_map.ndim != 2 or self.id_map.dtype != np.uint32:
            raise ValueError(f"expected an (H, W) uint32 id-map, got {self.id_map.dtype} {self.id_map.shape}")
        ids = [segment.id for segment in self.segments]
        if len(set(ids)) != len(ids):
            twice = sorted({i for i in ids if ids.count(i) > 1})
            raise ValueError(f"expected unique segment ids, got {twice} more than once")

    @classmethod
    def from_id_map(
        cls,
        id_map: NDArray[Any],
        infos: Mapping[int, tuple[int, bool, bool]],
        declared_areas: Mapping[int, int] | None = None,
    ) -> PanopticMap:
        """Build a map; areas and boxes are counted from the pixels.

        Args:
            id_map: `(H, W)`, any integer type.
            infos: Segment id to `(category_id, is_thing, is_crowd)`, in the order wanted.
            declared_areas: Segment id to the area a JSON stated.

        Raises:
            ValueError: An id stands in `infos` but not in the pixels, or the reverse.
        """
        ids = np.ascontiguousarray(id_map, dtype=np.uint32)
        values, areas, boxes = label_extents(ids)
        extent = {
            int(v): (int(a), (int(b[0]), int(b[1]), int(b[2]), int(b[3])))
            for v, a, b in zip(values, areas, boxes, strict=True)
            if v != VOID
        }
        if extent.keys() != set(infos):
            raise ValueError(
                f"expected the same ids on both sides, got {sorted(set(infos) - extent.keys())} only in the"
                f" segments and {sorted(extent.keys() - set(infos))} only in the pixels"
            )
        declared = declared_areas or {}
        segments = tuple(
            Segment(i, category_id, is_thing, *extent[i], is_crowd, declared.get(i))
            for i, (category_id, is_thing, is_crowd) in infos.items()
        )
        return cls(ids, segments)

    @cached_property
    def by_id(self) -> dict[int, Segment]:
        """Segments by id."""
        return {segment.id: segment for segment in self.segments}

    @property
    def size_wh(self) -> tuple[int, int]:
        """`(width, height)` in pixels."""
        return self.id_map.shape[1], self.id_map.shape[0]

    def mask(self, segment_id: int) -> NDArray[np.bool_]:
        """`(H, W)` bool, made on demand.

        Raises:
            KeyError: No such segment.
        """
        self.by_id[segment_id]
        mask: NDArray[np.bool_] = self.id_map == segment_id
        return mask

    def box_mask(self, segment_id: int) -> NDArray[np.bool_]:
        """The mask inside the segment's own box: `(y1 - y0, x1 - x0)` bool.

        Raises:
            KeyError: No such segment.
        """
        x0, y0, x1, y1 = self.by_id[segment_id].box_xyxy
        mask: NDArray[np.bool_] = self.id_map[y0:y1, x0:x1] == segment_id
        return mask

    def captionable(self) -> Iterable[Segment]:
        """The segments that get a caption: all but crowd."""
        return (segment for segment in self.segments if not segment.is_crowd)
