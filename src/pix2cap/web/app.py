"""The web app: routes, and how errors become answers.

Pages: / (grid), /image/{id}, /verify/{sample}, /help; their contexts are told in `web/pages.py`. JSON, pixels
and what is posted: `web/api.py`; verification: `web/verify.py`. Who is let in: `web/security.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from importlib.resources import files

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pix2cap.errors import InputError, Pix2CapError, StorageFull, UsageError
from pix2cap.web import api, pages, verify
from pix2cap.web.pictures import Encoded
from pix2cap.web.security import Guard
from pix2cap.web.settings import ReviewSettings
from pix2cap.web.site import Site

_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_PIXELS = ("/pixels/", "/thumb/", "/map/", "/marked/", "/crop/", "/static/")


class _IdConvertor(Convertor[int]):
    """A whole number that SQLite can hold; anything else is no such page."""

    regex = "-?[0-9]{1,18}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("id", _IdConvertor())


def create_app(settings: ReviewSettings) -> Starlette:
    """The app for one run or dataset; the index is filled before this returns.

    Args:
        settings: What to serve and to whom.

    Raises:
        InputError, UsageError: The target cannot be read.

    Example:
        >>> app = create_app(ReviewSettings(target=Path("run")))  # doctest: +SKIP
    """
    return app_of(Site.open(settings))


def app_of(site: Site) -> Starlette:
    """The app that serves an open site, and closes it when the server stops."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        site.close()

    app = Starlette(
        routes=_routes(),
        middleware=[Middleware(Guard, rules=site.rules)],
        exception_handlers={
            HTTPException: _http_error,
            Pix2CapError: _known_error,
            Exception: _unknown_error,
        },
        lifespan=lifespan,
    )
    app.state.site = site
    pages.compile_templates()
    return app


def _routes() -> list[Route]:
    return [
        Route("/", pages.grid),
        Route("/image/{image_id:id}", pages.picture),
        Route("/verify/{name}", verify.page),
        Route("/help", pages.help_page),
        Route("/api/ping", api.ping),
        Route("/api/images", api.images),
        Route("/api/image/{image_id:id}", api.image),
        Route("/api/decide", api.decide, methods=["POST"]),
        Route("/api/check", api.check, methods=["POST"]),
        Route("/api/reviewer", api.reviewer, methods=["POST"]),
        Route("/api/sample/{name}/next", verify.next_item),
        Route("/api/sample/{name}/item/{item:id}", verify.one_item),
        Route("/api/verdict", verify.verdict, methods=["POST"]),
        Route("/pixels/{image_id:id}.jpg", api.pixels),
        Route("/thumb/{image_id:id}.jpg", api.thumb),
        Route("/map/{image_id:id}.png", api.id_map),
        Route("/marked/{image_id:id}.jpg", api.marked),
        Route("/crop/{image_id:id}/{segment_id:id}.jpg", api.crop),
        Route("/static/{name}", _static),
    ]


@cache
def _assets() -> dict[str, Encoded]:
    """Every file of `static/` by its name; no request's path is ever looked up on a disk."""
    found: dict[str, Encoded] = {}
    for entry in (files("pix2cap.web") / "static").iterdir():
        media_type = _MEDIA_TYPES.get("." + entry.name.rpartition(".")[2])
        if entry.is_file() and media_type is not None:
            found[entry.name] = Encoded.of(entry.read_bytes(), media_type)
    return found


def _static(request: Request) -> Response:
    asset = _assets().get(request.path_params["name"])
    if asset is None:
        raise HTTPException(404, "no such file here")
    headers = {"ETag": asset.etag, "Cache-Control": "no-cache"}
    if asset.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(asset.data, media_type=asset.media_type, headers=headers)


def _told(request: Request, status: int, text: str) -> Response:
    path = request.url.path
    if path.startswith("/api/"):
        return api.answer({"error": text}, status)
    if path.startswith(_PIXELS):
        return PlainTextResponse(text + "\n", status_code=status)
    return pages.problem(request, status, text)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    told = f"expected an address of this server, got {request.url.path[:100]}"
    default = {404: told, 405: f"expected another method for {request.url.path[:100]}"}
    # Starlette's own errors say no more than the status's name.
    plain = error.detail in ("Not Found", "Method Not Allowed")
    response = _told(request, error.status_code, default[error.status_code] if plain else error.detail)
    response.headers.update(error.headers or {})
    return response


def _known_error(request: Request, error: Exception) -> Response:
    # A posted decision that cannot be is the page's doing; what the disk or a file does is not.
    posted = request.method == "POST"
    status = 507 if isinstance(error, StorageFull) else 500
    if isinstance(error, UsageError) or (posted and isinstance(error, InputError)):
        status = 400
    return _told(request, status, str(error))


def _unknown_error(request: Request, error: Exception) -> Response:
    told = f"internal error, please report it: {type(error).__name__} (the terminal shows where)"
    return _told(request, 500, told)
