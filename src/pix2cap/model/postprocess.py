"""From logits and masks to segments: panoptic map, semantic scores, instances; resizing and boxes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

_STRIP_PIXELS = 1 << 16


class KeptQueries(NamedTuple):
    """Queries sure enough of a class to become segments, K of them in the order of queries.

    Args:
        queries: `(K,)` int64.
        classes: `(K,)` int64, never "background".
        scores: `(K,)` float32 class probabilities.
    """

    queries: Tensor
    classes: Tensor
    scores: Tensor


class PanopticSegment(NamedTuple):
    """One segment of a panoptic map.

    Args:
        id: Its value in the map, from 1.
        class_index: Its class.
        query: The query that made it; of merged stuff the first.
        score: That query's class probability.
    """

    id: int
    class_index: int
    query: int
    score: float


class PanopticResult(NamedTuple):
    """A panoptic map.

    Args:
        id_map: `(H, W)` int32, 0 where no segment lies.
        segments: One for each id, ascending from 1.
    """

    id_map: Tensor
    segments: tuple[PanopticSegment, ...]


class InstanceResult(NamedTuple):
    """Instances of things, N of them, by descending score.

    Args:
        queries: `(N,)` int64; a query may come with several classes.
        classes: `(N,)` int64.
        scores: `(N,)` class probability times the mean probability inside the mask.
        masks: `(N, H, W)` bool.
    """

    queries: Tensor
    classes: Tensor
    scores: Tensor
    masks: Tensor


def keep_queries(logits: Tensor, object_threshold: float) -> KeptQueries:
    """The queries whose likeliest class is not "background" and is above a threshold.

    Args:
        logits: `(Q, C + 1)`, the last column "background".
        object_threshold: Probability that must be exceeded.
    """
    scores, classes = logits.float().softmax(1).max(1)
    queries = ((classes != logits.shape[1] - 1) & (scores > object_threshold)).nonzero().squeeze(1)
    return KeptQueries(queries, classes[queries], scores[queries])


def panoptic(
    logits: Tensor,
    masks: Tensor,
    *,
    is_thing: Sequence[bool],
    object_threshold: float,
    overlap_threshold: float,
) -> PanopticResult:
    """Panoptic map of one picture, as published.

    For large pictures do its two steps apart, so that only what is kept is resized, a few at a time:
    `keep_queries(logits, ...)`, then `lay_segments(kept, each_resized(masks[kept.queries], ...), ...)`.

    Args:
        logits: `(Q, C + 1)`, the last column "background".
        masks: `(Q, H, W)` logits at the wanted size.
        is_thing: Of each class.
        object_threshold: Class probability that a query must exceed.
        overlap_threshold: Share of its mask that a segment must keep once others were laid over it.
    """
    kept = keep_queries(logits, object_threshold)
    return lay_segments(
        kept,
        (masks[query] for query in kept.queries),
        size_hw=(masks.shape[1], masks.shape[2]),
        is_thing=is_thing,
        overlap_threshold=overlap_threshold,
    )


def lay_segments(
    kept: KeptQueries,
    masks: Iterable[Tensor],
    *,
    size_hw: tuple[int, int],
    is_thing: Sequence[bool],
    overlap_threshold: float,
) -> PanopticResult:
    """Give each pixel to the kept query with the highest class times mask probability.

    A pixel stays empty where that query's own mask is below one half. A query whose mask lost too much to
    others makes no segment; stuff of one class becomes one segment.

    Masks are taken one by one, so memory does not grow with their number.

    Args:
        kept: K queries.
        masks: K logit maps `(H, W)`, in the order of `kept`.
        size_hw: Height and width of the masks and of the map.
        is_thing: Of each class.
        overlap_threshold: Share of its mask (at one half) that a query must win.
    """
    device = kept.scores.device
    canvas = _Canvas(
        torch.full(size_hw, -1.0, device=device),
        torch.zeros(size_hw, dtype=torch.int32, device=device),
        torch.zeros(size_hw, dtype=torch.bool, device=device),
    )
    areas = [
        canvas.lay(place, score, mask)
        for place, (score, mask) in enumerate(zip(kept.scores, masks, strict=True))
    ]
    count = len(areas)
    if not count:
        return PanopticResult(torch.zeros(size_hw, dtype=torch.int32, device=device), ())
    tally = torch.add(canvas.winner, canvas.solid, alpha=count).flatten().bincount(minlength=2 * count)
    won, left = (tally[:count] + tally[count:]).tolist(), tally[count:].tolist()
    lost = [
        area == 0 or solid_area == 0 or won_area / area < overlap_threshold
        for area, won_area, solid_area in zip(torch.stack(areas).tolist(), won, left, strict=True)
    ]
    ids, segments = _number(kept, lost, is_thing)
    id_of = torch.tensor(ids, dtype=torch.int32, device=device)
    id_map = id_of.index_select(0, canvas.winner.flatten()).view(size_hw)
    return PanopticResult(id_map.mul_(canvas.solid), segments)


class _Canvas(NamedTuple):
    """Maps `(H, W)` of the highest weighted probability so far, whose it is, and if that mask covers it."""

    best: Tensor
    winner: Tensor
    solid: Tensor

    def lay(self, place: int, score: Tensor, mask: Tensor) -> Tensor:
        """Lay one mask of logits over what is there; returns the pixels it covers by itself.

        In strips that a processor's cache can hold: on 12 megapixels four times as fast as whole maps.
        """
        rows = max(1, _STRIP_PIXELS // mask.shape[1]) if mask.device.type == "cpu" else mask.shape[0]
        area = torch.zeros((), dtype=torch.int64, device=mask.device)
        strips = (torch.split(each, rows) for each in (mask, self.best, self.winner, self.solid))
        for logits, best, winner, solid in zip(*strips, strict=True):
            probability = logits.float().sigmoid()
            inside = probability >= 0.5
            area += inside.count_nonzero()
            probability *= score
            wins = probability > best
            torch.maximum(best, probability, out=best)
            winner.masked_fill_(wins, place)
            torch.where(wins, inside, solid, out=solid)
        return area


def _number(
    kept: KeptQueries, lost: Sequence[bool], is_thing: Sequence[bool]
) -> tuple[list[int], tuple[PanopticSegment, ...]]:
    """The id of each kept query, 0 for a lost one, and the segments that the ids stand for."""
    ids: list[int] = []
    segments: list[PanopticSegment] = []
    stuff: dict[int, int] = {}
    rows = zip(kept.queries.tolist(), kept.classes.tolist(), kept.scores.tolist(), lost, strict=True)
    for query, class_index, score, gone in rows:
        if gone:
            ids.append(0)
        elif class_index in stuff:
            ids.append(stuff[class_index])
        else:
            segments.append(PanopticSegment(len(segments) + 1, class_index, query, score))
            ids.append(len(segments))
            if not is_thing[class_index]:
                stuff[class_index] = len(segments)
    return ids, tuple(segments)


def semantic(logits: Tensor, masks: Tensor) -> Tensor:
    """Class scores of every pixel: mask probabilities, weighted by class probabilities.

    Args:
        logits: `(Q, C + 1)`, the last column "background".
        masks: `(Q, H, W)` logits.

    Returns:
        `(C, H, W)` float32.
    """
    classes = logits.float().softmax(1)[:, :-1]
    return torch.einsum("qc,qhw->chw", classes, masks.float().sigmoid())


def semantic_classes(logits: Tensor, masks: Tensor, *, rows_at_once: int = 64) -> Tensor:
    """The likeliest class of every pixel, without holding all classes' scores of a large picture.

    Args:
        logits: `(Q, C + 1)`, the last column "background".
        masks: `(Q, H, W)` logits.
        rows_at_once: Height of the strips that are worked on.

    Returns:
        `(H, W)` int64.
    """
    return torch.cat([semantic(logits, strip).argmax(0) for strip in torch.split(masks, rows_at_once, dim=1)])


def instances(logits: Tensor, masks: Tensor, *, is_thing: Sequence[bool], top: int = 100) -> InstanceResult:
    """The likeliest pairs of query and class, of which things remain.

    Args:
        logits: `(Q, C + 1)`, the last column "background".
        masks: `(Q, H, W)` logits at the wanted size.
        is_thing: Of each class.
        top: Pairs taken before stuff is left out.
    """
    probability = logits.float().softmax(1)[:, :-1]
    scores, places = probability.flatten().topk(min(top, probability.numel()))
    queries = places.div(probability.shape[1], rounding_mode="floor")
    classes = places % probability.shape[1]
    thing = torch.tensor(is_thing, device=logits.device)[classes]
    scores, queries, classes = scores[thing], queries[thing], classes[thing]
    inside = masks > 0
    surety = torch.stack([_mean_probability(masks[query], inside[query]) for query in range(len(masks))])
    scores, order = (scores * surety[queries]).sort(descending=True, stable=True)
    queries = queries[order]
    return InstanceResult(queries, classes[order], scores, inside[queries])


def _mean_probability(mask: Tensor, inside: Tensor) -> Tensor:
    return (mask.float().sigmoid() * inside).sum() / (inside.sum() + 1e-6)


def resize_masks(
    masks: Tensor,
    *,
    padded_hw: tuple[int, int],
    size_hw: tuple[int, int],
    out_hw: tuple[int, int],
) -> Tensor:
    """Mask logits at the wanted size: up to the padded picture, without its padding, then to the wanted size.

    Both steps are bicubic with antialias, as published.

    Args:
        masks: `(N, h, w)` logits.
        padded_hw: Height and width of the padded picture.
        size_hw: Its height and width without padding.
        out_hw: Wanted height and width.

    Returns:
        `(N, H, W)` float32.
    """
    whole = _bicubic(masks.float().unsqueeze(1), padded_hw)
    return _bicubic(whole[:, :, : size_hw[0], : size_hw[1]], out_hw).squeeze(1)


def _bicubic(maps: Tensor, size_hw: tuple[int, int]) -> Tensor:
    if tuple(maps.shape[2:]) == size_hw or len(maps) == 0:
        return maps.new_zeros((0, 1, *size_hw)) if len(maps) == 0 else maps
    return functional.interpolate(maps, size_hw, mode="bicubic", align_corners=False, antialias=True)


def each_resized(
    masks: Tensor,
    *,
    padded_hw: tuple[int, int],
    size_hw: tuple[int, int],
    out_hw: tuple[int, int],
    at_once: int = 4,
) -> Iterator[Tensor]:
    """`resize_masks` one `(H, W)` at a time; only `at_once` of them are in memory."""
    for part in torch.split(masks, at_once):
        yield from resize_masks(part, padded_hw=padded_hw, size_hw=size_hw, out_hw=out_hw)


def boxes_from_masks(masks: Tensor) -> Tensor:
    """The smallest box around each mask.

    Args:
        masks: `(N, H, W)` bool.

    Returns:
        `(N, 4)` int64 xyxy pixels, half-open; zeros for an empty mask.
    """
    boxes = masks.new_zeros((len(masks), 4), dtype=torch.int64)
    if masks.numel() == 0:
        return boxes
    for first, over in ((0, 1), (1, 2)):
        line = masks.any(over)
        boxes[:, first] = line.int().argmax(1)
        boxes[:, first + 2] = line.shape[1] - line.flip(1).int().argmax(1)
    return boxes * masks.flatten(1).any(1, keepdim=True)
