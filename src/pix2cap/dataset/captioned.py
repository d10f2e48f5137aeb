"""A captioned dataset whose images can be read in any order, in memory that does not grow with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from pix2cap.core import CaptionedImage, Category, PanopticMap, SegmentCaption
from pix2cap.errors import ImageRefused, InputError, UsageError
from pix2cap.formats.captions_parquet import read_captions_parquet
from pix2cap.formats.coco_panoptic import CocoPanopticSource
from pix2cap.formats.dataset_read import with_provenance
from pix2cap.formats.facts_parquet import FACTS, read_facts
from pix2cap.formats.json_stream import read_info
from pix2cap.formats.manifest import MANIFEST, file_hash, read_manifest
from pix2cap.formats.open_source import open_source
from pix2cap.formats.pictures import Picture
from pix2cap.formats.row_store import RowStore

_COLUMNS = frozenset(
    ("image_id", "segment_id", "caption", "status", "text", "reason", "score", "declared_area")
)


class CaptionedDataset:
    """A dataset folder, a folder of predictions or a COCO panoptic JSON with captions.

    What `captions.parquet` and `facts.parquet` know is read once and kept in a store that moves to a
    temporary file; only ids stay in memory.

    Args:
        path: The folder or JSON.
        masks: Folder or zip of the PNGs, where they do not lie beside the JSON.
        images: Folder of the pictures, where the dataset does not know it.
        with_rows: Whether provenance and facts are wanted; without them only the JSON is read.

    Raises:
        InputError: It is missing, damaged or has no captions by its format.

    Example:
        >>> dataset = CaptionedDataset(Path("dataset"))  # doctest: +SKIP
        >>> [dataset.item(image_id) for image_id in dataset.image_ids]  # doctest: +SKIP
    """

    def __init__(
        self,
        path: Path,
        *,
        masks: Path | None = None,
        images: Path | None = None,
        with_rows: bool = True,
    ) -> None:
        self.path = path
        self.name = path.resolve().name
        self.folder = path if path.is_dir() else None
        beside = None if self.folder is not None and (self.folder / "panoptic").is_dir() else masks
        source = open_source(path, masks=beside, images=images)
        if not isinstance(source, CocoPanopticSource):
            raise InputError(
                f"{path}: expected a dataset folder or a COCO panoptic JSON whose segments have captions, got"
                " a source without captions; caption it first: pix2cap annotate run"
            )
        self.source: CocoPanopticSource = source
        self.manifest = None if self.folder is None else read_manifest(self.folder)
        self._known = set(source.image_ids)
        self._captions = _Rows()
        self._facts = _Rows()
        self.has_facts = False
        if with_rows and self.folder is not None:
            self._read_rows(self.folder)

    def _read_rows(self, folder: Path) -> None:
        captions = folder / "captions.parquet"
        try:
            if captions.is_file():
                self._captions.fill(read_captions_parquet(captions), need=_COLUMNS)
            self.has_facts = (folder / FACTS).is_file()
            if self.has_facts:
                self._facts.fill(read_facts(folder))
        except (pa.ArrowInvalid, KeyError, OSError) as error:
            raise InputError(f"{captions}: expected a Parquet file of pix2cap, got: {error}") from error

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._known

    @property
    def categories(self) -> Mapping[int, Category]:
        """Categories by id."""
        return self.source.categories

    @property
    def image_ids(self) -> Sequence[int]:
        """All image ids, in the order of the file."""
        return self.source.image_ids

    @property
    def licenses(self) -> tuple[Mapping[str, Any], ...]:
        """COCO's `licenses`, to which `license` of the images points."""
        return tuple(one for one in self.source.licenses if isinstance(one, dict))

    @property
    def json_path(self) -> Path:
        """The COCO panoptic JSON."""
        return self.path if self.folder is None else self.folder / "panoptic.json"

    @property
    def info(self) -> dict[str, Any] | None:
        """COCO's `info`: who made it, when, where it is from."""
        return read_info(self.json_path)

    @property
    def pictures(self) -> Path | None:
        """The folder of pictures, where one is known."""
        return None if self.source.pictures is None else self.source.pictures.folder

    def captions(self, image_id: int) -> tuple[SegmentCaption, ...]:
        """The captions of an image with all that is known of them; no pixel is read."""
        rows = {row["segment_id"]: row for row in self._captions.of(image_id)}
        return tuple(with_provenance(c, rows.get(c.segment_id)) for c in self.source.captions(image_id))

    def item(self, image_id: int) -> CaptionedImage:
        """One image with its map and captions.

        Raises:
            ImageRefused: Its map and its entry disagree.
        """
        image, panoptic = self.source.entry(image_id).image, self.source.panoptic(image_id)
        known = {row["segment_id"]: row["declared_area"] for row in self._captions.of(image_id)}
        segments = tuple(
            replace(s, declared_area=known.get(s.id, s.declared_area)) for s in panoptic.segments
        )
        return CaptionedImage(image, PanopticMap(panoptic.id_map, segments), self.captions(image_id))

    def facts(self, image_id: int) -> list[dict[str, Any]]:
        """The rows of `facts.parquet` of an image; empty where there is no such file."""
        return self._facts.of(image_id)

    def picture(self, image_id: int) -> Picture | None:
        """The picture; None where it cannot be read or no folder is known."""
        if self.pictures is None:
            return None
        with suppress(ImageRefused):
            return self.source.picture(image_id)
        return None

    def picture_path(self, image_id: int) -> Path | None:
        """The picture's file, where there is one."""
        if self.source.pictures is None:
            return None
        with suppress(ValueError):
            path = self.source.pictures.path(self.source.record(image_id).file_name)
            return path if path.is_file() else None
        return None

    def told(self) -> dict[str, Any]:
        """What the manifest of a dataset made of this one says of it: names, counts and hashes, no paths."""
        manifest = self.manifest or {}
        kept = ("created_at", "model", "prompt_version", "language", "license", "spend", "source")
        told: dict[str, Any] = {"name": self.name, "images": len(self.image_ids)}
        told |= {key: manifest[key] for key in kept if manifest.get(key) is not None}
        told[self.json_path.name] = file_hash(self.json_path)
        if self.folder is not None and (self.folder / MANIFEST).is_file():
            told[MANIFEST] = file_hash(self.folder / MANIFEST)
        return told

    def require_elsewhere(self, out: Path) -> None:
        """Refuse to write a dataset over what it is made of.

        Raises:
            UsageError: `out` is this dataset, or holds it.
        """
        target = out.resolve()
        replaced = [target / name for name in ("panoptic.json", "panoptic", "images")]
        for place in (self.path, self.pictures):
            if place is None:
                continue
            found = place.resolve()
            if found == target or any(found.is_relative_to(one) for one in replaced):
                raise UsageError(
                    f"{out}: expected a folder that is not read from, got the one with {found.name}; give"
                    " another --out"
                )


class _Rows:
    """Rows of a Parquet file by image; most images have all theirs in one run."""

    def __init__(self) -> None:
        self._store = RowStore()
        self._numbers: dict[int, list[int]] = {}

    def fill(self, rows: Iterable[dict[str, Any]], *, need: frozenset[str] = frozenset()) -> None:
        image_id, run = None, list[dict[str, Any]]()
        for row in rows:
            if not need <= row.keys():
                raise KeyError(f"no column {', '.join(sorted(need - row.keys()))}")
            if row["image_id"] != image_id and run:
                self._keep(image_id, run)
                run = []
            image_id = row["image_id"]
            run.append(row)
        if run:
            self._keep(image_id, run)

    def _keep(self, image_id: int | None, run: list[dict[str, Any]]) -> None:
        if image_id is not None:
            self._numbers.setdefault(image_id, []).append(self._store.append(orjson.dumps(run)))

    def of(self, image_id: int) -> list[dict[str, Any]]:
        numbers = self._numbers.get(image_id, ())
        return [row for number in numbers for row in orjson.loads(self._store[number])]
