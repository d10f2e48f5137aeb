"""A local dataset hub that speaks what `huggingface_hub` asks: repositories, branches, LFS, commits.

Content is kept as a hub keeps it (small files as git blobs, large ones by their SHA-256), so that what a push
says is there can be compared byte by byte::

    with HubServer(token="hf_secret") as hub:
        ...  # push to hub.url
    assert hub.files("me/captions")["README.md"] == b"..."
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import yaml
from aiohttp import web

_LARGE = (".parquet", ".png", ".jpg", ".tar")


@dataclass
class Repo:
    """One repository: whether it is private, its branches' files and the names in each commit."""

    private: bool = False
    branches: dict[str, dict[str, bytes]] = field(
        default_factory=lambda: {"main": {".gitattributes": b"*\n"}}
    )
    commits: list[tuple[str, list[str]]] = field(default_factory=list)


class HubServer:
    """The hub, in a thread of its own, on a loopback port.

    Args:
        token: The only one that is accepted.

    Attributes:
        repos: By id.
        broken_commits: Numbers (from 0, over all repositories) of commits that get status 500.
        uploads: How often each large object was sent, by SHA-256.
        unauthorized: Requests that came without the token.
    """

    def __init__(self, *, token: str) -> None:
        self._token = token
        self.repos: dict[str, Repo] = {}
        self.broken_commits: set[int] = set()
        self.uploads: Counter[str] = Counter()
        self.unauthorized = 0
        self._objects: dict[str, bytes] = {}
        self._commits = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._ready = threading.Event()
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def files(self, repo_id: str, revision: str = "main") -> dict[str, bytes]:
        """What a branch has, without the file that every hub puts there."""
        return {k: v for k, v in self.repos[repo_id].branches[revision].items() if k != ".gitattributes"}

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application(middlewares=[self._guard], client_max_size=2**28)
        repo = r"/api/datasets/{repo:[^/]+/[^/]+}"
        app.router.add_post("/api/repos/create", self._create)
        app.router.add_post("/api/validate-yaml", self._validate)
        app.router.add_get(repo, self._info)
        app.router.add_post(repo + "/branch/{branch}", self._branch)
        app.router.add_get(repo + "/tree/{revision}", self._tree)
        app.router.add_post(repo + "/preupload/{revision}", self._preupload)
        app.router.add_post(repo + "/commit/{revision}", self._commit)
        app.router.add_post(r"/datasets/{repo:[^/]+/[^/]+}.git/info/lfs/objects/batch", self._batch)
        app.router.add_put("/objects/{oid}", self._put)
        runner = web.AppRunner(app)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        is_signed = request.path.startswith("/objects/")  # As S3's addresses are.
        if not is_signed and request.headers.get("Authorization") != f"Bearer {self._token}":
            self.unauthorized += 1
            return web.json_response({"error": "Invalid credentials in Authorization header"}, status=401)
        response: web.StreamResponse = await handler(request)
        return response

    def _repo(self, request: web.Request) -> Repo:
        repo = self.repos.get(request.match_info["repo"])
        if repo is None:
            raise web.HTTPNotFound(headers={"X-Error-Code": "RepoNotFound"})
        return repo

    def _files(self, request: web.Request) -> dict[str, bytes]:
        files = self._repo(request).branches.get(request.match_info["revision"])
        if files is None:
            raise web.HTTPNotFound(headers={"X-Error-Code": "RevisionNotFound"})
        return files

    async def _create(self, request: web.Request) -> web.Response:
        told = await request.json()
        assert told["type"] == "dataset"
        repo_id = f"{told.get('organization') or 'me'}/{told['name']}"
        body = {"url": f"{self.url}/datasets/{repo_id}"}
        if repo_id in self.repos:
            return web.json_response({**body, "error": "You already created this dataset repo"}, status=409)
        self.repos[repo_id] = Repo(told.get("visibility") == "private" or bool(told.get("private")))
        return web.json_response(body)

    async def _validate(self, request: web.Request) -> web.Response:
        told = await request.json()
        head = told["content"].split("---\n")[1]
        try:
            meta = yaml.safe_load(head)
            errors = [] if isinstance(meta["license"], str) and meta["configs"] else ["license, configs"]
        except (yaml.YAMLError, KeyError, TypeError) as error:
            errors = [str(error)]
        body = {"warnings": [], "errors": [{"message": error} for error in errors]}
        return web.json_response(body, status=400 if errors else 200)

    async def _info(self, request: web.Request) -> web.Response:
        repo = self._repo(request)
        return web.json_response(
            {"id": request.match_info["repo"], "sha": "0" * 40, "private": repo.private, "siblings": []}
        )

    async def _branch(self, request: web.Request) -> web.Response:
        repo, name = self._repo(request), request.match_info["branch"]
        if name in repo.branches:
            return web.json_response({"error": "Reference already exists"}, status=409)
        repo.branches[name] = dict(repo.branches["main"])
        return web.json_response({})

    async def _tree(self, request: web.Request) -> web.Response:
        rows = []
        for path, data in self._files(request).items():
            blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            row: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": blob}
            if path.endswith(_LARGE):
                row["lfs"] = {
                    "oid": hashlib.sha256(data).hexdigest(),
                    "size": len(data),
                    "pointerSize": 130,
                }
            rows.append(row)
        return web.json_response(rows)

    async def _preupload(self, request: web.Request) -> web.Response:
        self._files(request)
        files = [
            {
                "path": one["path"],
                "uploadMode": "lfs" if one["path"].endswith(_LARGE) else "regular",
                "shouldIgnore": False,
            }
            for one in (await request.json())["files"]
        ]
        return web.json_response({"files": files})

    async def _batch(self, request: web.Request) -> web.Response:
        objects = []
        for one in (await request.json())["objects"]:
            entry = {"oid": one["oid"], "size": one["size"]}
            if one["oid"] not in self._objects:
                entry["actions"] = {"upload": {"href": f"{self.url}/objects/{one['oid']}"}}
            objects.append(entry)
        return web.json_response({"transfer": "basic", "objects": objects})

    async def _put(self, request: web.Request) -> web.Response:
        oid, data = request.match_info["oid"], await request.read()
        assert hashlib.sha256(data).hexdigest() == oid
        self.uploads[oid] += 1
        self._objects[oid] = data
        return web.Response()

    async def _commit(self, request: web.Request) -> web.Response:
        files, repo = self._files(request), self._repo(request)
        number, self._commits = self._commits, self._commits + 1
        lines = [json.loads(line) for line in (await request.read()).splitlines()]
        if number in self.broken_commits:
            return web.json_response({"error": "Internal Error, we're working hard to fix this"}, status=500)
        assert lines[0]["key"] == "header"
        names = []
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            else:
                assert line["key"] == "lfsFile"
                files[value["path"]] = self._objects[value["oid"]]
            names.append(value["path"])
        repo.commits.append((lines[0]["value"]["summary"], names))
        oid = hashlib.sha1(str(number).encode()).hexdigest()
        page = f"{self.url}/datasets/{request.match_info['repo']}/commit/{oid}"
        return web.json_response({"success": True, "commitOid": oid, "commitUrl": page, "hookOutput": ""})
