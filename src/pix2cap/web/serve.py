"""Run the web app: bind, tell the address, open the browser, serve until interrupted."""

from __future__ import annotations

import errno
import socket
import webbrowser
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from threading import Timer

import uvicorn

from pix2cap.errors import UsageError
from pix2cap.web.app import app_of
from pix2cap.web.settings import ReviewSettings
from pix2cap.web.site import Site

_BROWSER_AFTER_S = 0.3


def serve(settings: ReviewSettings, *, on_ready: Callable[[str], None], open_browser: bool = False) -> None:
    """Serve a run or dataset until SIGINT or SIGTERM.

    Args:
        settings: What to serve, and where.
        on_ready: Told the address once requests are answered from there.
        open_browser: Open it in the user's browser.

    Raises:
        InputError, UsageError: The target cannot be read, or the port is taken.
    """
    listening = bind(settings.host, settings.port)
    with listening:
        settings = replace(settings, port=listening.getsockname()[1])
        site = Site.open(settings)
        address = address_of(site)
        on_ready(address)
        if open_browser:
            # The socket already listens, so a browser that is faster than the server just waits.
            timer = Timer(_BROWSER_AFTER_S, webbrowser.open, [address])
            timer.daemon = True
            timer.start()
        server_of(site).run(sockets=[listening])


def server_of(site: Site) -> uvicorn.Server:
    """A server that says nothing of itself, and lets what is being answered finish when it is stopped."""
    config = uvicorn.Config(
        app_of(site),
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=3,
    )
    return uvicorn.Server(config)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        UsageError: The port is taken or not allowed, or the host is none of this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UsageError(f"expected --host as an address of this machine, got {host!r}: {error}") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            told = f"expected a free port, but {host}:{port} is taken; give another --port, or 0 for any"
        else:
            told = (
                f"expected to listen on {host}:{port}, got: {error.strerror}; give another --host or --port"
            )
        raise UsageError(told) from error
    return listening


def address_of(site: Site) -> str:
    """The address to open: with the access token where one is needed, at the sample where one is verified."""
    settings = site.settings
    host = settings.host
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    elif _is_ipv6(host):
        host = f"[{host}]"
    path = f"/verify/{settings.sample}" if settings.sample is not None else "/"
    token = f"?token={site.rules.access_token}" if site.rules.access_token is not None else ""
    return f"http://{host}:{settings.port}{path}{token}"


def _is_ipv6(host: str) -> bool:
    try:
        return ip_address(host).version == 6
    except ValueError:
        return False
