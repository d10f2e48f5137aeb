"""Segment and caption pictures with trained weights; see `predict`."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pix2cap import __version__
from pix2cap.errors import ImageRefused, InputError, UsageError
from pix2cap.formats.pictures import read_picture
from pix2cap.formats.storage import storage
from pix2cap.train.predict_folder import MASKS, REPORT, PredictionFolder
from pix2cap.train.predict_options import PredictOptions
from pix2cap.train.predict_report import report_predictions
from pix2cap.train.predict_sources import PictureFile, PictureList, find_pictures
from pix2cap.train.predicted import PredictedPicture, Predictor, Rgb

MAX_MASK_PIXELS = 2**21
"""Masks are resized to at most so many pixels (a little more than 1920 x 1080); the map of a larger picture
is enlarged from there by repeating pixels. The model itself sees masks at a quarter of its input's sides."""

WEIGHTS_FILE = "model.safetensors"

Progress = Callable[[int, int], None]
"""Called with the pictures done and all pictures."""
Loader = Callable[[Path, PredictOptions], Predictor]


@dataclass(frozen=True)
class PredictionSummary:
    """What a call of `predict` did.

    Args:
        pictures: Asked for.
        predicted: By this call.
        kept: Predicted by an earlier call.
        refused: File name and reason of those that could not be read.
        segments: In `panoptic.json`.
        captions: Of these, with words.
        id_sources: How many image ids came from `image_json`, `file_name` or were `numbered`.
        seconds: From the first picture to the last, without loading weights.
    """

    pictures: int
    predicted: int
    kept: int
    refused: tuple[tuple[str, str], ...]
    segments: int
    captions: int
    id_sources: Mapping[str, int]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """The counts as a record."""
        record = asdict(self)
        record["refused"] = [{"file_name": name, "reason": reason} for name, reason in self.refused]
        return record


def predict(
    images: Sequence[str | Path],
    weights: str | Path,
    out: str | Path,
    options: PredictOptions | None = None,
    *,
    image_json: Path | None = None,
    limit: int | None = None,
    overwrite: bool = False,
    load: Loader | None = None,
    on_start: Callable[[str], None] | None = None,
    on_progress: Progress | None = None,
) -> PredictionSummary:
    """Segment and caption pictures, and write a folder of predictions that `score` and `report` read.

    The same call again goes on where an earlier one stopped. `panoptic.json` appears last. Pictures of any
    size are taken; memory is bounded by `MAX_MASK_PIXELS` and by what one decoded picture needs.

    Args:
        images: Files, folders and globs.
        weights: A weights folder, with its vocabularies, or its `model.safetensors`.
        out: The folder of predictions.
        options: How to predict.
        image_json: A JSON with COCO's `images`, for image ids; see `find_pictures`.
        limit: Only the first so many pictures.
        overwrite: Throw away predictions in `out` instead of going on with them.
        load: Makes the predictor; `load_predictor` by default.
        on_start: Told a sentence before the first picture.
        on_progress: Told after each picture.

    Raises:
        InputError: No picture can be read, or the weights or the JSON are not what they should be.
        UsageError: An option is out of its range, or `out` is not for these predictions.
        StorageFull: The disk took no more; the same call goes on.
    """
    options, weights, out = options or PredictOptions(), Path(weights), Path(out)
    weights = weights.parent if weights.name == WEIGHTS_FILE else weights
    options.check()
    if limit is not None and limit < 1:
        raise UsageError(f"--limit: expected 1 or more, got {limit}")
    settings = {
        "weights": weights.resolve().name,
        "weights_sha256": _weights_hash(weights),
        **options.to_json(),
    }
    with PredictionFolder(out, settings, overwrite=overwrite) as folder:
        found = find_pictures(images, image_json=image_json, outside=out, known_ids=folder.journal.ids)
        work = _Work(found, folder, options, limit)
        if not work.has_readable() and not work.kept:
            raise InputError(_all_refused(work.refused))
        predictor = (load or _load)(weights, options)
        folder.begin()
        if on_start is not None:
            on_start(work.told())
        began = time.monotonic()
        work.run(predictor, on_progress)
        return _finish(work, predictor, seconds=time.monotonic() - began, weights=weights)


@dataclass(frozen=True)
class _Read:
    """A decoded picture."""

    file: PictureFile
    rgb: Rgb


class _Work:
    """The pictures of one call: those kept from before, those to do, those refused."""

    def __init__(
        self,
        found: PictureList,
        folder: PredictionFolder,
        options: PredictOptions,
        limit: int | None,
    ) -> None:
        self.found, self.folder, self.options = found, folder, options
        self.files = found.files[:limit]
        self.kept = {file.file_name for file in found.files if folder.has(file)}
        self.todo = [file for file in self.files if file.file_name not in self.kept]
        self.refused: list[tuple[str, str]] = []
        self.predicted = 0
        self._readable = self._read_all()
        self._batch: list[_Read] = []
        strangers = sorted(folder.journal.ids.keys() - {file.file_name for file in found.files})
        if strangers:
            more = f" and {len(strangers) - 1} more" if len(strangers) > 1 else ""
            raise UsageError(
                f"{folder.folder}: expected all pictures that are predicted there, got no {strangers[0]}"
                f"{more}; name them too, give another --out, or start anew with --overwrite"
            )

    def has_readable(self) -> bool:
        """Whether a picture is left that can be read; it is kept for `run`."""
        self._fill(1)
        return bool(self._batch)

    def told(self) -> str:
        kept = len(self.files) - len(self.todo)
        before = f", {kept} of them done before" if kept else ""
        return f"{len(self.files)} picture{'' if len(self.files) == 1 else 's'}{before}"

    def run(self, predictor: Predictor, on_progress: Progress | None) -> None:
        """Predict and write everything readable, a batch at a time."""
        categories = {category.id: category for category in predictor.categories}
        shared = self.found.shared_stems()
        self._fill(self.options.batch_size)
        while self._batch:
            predicted = _predicted(self._batch, predictor)
            while self._batch:  # Taken out, so that no large picture is held while the next is read.
                read = self._batch.pop(0)
                name = self.found.mask_name(read.file, shared)
                self.folder.add(read.file, read.rgb, predicted.pop(0), mask_name=name, categories=categories)
                del read
                self.predicted += 1
            if on_progress is not None:
                on_progress(self.predicted + len(self.refused), len(self.todo))
            self._fill(self.options.batch_size)

    def _fill(self, size: int) -> None:
        self._batch.extend(islice(self._readable, max(0, size - len(self._batch))))

    def names(self) -> list[str]:
        """File names of all that `panoptic.json` will list, in order."""
        done = (self.kept | {file.file_name for file in self.todo}) - {name for name, _ in self.refused}
        return [file.file_name for file in self.found.files if file.file_name in done]

    def _read_all(self) -> Iterator[_Read]:
        for file in self.todo:
            try:
                yield _Read(file, _rgb(file))
            except ImageRefused as refusal:
                self.refused.append((file.file_name, str(refusal)))


def _rgb(file: PictureFile) -> Rgb:
    return read_picture(file.path, size_wh=file.size_wh, name=file.file_name).rgb


def _predicted(batch: Sequence[_Read], predictor: Predictor) -> list[PredictedPicture]:
    sizes = [(read.rgb.shape[1], read.rgb.shape[0]) for read in batch]
    shown = [_resized(read.rgb, predictor.input_size(size)) for read, size in zip(batch, sizes, strict=True)]
    return predictor.predict(shown, [mask_size(size) for size in sizes])


def _resized(rgb: Rgb, size_wh: tuple[int, int]) -> Rgb:
    """Bilinear over all pixels that go into one, as the released evaluation reads pictures."""
    if (rgb.shape[1], rgb.shape[0]) == size_wh:
        return rgb
    return np.asarray(Image.fromarray(rgb).resize(size_wh, Image.Resampling.BILINEAR))


def mask_size(size_wh: tuple[int, int]) -> tuple[int, int]:
    """The size at which masks are compared: the picture's own, or smaller for an enormous one.

    Example:
        >>> mask_size((1920, 1080)), mask_size((6000, 4000))
        ((1920, 1080), (1773, 1182))
    """
    width, height = size_wh
    if width * height <= MAX_MASK_PIXELS:
        return size_wh
    scale = (MAX_MASK_PIXELS / (width * height)) ** 0.5
    return max(1, int(width * scale)), max(1, int(height * scale))


def _finish(work: _Work, predictor: Predictor, *, seconds: float, weights: Path) -> PredictionSummary:
    """Write the page and the files of the whole folder; `panoptic.json` comes last."""
    folder, names, categories = work.folder, work.names(), predictor.categories
    whole = folder.write_panoptic(names, categories)
    segments = captions = 0
    sources: Counter[str] = Counter()
    for entry in folder.entries(names):
        sources[entry["id_source"]] += 1
        segments += len(entry["segments"])
        captions += sum(bool(row["caption"].strip()) for row in entry["segments"])
    summary = PredictionSummary(
        pictures=len(work.files),
        predicted=work.predicted,
        kept=len(work.files) - len(work.todo),
        refused=tuple(work.refused),
        segments=segments,
        captions=captions,
        id_sources=dict(sources),
        seconds=round(seconds, 3),
    )
    with storage():
        report_predictions(
            folder.entries(names),
            folder.folder / REPORT,
            masks=folder.folder / MASKS,
            files={file.file_name: file for file in work.found.files},
            categories={category.id: category for category in categories},
            title=f"Predictions of {weights.resolve().name}",
            facts={
                "weights": weights.resolve().name,
                **_facts(work.options),
                "software": f"pix2cap {__version__}",
            },
            refused=work.refused,
        )
    folder.finish(whole, root=work.found.root, counts=summary.to_json(), refused=work.refused)
    return summary


def _facts(options: PredictOptions) -> dict[str, str | int | float | None]:
    return {name: value for name, value in options.to_json().items() if value is not None}


def _all_refused(refused: Sequence[tuple[str, str]]) -> str:
    (_, reason), count = refused[0], len(refused)
    more = f"; nor can the other {count - 1}" if count > 1 else ""
    return f"{reason}{more}; give pictures: `pix2cap predict PICTURES --weights W --out OUT`"


def _load(weights: Path, options: PredictOptions) -> Predictor:
    from pix2cap.train.predictor import load_predictor

    return load_predictor(weights, options)


def _weights_hash(weights: Path) -> str:
    """One hash over all files of a weights folder.

    Raises:
        InputError: No weights folder.
    """
    advice = (
        "`pix2cap weights convert FILE --out W` makes one of published weights, `pix2cap train` of your data"
    )
    if weights.is_file():
        raise InputError(f"{weights}: expected a weights folder, got a file; {advice}")
    if not (weights / WEIGHTS_FILE).is_file():
        got = f"a folder without {WEIGHTS_FILE}" if weights.is_dir() else "no such folder"
        raise InputError(f"{weights}: expected a weights folder, got {got}; {advice}")
    total = hashlib.sha256()
    for path in sorted([weights / WEIGHTS_FILE, *weights.glob("*.tokenizer.json")]):
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()
