"""The folder of predictions: written picture by picture, whole only when `panoptic.json` appears."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np

from pix2cap import __version__
from pix2cap.core import Category, PanopticMap
from pix2cap.core.boxes import xyxy_to_xywh
from pix2cap.draw.encode import encode_jpeg
from pix2cap.draw.index import sample_nearest
from pix2cap.draw.overlay import draw_overlay
from pix2cap.errors import UsageError
from pix2cap.formats.json_parts import ListPart, join_parts
from pix2cap.formats.manifest import MANIFEST, relative_image_root
from pix2cap.formats.png import encode_id_png
from pix2cap.formats.storage import pretty_json, storage
from pix2cap.train.predict_journal import FORMAT, FORMAT_VERSION, JOURNAL, PredictionJournal
from pix2cap.train.predict_sources import PictureFile
from pix2cap.train.predicted import PredictedPicture, Rgb

PANOPTIC = "panoptic.json"
REPORT = "report.html"
MASKS, OVERLAYS = "panoptic", "overlays"
OVERLAY_MAX_SIDE = 2048
"""Overlays are for people; larger pictures are reduced."""
_ENTRIES = (PANOPTIC, MANIFEST, REPORT, JOURNAL, MASKS, OVERLAYS)
_PARTS = ".parts"


class PredictionFolder:
    """Predictions as `score` and `report` read them: `panoptic.json`, `panoptic/`, and overlays for people.

    While pictures are added there is no `panoptic.json`; `finish` puts it there last. So a folder that a
    kill left behind reads as unfinished, and its journal says where to go on.

    Args:
        folder: Made by `begin`.
        settings: All that decides what is predicted; a folder begun with others is not gone on with.
        overwrite: Throw away what stands there under our names.

    Raises:
        UsageError: A file stands there, the folder has files of others, or was begun with other settings.
        InputError: Its journal is damaged.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], *, overwrite: bool = False) -> None:
        self.folder = folder
        self.settings = dict(settings)
        self._overwrite = overwrite
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"expected a folder to write to with --out, got the file {folder}")
        self.journal = PredictionJournal(folder / JOURNAL, anew=overwrite)
        if self.journal.settings is None and not overwrite:
            self._check_is_free()
        elif self.journal.settings not in (None, self.settings):
            raise UsageError(self._told_difference(self.journal.settings or {}))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.journal.close()

    def has(self, file: PictureFile) -> bool:
        """Whether a picture was predicted, and neither it nor its id changed since."""
        if file.file_name not in self.journal:
            return False
        entry = self.journal.entry(file.file_name)
        known = entry["image_id"], entry["stamp"]
        return known == (file.image_id, _stamp(file.path)) and (self.folder / MASKS / entry["mask"]).is_file()

    def begin(self) -> None:
        """Make the folder ready to be written to; from here on it has no `panoptic.json`.

        Raises:
            RunLocked: Another process writes here.
            StorageFull: The disk took no more.
        """
        with storage():
            self.folder.mkdir(parents=True, exist_ok=True)
            self.journal.begin(self.settings)
            names = _ENTRIES if self._overwrite else (PANOPTIC, MANIFEST, REPORT)
            for name in names:
                path = self.folder / name
                if path.is_dir():
                    shutil.rmtree(path)
                elif name != JOURNAL:
                    path.unlink(missing_ok=True)
            for name in (MASKS, OVERLAYS):
                (self.folder / name).mkdir(exist_ok=True)

    def add(
        self,
        file: PictureFile,
        rgb: Rgb,
        predicted: PredictedPicture,
        *,
        mask_name: str,
        categories: Mapping[int, Category],
    ) -> int:
        """Write one picture's map and overlay, and note it.

        Args:
            file: The picture.
            rgb: `(H, W, 3)`, upright.
            predicted: Of any size; its map is enlarged to the picture's by repeating pixels.
            mask_name: File below `panoptic/`.
            categories: By id.

        Returns:
            The number of segments.

        Raises:
            StorageFull: The disk took no more.
        """
        small = _panoptic(predicted, categories)
        height, width = rgb.shape[:2]
        panoptic = _enlarged(small, (width, height))
        overlay = _overlay(rgb, panoptic)
        segments = {segment.id: segment for segment in predicted.segments}
        rows = [
            {
                "id": s.id,
                "category_id": s.category_id,
                "iscrowd": 0,
                "bbox": list(xyxy_to_xywh(s.box_xyxy)),
                "area": s.area,
                "caption": segments[s.id].caption,
                "score": round(segments[s.id].score, 6),
                "caption_log_prob": round(segments[s.id].caption_log_prob, 6),
            }
            for s in panoptic.segments
        ]
        overlay_name = str(Path(mask_name).with_suffix(".jpg"))
        with storage():
            _write(self.folder / MASKS / mask_name, encode_id_png(panoptic.id_map))
            _write(self.folder / OVERLAYS / overlay_name, overlay)
            self.journal.add(
                {
                    "file_name": file.file_name,
                    "image_id": file.image_id,
                    "id_source": file.id_source,
                    "width": width,
                    "height": height,
                    "mask": mask_name,
                    "stamp": _stamp(file.path),
                    "segments": rows,
                }
            )
        return len(rows)

    def entries(self, file_names: Iterable[str]) -> Iterator[dict[str, Any]]:
        """The journal's entries of those pictures that have one."""
        return (self.journal.entry(name) for name in file_names if name in self.journal)

    def write_panoptic(self, file_names: Sequence[str], categories: Iterable[Category]) -> Path:
        """Write `panoptic.json` under a name that nobody reads yet; `finish` puts it in its place."""
        parts = self.folder / _PARTS
        whole = self.folder / f".{PANOPTIC}.part"
        with storage():
            shutil.rmtree(parts, ignore_errors=True)
            parts.mkdir()
            images, annotations = (ListPart(parts / name) for name in ("images", "annotations"))
            for entry in self.entries(file_names):
                size = {"width": entry["width"], "height": entry["height"]}
                images.add({"id": entry["image_id"], "file_name": entry["file_name"], **size})
                annotation = {"image_id": entry["image_id"], "file_name": entry["mask"]}
                annotations.add({**annotation, "segments_info": entry["segments"]})
            images.close()
            annotations.close()
            rows = [
                {
                    "id": c.id,
                    "name": c.name,
                    "isthing": int(c.is_thing),
                    "supercategory": c.supercategory or c.name,
                }
                for c in categories
            ]
            join_parts(whole, {"images": images, "annotations": annotations, "categories": rows})
            shutil.rmtree(parts)
        return whole

    def finish(
        self, whole: Path, *, root: Path, counts: Mapping[str, Any], refused: Sequence[tuple[str, str]]
    ) -> None:
        """Write the manifest, and then let `panoptic.json` appear.

        Args:
            whole: From `write_panoptic`.
            root: Folder of the pictures, referred to where that tells no home folder.
            counts: What was done.
            refused: File name and reason of pictures that could not be read.
        """
        manifest = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "name": self.folder.resolve().name,
            "image_root": relative_image_root(self.folder, root),
            "settings": self.settings,
            "counts": dict(counts),
            "refused_images": [{"file_name": name, "reason": reason} for name, reason in refused],
            "software": {"pix2cap": __version__},
        }
        with storage():
            _write(self.folder / MANIFEST, pretty_json(manifest))
            whole.replace(self.folder / PANOPTIC)

    def _check_is_free(self) -> None:
        others = sorted(path.name for path in self.folder.iterdir()) if self.folder.is_dir() else []
        if others:
            found = f"{', '.join(others[:3])}{' and more' if len(others) > 3 else ''}"
            raise UsageError(
                f"expected an empty folder, or predictions of pix2cap, at {self.folder}, got {found};"
                " name another --out, or allow it with --overwrite"
            )

    def _told_difference(self, before: Mapping[str, Any]) -> str:
        names = [n for n in {**before, **self.settings} if before.get(n) != self.settings.get(n)]
        told = "; ".join(
            f"{n.replace('_', ' ')} {before.get(n)} then, {self.settings.get(n)} now" for n in names
        )
        return (
            f"{self.folder}: expected what these predictions were begun with, got other choices ({told});"
            " take the same, give another --out, or start anew with --overwrite"
        )


def _panoptic(predicted: PredictedPicture, categories: Mapping[int, Category]) -> PanopticMap:
    """The map with what has both a record and a pixel; pixels of no record become void."""
    present = np.unique(predicted.id_map)
    segments = [s for s in predicted.segments if s.id in present]
    known = np.array([s.id for s in segments], np.uint32)
    id_map = np.where(np.isin(predicted.id_map, known), predicted.id_map, np.uint32(0))
    return PanopticMap.from_id_map(
        id_map, {s.id: (s.category_id, categories[s.category_id].is_thing, False) for s in segments}
    )


def _enlarged(panoptic: PanopticMap, size_wh: tuple[int, int]) -> PanopticMap:
    """The map at another size, as long as that is no smaller: every segment keeps pixels."""
    if panoptic.size_wh == size_wh:
        return panoptic
    infos = {s.id: (s.category_id, s.is_thing, s.is_crowd) for s in panoptic.segments}
    return PanopticMap.from_id_map(sample_nearest(panoptic.id_map, size_wh), infos)


def _overlay(rgb: Rgb, panoptic: PanopticMap) -> bytes:
    width, height = panoptic.size_wh
    scale = OVERLAY_MAX_SIDE / max(width, height)
    if scale < 1:
        size_wh = max(1, round(width * scale)), max(1, round(height * scale))
        rgb = np.asarray(cv2.resize(rgb, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
        id_map = sample_nearest(panoptic.id_map, size_wh)
        kept = np.unique(id_map)
        panoptic = PanopticMap(id_map, tuple(s for s in panoptic.segments if s.id in kept))
    return encode_jpeg(draw_overlay(rgb, panoptic), quality=88)


def _stamp(path: Path) -> list[int]:
    """Size and time of a file, by which a changed picture is known."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
