"""Images, segments and decisions as the JSON that pages and scripts get."""

from __future__ import annotations

from collections.abc import Collection as Several
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pix2cap.annotate.decisions import Action, Decision, Standing
from pix2cap.core import CaptionStatus
from pix2cap.errors import ImageRefused
from pix2cap.text.words import count_words
from pix2cap.web.collection import Attempt, ReviewedImage, ReviewedSegment
from pix2cap.web.filters import Filters
from pix2cap.web.pictures import ImageShapes, SegmentShape, why_refused
from pix2cap.web.site import Site

PER_PAGE = 48


def grid_record(site: Site, filters: Filters, page: int) -> dict[str, Any]:
    """A page of the grid; a page past the last one is the last one."""
    selection = site.index.select(filters)
    total = len(selection.image_ids)
    pages = max(1, -(-total // PER_PAGE))
    page = min(page, pages)
    cards = site.index.cards(list(selection.image_ids[(page - 1) * PER_PAGE : page * PER_PAGE]))
    query = filters.query()
    for card in cards:
        image_id = card["image_id"]
        kept = card["segments"] if selection.matching is None else selection.matching.get(image_id, 0)
        card["matching"] = kept
        card["thumb"] = f"/thumb/{image_id}.jpg"
        card["href"] = f"/image/{image_id}" + (f"?{query}" if query else "")
    return {
        "total": total,
        "page": page,
        "pages": pages,
        "per_page": PER_PAGE,
        "matching": selection.segments,
        "images": cards,
    }


def image_record(
    site: Site, image_id: int, filters: Filters, *, reviewer: str, segment_id: int | None = None
) -> dict[str, Any]:
    """One image with all its segments.

    Args:
        site: Where it is.
        image_id: The image.
        filters: Decide its neighbours and which segments match.
        reviewer: Whose decisions can be undone.
        segment_id: The one to begin with, where somebody named one.

    Raises:
        KeyError: No such image.
    """
    image = site.image(image_id)
    place = site.index.place(image_id, filters)
    shapes, refused = _shapes(site, image)
    attempts = site.collection.attempts(image_id)
    matching = site.index.matching_segments(image_id, filters)
    segments = [
        _segment(site, image, s, attempts.get(s.segment_id, ()), shapes=shapes, reviewer=reviewer)
        | {"matches": s.segment_id in matching}
        for s in image.segments
    ]
    ids = [segment.segment_id for segment in image.segments]
    first = next((i for i in ids if i in matching), ids[0] if ids else None)
    width, height = (image.width, image.height) if shapes is None else shapes.size_wh
    return {
        "image_id": image_id,
        "file_name": image.file_name,
        "width": width,
        "height": height,
        "previous": place.previous,
        "next": place.next,
        "index": place.number,
        "total": place.total,
        "read_only": site.collection.read_only,
        "refused": refused,
        "query": filters.query(),
        "pixels": f"/pixels/{image_id}.jpg",
        "map": None if shapes is None else f"/map/{image_id}.png",
        "marked": None if shapes is None else f"/marked/{image_id}.jpg",
        "selected": segment_id if segment_id in ids else first,
        "segments": segments,
    }


def _shapes(site: Site, image: ReviewedImage) -> tuple[ImageShapes | None, str | None]:
    """The map's facts, and why the map or the picture cannot be shown."""
    try:
        shapes = site.pictures.shapes(image.image_id)
    except ImageRefused as error:
        return None, str(error)
    if image.refused is None:
        try:
            site.pictures.pixels(image.image_id)
        except ImageRefused as error:
            return shapes, str(error)
        return shapes, None
    # The run could not use it; by now the file may have been mended.
    return shapes, why_refused(site.collection, image.image_id)


def segment_record(site: Site, image_id: int, segment_id: int, *, reviewer: str) -> dict[str, Any]:
    """One segment as `image_record` has it, but for `matches`.

    Raises:
        KeyError: No such image or segment.
    """
    image = site.image(image_id)
    segment = next((s for s in image.segments if s.segment_id == segment_id), None)
    if segment is None:
        raise KeyError(segment_id)
    shapes, _ = _shapes(site, image)
    attempts = site.collection.attempts(image_id).get(segment_id, ())
    return _segment(site, image, segment, attempts, shapes=shapes, reviewer=reviewer)


def _segment(
    site: Site,
    image: ReviewedImage,
    segment: ReviewedSegment,
    attempts: Sequence[Attempt],
    *,
    shapes: ImageShapes | None,
    reviewer: str,
) -> dict[str, Any]:
    image_id, segment_id = image.image_id, segment.segment_id
    shape = None if shapes is None else shapes.segments.get(segment_id)
    current, source, standing = segment.current, segment.current.source, segment.standing
    taken_back = undone(standing)
    decision = standing.decision
    return {
        "id": segment_id,
        "class": segment.class_name,
        "is_thing": segment.is_thing,
        "is_crowd": segment.is_crowd,
        **_looks(image_id, segment_id, shape),
        "status": str(current.status),
        "text": current.text,
        "reason": current.reason,
        "words": round(count_words(current.text, language=site.collection.language)),
        "model": None if source is None else source.model,
        "attempt": None if source is None else source.attempt,
        "reviewer": None if source is None else source.reviewer,
        "original": {
            "status": str(segment.original.status),
            "text": segment.original.text,
            "reason": segment.original.reason,
        },
        "attempts": [_attempt(attempt) for attempt in attempts],
        "findings": [finding.to_json() for finding in site.findings.get((image_id, segment_id), ())],
        "decision": None if decision is None else _decision(decision, taken_back),
        "history": [_decision(one, taken_back) for one in standing.history],
        "conflict": standing.conflict,
        "latest": standing.latest_seq,
        "can": _can(site, segment, taken_back, reviewer),
    }


def _looks(image_id: int, segment_id: int, shape: SegmentShape | None) -> dict[str, Any]:
    """Colour, place and pictures; a segment that the map does not show has none."""
    marked = shape is not None and shape.mark is not None
    return {
        "color": "#808080" if shape is None else shape.color,
        "box": None if shape is None else list(shape.box_xyxy),
        "area": None if shape is None else shape.area,
        "mark": None if shape is None else shape.mark,
        "crop": f"/crop/{image_id}/{segment_id}.jpg" if marked else None,
        "crop_seen": shape is not None and shape.crop_seen,
        "marked": f"/marked/{image_id}.jpg?segment={segment_id}" if marked else None,
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    record = asdict(attempt)
    record["findings"] = [{"check": c, "reason": why, "hard": hard} for c, why, hard in attempt.findings]
    return record


def _decision(decision: Decision, taken_back: Several[int]) -> dict[str, Any]:
    return {
        "seq": decision.seq,
        "at": decision.at,
        "reviewer": decision.reviewer,
        "action": str(decision.action),
        "text": decision.text,
        "reason": decision.reason,
        "based_on": decision.based_on,
        "undone": decision.seq in taken_back,
    }


def undone(standing: Standing) -> set[int]:
    """Numbers of the decisions that were taken back, or whose question was answered.

    An undoing takes back its reviewer's own latest decision that still counts.
    """
    over = {d.seq for d in standing.history if d.seq <= max(standing.answered, default=0)}
    found: set[int] = set()
    for place, decision in enumerate(standing.history):
        if decision.action is Action.UNDO:
            own = (
                d.seq
                for d in reversed(standing.history[:place])
                if d.reviewer == decision.reviewer and d.action is not Action.UNDO and d.seq not in found
            )
            found |= {seq for seq in [next(own, None)] if seq is not None}
    return found | over


def _can(site: Site, segment: ReviewedSegment, taken_back: Several[int], reviewer: str) -> list[str]:
    if site.collection.read_only or segment.is_crowd:
        return []
    has_word = bool(segment.current.text) or segment.current.status is CaptionStatus.NOT_VISIBLE
    can = {
        Action.ACCEPT: has_word,
        Action.EDIT: True,
        Action.REJECT: True,
        Action.ASK_AGAIN: True,
        Action.UNDO: any(
            d.reviewer == reviewer and d.action is not Action.UNDO and d.seq not in taken_back
            for d in segment.standing.history
        ),
    }
    return [str(action) for action, possible in can.items() if possible]


def placed_segment(site: Site, image_id: int, segment_id: int) -> dict[str, Any]:
    """Where a segment is and how it looks, without anything that was said of it.

    Raises:
        KeyError: No such image or segment.
    """
    image = site.image(image_id)
    segment = next((s for s in image.segments if s.segment_id == segment_id), None)
    if segment is None:
        raise KeyError(segment_id)
    shapes, refused = _shapes(site, image)
    width, height = (image.width, image.height) if shapes is None else shapes.size_wh
    looks = _looks(image_id, segment_id, None if shapes is None else shapes.segments.get(segment_id))
    return {
        "image_id": image_id,
        "segment_id": segment_id,
        "file_name": image.file_name,
        "is_thing": segment.is_thing,
        "width": width,
        "height": height,
        "pixels": f"/pixels/{image_id}.jpg",
        "map": None if shapes is None else f"/map/{image_id}.png",
        "refused": refused,
        **{name: looks[name] for name in ("box", "color", "crop", "marked")},
    }


def texts_beside(image: ReviewedImage, segment_id: int) -> Mapping[int, str]:
    """The captions of an image's other segments."""
    return {
        s.segment_id: s.current.text
        for s in image.segments
        if s.segment_id != segment_id and s.current.status is CaptionStatus.CAPTIONED
    }
