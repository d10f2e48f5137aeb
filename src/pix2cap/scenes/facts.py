"""What is true of a scene, read from its final id-map, for captions and for whoever checks them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pix2cap.core import PanopticMap
from pix2cap.scenes.layout import Placed
from pix2cap.scenes.vocabulary import GROUNDS, Size, Texture

Horizontal = Literal["left", "center", "right"]
Vertical = Literal["top", "middle", "bottom"]
Edge = Literal["left", "right", "top", "bottom"]
RelationKind = Literal["left of", "right of", "above", "below"]


@dataclass(frozen=True, slots=True)
class Relation:
    """`kind` holds between the object that carries this and the object `other_id`."""

    kind: RelationKind
    other_id: int
    is_near: bool
    """The gap between the two boxes is smaller than the smaller object."""


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """Everything that a caption may say of an object.

    Args:
        shape: One of `SHAPES`.
        color: One of `COLORS`.
        accent: Colour of the stripes, dots, squares or zigzags; None where plain.
        texture: One of `TEXTURES`.
        size: Size word.
        horizontal: The third of the picture that holds the centre of its visible pixels.
        vertical: The same, from top to bottom.
        ground: The ground behind (nearly) all of it, None where it spans two.
        visible_share: Pixels in view over the pixels of the whole object.
        cut_by: Edges of the frame that cut it.
        hidden_by: Objects in front that hide a part of it.
        hides: Objects of which it hides a part.
        relations: Where it lies seen from other objects, nearest first.
    """

    shape: str
    color: str
    accent: str | None
    texture: Texture
    size: Size
    horizontal: Horizontal
    vertical: Vertical
    ground: str | None
    visible_share: float
    cut_by: tuple[Edge, ...] = ()
    hidden_by: tuple[int, ...] = ()
    hides: tuple[int, ...] = ()
    relations: tuple[Relation, ...] = ()

    @property
    def is_partly_hidden(self) -> bool:
        """Behind another object or cut by the frame."""
        return bool(self.cut_by or self.hidden_by)


@dataclass(frozen=True, slots=True)
class GroundFacts:
    """What is true of a ground.

    Args:
        name: One of `GROUNDS`.
        color: Its colour's name.
        above: The ground that borders it above, None at the top.
        below: The ground that borders it below, None at the bottom.
        object_ids: Objects that stand wholly before it.
    """

    name: str
    color: str
    above: str | None
    below: str | None
    object_ids: tuple[int, ...]


def object_facts(
    panoptic: PanopticMap,
    placed: Sequence[Placed],
    object_ids: Sequence[int],
    bands: tuple[Sequence[str], NDArray[np.uint8]],
) -> dict[int, ObjectFacts]:
    """Facts of every object by segment id.

    Args:
        panoptic: The finished map.
        placed: The objects in drawing order.
        object_ids: Segment id of each of `placed`.
        bands: Names of the grounds and `(H, W)` the index of the ground behind each pixel.
    """
    centers = {i: _center(panoptic, i) for i in object_ids}
    facts = {}
    for number, (item, segment_id) in enumerate(zip(placed, object_ids, strict=True)):
        look = item.sprite.look
        x, y = centers[segment_id]
        facts[segment_id] = ObjectFacts(
            shape=look.shape,
            color=look.color,
            accent=look.accent,
            texture=look.texture,
            size=look.size,
            horizontal=("left", "center", "right")[_third(x, panoptic.size_wh[0])],
            vertical=("top", "middle", "bottom")[_third(y, panoptic.size_wh[1])],
            ground=_ground_behind(panoptic, segment_id, bands),
            visible_share=panoptic.by_id[segment_id].area / int(item.sprite.mask.sum()),
            cut_by=_cut_by(item, panoptic.size_wh),
            hidden_by=tuple(object_ids[k] for k, other in enumerate(placed) if other.hides == number),
            hides=() if item.hides is None else (object_ids[item.hides],),
            relations=_relations(panoptic, centers, segment_id),
        )
    return facts


def ground_facts(
    names: Sequence[str], ground_ids: Sequence[int], objects: dict[int, ObjectFacts]
) -> dict[int, GroundFacts]:
    """Facts of every ground by segment id."""
    return {
        segment_id: GroundFacts(
            name=name,
            color=GROUNDS[name],
            above=names[i - 1] if i else None,
            below=names[i + 1] if i + 1 < len(names) else None,
            object_ids=tuple(k for k, fact in objects.items() if fact.ground == name),
        )
        for i, (name, segment_id) in enumerate(zip(names, ground_ids, strict=True))
    }


def _third(value: float, length: int) -> int:
    return min(2, int(3 * value / length))


def _center(panoptic: PanopticMap, segment_id: int) -> tuple[float, float]:
    x0, y0, _, _ = panoptic.by_id[segment_id].box_xyxy
    rows, columns = np.nonzero(panoptic.box_mask(segment_id))
    return float(columns.mean()) + x0 + 0.5, float(rows.mean()) + y0 + 0.5


def _cut_by(item: Placed, size_wh: tuple[int, int]) -> tuple[Edge, ...]:
    rows, columns = np.nonzero(item.sprite.mask)
    outside: list[tuple[Edge, bool]] = [
        ("left", item.left + int(columns.min()) < 0),
        ("right", item.left + int(columns.max()) >= size_wh[0]),
        ("top", item.top + int(rows.min()) < 0),
        ("bottom", item.top + int(rows.max()) >= size_wh[1]),
    ]
    return tuple(edge for edge, is_out in outside if is_out)


def _ground_behind(
    panoptic: PanopticMap, segment_id: int, bands: tuple[Sequence[str], NDArray[np.uint8]]
) -> str | None:
    names, index = bands
    x0, y0, x1, y1 = panoptic.by_id[segment_id].box_xyxy
    counts = np.bincount(index[y0:y1, x0:x1][panoptic.box_mask(segment_id)], minlength=len(names))
    best = int(counts.argmax())
    return names[best] if counts[best] >= 0.97 * counts.sum() else None


def _relations(
    panoptic: PanopticMap, centers: dict[int, tuple[float, float]], segment_id: int
) -> tuple[Relation, ...]:
    """Directions that cannot be argued with: boxes apart on one axis, centres mostly along it."""
    x, y = centers[segment_id]
    box = panoptic.by_id[segment_id].box_xyxy
    found: list[tuple[float, Relation]] = []
    for other_id, (ox, oy) in centers.items():
        if other_id == segment_id:
            continue
        other = panoptic.by_id[other_id].box_xyxy
        dx, dy = ox - x, oy - y
        gap_x = max(other[0] - box[2], box[0] - other[2])
        gap_y = max(other[1] - box[3], box[1] - other[3])
        kind: RelationKind
        if gap_x >= 0 and abs(dx) >= 1.6 * abs(dy):
            kind, gap = ("left of" if dx > 0 else "right of"), gap_x
        elif gap_y >= 0 and abs(dy) >= 1.6 * abs(dx):
            kind, gap = ("above" if dy > 0 else "below"), gap_y
        else:
            continue
        reach = min(box[2] - box[0], box[3] - box[1], other[2] - other[0], other[3] - other[1])
        found.append((dx * dx + dy * dy, Relation(kind, other_id, gap < reach)))
    return tuple(relation for _, relation in sorted(found, key=lambda pair: pair[0]))
