"""Who may talk to the server, and what its pages may do: checked before any route is looked at.

A page of some other site, open in the same browser, must not read captions, decide in the reviewer's name or
reach the server under a name of its own (DNS rebinding). Hence: the Host must be ours, an Origin must be the
Host, everything that changes something carries the token of a page that we served, and JSON only. Bound wider
than loopback, every request also needs the random access token.
"""

from __future__ import annotations

import html
import ipaddress
import socket
from dataclasses import dataclass, field
from functools import cache
from hmac import compare_digest
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN_HEADER: Final = "X-Pix2cap-Token"
MAX_BODY: Final = 64 * 1024
"""Bytes of a request's body; a decision holds a caption of at most some thousand letters."""

_SAFE_METHODS: Final = ("GET", "HEAD")
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self';"
        " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class AccessRules:
    """What a request must bring.

    Args:
        host: The address that the server listens on.
        csrf: The token that pages carry and every POST sends back.
        access_token: Needed by every request; None for a server on loopback.
        cookie: Name of the cookie that keeps the access token.
    """

    host: str
    csrf: str = field(repr=False)
    access_token: str | None = field(default=None, repr=False)
    cookie: str = "pix2cap-access"

    def knows_host(self, header: str | None) -> bool:
        """True for a Host header that names this machine; with a wide bind, any of its addresses."""
        name = _host_name(header)
        if name is None:
            return False
        if name in {"localhost", "127.0.0.1", "::1", self.host.lower()}:
            return True
        if is_loopback(self.host):
            return False
        # Rebinding needs a name that the attacker controls; a bare address is none.
        return _is_address(name) or name in _own_names()


@cache
def _own_names() -> frozenset[str]:
    """Asked for once: it may take the system seconds to find out what it is called."""
    return frozenset({socket.gethostname().lower(), socket.getfqdn().lower()})


def is_loopback(host: str) -> bool:
    """True for an address that only this machine reaches.

    Example:
        >>> [is_loopback(host) for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "10.0.0.7")]
        [True, True, True, False, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _host_name(header: str | None) -> str | None:
    try:
        return urlsplit(f"//{header}").hostname if header else None
    except ValueError:
        return None


class Guard:
    """ASGI middleware that refuses what the rules forbid and puts the headers on every response."""

    def __init__(self, app: ASGIApp, *, rules: AccessRules) -> None:
        self.app = app
        self.rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        answer = self._refusal(scope)
        if answer is None:
            await self.app(scope, receive, send_with_headers)
        else:
            await answer(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers, path = Headers(scope=scope), scope["path"]
        host, origin = headers.get("host"), headers.get("origin")
        if len(headers.getlist("host")) != 1 or not self.rules.knows_host(host):
            return _told(path, 403, f"expected this server's own name as Host, got {_short(host)}")
        if origin is not None and not _is_same(origin, host):
            return _told(
                path, 403, f"expected a request of this server's own pages, got one of {_short(origin)}"
            )
        if (admission := self._admission(scope, headers)) is not None:
            return admission
        if scope["method"] in _SAFE_METHODS:
            return None
        return self._refuse_writing(scope, headers)

    def _refuse_writing(self, scope: Scope, headers: Headers) -> Response | None:
        path = scope["path"]
        if headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return _told(path, 403, "expected a request of this server's own pages, got one of another site")
        if not _same_text(headers.get(TOKEN_HEADER), self.rules.csrf):
            return _told(
                path, 403, f"expected the header {TOKEN_HEADER} of a page of this server; load the page again"
            )
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return _told(path, 415, f"expected application/json, got {_short(kind) or 'no content type'}")
        length = headers.get("content-length")
        if length is not None and (not length.isascii() or not length.isdigit() or int(length) > MAX_BODY):
            return _told(path, 413, f"expected a body of at most {MAX_BODY} bytes, got {_short(length)}")
        return None

    def _admission(self, scope: Scope, headers: Headers) -> Response | None:
        """Where an access token is asked for: let in, set the cookie, or turn away."""
        token = self.rules.access_token
        if token is None:
            return None
        if _same_text(_cookies(headers).get(self.rules.cookie), token):
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if scope["method"] in _SAFE_METHODS and any(n == "token" and _same_text(v, token) for n, v in query):
            rest = urlencode([(n, v) for n, v in query if n != "token"])
            # Quoted: browsers read a path that begins with a slash and a backslash as another host.
            path = "/" + quote(scope["path"].lstrip("/"))
            return self._let_in(path + (f"?{rest}" if rest else ""), token)
        return _told(
            scope["path"], 401, "expected the address with ?token=..., as `pix2cap review` printed it"
        )

    def _let_in(self, address: str, token: str) -> Response:
        # Not a redirect: after one, a browser that came from another site would leave out a Strict cookie.
        page = (
            '<!doctype html><meta charset="utf-8"><title>pix2cap</title>'
            f'<meta http-equiv="refresh" content="0;url={html.escape(address)}">'
            f'<p><a href="{html.escape(address)}">Go on</a></p>'
        )
        response = HTMLResponse(page)
        response.set_cookie(self.rules.cookie, token, httponly=True, samesite="strict", path="/")
        return response


def _is_same(origin: str, host: str | None) -> bool:
    """An Origin that is the Host that was asked, by http or, behind a proxy, https."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == (host or "").lower()


def _same_text(given: str | None, expected: str) -> bool:
    return given is not None and compare_digest(given.encode(), expected.encode())


def _cookies(headers: Headers) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def _short(text: str | None) -> str:
    return "none" if text is None else ascii(text[:60])


def _told(path: str, status: int, message: str) -> Response:
    if path.startswith("/api/"):
        return JSONResponse({"error": message}, status_code=status)
    return PlainTextResponse(message + "\n", status_code=status)
