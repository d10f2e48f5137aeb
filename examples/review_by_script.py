"""What a reviewer does in the browser, done by a script: the same server, requests and journal.

    python examples/review_by_script.py decide run decisions.json --reviewer ann --accept-rest
    python examples/review_by_script.py verify run --reviewer bo --say 'surrounded: relations=no'

Use it to take over decisions made elsewhere, or to rehearse a review. It starts `pix2cap review` on a free
port, speaks to it over HTTP as the page does, and stops it; decisions carry the reviewer's name.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

AXES = ("object", "attributes", "relations", "place")


class Server:
    """A running `pix2cap review`."""

    def __init__(self, address: str) -> None:
        parts = urllib.parse.urlsplit(address)  # It may lead to the page of a sample.
        self.address = f"{parts.scheme}://{parts.netloc}"
        page = self._send(urllib.request.Request(self.address + "/")).decode()
        found = re.search(r'<meta name="csrf" content="([^"]+)"', page)
        if found is None:
            raise SystemExit(f"{self.address} is no page of pix2cap review")
        self._token = found[1]

    def get(self, path: str) -> Any:
        """What the page reads."""
        return json.loads(self._send(urllib.request.Request(self.address + path)))

    def post(self, path: str, record: dict[str, Any]) -> Any:
        """What the page sends; a request that is repeated after a failure does not count twice."""
        headers = {
            "Content-Type": "application/json",
            "Origin": self.address,
            "X-Pix2cap-Token": self._token,
        }
        body = json.dumps({**record, "token": uuid.uuid4().hex}).encode()
        return json.loads(self._send(urllib.request.Request(self.address + path, body, headers)))

    def _send(self, request: urllib.request.Request) -> bytes:
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                data: bytes = reply.read()
                return data
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{request.full_url}: {error}: {error.read().decode()[:500]}") from error


@contextmanager
def review(target: Path, *words: str) -> Iterator[Server]:
    """Start the review application; its address is the first line that it prints."""
    command = [sys.executable, "-m", "pix2cap", "review", str(target), *words, "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        try:
            address = process.stdout.readline().strip()
            if not address:
                raise SystemExit(process.stderr.read())
            yield Server(address)
        finally:
            process.terminate()


def decide(server: Server, decisions: list[dict[str, Any]], *, accept_rest: bool) -> Counter[str]:
    """Send decisions; with `accept_rest` accept every other caption that nobody decided about."""
    made: Counter[str] = Counter()
    wanted = {(one["image_id"], one["segment_id"]): one for one in decisions}
    image_id = server.get("/api/images")["images"][0]["image_id"]
    while image_id is not None:
        image = server.get(f"/api/image/{image_id}")
        for segment in image["segments"]:
            own = wanted.pop((image_id, segment["id"]), None)
            is_open = segment["decision"] is None and segment["status"] == "captioned"
            if own is None and not (accept_rest and is_open):
                continue
            decision = own or {"action": "accept"}
            seen = {"text": segment["text"], "based_on": segment["latest"] or 0}
            server.post(
                "/api/decide", {**seen, **decision, "image_id": image_id, "segment_id": segment["id"]}
            )
            made[decision["action"]] += 1
        image_id = image["next"]
    if wanted:
        raise SystemExit(f"no such segments: {sorted(wanted)}")
    return made


def verify(server: Server, sample: str, rules: list[tuple[str, str, str]]) -> int:
    """Answer the four questions of every caption left for this rater: yes, where no rule says else."""
    given = 0
    item = server.get(f"/api/sample/{sample}/next")
    while item["item"] is not None:
        answers = dict.fromkeys(AXES, "yes")
        answers |= {axis: answer for words, axis, answer in rules if words in item["text"]}
        item = server.post("/api/verdict", {"sample": sample, "item": item["item"], **answers})
        given += 1
    return given


def rule(text: str) -> tuple[str, str, str]:
    """`surrounded: relations=no` as words, axis and answer."""
    words, _, said = text.partition(":")
    axis, _, answer = said.strip().partition("=")
    if axis not in AXES or not answer:
        raise argparse.ArgumentTypeError(
            f"expected 'words: axis=answer' with an axis of {AXES}, got {text!r}"
        )
    return words, axis, answer


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("task", choices=("decide", "verify"))
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument(
        "decisions", type=Path, nargs="?", help="JSON list: image_id, segment_id, action, text, reason"
    )
    parser.add_argument("--reviewer", required=True, help="the name that decisions get")
    parser.add_argument(
        "--findings", type=Path, help="findings of `dataset check`, as the page would show them"
    )
    parser.add_argument("--accept-rest", action="store_true", help="accept what nobody decided about")
    parser.add_argument("--sample", default="verify", help="the sample to verify")
    parser.add_argument("--say", type=rule, action="append", default=[], help="'words: axis=answer'")
    args = parser.parse_args()
    words = ["--reviewer", args.reviewer]
    if args.task == "verify":
        with review(args.run, *words, "--task", "verify", "--sample", args.sample) as server:
            print(f"{args.reviewer}: {verify(server, args.sample, args.say)} verdicts")
        return
    if args.findings is not None:
        words += ["--findings", str(args.findings)]
    decisions = [] if args.decisions is None else json.loads(args.decisions.read_text("utf-8"))
    with review(args.run, *words) as server:
        made = decide(server, decisions, accept_rest=args.accept_rest)
    print(f"{args.reviewer}: " + ", ".join(f"{n} {action}" for action, n in sorted(made.items())))


if __name__ == "__main__":
    main()
