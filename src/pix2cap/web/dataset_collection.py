"""A dataset as the review app sees it: to be read only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pix2cap.annotate.decisions import Decision, NewDecision, Standing
from pix2cap.annotate.render import RenderStyle
from pix2cap.annotate.settings import AnnotateSettings
from pix2cap.core import CaptionStatus, SegmentCaption
from pix2cap.errors import InputError, UsageError
from pix2cap.formats.captions_parquet import read_captions_parquet, row_source
from pix2cap.formats.coco_panoptic import CocoPanopticSource
from pix2cap.formats.manifest import read_manifest
from pix2cap.formats.open_source import open_source
from pix2cap.web.collection import Attempt, ReviewedImage, ReviewedSegment

_KEPT = ("caption", "status", "text", "reason", "model", "prompt_version", "attempt", "reviewer")


class DatasetCollection:
    """Implements `Collection` for a dataset folder or a COCO panoptic JSON with captions.

    Args:
        target: The folder or JSON.
        images: Folder of the pictures, where the dataset does not know it.
        masks: Folder or zip of the masks, where they do not lie beside it.

    Raises:
        InputError: It is damaged, or no COCO panoptic data.
    """

    kind = "dataset"
    read_only = True

    def __init__(self, target: Path, *, images: Path | None = None, masks: Path | None = None) -> None:
        self.name = target.resolve().name
        self.identity = self.name
        source = open_source(target, masks=masks, images=images)
        if not isinstance(source, CocoPanopticSource):
            raise InputError(
                f"{target}: expected a run, a dataset folder or a COCO panoptic JSON with captions, got"
                " segments of another format; `pix2cap annotate run` makes a run of them"
            )
        self.source = source
        folder = target if target.is_dir() else target.parent
        manifest = (read_manifest(folder) if target.is_dir() else None) or {}
        self.language = str(manifest.get("language") or "en")
        self.settings = AnnotateSettings(model=str(manifest.get("model") or ""), language=self.language)
        self.style = RenderStyle.of(self.settings)
        parquet = folder / "captions.parquet"
        self._rows = _read_rows(parquet) if target.is_dir() and parquet.is_file() else {}
        self._positions = {image_id: place for place, image_id in enumerate(source.image_ids)}

    def close(self) -> None:
        """Nothing is held open."""

    def images(self, image_ids: Sequence[int] | None = None) -> Iterator[ReviewedImage]:
        """See `Collection.images`."""
        for image_id in self.source.image_ids if image_ids is None else image_ids:
            if image_id in self._positions:
                yield self._image(image_id)

    def _image(self, image_id: int) -> ReviewedImage:
        entry = self.source.entry(image_id)
        known = {caption.segment_id: caption for caption in self.source.captions(image_id)}
        segments = []
        for info in entry.segments:
            caption = self._caption(image_id, info.segment_id, info.is_crowd, known)
            category = self.source.categories.get(info.category_id)
            segments.append(
                ReviewedSegment(
                    info.segment_id,
                    f"category {info.category_id}" if category is None else category.name,
                    category is None or category.is_thing,
                    caption,
                    caption,
                    Standing(),
                    (caption.reason,) if caption.status is CaptionStatus.FAILED and caption.reason else (),
                )
            )
        image, place = entry.image, self._positions[image_id]
        return ReviewedImage(image_id, place, image.file_name, image.width, image.height, tuple(segments))

    def _caption(
        self, image_id: int, segment_id: int, is_crowd: bool, known: Mapping[int, SegmentCaption]
    ) -> SegmentCaption:
        """The JSON's caption, with what the parquet row adds unless the JSON was edited since."""
        status = CaptionStatus.CROWD if is_crowd else CaptionStatus.PENDING
        caption = known.get(segment_id) or SegmentCaption(segment_id, "", status)
        row = self._rows.get((image_id, segment_id))
        if row is None or row["status"] != caption.status or row["caption"] != caption.text:
            return caption
        text = row["text"] if row["text"] is not None else caption.text
        return replace(caption, text=text, reason=row["reason"], source=row_source(row))

    def changed(self) -> Sequence[int]:
        """See `Collection.changed`: never anything."""
        return ()

    def attempts(self, image_id: int) -> Mapping[int, Sequence[Attempt]]:
        """See `Collection.attempts`: a dataset does not keep them."""
        return {}

    def drawn_with(self, image_id: int) -> Mapping[int, tuple[str, tuple[int, ...]]]:
        """See `Collection.drawn_with`: a dataset does not keep it."""
        return {}

    def decide(self, decision: NewDecision, *, anyway: bool) -> Decision:
        """See `Collection.decide`.

        Raises:
            UsageError: Always.
        """
        raise UsageError(
            f"{self.name}: expected a run to decide about, got a dataset, which is read-only;"
            " `pix2cap review RUN` takes decisions, and `pix2cap annotate export` writes them"
        )


def _read_rows(parquet: Path) -> dict[tuple[int, int], dict[str, Any]]:
    return {
        (row["image_id"], row["segment_id"]): {key: row[key] for key in _KEPT}
        for row in read_captions_parquet(parquet)
    }
