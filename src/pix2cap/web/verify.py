"""Human verification: one caption of a frozen sample at a time, four questions, one verdict.

GET /api/sample/{name}/next?rater=NAME      the reviewer's first item without a verdict
GET /api/sample/{name}/item/{n}?rater=NAME  a certain item, to look at it again
    ITEM = {sample, rater, done, total, closed: str | null, item: n | null, image_id, segment_id, class,
    is_thing, text, file_name, width, height, box, color, pixels, map, crop, marked, refused,
    verdict: {object, attributes, relations, place, note} | null}
    Without an item (all done, or `closed` says why there are none for this person) the rest is null.
POST /api/verdict {sample, item, object, attributes, relations, place, note?, token} -> the next ITEM
    An answer is "yes", "no", "cannot_tell" or "not_applicable". A second verdict replaces the first in what
    counts; the journal keeps both.

The text is the one that the sample froze, whatever was decided since.
"""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pix2cap.annotate.decisions import DecisionLog
from pix2cap.annotate.sample import RaterQueue, Sample, SampleItem, queue_of
from pix2cap.annotate.verdicts import AXES, NewVerdict, Verdict
from pix2cap.errors import UsageError
from pix2cap.web.api import answer, posted, reviewer_of, site_of, text_of, whole_number
from pix2cap.web.pages import render
from pix2cap.web.records import placed_segment
from pix2cap.web.settings import clean_name
from pix2cap.web.site import Site

_EMPTY = (
    "image_id", "segment_id", "class", "is_thing", "text", "file_name", "width", "height", "box", "color",
    "pixels", "map", "crop", "marked", "refused", "verdict",
)  # fmt: skip


def next_item(request: Request) -> Response:
    """GET /api/sample/{name}/next."""
    return answer(_next(site_of(request), request.path_params["name"], _rater(request)))


def one_item(request: Request) -> Response:
    """GET /api/sample/{name}/item/{n}."""
    site, rater = site_of(request), _rater(request)
    sample, log = _open(site, request.path_params["name"])
    verdicts = log.verdicts(sample.name)
    queue = queue_of(sample, verdicts, rater)
    number = request.path_params["item"]
    item = next((item for item in queue.items if item.item == number), None)
    if item is None:
        raise HTTPException(404, f"expected an item of {rater}'s in sample {sample.name}, got {number}")
    return answer(_record(site, sample, queue, rater, item=item, verdicts=verdicts))


def page(request: Request) -> Response:
    """GET /verify/{name}."""
    name = request.path_params["name"]
    item = _next(site_of(request), name, _rater(request))
    return render(request, "verify", sample=name, item=item)


def _rater(request: Request) -> str:
    return clean_name(request.query_params.get("rater")) or reviewer_of(request)


def _open(site: Site, name: str) -> tuple[Sample, DecisionLog]:
    try:
        return site.read_sample(name), site.verdict_log
    except UsageError as error:
        raise HTTPException(404, str(error)) from error


def _next(site: Site, name: str, rater: str) -> dict[str, Any]:
    sample, log = _open(site, name)
    verdicts = log.verdicts(sample.name)
    queue = queue_of(sample, verdicts, rater)
    return _record(site, sample, queue, rater, item=queue.next, verdicts=verdicts)


def _record(
    site: Site,
    sample: Sample,
    queue: RaterQueue,
    rater: str,
    *,
    item: SampleItem | None,
    verdicts: list[Verdict],
) -> dict[str, Any]:
    closed = None
    if queue.number is None:
        names = list(dict.fromkeys(verdict.reviewer for verdict in verdicts))
        closed = f"This sample is for {sample.raters} raters, and {', '.join(names)} took it up."
    record: dict[str, Any] = {
        "sample": sample.name,
        "rater": rater,
        "done": len(queue.done),
        "total": len(queue.items),
        "closed": closed,
        "item": None if item is None else item.item,
        **dict.fromkeys(_EMPTY),
    }
    if item is None:
        return record
    given = next((v for v in verdicts if v.item == item.item and v.reviewer == rater), None)
    try:
        record |= placed_segment(site, item.image_id, item.segment_id)
    except KeyError as error:
        where = f"image {item.image_id}, segment {item.segment_id}"
        raise HTTPException(404, f"expected {where} of the sample in the source, found none") from error
    record |= {"class": item.class_name, "text": item.text, "verdict": _told(given)}
    return record


def _told(verdict: Verdict | None) -> dict[str, str] | None:
    if verdict is None:
        return None
    return {axis: verdict.answer(axis).replace(" ", "_") for axis in AXES} | {"note": verdict.note}


def _add(request: Request, record: dict[str, Any]) -> Response:
    site, rater = site_of(request), reviewer_of(request)
    name, number = text_of(record, "sample"), whole_number(record, "item")
    sample, log = _open(site, name)
    queue = queue_of(sample, log.verdicts(name), rater)
    item = next((item for item in queue.items if item.item == number), None)
    if item is None:
        raise HTTPException(400, f"expected an item of {rater}'s in sample {name}, got {number}")
    answers = {axis: text_of(record, axis).replace("_", " ") for axis in AXES}
    log.add_verdict(
        NewVerdict(
            rater,
            sample.name,
            item.item,
            item.image_id,
            item.segment_id,
            **answers,
            note=text_of(record, "note").strip()[:2000],
            token=text_of(record, "token")[:200] or None,
        )
    )
    return answer(_next(site, name, rater))


verdict = posted(_add)
