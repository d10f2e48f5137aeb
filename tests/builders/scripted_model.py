"""A captioner whose replies a test writes down."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

from pix2cap.errors import ModelError
from pix2cap.vlm.model import CaptionRequest, Reply, Usage

Script = Callable[[CaptionRequest], Reply | ModelError | str]

LOOKS = [
    "amber",
    "birch",
    "coral",
    "dusty",
    "ebony",
    "faded",
    "glossy",
    "hazel",
    "ivory",
    "jaunty",
    "knotty",
    "leafy",
    "mossy",
    "narrow",
    "oaken",
    "pearly",
    "quilted",
    "rusty",
    "sandy",
    "tawny",
    "umber",
    "velvet",
    "woven",
    "young",
    "zesty",
    "bronze",
    "copper",
    "denim",
    "frosty",
    "grainy",
    "hollow",
    "inky",
    "jagged",
    "linen",
    "marble",
    "nickel",
    "oval",
    "pastel",
    "rugged",
    "satin",
]


def true_caption(request: CaptionRequest, number: int) -> str:
    """A caption that every check keeps: the row's class, and words that differ from row to row."""
    assert request.unit is not None
    row = next(row for row in request.unit.rows if row.number == number)
    name = row.class_name.replace("-merged", "").replace("-other", "")
    looks = random.Random(row.segment_id).sample(LOOKS, 9)
    return (
        f"A {name} of {', '.join(looks[:4])} and {looks[4]} looks rests beside {', '.join(looks[5:])} things."
    )


def reply_json(request: CaptionRequest, **changed: str | None) -> str:
    """All rows captioned truly, but for those named `id3="..."`; None leaves the id out."""
    assert request.unit is not None
    captions = []
    for row in request.unit.rows:
        text = changed.get(f"id{row.number}", true_caption(request, row.number))
        if text is not None:
            captions.append({"id": row.number, "caption": text, "visible": bool(text)})
    return json.dumps({"captions": captions})


class ScriptedModel:
    """Implements CaptionModel; keeps the requests it got.

    Args:
        script: Request to reply; a plain string is a reply's text, an error is raised.
        name: The model's name.
        host: What `host` says.
    """

    reads_pictures = True

    def __init__(
        self, script: Script | None = None, *, name: str = "scripted", host: str | None = None
    ) -> None:
        self.name = name
        self.host = host
        self.script = script or reply_json
        self.requests: list[CaptionRequest] = []
        self.closed = False

    async def ask(self, request: CaptionRequest) -> Reply:
        self.requests.append(request)
        answer = self.script(request)
        if isinstance(answer, ModelError):
            raise answer
        if isinstance(answer, str):
            return Reply(answer, Usage(1000, 100), request_id=f"r{len(self.requests)}")
        return answer

    async def aclose(self) -> None:
        self.closed = True
