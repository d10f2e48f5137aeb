"""A review server in this process, on loopback, and requests to it as any program may send them."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from pix2cap.web.serve import bind, server_of
from pix2cap.web.settings import ReviewSettings
from pix2cap.web.site import Site


@dataclass(frozen=True)
class Got:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Served:
    """A running server; `send` sends exactly what it is told, `post` what a page of the server would."""

    site: Site
    port: int

    def send(
        self, method: str, path: str, *, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Got:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            answer = connection.getresponse()
            return Got(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Got:
        return self.send("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    @property
    def page_headers(self) -> dict[str, str]:
        """What the scripts of a page send along."""
        return {
            "Content-Type": "application/json",
            "Origin": f"http://127.0.0.1:{self.port}",
            "X-Pix2cap-Token": self.site.rules.csrf,
        }

    def post(self, path: str, record: object, *, reviewer: str | None = None) -> Got:
        headers = self.page_headers
        if reviewer is not None:
            headers["Cookie"] = f"pix2cap-reviewer={reviewer}"
        return self.send("POST", path, body=json.dumps(record), headers=headers)


@contextmanager
def served(settings: ReviewSettings) -> Iterator[Served]:
    """Serve until the block ends; the socket listens before, so that nobody waits for the server."""
    with bind("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        site = Site.open(replace(settings, port=port))
        server = server_of(site)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield Served(site, port)
        finally:
            server.should_exit = True
            thread.join(timeout=30)
