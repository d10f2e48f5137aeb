"""A small run to review, and its server in a process of its own that can be killed and started again."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from pix2cap.annotate import JobOptions, annotate
from pix2cap.core import Category, ImageRef, PanopticMap
from pix2cap.draw.encode import encode_png
from pix2cap.formats.coco_panoptic_write import CocoItem, write_coco_panoptic

Rect = tuple[int, int, int, int]

DOG, CURTAIN, BENCH, FLOOR = 3226956, 16777215, 257, 65536
SKY, GRASS, EVIL = 5, 6, 7
CAT, SOFA = 21, 22

EVIL_CLASS: Final = "<img src=x onerror='window.pwned=1'>"
EVIL_TEXT: Final = (
    "<script>window.pwned=2</script> A kite \"'&amp; <b onmouseover=window.pwned=3>flies</b> over the grass."
)

CATEGORIES = (
    Category(18, "dog", True, "animal"),
    Category(17, "cat", True, "animal"),
    Category(15, "bench", True, "outdoor"),
    Category(63, "couch", True, "furniture"),
    Category(38, EVIL_CLASS, True, "sports"),
    Category(109, "curtain", False, "textile"),
    Category(190, "floor", False, "floor"),
    Category(187, "sky-other-merged", False, "sky"),
    Category(193, "grass-merged", False, "plant"),
)
CAPTIONS: Final = {
    (1, DOG): "A brown dog lies stretched out on the floor, its head turned to the curtain.",
    (1, CURTAIN): "A heavy green curtain hangs in two panels, with a gap of wall between them.",
    (1, FLOOR): "A plain wooden floor runs below the dog, its boards pale and worn.",
    (2, SKY): "A pale sky without a single cloud stretches over the meadow.",
    (2, GRASS): "Long green grass covers the ground, bent a little by the wind.",
    (2, EVIL): EVIL_TEXT,
    (3, CAT): "A grey cat sits upright on the couch and looks straight ahead.",
    (3, SOFA): "A wide red couch with two cushions carries a cat on its seat.",
}


def _item(
    image_id: int, name: str, size_wh: tuple[int, int], segments: Mapping[int, tuple[int, Sequence[Rect]]]
) -> CocoItem:
    width, height = size_wh
    id_map = np.zeros((height, width), np.uint32)
    rgb = np.full((height, width, 3), 225, np.uint8)
    for number, (segment_id, (_, parts)) in enumerate(segments.items()):
        for x0, y0, x1, y1 in parts:
            id_map[y0:y1, x0:x1] = segment_id
            rgb[y0:y1, x0:x1] = (
                (60 + 67 * number) % 256,
                (140 + 31 * number) % 256,
                (90 + 101 * number) % 256,
            )
    things = {category.id: category.is_thing for category in CATEGORIES}
    kinds = {i: (category_id, things[category_id], False) for i, (category_id, _) in segments.items()}
    return CocoItem(
        ImageRef(image_id, name, width, height), PanopticMap.from_id_map(id_map, kinds), encode_png(rgb)
    )


def build_run(folder: Path) -> Path:
    """Three pictures, eight captions that passed and one that the checks dropped; the run's folder.

    Picture 1: a dog, a curtain in two parts, a bench without a caption (failed), a floor.
    Picture 2: sky, grass, and a class and a caption full of markup (failed).
    Picture 3: a cat on a couch.
    """
    items = [
        _item(
            1,
            "room.png",
            (320, 240),
            {
                DOG: (18, [(20, 100, 150, 200)]),
                CURTAIN: (109, [(170, 10, 210, 190), (260, 10, 300, 190)]),
                BENCH: (15, [(20, 20, 120, 80)]),
                FLOOR: (190, [(0, 204, 320, 240)]),
            },
        ),
        _item(
            2,
            "a&b <i>.png",
            (320, 200),
            {
                SKY: (187, [(0, 0, 320, 90)]),
                GRASS: (193, [(0, 100, 320, 200)]),
                EVIL: (38, [(140, 20, 180, 60)]),
            },
        ),
        _item(
            3, "sofa.png", (200, 260), {CAT: (17, [(60, 40, 130, 140)]), SOFA: (63, [(10, 140, 190, 240)])}
        ),
    ]
    source = folder / "sample"
    source.mkdir(parents=True)
    write_coco_panoptic(source, items, categories=CATEGORIES)
    recorded = [
        {"image_id": image_id, "segment_id": segment_id, "caption": text, "visible": True}
        for (image_id, segment_id), text in CAPTIONS.items()
    ]
    (folder / "captions.json").write_text(json.dumps({"captions": recorded}))
    options = JobOptions(
        images=source / "images", masks=source / "panoptic", model=f"replay:{folder / 'captions.json'}"
    )
    annotate(source / "panoptic.json", folder / "run", options)
    return folder / "run"


_SERVE = """
import json, socket, sys
from pathlib import Path
import uvicorn
from pix2cap.web.app import create_app
from pix2cap.web.settings import ReviewSettings
told = json.loads(sys.argv[1])
for name in {"target", "images", "masks", "findings"} & told.keys():
    told[name] = Path(told[name])
listening = socket.socket(fileno=int(sys.argv[2]))
app = create_app(ReviewSettings(**told, port=listening.getsockname()[1]))
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])
"""


@dataclass
class ReviewServer:
    """A review server in a process of its own.

    The socket is made here and handed over listening: a request made at once waits in its queue, so that
    nobody has to poll for the server to be up.

    Args:
        target: Run or dataset.
        options: More of `ReviewSettings`.
    """

    target: Path
    options: dict[str, str] = field(default_factory=dict)
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> ReviewServer:
        """Start it, again on the port that it had."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(("127.0.0.1", self.port))
            listening.listen(64)
            self.port = listening.getsockname()[1]
            told = json.dumps({"target": str(self.target), "reviewer": "ann", **self.options})
            handle = listening.fileno()
            self._process = subprocess.Popen(
                [sys.executable, "-c", _SERVE, told, str(handle)], pass_fds=[handle]
            )
        return self

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it politely."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=30)
            self._process = None
