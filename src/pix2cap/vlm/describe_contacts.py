"""Which segments border on which, how long, and on which side: one pass over the id-map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from pix2cap.core import PanopticMap

Side = Literal["above", "below", "left", "right"]
NEAR_PX: Final = 6
_CLEAR_SIDE: Final = 0.74
_SURROUNDED: Final = 0.86


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One segment seen from another.

    Args:
        other_id: The neighbour.
        kind: `surrounding` where nearly the whole border is shared with it, `touching` where pixels
            meet, `near` where at most `NEAR_PX` pixels lie between.
        side: Where the segment lies seen from the neighbour; None where the border does not tell.
        share: Part of the segment's own border that faces the neighbour, 0..1.
    """

    other_id: int
    kind: Literal["surrounding", "touching", "near"]
    side: Side | None
    share: float


def neighbours(panoptic: PanopticMap) -> dict[int, tuple[Neighbour, ...]]:
    """Every segment's neighbours, longest common border first.

    Args:
        panoptic: The map; void takes part only as something that is no segment.
    """
    ids = np.array([0, *sorted(panoptic.by_id)], np.uint32)
    n = len(ids)
    touching = _pairs(panoptic.id_map, ids, 1)
    # Every other line is enough to tell how far and on which side, and costs half.
    every = 2 if min(panoptic.size_wh) >= 240 else 1
    near = _pairs(panoptic.id_map, ids, NEAR_PX, every=every)
    frame = _frame_pixels(panoptic.id_map, ids)
    meet = touching[0] + touching[0].T + touching[1] + touching[1].T
    border = np.maximum(meet.sum(1) + frame, 1)
    close = near[0] + near[0].T + near[1] + near[1].T
    reach = np.maximum(close.sum(1) + frame * NEAR_PX // every, 1)
    found: dict[int, tuple[Neighbour, ...]] = {}
    for i in range(1, n):
        others = [int(j) for j in np.flatnonzero(close[i] + meet[i]) if j not in (0, i)]
        rows = []
        for j in others:
            counts = near if close[i, j] else touching
            share = max(float(meet[i, j] / border[i]), float(close[i, j] / reach[i]))
            is_around = meet[i, j] >= _SURROUNDED * border[i] and frame[i] == 0
            kind: Literal["surrounding", "touching", "near"] = (
                "surrounding" if is_around else "touching" if meet[i, j] else "near"
            )
            side = None if is_around else _side(counts, i, j)
            rows.append(Neighbour(int(ids[j]), kind, side, min(share, 1.0)))
        found[int(ids[i])] = tuple(sorted(rows, key=lambda row: (-row.share, row.other_id)))
    return found


def _pairs(
    id_map: NDArray[np.uint32], ids: NDArray[np.uint32], step: int, *, every: int = 1
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Counts of `[left, right]` and `[upper, lower]` pixel pairs `step` apart with different ids."""
    n = len(ids)
    tables = []
    for first, second in (
        (id_map[::every, :-step], id_map[::every, step:]),
        (id_map[:-step, ::every], id_map[step:, ::every]),
    ):
        rows, columns = np.divmod(np.flatnonzero(first != second), max(first.shape[1], 1))
        a = np.searchsorted(ids, first[rows, columns])
        b = np.searchsorted(ids, second[rows, columns])
        tables.append(np.bincount(a * n + b, minlength=n * n).reshape(n, n))
    return tables[0], tables[1]


def _frame_pixels(id_map: NDArray[np.uint32], ids: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Pixels of each id along the frame; corners count twice, as they have two open sides."""
    rim = np.concatenate([id_map[0], id_map[-1], id_map[:, 0], id_map[:, -1]])
    return np.bincount(np.searchsorted(ids, rim), minlength=len(ids))


def _side(counts: tuple[NDArray[np.int64], NDArray[np.int64]], i: int, j: int) -> Side | None:
    across, down = counts
    sides: dict[Side, int] = {
        "left": int(across[i, j]),
        "right": int(across[j, i]),
        "above": int(down[i, j]),
        "below": int(down[j, i]),
    }
    best: Side = max(sides, key=lambda side: sides[side])
    return best if sides[best] >= _CLEAR_SIDE * sum(sides.values()) else None
