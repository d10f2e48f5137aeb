"""`manifest.json`: what a dataset folder holds, and how it came about."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pix2cap
from pix2cap.core.caption import CaptionStatus
from pix2cap.formats.published import Published

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
"""Checksums of all files, as `sha256sum --check` reads them."""
FORMAT = "pix2cap-dataset"
FORMAT_VERSION = 1
_LIBRARIES = ("numpy", "opencv-python-headless", "pillow", "pyarrow", "pycocotools")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetAbout:
    """What the files of a dataset say of it as a whole.

    Args:
        name: Title of the dataset card.
        created_at: ISO 8601 time; stands in the manifest alone, so that all else depends on the data only.
        model: Name of the model that wrote the captions.
        prompt_version: Name and hash of its prompt.
        spend: `cost_usd`, `requests`, tokens: whatever is known of the price.
        source: Where images and masks came from: names, no paths.
        language: ISO 639-1 code of the captions.
        license: Identifier for the card's header (`cc-by-4.0`); `other` where unknown.
        info: COCO's `info` object.
        licenses: COCO's `licenses` list, to which `images[].license` points.
    """

    name: str = "Captioned panoptic segments"
    created_at: str | None = None
    model: str | None = None
    prompt_version: str | None = None
    spend: Mapping[str, Any] | None = None
    source: Mapping[str, Any] | None = None
    language: str = "en"
    license: str = "other"
    info: Mapping[str, Any] | None = None
    licenses: tuple[Mapping[str, Any], ...] = ()


@dataclass
class Tally:
    """Counts that grow while a dataset is written.

    Args:
        images: Written.
        statuses: Segments by status.
        words: Words of all published captions, split at spaces.
        examples: The first few `(class name, caption)`.
        refused: Images that could not be used: `{"image_id", "file_name", "reason", "segments"}`.
    """

    images: int = 0
    statuses: Counter[CaptionStatus] = field(default_factory=Counter)
    words: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)

    def add(self, published: Published, class_names: Mapping[int, str]) -> None:
        """Count one image; `class_names` by segment id."""
        self.images += 1
        for segment_id, caption in published.items():
            self.statuses[caption.status] += 1
            self.words += len(caption.description.split())
            if caption.description and len(self.examples) < 3:
                self.examples.append((class_names[segment_id], caption.description))

    @property
    def captioned(self) -> int:
        """Segments with a published caption."""
        return self.statuses[CaptionStatus.CAPTIONED]

    @property
    def words_per_caption(self) -> float | None:
        """Mean length; None where there is no caption."""
        return round(self.words / self.captioned, 2) if self.captioned else None

    def to_json(self) -> dict[str, Any]:
        """The manifest's `counts`; segments of refused images stand outside, as no file here has them."""
        by_status = {status.value: self.statuses[status] for status in CaptionStatus}
        total = sum(n for status, n in by_status.items() if status != CaptionStatus.CROWD)
        return {
            "images": self.images,
            "segments": {"total": total, **by_status},
            "words_per_caption": self.words_per_caption,
            "refused_images": len(self.refused),
            "refused_segments": sum(entry["segments"] for entry in self.refused),
        }


class FolderHash:
    """One hash over many files in the order in which they were written."""

    def __init__(self) -> None:
        self._sum = hashlib.sha256()
        self.count = 0

    def add(self, name: str, data: bytes) -> None:
        """Take a file: its name, a zero byte, its SHA-256 in hex and a line feed go into the sum."""
        self._sum.update(f"{name}\0{hashlib.sha256(data).hexdigest()}\n".encode())
        self.count += 1

    def to_json(self) -> dict[str, Any]:
        """Number of files and the sum."""
        return {"files": self.count, "sha256": self._sum.hexdigest()}


def file_hash(path: Path) -> dict[str, Any]:
    """Size and SHA-256 of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def build_manifest(
    about: DatasetAbout, tally: Tally, *, files: Mapping[str, Any], image_root: str | None
) -> dict[str, Any]:
    """The manifest's content; `files` maps names to hashes."""
    software = {"pix2cap": pix2cap.__version__, "python": platform.python_version()} | _library_versions()
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "name": about.name,
        "created_at": about.created_at,
        "counts": tally.to_json(),
        "image_root": image_root,
        "model": about.model,
        "prompt_version": about.prompt_version,
        "language": about.language,
        "license": about.license,
        "spend": dict(about.spend) if about.spend is not None else None,
        "source": dict(about.source) if about.source is not None else None,
        "software": software,
        "refused_images": tally.refused,
        "files": dict(files),
    }


@cache
def _library_versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in _LIBRARIES}


def read_manifest(folder: Path, format: str = FORMAT) -> dict[str, Any] | None:
    """The manifest of a dataset folder, or of a folder of another format; None where there is none."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and manifest.get("format") == format else None


def relative_image_root(out_dir: Path, images: Path) -> str | None:
    """The way from a dataset folder to its pictures; None where it would tell names of home folders.

    `../val2017` says nothing of the machine; a way that climbs to the root or to where home folders lie,
    and down again, would.
    """
    out, target, home = out_dir.resolve(), images.resolve(), Path.home().resolve()
    try:
        common = Path(*_common(out.parts, target.parts))
    except TypeError:  # Two drives have nothing in common.
        return None
    crowded = {Path(common.anchor), home.parent, Path("/home"), Path("/Users")}
    if common in crowded or (home.is_relative_to(common) and common != home and target.is_relative_to(home)):
        return None
    climb = [".."] * (len(out.parts) - len(common.parts))
    return "/".join([*climb, *target.parts[len(common.parts) :]]) or "."


def _common(first: tuple[str, ...], second: tuple[str, ...]) -> list[str]:
    shared = []
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        shared.append(one)
    if not shared:
        raise TypeError("nothing in common")
    return shared
