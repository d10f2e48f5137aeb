"""What a format is: how a conversation becomes rows, and where rows and pictures lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pix2cap.sft.conversations import Conversation, Turn
from pix2cap.sft.regions import BoxKind, Notation, RegionKind

Row = dict[str, Any]
IMAGE_TOKEN: Final = "<image>"
"""Stands where a trainer puts the picture, once in a row."""


@dataclass(frozen=True)
class Spoken:
    """A conversation, its picture and its notation: all that a row is made of.

    Args:
        conversation: Questions and answers.
        picture: The picture's file, relative to where the format's trainer looks from.
        notation: How regions are written.
    """

    conversation: Conversation
    picture: str
    notation: Notation

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The conversation's turns."""
        return self.conversation.turns

    def facts(self) -> Row:
        """Columns that say what a row is about; `regions` where `<region>` tokens refer to them, in order."""
        about = self.conversation
        told: Row = {"id": about.id, "image_id": about.image.image_id}
        told["segment_ids"] = [turn.region.segment_id for turn in self.turns]
        told["styles"] = [turn.style for turn in self.turns]
        if self.notation.kind == "token":
            told["regions"] = [turn.region.record() for turn in self.turns]
        return told

    def messages(self, turns: Sequence[Turn] | None = None, *, image_token: bool) -> list[dict[str, str]]:
        """Roles and texts in turn; with `image_token` the first question begins with `<image>`."""
        told: list[dict[str, str]] = []
        for number, turn in enumerate(self.turns if turns is None else turns):
            prefix = f"{IMAGE_TOKEN}\n" if image_token and number == 0 else ""
            told.append({"role": "user", "content": prefix + turn.question})
            told.append({"role": "assistant", "content": turn.answer})
        return told


@dataclass(frozen=True, kw_only=True)
class RowFormat:
    """A trainer's format.

    Args:
        name: What `--to` takes.
        rows: Rows of a conversation; mostly one.
        regions: How regions can be written, the usual way first.
        boxes: Kinds of boxes, the usual one first.
        row_file: The file of a split's rows, with `{split}`.
        container: `lines` for one JSON a line, `list` for one JSON list.
        picture_dir: Where pictures go that are copied or drawn, with `{split}`.
        seen_from: The folder to which a row's picture is relative, with `{split}`.
        keeps_pictures: True where the trainer only finds pictures inside the export.
        with_rle: True where each region's mask is part of every row.
        companions: Further files by name, as JSON values, from the files of rows by split.
    """

    name: str
    rows: Callable[[Spoken], Iterator[Row]]
    regions: tuple[RegionKind, ...] = ("box", "mark", "token")
    boxes: tuple[BoxKind, ...] = ("thousand", "absolute", "unit")
    row_file: str = "{split}.jsonl"
    container: Literal["lines", "list"] = "lines"
    picture_dir: str = "images/{split}"
    seen_from: str = ""
    keeps_pictures: bool = False
    with_rle: bool = False
    companions: Callable[[Mapping[str, str]], Mapping[str, Any]] = lambda row_files: {}
