"""Rows and pictures of one split, image by image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import orjson

from pix2cap.core import CaptionedImage, SegmentCaption
from pix2cap.errors import ImageRefused, UsageError
from pix2cap.formats.coco_panoptic import CocoPanopticSource
from pix2cap.formats.file_source import FileSource
from pix2cap.formats.manifest import file_hash, relative_image_root
from pix2cap.formats.staged_folder import StagedFolder
from pix2cap.sft.conversations import Conversation, TalkOptions, talk_about
from pix2cap.sft.formats.row_format import Row, RowFormat, Spoken
from pix2cap.sft.pictures import PictureShelf


@dataclass
class SplitCounts:
    """What one split holds.

    Args:
        images: Images that have rows.
        images_without_rows: Images of which nothing could be asked.
        rows: Rows written.
        conversations: By kind, `segment` and `picture`.
        turns: Answers to learn, by style.
        dropped: Segments without a row, by the reason.
        skipped: Questions not asked, by the reason.
        converted: Pictures written anew since their files are not upright RGB.
        refused: Images that could not be used, each with the reason.
    """

    images: int = 0
    images_without_rows: int = 0
    rows: int = 0
    conversations: Counter[str] = field(default_factory=Counter)
    turns: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    converted: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The counts by name; refused images as their number."""
        return {
            "images": self.images,
            "images_without_rows": self.images_without_rows,
            "images_refused": len(self.refused),
            "images_converted": self.converted,
            "rows": self.rows,
            "conversations": dict(sorted(self.conversations.items())),
            "turns": dict(sorted(self.turns.items())),
            "segments_dropped": dict(sorted(self.dropped.items())),
            "questions_skipped": dict(sorted(self.skipped.items())),
        }


@dataclass(frozen=True)
class Part:
    """The images of one split.

    Args:
        split: `train` or `validation`.
        source: Where they are.
        image_ids: Which of them.
    """

    split: str
    source: FileSource
    image_ids: Sequence[int]


class SplitWriter:
    """Writes the rows and pictures of one split; a context, after which its file is closed.

    Args:
        target: The export's folder.
        part: What to write.
        row_format: How.
        talk: What is asked.
        copy: Put the pictures in, also where the format could refer to them.

    Raises:
        UsageError: Pictures cannot be referred to without telling folders of this machine.
    """

    def __init__(
        self, target: StagedFolder, part: Part, row_format: RowFormat, talk: TalkOptions, *, copy: bool
    ) -> None:
        self._part, self._format, self._talk, self._target = part, row_format, talk, target
        self.counts = SplitCounts()
        self._row_name = row_format.row_file.format(split=part.split)
        self._picture_dir = row_format.picture_dir.format(split=part.split)
        seen_from = row_format.seen_from.format(split=part.split)
        prefix = Path(self._picture_dir).relative_to(seen_from).as_posix()
        is_copied = copy or row_format.keeps_pictures
        reference = None if is_copied else self._reference(target.out / seen_from)
        self._shelf = PictureShelf(target.partial / self._picture_dir, prefix, reference=reference)
        self._names = {category.id: category.name for category in part.source.categories.values()}
        self._file: IO[bytes] = target.open(self._row_name)

    def _reference(self, seen_from: Path) -> str:
        assert self._part.source.pictures is not None
        folder = self._part.source.pictures.folder
        root = relative_image_root(seen_from, folder)
        if root is None:
            raise UsageError(
                "expected pictures that rows can refer to without telling folders of this machine, got"
                f" {folder} for an export at {self._target.out}; put them in with --copy-images, or give an"
                " --out beside them"
            )
        return root

    def __enter__(self) -> SplitWriter:
        if self._format.container == "list":
            self._file.write(b"[\n")
        return self

    def __exit__(self, *_: object) -> None:
        if self._format.container == "list":
            self._file.write(b"\n]\n")
        self._file.close()

    def add(self, image_id: int) -> None:
        """Write an image's rows, or note why it has none."""
        source = self._part.source
        entry = source.entry(image_id)
        try:
            panoptic = source.panoptic(image_id)
            item = CaptionedImage(entry.image, panoptic, _captions(source, image_id, set(panoptic.by_id)))
            told = talk_about(item, self._names, self._talk)
            if told.conversations:
                picture = source.picture(image_id)
        except ImageRefused as refused:
            self._refuse(entry.image.image_id, entry.image.file_name, len(entry.segments), str(refused))
            return
        self.counts.dropped += told.dropped
        self.counts.skipped += told.skipped
        if not told.conversations:
            self.counts.images_without_rows += 1
            return
        self.counts.images += 1
        if self._talk.notation.kind == "mark":
            used = told.groups if self._talk.rows != "picture" else told.groups[:1]
            names = self._shelf.marked(entry.image, picture, panoptic, used)
        else:
            names = [self._shelf.plain(entry.image, picture)] * len(told.groups)
        self._write(told.conversations, names)
        self.counts.converted = self._shelf.converted

    def _refuse(self, image_id: int, file_name: str, segments: int, reason: str) -> None:
        entry = {"image_id": image_id, "file_name": file_name, "reason": reason, "segments": segments}
        self.counts.refused.append(entry)

    def _write(self, conversations: Iterable[Conversation], names: Sequence[str]) -> None:
        for conversation in conversations:
            spoken = Spoken(conversation, names[conversation.group], self._talk.notation)
            self.counts.conversations[conversation.kind] += 1
            self.counts.turns.update(turn.style for turn in conversation.turns)
            for row in self._format.rows(spoken):
                self._put(row)

    def _put(self, row: Row) -> None:
        data = orjson.dumps(row)
        if self._format.container == "lines":
            self._file.write(data + b"\n")
        else:
            self._file.write((b",\n" if self.counts.rows else b"") + data)
        self.counts.rows += 1

    def hashes(self) -> dict[str, Any]:
        """Hashes of the files written; call it when they are closed."""
        found: dict[str, Any] = {self._row_name: file_hash(self._target.partial / self._row_name)}
        if self._shelf.written["files"]:
            found[f"{self._picture_dir}/"] = self._shelf.written
        return found


def _captions(source: FileSource, image_id: int, shown: set[int]) -> tuple[SegmentCaption, ...]:
    """What a source says of an image's segments, crowd among them."""
    if isinstance(source, CocoPanopticSource):
        return tuple(c for c in source.captions(image_id) if c.segment_id in shown)
    segments = source.entry(image_id).segments
    return tuple(
        SegmentCaption(s.segment_id, s.description)
        for s in segments
        if s.description and s.segment_id in shown
    )
