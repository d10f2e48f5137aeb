"""The folder of an export, and its manifest."""

from __future__ import annotations

from typing import Final

from pix2cap.formats.manifest import MANIFEST
from pix2cap.formats.staged_folder import FolderKind

EXPORT: Final = FolderKind(
    "pix2cap-sft",
    "an export of pix2cap",
    (
        *("train", "validation", "images", "dataset_info.json"),
        *(f"{split}.{kind}" for split in ("train", "validation") for kind in ("jsonl", "json")),
        MANIFEST,
    ),
)
