"""Answers from recorded captions, and faults that are a pure function of the request."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROW = re.compile(
    r"^\s*(\d+)\s*\|\s*([^|\n]+?)\s*\|\s*\[\s*([\d.]+)\s*,\s*([\d.]+)\s*,\s*([\d.]+)\s*,\s*([\d.]+)\s*\]",
    re.MULTILINE,
)
TRANSPORT_KINDS = ("429", "500", "time-out", "reset")
CONTENT_KINDS = ("broken-json", "cut", "refusal", "swapped", "missing", "extra", "bad-envelope")


@dataclass(frozen=True)
class Row:
    """A text row of a prompt; the box in thousandths."""

    number: int
    class_name: str
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class ChatRequest:
    """What the server understood of one request."""

    key: str
    text: str
    model: str
    body: dict[str, Any]
    headers: dict[str, str]
    picture_sha256: tuple[str, ...] = ()

    @property
    def rows(self) -> list[Row]:
        return [
            Row(int(number), name, tuple(round(float(v) * 1000) for v in box))  # type: ignore[arg-type]
            for number, name, *box in ROW.findall(self.text)
        ]


@dataclass(frozen=True)
class Segment:
    image_id: int
    segment_id: int
    class_name: str
    box: tuple[int, int, int, int]


@dataclass
class RecordedAnswers:
    """Finds the segments behind the rows of a prompt by class and box, and answers with their captions."""

    segments: Sequence[Segment]
    captions: dict[tuple[int, int], tuple[str, bool]]
    image_of_sha256: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_box: dict[tuple[int, int, int, int], list[Segment]] = defaultdict(list)
        for segment in self.segments:
            self._by_box[segment.box].append(segment)

    @classmethod
    def read(
        cls, captions: Iterable[Path], panoptic: Iterable[Path], images: Iterable[Path] = ()
    ) -> RecordedAnswers:
        """Recorded captions and COCO panoptic JSONs; `images` are folders of the clean pictures."""
        recorded: dict[tuple[int, int], tuple[str, bool]] = {}
        for path in captions:
            for entry in json.loads(path.read_text())["captions"]:
                key = entry["image_id"], entry["segment_id"]
                recorded[key] = entry["caption"], entry["visible"]
        segments: list[Segment] = []
        names: dict[str, int] = {}
        for path in panoptic:
            coco = json.loads(path.read_text())
            segments += _coco_segments(coco)
            names |= {image["file_name"]: image["id"] for image in coco["images"]}
        hashes = {
            hashlib.sha256(file.read_bytes()).hexdigest(): names[file.name]
            for folder in images
            for file in sorted(folder.iterdir())
            if file.name in names
        }
        return cls(segments, recorded, hashes)

    def locate(self, request: ChatRequest) -> dict[int, Segment]:
        """Row number to segment; rows that fit nothing are left out.

        The image is the one that explains most rows, or the one whose clean picture was sent.
        """
        rows = request.rows
        candidates = {row.number: self._candidates(row) for row in rows}
        sent = {self.image_of_sha256[h] for h in request.picture_sha256 if h in self.image_of_sha256}
        votes = Counter(
            image_id for found in candidates.values() for image_id in {segment.image_id for segment in found}
        )
        if not votes:
            return {}
        image_id = max(votes, key=lambda i: (i in sent, votes[i], -i))
        located: dict[int, Segment] = {}
        taken: set[int] = set()
        for row in rows:
            for segment in candidates[row.number]:
                if segment.image_id == image_id and segment.segment_id not in taken:
                    located[row.number] = segment
                    taken.add(segment.segment_id)
                    break
        return located

    def _candidates(self, row: Row) -> list[Segment]:
        found = self._by_box.get(row.box, [])
        if not any(segment.class_name == row.class_name for segment in found):
            # A box that lies half-way between two thousandths may be rounded either way.
            near = [
                s for s in self.segments if max(abs(a - b) for a, b in zip(s.box, row.box, strict=True)) <= 1
            ]
            found = near or found
        same_class = [segment for segment in found if segment.class_name == row.class_name]
        return same_class or found

    def __call__(self, request: ChatRequest) -> str:
        captions = []
        for number, segment in self.locate(request).items():
            recorded = self.captions.get((segment.image_id, segment.segment_id))
            if recorded is not None:
                captions.append({"id": number, "caption": recorded[0], "visible": recorded[1]})
        return json.dumps({"captions": captions}, ensure_ascii=False)


def _coco_segments(coco: dict[str, Any]) -> Iterable[Segment]:
    class_names = {category["id"]: category["name"] for category in coco["categories"]}
    sizes_wh = {image["id"]: (image["width"], image["height"]) for image in coco["images"]}
    for annotation in coco["annotations"]:
        width, height = sizes_wh[annotation["image_id"]]
        for info in annotation["segments_info"]:
            if info.get("iscrowd"):
                continue
            x, y, w, h = info["bbox"]
            shares = x / width, y / height, (x + w) / width, (y + h) / height
            box = tuple(round(float(f"{share:.3f}") * 1000) for share in shares)
            yield Segment(annotation["image_id"], info["id"], class_names[info["category_id"]], box)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one delivery.

    Args:
        kind: One of `TRANSPORT_KINDS`, `CONTENT_KINDS` or `raw`.
        retry_after: Header of a 429 or 500.
        draw: Decides details of the fault, the same for the same request.
        status: Of a `raw` answer.
        body: Of a `raw` answer.
        headers: Of a `raw` answer.
    """

    kind: str
    retry_after: str | None = None
    draw: int = 0
    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Storm:
    """Faults for a share of all requests, drawn from the seed and the request's key alone.

    Args:
        rate: Share of keys that meet a fault, 0..1.
        seed: Another seed, other faults.
        kinds: What may go wrong.
        persistent: Transport faults last for ever instead of one or two deliveries.
    """

    rate: float
    seed: int = 7
    kinds: tuple[str, ...] = TRANSPORT_KINDS + CONTENT_KINDS
    persistent: bool = False

    def __call__(self, request: ChatRequest, delivery: int) -> Fault | None:
        """The fault of the `delivery`-th (from 0) delivery of this request."""
        rng = random.Random(f"{self.seed}|{request.key}")
        if rng.random() >= self.rate:
            return None
        kind, lasts, draw = rng.choice(self.kinds), rng.choice((1, 2)), rng.getrandbits(32)
        if kind in TRANSPORT_KINDS and delivery >= lasts and not self.persistent:
            return None
        return Fault(kind, retry_after="0" if kind == "429" else None, draw=draw)


def spoil(content: str, kind: str, draw: int, class_names: dict[int, str]) -> tuple[str, str]:
    """`(content, finish_reason)` of a reply with a fault in its text.

    Args:
        content: The good reply.
        kind: One of `CONTENT_KINDS`.
        draw: Decides where it hurts.
        class_names: Row number to class, so that ids are exchanged between classes where that is possible.
    """
    rng = random.Random(draw)
    if kind == "broken-json":
        return content.replace('"caption":', '"caption"').replace("}", "", 1), "stop"
    if kind == "cut":
        return content[: int(len(content) * rng.uniform(0.2, 0.9))], "length"
    if kind == "refusal":
        return "I'm sorry, but I can't help with describing this image.", "stop"
    captions = json.loads(content)["captions"]
    if kind == "swapped":
        _swap(captions, rng, class_names)
    elif kind == "missing" and captions:
        del captions[rng.randrange(len(captions))]
    elif kind == "extra":
        highest = max((entry["id"] for entry in captions), default=0)
        for number in (highest + 1, 999):
            captions.append(
                {"id": number, "caption": "A thing that nobody asked about at all.", "visible": True}
            )
    return json.dumps({"captions": captions}, ensure_ascii=False), "stop"


def _swap(captions: list[dict[str, Any]], rng: random.Random, class_names: dict[int, str]) -> None:
    pairs = [(a, b) for a in range(len(captions)) for b in range(a)]
    if not pairs:
        return
    differ = [
        (a, b) for a, b in pairs if class_names.get(captions[a]["id"]) != class_names.get(captions[b]["id"])
    ]
    first, second = rng.choice(differ or pairs)
    captions[first]["id"], captions[second]["id"] = captions[second]["id"], captions[first]["id"]
