"""Caption all segments of a dataset with a tuned model, as a folder of predictions."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from pix2cap import __version__
from pix2cap.annotate.lock import LOCK_NAME, run_lock
from pix2cap.annotate.out_folder import make_out_folder
from pix2cap.core import PanopticMap
from pix2cap.core.boxes import xyxy_to_xywh
from pix2cap.errors import ImageRefused, InputError, UsageError
from pix2cap.formats.file_source import FileSource
from pix2cap.formats.manifest import MANIFEST, relative_image_root
from pix2cap.formats.open_source import open_source
from pix2cap.formats.png import encode_id_png

if TYPE_CHECKING:
    from pix2cap.sft.answer import Answered, RegionAnswerer

JOURNAL: Final = "captions.jsonl"
PANOPTIC: Final = "panoptic.json"
MASKS: Final = "panoptic"
_OURS: Final = frozenset({JOURNAL, PANOPTIC, MASKS, MANIFEST, LOCK_NAME})
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionOptions:
    """How to caption; all but `images`, `masks` and `limit` decide what is written.

    Args:
        masks: Folder or zip of the maps, where they do not lie beside the JSON.
        images: Folder of the pictures, where they are not known.
        limit: Only the first so many pictures.
        max_tokens: Longest caption.
        num_beams: Sentences kept while a caption is written; 1 is greedy.
        captioned_only: Leave out segments that have no caption in the dataset.
    """

    masks: Path | None = None
    images: Path | None = None
    limit: int | None = None
    max_tokens: int = 128
    num_beams: int = 1
    captioned_only: bool = False

    def deciding(self) -> dict[str, Any]:
        """What has to be the same when a folder is gone on with."""
        names = ("max_tokens", "num_beams", "captioned_only")
        return {name: value for name, value in asdict(self).items() if name in names}


@dataclass(frozen=True)
class CaptionSummary:
    """What a call came to.

    Args:
        pictures: In the folder.
        kept: Of these, captioned by an earlier call.
        captions: In the folder.
        empty: Segments for which the model said nothing.
        cut: Captions that had not ended at `max_tokens`.
        refused: File name and reason of pictures that cannot be used.
        seconds: Of this call, without loading the model.
    """

    pictures: int
    kept: int
    captions: int
    empty: int
    cut: int
    refused: tuple[tuple[str, str], ...]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """A record of JSON types."""
        refused = [{"file_name": name, "reason": reason} for name, reason in self.refused]
        return {**asdict(self), "refused": refused}


def caption_dataset(
    dataset: Path,
    answerer: RegionAnswerer,
    out: Path,
    options: CaptionOptions | None = None,
    *,
    model: Mapping[str, Any] | None = None,
    on_progress: Progress | None = None,
) -> CaptionSummary:
    """Caption every segment but crowds, and write a folder that `pix2cap score` reads.

    The maps and ids are the dataset's own: what differs from it is the captions alone. The same call again
    goes on after the last whole picture; `panoptic.json` appears when all are done.

    Args:
        dataset: Any source of pictures with segments.
        answerer: The model.
        out: The folder of predictions.
        options: How.
        model: What the model is, for the manifest; a folder that was begun with another is refused.
        on_progress: Told pictures done and all pictures.

    Raises:
        UsageError: The folder has files of others, or was begun otherwise.
        RunLocked: Another process writes there.
        InputError: The dataset is not what it should be.
    """
    options = options or CaptionOptions()
    source = open_source(dataset, masks=options.masks, images=options.images)
    if source.pictures is None:
        raise InputError(f"{dataset}: expected a folder of pictures, got none; name it with --images")
    settings = {**options.deciding(), "model": dict(model or {}), "dataset_sha256": _json_hash(dataset)}
    make_out_folder(out)
    _require_free(out)
    began = time.monotonic()
    with run_lock(out):
        journal = _Journal(out, settings)
        (out / MASKS).mkdir(exist_ok=True)
        (out / PANOPTIC).unlink(missing_ok=True)
        kept = len(journal.entries)
        refused: list[tuple[str, str]] = []
        image_ids = list(source.image_ids)[: options.limit]
        for number, image_id in enumerate(image_ids, start=1):
            if image_id not in journal.entries:
                try:
                    journal.add(_entry(source, image_id, answerer, out, options))
                except ImageRefused as error:
                    refused.append((source.entry(image_id).image.file_name, str(error)))
            if on_progress is not None:
                on_progress(number, len(image_ids))
        entries = [journal.entries[i] for i in image_ids if i in journal.entries]
        result = _summary(entries, kept, refused, seconds=time.monotonic() - began)
        _finish(out, source, entries, settings, result)
    return result


def _entry(
    source: FileSource, image_id: int, answerer: RegionAnswerer, out: Path, options: CaptionOptions
) -> dict[str, Any]:
    from pix2cap.sft.region_data import captions_of

    panoptic, rgb = source.panoptic(image_id), source.picture(image_id).rgb
    told = captions_of(source, image_id) if options.captioned_only else None
    segments = [s for s in panoptic.captionable() if told is None or s.id in told]
    answers = answerer.captions(
        rgb, panoptic, segments, max_tokens=options.max_tokens, num_beams=options.num_beams
    )
    by_id = dict(zip((segment.id for segment in segments), answers, strict=True))
    image = source.entry(image_id).image
    mask_name = f"{image_id:012d}.png" if image_id >= 0 else f"m{-image_id:012d}.png"
    (out / MASKS / mask_name).write_bytes(encode_id_png(panoptic.id_map))
    return {
        "image": {
            "id": image_id,
            "file_name": image.file_name,
            "width": panoptic.size_wh[0],
            "height": panoptic.size_wh[1],
        },
        "annotation": {
            "image_id": image_id,
            "file_name": mask_name,
            "segments_info": list(_rows(panoptic, by_id)),
        },
        "cut": sum(answer.is_cut for answer in answers),
    }


def _rows(panoptic: PanopticMap, answers: Mapping[int, Answered]) -> Iterator[dict[str, Any]]:
    for segment in panoptic.segments:
        if segment.is_crowd or segment.id not in answers:
            continue
        yield {
            "id": segment.id,
            "category_id": segment.category_id,
            "iscrowd": 0,
            "bbox": list(xyxy_to_xywh(segment.box_xyxy)),
            "area": segment.area,
            "caption": answers[segment.id].text,
        }


class _Journal:
    """One line a picture, so that a kill loses one picture at most."""

    def __init__(self, out: Path, settings: Mapping[str, Any]) -> None:
        self._path = out / JOURNAL
        self.entries: dict[int, dict[str, Any]] = {}
        lines = self._path.read_bytes().splitlines() if self._path.is_file() else []
        whole = [record for line in lines if (record := _parsed(line)) is not None]
        if whole and whole[0].get("settings") != settings:
            raise UsageError(
                f"{out}: expected what these captions were begun with, got another model, dataset or option;"
                " give the same, or another --out"
            )
        self.entries = {record["image"]["id"]: record for record in whole[1:]}
        if len(whole) != len(lines) or not whole:
            partial = self._path.with_suffix(".part")
            partial.write_bytes(b"".join(map(_line, whole or [{"settings": settings}])))
            partial.replace(self._path)

    def add(self, entry: dict[str, Any]) -> None:
        """Note one picture."""
        self.entries[entry["image"]["id"]] = entry
        with self._path.open("ab", buffering=0) as file:
            file.write(_line(entry))


def _finish(
    out: Path,
    source: FileSource,
    entries: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
    result: CaptionSummary,
) -> None:
    """The manifest, and then `panoptic.json`: its absence says that captions are not complete."""
    root = None if source.pictures is None else relative_image_root(out, source.pictures.folder)
    manifest = {
        "format": "pix2cap-predictions",
        "format_version": 1,
        "name": out.resolve().name,
        "image_root": root,
        "settings": dict(settings),
        "counts": {k: v for k, v in result.to_json().items() if k not in ("refused", "seconds")},
        "refused_images": result.to_json()["refused"],
        "software": {"pix2cap": __version__},
    }
    (out / MANIFEST).write_bytes(
        orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    )
    document = {
        "images": [entry["image"] for entry in entries],
        "annotations": [entry["annotation"] for entry in entries],
        "categories": [
            {
                "id": category.id,
                "name": category.name,
                "isthing": int(category.is_thing),
                "supercategory": category.supercategory or category.name,
            }
            for category in source.categories.values()
        ],
    }
    partial = out / f".{PANOPTIC}.part"
    partial.write_bytes(orjson.dumps(document))
    partial.replace(out / PANOPTIC)


def _summary(
    entries: Sequence[Mapping[str, Any]], kept: int, refused: Sequence[tuple[str, str]], *, seconds: float
) -> CaptionSummary:
    texts = [row["caption"] for entry in entries for row in entry["annotation"]["segments_info"]]
    return CaptionSummary(
        pictures=len(entries),
        kept=kept,
        captions=sum(bool(text) for text in texts),
        empty=sum(not text for text in texts),
        cut=sum(entry["cut"] for entry in entries),
        refused=tuple(refused),
        seconds=round(seconds, 3),
    )


def _require_free(out: Path) -> None:
    names = {path.name for path in out.iterdir() if not path.name.endswith(".part")}
    others = sorted(names - _OURS)
    if others or (names - {LOCK_NAME} and JOURNAL not in names):
        found = ", ".join((others or sorted(names))[:3])
        raise UsageError(
            f"{out}: expected an empty folder, or captions of `pix2cap sft caption`, got {found};"
            " give another --out"
        )


def _json_hash(dataset: Path) -> str:
    file = dataset / PANOPTIC if dataset.is_dir() else dataset
    if not file.is_file():
        return ""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _line(record: Mapping[str, Any]) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def model_facts(folder: Path) -> dict[str, Any]:
    """What identifies a model folder: its name and one hash over its files."""
    total = hashlib.sha256()
    for path in sorted(folder.glob("*")):
        if path.is_file() and path.suffix in (".json", ".safetensors"):
            with path.open("rb") as file:
                total.update(f"{path.name}\0".encode())
                total.update(hashlib.file_digest(file, "sha256").digest())
    return {"name": folder.resolve().name, "sha256": total.hexdigest()}
