"""What `pix2cap sft export` is asked to do, checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pix2cap.errors import UsageError
from pix2cap.sft.conversations import Rows, TalkOptions
from pix2cap.sft.formats.known import FORMATS, FormatName
from pix2cap.sft.formats.row_format import RowFormat
from pix2cap.sft.questions import STYLES, Style
from pix2cap.sft.regions import BoxKind, Notation, RegionKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What to export, and how.

    Args:
        to: The format.
        images: Folder of the pictures, where the dataset does not know it.
        masks: Folder or zip of the maps, where they do not lie beside the JSON.
        region: How regions are written; None for the format's usual way.
        boxes: The kind of boxes; None for the format's usual one.
        rows: One row a segment, one a picture, or both.
        styles: What is asked.
        per_picture: Most turns of a picture row, and most marks in one picture.
        seed: The same seed gives the same bytes.
        split: Share of the images that goes to `validation`.
        validation: A second dataset that is `validation` as a whole.
        validation_images: Its folder of pictures.
        validation_masks: Its maps.
        limit: Only the first so many images of each dataset.
        copy_images: Put the pictures into the export.
        overwrite: Write even where files of other origin stand.
    """

    to: FormatName
    images: Path | None = None
    masks: Path | None = None
    region: RegionKind | None = None
    boxes: BoxKind | None = None
    rows: Rows = "both"
    styles: tuple[Style, ...] = ("describe",)
    per_picture: int = 15
    seed: int = 0
    split: float = 0.0
    validation: Path | None = None
    validation_images: Path | None = None
    validation_masks: Path | None = None
    limit: int | None = None
    copy_images: bool = False
    overwrite: bool = False

    def resolve(self) -> tuple[RowFormat, TalkOptions]:
        """The format and what is asked.

        Raises:
            UsageError: Options that contradict each other or make no sense.
        """
        if self.to not in FORMATS:
            raise UsageError(f"expected --to as one of {', '.join(FORMATS)}, got {self.to!r}")
        row_format = FORMATS[self.to]
        self._check_numbers()
        notation = self._notation(row_format)
        styles = tuple(dict.fromkeys(self.styles))
        if not styles or not set(styles) <= set(STYLES):
            raise UsageError(f"expected --styles of {', '.join(STYLES)}, got {', '.join(styles) or 'none'}")
        if "locate" in styles and notation.kind == "token":
            raise UsageError(
                "the style locate is answered with a box or the number of a mark, and <region> tokens are"
                " neither; leave locate out of --styles, or write regions otherwise"
            )
        talk = TalkOptions(
            notation=notation,
            rows=self.rows,
            styles=styles,
            per_picture=self.per_picture,
            seed=self.seed,
            with_rle=row_format.with_rle or notation.kind == "token",
        )
        return row_format, talk

    def _check_numbers(self) -> None:
        if self.per_picture < 1:
            raise UsageError(f"expected --per-picture of 1 or more, got {self.per_picture}")
        if not 0 <= self.split < 1:
            raise UsageError(f"expected --split as a share from 0 to below 1, got {self.split}")
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"expected --limit of 1 or more, got {self.limit}")
        if self.split and self.validation is not None:
            raise UsageError("expected --split or --val, got both: --val names the whole validation split")

    def _notation(self, row_format: RowFormat) -> Notation:
        kind = self.region or row_format.regions[0]
        if kind not in row_format.regions:
            told = ", ".join(row_format.regions)
            raise UsageError(f"--to {row_format.name} writes regions as {told}, got --region {kind}")
        boxes = self.boxes or row_format.boxes[0]
        if kind in ("box", "slot") and boxes not in row_format.boxes:
            told = ", ".join(row_format.boxes)
            raise UsageError(
                f"--to {row_format.name} takes --boxes {told}, got {boxes};"
                " the trainer writes them anew in the way of the model that it trains"
            )
        return Notation(kind, boxes)

    def to_json(self, row_format: RowFormat, talk: TalkOptions) -> dict[str, Any]:
        """The options as the manifest has them, without paths."""
        return {
            "to": self.to,
            "region": talk.notation.kind,
            "boxes": talk.notation.boxes if talk.notation.kind in ("box", "slot") else None,
            "rows": talk.rows,
            "styles": list(talk.styles),
            "per_picture": talk.per_picture,
            "seed": talk.seed,
            "split": self.split,
            "validation": None if self.validation is None else self.validation.name,
            "limit": self.limit,
            "copy_images": self.copy_images or row_format.keeps_pictures,
        }
