"""What merge, split and filter share: how a dataset made of others is written, and what it says of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pix2cap.core import CaptionedImage
from pix2cap.dataset.captioned import CaptionedDataset
from pix2cap.formats.dataset_folder import DatasetWriter
from pix2cap.formats.manifest import DatasetAbout

OnImage = Callable[[int, int], None]
"""Told images done and images in all."""


@dataclass(frozen=True, slots=True)
class Edited:
    """What was written.

    Args:
        folder: The dataset folder.
        images: Images in it.
        segments: Their segments by status.
        refused: Images whose map could not be read; the manifest tells why.
    """

    folder: str
    images: int
    segments: dict[str, int]
    refused: int

    @classmethod
    def of(cls, writer: DatasetWriter) -> Edited:
        """The counts of a writer."""
        counts = {status.value: count for status, count in sorted(writer.tally.statuses.items())}
        return cls(str(writer.out_dir), writer.tally.images, counts, len(writer.tally.refused))

    def to_json(self) -> dict[str, Any]:
        """The counts by name."""
        return asdict(self)


def edited_about(
    made_by: str,
    options: Mapping[str, Any],
    of: Sequence[CaptionedDataset],
    *,
    name: str,
    licenses: Sequence[Mapping[str, Any]],
    spend: Mapping[str, Any] | None = None,
) -> DatasetAbout:
    """What the files of a new dataset say of it: what it was made of, by which command, with what options.

    Model, prompt, language and licence stay where all that it was made of agree; `source` has each one's.
    """

    def shared(key: str) -> Any:
        values = {(one.manifest or {}).get(key) for one in of}
        return values.pop() if len(values) == 1 else None

    infos = [one.info for one in of]
    models = dict.fromkeys(m for one in of if (m := (one.manifest or {}).get("model")))
    return DatasetAbout(
        name=name,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        model=", ".join(models) or None,
        prompt_version=shared("prompt_version"),
        spend=spend,
        source={"made_by": f"pix2cap dataset {made_by}", "options": options, "of": [d.told() for d in of]},
        language=shared("language") or "en",
        license=shared("license") or "other",
        info=infos[0] if all(info == infos[0] for info in infos) else None,
        licenses=tuple(licenses),
    )


def title_of(dataset: CaptionedDataset) -> str:
    """A dataset's own title, or its file name."""
    title = (dataset.manifest or {}).get("name")
    return title if isinstance(title, str) else dataset.name


def add_refused_before(writer: DatasetWriter, dataset: CaptionedDataset) -> None:
    """Take over what the dataset's own manifest says of images that it had to leave out."""
    for one in (dataset.manifest or {}).get("refused_images", ()):
        writer.refuse(one["image_id"], one["file_name"], one["reason"], n_segments=one["segments"])


def add_image(
    writer: DatasetWriter,
    dataset: CaptionedDataset,
    item: CaptionedImage,
    *,
    image_id: int | None = None,
    copy_images: bool = False,
    with_facts: bool = False,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write one image with picture, licence and facts.

    Args:
        writer: Of the new dataset.
        dataset: Where picture, map file and facts come from.
        item: What to write.
        image_id: Its id in `dataset`, where it has another now.
        copy_images: Put the picture into the new dataset.
        with_facts: Whether the new dataset has facts.
        extra: Licence and addresses; the dataset's own otherwise.
    """
    old_id = item.image.image_id if image_id is None else image_id
    writer.add(
        item,
        map_png=dataset.source.map_png(old_id),
        picture=dataset.picture(old_id) if copy_images else None,
        extra=dataset.source.image_extra(old_id) if extra is None else extra,
    )
    if with_facts:
        kept = item.panoptic.by_id
        rows = (row for row in dataset.facts(old_id) if row["segment_id"] in kept)
        writer.add_facts({**row, "image_id": item.image.image_id} for row in rows)


def file_or_none(path: Path | None) -> str | None:
    """A file's name for the manifest, which holds no paths."""
    return None if path is None else path.name
