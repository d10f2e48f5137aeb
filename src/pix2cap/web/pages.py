"""The pages: what each Jinja2 template is given; `web/api.py` answers with the same shapes.

Every template gets `title` (the run's or dataset's name), `csrf` (sent back as X-Pix2cap-Token), `reviewer`,
`read_only`, `identity` (of the run: what a browser keeps goes to no other), `version`, `keys` (all rows of
`keys.KEYS`: key, action, words, page), `sample` (name of the frozen sample, None without one) and `task`
("review" or "verify").

grid.html.j2     answer (as /api/images), filters (name to text, "" where not set), facets (name to
                 `[(value, segments)]` over everything), totals (images segments captioned failed open decided
                 conflicts), sorts `[(value, words)]`, link(**changes) -> address of the grid with other
                 filters, problems (sentences on filters that nobody could read)
picture.html.j2  picture (as /api/image/{id}), query (the filters, without "?")
verify.html.j2   item (as /api/sample/{name}/next, see `web/verify.py`); sample is the one of the address
help.html.j2     nothing more
problem.html.j2  status, problem (text)
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from pix2cap import __version__
from pix2cap.web.api import image_of, reviewer_of, site_of
from pix2cap.web.filters import SORTS, Filters, read_filters, read_page
from pix2cap.web.keys import KEYS
from pix2cap.web.records import grid_record


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("pix2cap.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def compile_templates() -> None:
    """Compile all pages now, so that the first visitor does not wait for it."""
    environment = _environment()
    for name in environment.list_templates():
        environment.get_template(name)


def render(request: Request, template: str, *, http_status: int = 200, **context: Any) -> Response:
    """A page; everything put into it is escaped."""
    site = site_of(request)
    shell = {
        "title": site.collection.name,
        "csrf": site.rules.csrf,
        "reviewer": reviewer_of(request),
        "read_only": site.collection.read_only,
        "identity": site.collection.identity,
        "version": __version__,
        "keys": [key.to_json() for key in KEYS],
        "sample": site.sample,
        "task": site.settings.task,
    }
    page = _environment().get_template(f"{template}.html.j2").render(shell | context)
    return HTMLResponse(page, status_code=http_status)


def grid(request: Request) -> Response:
    """GET /."""
    site = site_of(request)
    site.refresh()
    filters, problems = read_filters(request.query_params)
    return render(
        request,
        "grid",
        answer=grid_record(site, filters, read_page(request.query_params)),
        filters=filters.values(),
        facets=site.index.facets(),
        totals=site.index.totals(),
        sorts=list(SORTS),
        link=lambda **changes: _link(filters, **changes),
        problems=problems,
    )


def _link(filters: Filters, **changes: object) -> str:
    query = filters.query(**changes)
    return f"/?{query}" if query else "/"


def picture(request: Request) -> Response:
    """GET /image/{id}."""
    record = image_of(request)
    return render(request, "picture", picture=record, query=record["query"])


def help_page(request: Request) -> Response:
    """GET /help."""
    return render(request, "help")


def problem(request: Request, status: int, text: str) -> Response:
    """A page that says what went wrong."""
    return render(request, "problem", http_status=status, status=status, problem=text)
