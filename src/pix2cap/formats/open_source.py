"""Find out what a path holds and open it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import ijson

from pix2cap.formats.coco_instances import read_coco_instances
from pix2cap.formats.coco_panoptic import CocoPanopticSource, read_coco_panoptic
from pix2cap.formats.file_source import FileSource
from pix2cap.formats.findings import Finding, bad_file
from pix2cap.formats.id_maps import read_id_maps
from pix2cap.formats.json_stream import skip_bom, stream_lists

Kind = Literal["panoptic", "instances", "id_maps"]

EXPECTED = (
    "COCO panoptic (annotations with `segments_info`), COCO instances (annotations with `segmentation`),"
    " id-maps (images with `segments`) or a dataset folder (panoptic.json and panoptic/)"
)


def open_source(path: Path, *, masks: Path | None = None, images: Path | None = None) -> FileSource:
    """Open images with segments, whichever of the known formats they are in.

    Args:
        path: A JSON, or a folder: one of our datasets, or id-maps with their JSON.
        masks: Folder or zip of the mask PNGs. For a COCO panoptic JSON `panoptic_val2017.json` or
            `panoptic.json` the folder or zip of the same name beside it is found without asking.
        images: Folder of pictures. A dataset folder knows its own, unless it was moved.

    Raises:
        InputError: Missing, damaged or in no known format.
    """
    if path.is_dir():
        if (path / "panoptic.json").is_file() and (masks is not None or (path / "panoptic").is_dir()):
            return read_dataset_source(path, masks=masks, images=images)
        found = sorted(path.glob("*.json"))
        if len(found) != 1:
            names = ", ".join(p.name for p in found[:5]) or "no JSON"
            raise bad_file(str(path), Finding.MISSING_FILE, expected=EXPECTED, got=f"a folder with {names}")
        path = found[0]
    kind = detect_kind(path, has_masks=masks is not None)
    if kind == "instances":
        return read_coco_instances(path, images)
    if kind == "id_maps":
        return read_id_maps(path, masks, images)
    return read_coco_panoptic(path, masks or masks_beside(path), images)


def read_dataset_source(
    folder: Path, *, masks: Path | None = None, images: Path | None = None
) -> CocoPanopticSource:
    """Open one of our dataset folders as a source.

    Raises:
        InputError: It lacks `panoptic.json` or `panoptic/`, or they are damaged.
    """
    images = images or find_images(folder)
    return read_coco_panoptic(folder / "panoptic.json", masks or folder / "panoptic", images)


def find_images(folder: Path) -> Path | None:
    """The pictures of a dataset folder: where `manifest.json` points, or `images/`; None where neither is."""
    root: Any = None
    try:
        root = json.loads((folder / "manifest.json").read_text("utf-8")).get("image_root")
    except (OSError, ValueError, AttributeError):
        root = None
    candidates = [folder / root] if isinstance(root, str) and not Path(root).is_absolute() else []
    return next((p for p in (*candidates, folder / "images") if p.is_dir()), None)


def detect_kind(path: Path, *, has_masks: bool = False) -> Kind:
    """Look at the first annotation and the first image of a JSON.

    Raises:
        InputError: No JSON object, or one of another kind.
    """
    annotation = _first(path, "annotations")
    if isinstance(annotation, dict):
        if "segments_info" in annotation:
            return "panoptic"
        if "segmentation" in annotation:
            return "instances"
        got = "annotations with keys " + ", ".join(map(str, annotation))[:150]
        raise bad_file(path.name, Finding.MISSING_KEY, expected=EXPECTED, got=got)
    image = _first(path, "images")
    if isinstance(image, dict) and "segments" in image:
        return "id_maps"
    if annotation is None:
        stream_lists(path, {"images": _ignore, "annotations": _ignore})
    return "panoptic" if has_masks or _beside(path) is not None else "instances"


def _ignore(item: Any) -> None:
    """Leave an item out; only the file's shape is of interest."""


def _first(path: Path, key: str) -> Any:
    """The first item of a top-level list, None where there is none; damaged files are reported later."""
    try:
        with path.open("rb") as file:
            skip_bom(file)
            items: Iterator[Any] = ijson.items(file, f"{key}.item", use_float=True)
            return next(items, None)
    except (OSError, ijson.JSONError, UnicodeDecodeError):
        stream_lists(path, {"images": _ignore})
        raise


def _beside(path: Path) -> Path | None:
    """`panoptic_val2017/` or `panoptic_val2017.zip` beside `panoptic_val2017.json`, `masks/` at last."""
    for candidate in (path.with_suffix(""), path.with_suffix(".zip"), path.parent / "masks"):
        if candidate.exists():
            return candidate
    return None


def masks_beside(path: Path) -> Path:
    """The folder or zip of masks that lies beside a COCO panoptic JSON.

    Raises:
        InputError: There is none.
    """
    found = _beside(path)
    if found is None:
        got = f"no {path.stem}/ or {path.stem}.zip beside it; name the folder with --masks"
        raise bad_file(path.name, Finding.MISSING_FILE, expected="the masks of a COCO panoptic JSON", got=got)
    return found
