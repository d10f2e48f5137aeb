"""Nothing lost: 200 random decisions over HTTP, the server killed between and during them."""

from __future__ import annotations

import http.client
import json
import random
from pathlib import Path

from pix2cap.annotate import JobOptions, annotate, export_run
from pix2cap.formats.captions_parquet import read_captions_parquet
from tests.builders.panoptic import build_coco_panoptic
from tests.builders.recorded import write_recorded
from tests.builders.review import ReviewServer

DECISIONS, KILL_EVERY = 200, 45
Stack = list[tuple[str, str, str]]


def build(folder: Path) -> tuple[Path, dict[tuple[int, int], str]]:
    """A run of 3 pictures; its captions by image and segment."""
    paths = build_coco_panoptic(folder / "src", n_images=3, n_segments=6)
    recorded = write_recorded(paths)
    options = JobOptions(images=paths.images, masks=paths.masks, model=f"replay:{recorded}")
    annotate(paths.json_path, folder / "run", options)
    rows = json.loads(recorded.read_text())["captions"]
    return folder / "run", {(row["image_id"], row["segment_id"]): row["caption"] for row in rows}


class Reviewers:
    """Two people who decide over HTTP and, when nobody answers, send the same again."""

    def __init__(self, server: ReviewServer) -> None:
        self.server = server
        self._token = ""

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def read_token(self) -> None:
        page = self.ask("GET", "/")[1].decode()
        self._token = page.partition('name="csrf" content="')[2].partition('"')[0]
        assert self._token

    def decide(self, record: dict[str, object], reviewer: str, *, die: bool) -> int:
        headers = {
            "Content-Type": "application/json",
            "X-Pix2cap-Token": self._token,
            "Origin": self.server.url,
            "Cookie": f"pix2cap-reviewer={reviewer}",
        }
        if die:
            connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
            connection.request("POST", "/api/decide", json.dumps(record), headers)
            self.server.kill()  # Whether the decision was taken by then, nobody knows.
            connection.close()
            self.server.start()
            self.read_token()
            return self.decide(record, reviewer, die=False)
        return self.ask("POST", "/api/decide", json.dumps(record), **headers)[0]


def expected(original: str, stack: Stack) -> tuple[str, str, str | None]:
    """`(status, caption, reviewer)` of the last decision that was not taken back."""
    if not stack:
        return "captioned", original, None
    reviewer, action, text = stack[-1]
    status = {"accept": "captioned", "edit": "captioned", "reject": "rejected", "ask_again": "pending"}[
        action
    ]
    return status, text if status == "captioned" else "", reviewer


def test_200_decisions_with_the_server_killed_between_are_all_in_the_export(tmp_path: Path) -> None:
    run, captions = build(tmp_path)
    rng = random.Random(20)
    stacks: dict[tuple[int, int], Stack] = {key: [] for key in captions}
    server = ReviewServer(run).start()
    people = Reviewers(server)
    people.read_token()
    made = 0
    try:
        for number in range(DECISIONS):
            key, reviewer = rng.choice(sorted(captions)), rng.choice(("ann", "bob"))
            stack = stacks[key]
            own = [entry for entry in stack if entry[0] == reviewer]
            action = rng.choice(["accept", "edit", "reject", "ask_again", *(["undo"] if own else [])])
            text = f"Caption number {number} by {reviewer}." if action == "edit" else captions[key]
            record = {
                "image_id": key[0], "segment_id": key[1], "action": action, "text": text,
                "based_on": 0, "token": f"t{number}", "anyway": True,
            }  # fmt: skip
            status = people.decide(record, reviewer, die=number % KILL_EVERY == KILL_EVERY - 1)
            assert status == 200, (number, record)
            made += 1
            if action == "undo":
                stack.reverse()
                stack.remove(own[-1])
                stack.reverse()
            else:
                stack.append((reviewer, action, text))
    finally:
        server.kill()
    assert made == DECISIONS
    export_run(run, tmp_path / "out")
    rows = {
        (row["image_id"], row["segment_id"]): (row["status"], row["caption"], row["reviewer"])
        for row in read_captions_parquet(tmp_path / "out" / "captions.parquet")
    }
    assert rows == {key: expected(captions[key], stack) for key, stack in stacks.items()}
