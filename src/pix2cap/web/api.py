"""The JSON and the pixels of the app: what scripts read and send.

Every failure of `/api/...` is `{"error": text}` with its HTTP status. `<filters>` are the names of
`web/filters.py`. Ids in paths are whole numbers; files are only ever looked up by them.

GET /api/ping                     {"ok": true}
GET /api/images?<filters>&page=N  {total, page, pages, per_page, matching, images: [{image_id, file_name,
    width, height, segments, captioned, failed, open, decided, conflicts, statuses: {status: n}, matching,
    refused: str | null, thumb, href}]}
    `total` images have a segment that the filters keep, `matching` segments in all; of one image `matching`
    segments. `open` = nobody decided.
GET /api/image/{id}?<filters>&segment=N  {image_id, file_name, width, height, previous, next, index, total,
    read_only, refused: str | null, query, pixels, map: str | null, marked: str | null, selected: id | null,
    segments: [SEGMENT + matches]}
    `previous` and `next` are image ids among those that the filters keep; `index` is null for an image that
    they leave out; width and height are the map's.
SEGMENT = {id, class, is_thing, is_crowd, color: "#rrggbb", box: [x0, y0, x1, y1] | null, area | null,
    mark | null, marked | null, crop | null, crop_seen, status, text, reason | null, words, model | null,
    attempt | null, reviewer | null, original: {status, text, reason},
    attempts: [{attempt, stage, model, text, verdict, findings: [{check, reason, hard}]}],
    findings: [{check, reason, confidence}], decision: DECISION | null, history: [DECISION], conflict, latest,
    can: [actions]}
    status and text are as decisions left them, `original` as the model and the checks did; `latest` is what
    the next decision is `based_on`.
DECISION = {seq, at, reviewer, action, text, reason, based_on, undone}
GET /pixels/{id}.jpg  /thumb/{id}.jpg  /map/{id}.png  /marked/{id}.jpg[?segment=N]  /crop/{id}/{segment}.jpg
POST /api/decide   {image_id, segment_id, action, text, reason?, based_on, token, anyway?}
    200 {segment: SEGMENT}. 409 {conflict: true, error, segment}: another reviewer decided after `based_on`;
    send again with the segment's `latest`, or with anyway: true, to keep both. 403 for a dataset.
POST /api/check    {image_id, segment_id, text} -> {findings: [{check, reason, hard}], words}
POST /api/reviewer {name} -> {reviewer}, and a cookie
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, unquote

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from pix2cap.annotate.checks import CheckSettings, SceneFacts, check_captions
from pix2cap.annotate.decisions import Action, NewDecision
from pix2cap.annotate.parse import ParsedCaption
from pix2cap.core import CaptionStatus
from pix2cap.errors import DecisionConflict, ImageRefused
from pix2cap.text.words import count_words
from pix2cap.vlm.unit import UnitRow
from pix2cap.web.collection import ReviewedImage, ReviewedSegment
from pix2cap.web.filters import read_filters, read_page
from pix2cap.web.pictures import Encoded, ImageShapes
from pix2cap.web.records import grid_record, image_record, segment_record, texts_beside
from pix2cap.web.security import MAX_BODY
from pix2cap.web.settings import MAX_NAME, clean_name
from pix2cap.web.site import Site

REVIEWER_COOKIE = "pix2cap-reviewer"
_YEAR_S = 365 * 24 * 3600
_BIGGEST = 2**63 - 1
_WHOLE = (0.0, 0.0, 1.0, 1.0)

Handler = Callable[[Request], Response]
AsyncHandler = Callable[[Request], Awaitable[Response]]


def site_of(request: Request) -> Site:
    """What this server serves."""
    site: Site = request.app.state.site
    return site


def reviewer_of(request: Request) -> str:
    """The name that this browser gave, else the server's."""
    given = clean_name(unquote(request.cookies.get(REVIEWER_COOKIE, "")))
    return given or site_of(request).settings.reviewer_name


def answer(record: object, status: int = 200) -> Response:
    """A JSON response."""
    return Response(orjson.dumps(record), status_code=status, media_type="application/json")


def ping(request: Request) -> Response:
    """GET /api/ping."""
    return answer({"ok": True})


def images(request: Request) -> Response:
    """GET /api/images."""
    site = site_of(request)
    site.refresh()
    filters, problems = read_filters(request.query_params)
    return answer(grid_record(site, filters, read_page(request.query_params)) | {"problems": problems})


def image(request: Request) -> Response:
    """GET /api/image/{id}."""
    return answer(image_of(request))


def image_of(request: Request) -> dict[str, Any]:
    """The record of the image in the request's path.

    Raises:
        HTTPException: No such image.
    """
    site = site_of(request)
    site.refresh()
    filters, _ = read_filters(request.query_params)
    named = request.query_params.get("segment", "")
    segment_id = int(named) if named.isascii() and named.isdigit() and len(named) < 19 else None
    image_id = request.path_params["image_id"]
    try:
        return image_record(site, image_id, filters, reviewer=reviewer_of(request), segment_id=segment_id)
    except KeyError:
        raise HTTPException(404, f"expected an image of {site.collection.name}, got {image_id}") from None


def _pixels(make: Callable[[Site, Request], Encoded]) -> Handler:
    """A handler that sends pixels, or says that the browser has them."""

    def handle(request: Request) -> Response:
        try:
            encoded = make(site_of(request), request)
        except (ImageRefused, KeyError) as error:
            told = str(error) if isinstance(error, ImageRefused) else "no such image or segment here"
            raise HTTPException(404, told) from error
        # Not kept without asking: another run may be served at the same address tomorrow.
        headers = {"ETag": encoded.etag, "Cache-Control": "private, no-cache"}
        if encoded.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(encoded.data, media_type=encoded.media_type, headers=headers)

    return handle


def _marked(site: Site, request: Request) -> Encoded:
    named = request.query_params.get("segment")
    if named is not None and not (named.isascii() and named.isdigit() and len(named) < 19):
        raise KeyError(named)
    return site.pictures.marked(request.path_params["image_id"], None if named is None else int(named))


pixels = _pixels(lambda site, request: site.pictures.pixels(request.path_params["image_id"]))
thumb = _pixels(lambda site, request: site.pictures.thumb(request.path_params["image_id"]))
id_map = _pixels(lambda site, request: site.pictures.id_map(request.path_params["image_id"]))
marked = _pixels(_marked)
crop = _pixels(
    lambda site, request: site.pictures.crop(
        request.path_params["image_id"], request.path_params["segment_id"]
    )
)


def posted(work: Callable[[Request, dict[str, Any]], Response]) -> AsyncHandler:
    """A handler of a POST: reads a bounded JSON object, then works in a thread."""

    async def handle(request: Request) -> Response:
        body = bytearray()
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise HTTPException(413, f"expected a body of at most {MAX_BODY} bytes, got more")
        except ClientDisconnect:
            return Response(status_code=400)  # Nobody hears it; a decision that came in half is none.
        try:
            record = orjson.loads(bytes(body))
        except orjson.JSONDecodeError as error:
            raise HTTPException(400, f"expected a JSON object, got: {error}") from error
        if not isinstance(record, dict):
            raise HTTPException(400, f"expected a JSON object, got {type(record).__name__}")
        return await run_in_threadpool(work, request, record)

    return handle


def whole_number(record: dict[str, Any], name: str, default: int | None = None) -> int:
    """A number of a posted record.

    Raises:
        HTTPException: It is missing or no whole number.
    """
    value = record.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _BIGGEST:
        raise HTTPException(400, f"expected a whole number as {name}, got {str(value)[:40]!r}")
    return value


def text_of(record: dict[str, Any], name: str) -> str:
    """A text of a posted record, "" where it is missing or null.

    Raises:
        HTTPException: It is no text.
    """
    value = record.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise HTTPException(400, f"expected a text as {name}, got {type(value).__name__}")
    return value.replace("\x00", "")


def _segment(request: Request, image_id: int, segment_id: int) -> dict[str, Any]:
    return segment_record(site_of(request), image_id, segment_id, reviewer=reviewer_of(request))


def _reviewed(site: Site, image_id: int, segment_id: int) -> tuple[ReviewedImage, ReviewedSegment]:
    try:
        image = site.image(image_id)
        return image, next(s for s in image.segments if s.segment_id == segment_id)
    except (KeyError, StopIteration):
        where = f"image {image_id}, segment {segment_id}"
        raise HTTPException(404, f"expected a segment of {site.collection.name}, got {where}") from None


def _decide(request: Request, record: dict[str, Any]) -> Response:
    site = site_of(request)
    image_id, segment_id = whole_number(record, "image_id"), whole_number(record, "segment_id")
    _, before = _reviewed(site, image_id, segment_id)
    if site.collection.read_only:
        raise HTTPException(403, f"{site.collection.name} is a dataset, to be read only; decide in its run")
    try:
        action = Action(text_of(record, "action"))
    except ValueError:
        got = text_of(record, "action")[:40]
        raise HTTPException(400, f"expected an action out of {', '.join(Action)}, got {got!r}") from None
    text = text_of(record, "text") if "text" in record else before.current.text
    if before.is_crowd:
        raise HTTPException(400, "expected a segment that gets a caption, got a crowd")
    if action is Action.ACCEPT and not text.strip() and before.current.status != CaptionStatus.NOT_VISIBLE:
        raise HTTPException(400, "expected a caption to accept, got none; edit writes one")
    decision = NewDecision(
        reviewer_of(request),
        image_id,
        segment_id,
        action,
        text,
        text_of(record, "reason").strip() or None,
        whole_number(record, "based_on", 0),
        text_of(record, "token")[:200] or None,
    )
    try:
        site.collection.decide(decision, anyway=record.get("anyway") is True)
    except DecisionConflict as conflict:
        segment = _segment(request, image_id, segment_id)
        return answer({"conflict": True, "error": str(conflict), "segment": segment}, 409)
    site.refresh()
    return answer({"segment": _segment(request, image_id, segment_id)})


def _check(request: Request, record: dict[str, Any]) -> Response:
    site = site_of(request)
    image_id, segment_id = whole_number(record, "image_id"), whole_number(record, "segment_id")
    text = " ".join(text_of(record, "text").split())
    image, segment = _reviewed(site, image_id, segment_id)
    try:
        shapes: ImageShapes | None = site.pictures.shapes(image_id)
    except ImageRefused:
        shapes = None
    boxes = {} if shapes is None else shapes.boxes_unit
    row = UnitRow(1, segment_id, segment.class_name, boxes.get(segment_id, _WHOLE))
    scene = SceneFacts(
        class_names={s.segment_id: s.class_name for s in image.segments},
        boxes_unit=boxes,
        texts=texts_beside(image, segment_id),
        centroids_unit={} if shapes is None else shapes.centroids_unit,
    )
    language = site.collection.language
    found = check_captions(
        [row], {1: ParsedCaption(text, True)}, scene=scene, settings=CheckSettings(language=language)
    )[1]
    return answer(
        {
            "findings": [{"check": f.check, "reason": f.reason, "hard": f.hard} for f in found],
            "words": round(count_words(text, language=language)),
        }
    )


def _reviewer(request: Request, record: dict[str, Any]) -> Response:
    name = clean_name(text_of(record, "name"))
    if name is None:
        raise HTTPException(400, f"expected a name of 1 to {MAX_NAME} characters, got {str(record)[:60]}")
    response = answer({"reviewer": name})
    response.set_cookie(
        REVIEWER_COOKIE, quote(name), max_age=_YEAR_S, httponly=True, samesite="strict", path="/"
    )
    return response


decide = posted(_decide)
check = posted(_check)
reviewer = posted(_reviewer)
