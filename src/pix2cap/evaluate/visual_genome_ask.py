"""Ask a vision-language model for a caption of each region, one request a region."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pix2cap.annotate.asker import PricedModel
from pix2cap.annotate.image_work import Progress
from pix2cap.annotate.job import model_label
from pix2cap.annotate.parse import clean_caption, parse_reply
from pix2cap.annotate.settings import AnnotateSettings, RunConfig, SourcePaths
from pix2cap.core import ImageRef, PanopticMap
from pix2cap.core.boxes import xyxy_to_unit
from pix2cap.draw.crops import focal_crop
from pix2cap.draw.encode import encode_jpeg
from pix2cap.draw.marks import draw_marks
from pix2cap.draw.style import CropStyle, MarkStyle
from pix2cap.errors import ImageRefused, InputError, UsageError
from pix2cap.evaluate.asking import (
    AskOptions,
    AskSession,
    Question,
    Shown,
    gather_until_stopped,
    run_asking,
)
from pix2cap.evaluate.visual_genome import Answers
from pix2cap.evaluate.visual_genome_files import Region, named
from pix2cap.evaluate.visual_genome_split import ChosenRegions
from pix2cap.formats.pictures import Picture, read_picture
from pix2cap.vlm.model import PicturePart, Sampling
from pix2cap.vlm.unit import Unit, UnitRow

View = Literal["marked", "crop", "both"]

_PROMPT = Path(__file__).parent / "prompts" / "region-v1.txt"
_VIEWS = {
    "marked": "its edge is drawn as a coloured rectangle with the number 1",
    "crop": "the picture is a close-up around it, and its edge is drawn as a coloured rectangle",
    "both": (
        "in the first picture its edge is drawn as a coloured rectangle with the number 1,"
        " and the second picture is a close-up around it"
    ),
}
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
_MARK = 1
_CLASS = "object"
_QUALITY = 90
_CONTEXT = 2.0
_QUOTES = {('"', '"'), ("'", "'"), ("\u201c", "\u201d"), ("\u00ab", "\u00bb"), ("`", "`")}

MARKS, CROPS = MarkStyle(), CropStyle(context=_CONTEXT, max_long_side=768)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionAskOptions:
    """What to ask with.

    Args:
        images: Folder with the pictures, `ID.jpg`, in any folders below (VG_100K, VG_100K_2).
        run_dir: Gets the journal; the same call goes on there and pays for nothing twice.
        view: The whole picture with the region's box, a close-up with the box, or both.
        sampling: Temperature, longest reply, seed.
        ask: Concurrency, budget, signals.
        on_progress: Told after every image.
    """

    images: Path
    run_dir: Path
    view: View = "marked"
    sampling: Sampling = field(default_factory=lambda: Sampling(max_tokens=256))
    ask: AskOptions = field(default_factory=AskOptions)
    on_progress: Callable[[Progress], None] | None = None


def ask_regions(
    regions: Path, chosen: ChosenRegions, model: PricedModel, options: RegionAskOptions
) -> Answers:
    """Caption the regions of a split with a model, or go on where an earlier call stopped.

    Args:
        regions: `region_descriptions.json`, remembered by the run folder.
        chosen: What to caption. Keys of requests do not hold the split: another split in the same run folder
            pays only for regions that the first had not.
        model: Who is asked.
        options: How.

    Raises:
        InputError: Pictures are missing.
        BudgetReached, ModelUnavailable, ModelRejected, StorageFull: Why it stopped; call again to go on.
        KeyboardInterrupt: Interrupted and drained.
    """
    files = find_pictures(options.images, {region.image_id for region in chosen.regions})
    label = model_label(model.model.name)
    config = RunConfig(SourcePaths(regions, images=options.images), _settings(label, options))
    asked = _Asked(options, chosen.split.images)
    by_image: dict[int, list[Region]] = defaultdict(list)
    for region in chosen.regions:
        by_image[region.image_id].append(region)
    host = model.model.host
    options.ask.tell(
        f"{label} runs on this machine, no picture leaves it"
        if host is None
        else f"{host} gets the pictures of up to {len(by_image)} images, for {label}"
    )

    async def work(session: AskSession) -> None:
        gate = asyncio.Semaphore(options.ask.concurrency)

        async def one(image_id: int) -> None:
            async with gate:
                if not session.is_stopping:
                    await asked.image(session, files[image_id], image_id, by_image[image_id])

        await gather_until_stopped([one(image_id) for image_id in by_image])

    run_asking(model, options.run_dir, config, options.ask, work)
    return Answers(
        asked.captions,
        failed=asked.failed,
        arguments={
            "model": label,
            "view": options.view,
            "prompt": config.settings.prompt_version,
            "temperature": options.sampling.temperature,
            "max_tokens": options.sampling.max_tokens,
        },
        warnings=tuple(asked.warnings()),
    )


class _Asked:
    """Captions as they come in."""

    def __init__(self, options: RegionAskOptions, images: int) -> None:
        self._options = options
        self._images = images
        self._done = 0
        self.captions: dict[int, str] = {}
        self.failed: dict[int, str] = {}

    async def image(self, session: AskSession, path: Path, image_id: int, regions: Sequence[Region]) -> None:
        """All regions of one image; the picture is decoded once."""
        try:
            picture = await asyncio.to_thread(read_picture, path)
        except ImageRefused as error:
            self.failed |= {region.region_id: str(error) for region in regions}
        else:
            await gather_until_stopped([self._region(session, picture, path, r) for r in regions])
        self._done += 1
        if self._options.on_progress is not None and not session.is_stopping:
            self._options.on_progress(
                Progress(self._done, self._images, len(self.captions), session.requests, session.spent_usd)
            )

    async def _region(self, session: AskSession, picture: Picture, path: Path, region: Region) -> None:
        view = RegionPicture(picture, path.name, region, self._options.view)
        if view.box_xyxy is None:
            self.failed[region.region_id] = "outside the picture as it is"
            return
        answer = await session.ask(view.question(reads_pictures=session.model.reads_pictures))
        text = read_caption(answer.text or "", finish_reason=answer.finish_reason or "stop")
        if text:
            self.captions[region.region_id] = text
        else:
            self.failed[region.region_id] = answer.error or answer.finish_reason or "empty reply"

    def warnings(self) -> list[str]:
        """What came to nothing, by reason."""
        reasons: dict[str, list[int]] = defaultdict(list)
        for region_id, reason in self.failed.items():
            reasons[reason].append(region_id)
        return [f"{len(ids):,} regions got no caption ({why}): {named(ids)}" for why, ids in reasons.items()]


@dataclass(frozen=True)
class RegionPicture:
    """One region of a picture, and how it is shown.

    Args:
        picture: Decoded.
        file_name: Of the picture.
        region: Which part.
        view: How.
    """

    picture: Picture
    file_name: str
    region: Region
    view: View

    @property
    def box_xyxy(self) -> tuple[int, int, int, int] | None:
        """The region in whole pixels, cut at the picture's edge; None where nothing is left of it."""
        height, width = self.picture.rgb.shape[:2]
        x, y, w, h = self.region.box_xywh
        x0, y0 = max(0, math.floor(x)), max(0, math.floor(y))
        x1, y1 = min(width, math.ceil(x + w)), min(height, math.ceil(y + h))
        return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None

    def question(self, *, reads_pictures: bool) -> Question:
        """What is asked; drawn only if it is sent."""
        box = self.box_xyxy
        if box is None:
            raise ValueError(f"region {self.region.region_id}: expected a box inside the picture")
        height, width = self.picture.rgb.shape[:2]
        x0, y0, x1, y1 = box
        prompt = _prompt().format(
            view=_VIEWS[self.view], width=width, height=height, x0=x0, y0=y0, x1=x1, y1=y1
        )
        content: dict[str, Any] = {
            "picture": self.picture.sha256,
            "box": box,
            "view": self.view,
            "render": f"{MARKS.fingerprint()}/{CROPS.fingerprint()}/{_QUALITY}",
        }
        if not reads_pictures:
            content["region"] = self.region.region_id
        return Question(
            self.region.image_id,
            (self.region.region_id,),
            prompt.strip(),
            content,
            lambda: self.show(with_pictures=reads_pictures),
            self._sizes_wh() if reads_pictures else (),
        )

    def show(self, *, with_pictures: bool) -> Shown:
        """Draw and encode; models that read no pictures get the unit's pixels."""
        unit = self._unit()
        if not with_pictures:
            return Shown((), unit)
        parts = []
        if self.view in ("marked", "both"):
            parts.append(
                ("marked", draw_marks(self.picture.rgb, unit.panoptic, unit.segment_ids, style=MARKS).rgb)
            )
        if self.view in ("crop", "both"):
            segment_id = unit.segment_ids[0]
            parts.append(("crop", focal_crop(self.picture.rgb, unit.panoptic, segment_id, style=CROPS).rgb))
        encoded = (PicturePart(encode_jpeg(rgb, quality=_QUALITY), "image/jpeg", name) for name, rgb in parts)
        return Shown(tuple(encoded), unit)

    def _unit(self) -> Unit:
        """The region as the only segment of its picture; its id is the region's own, for `replay`."""
        height, width = self.picture.rgb.shape[:2]
        x0, y0, x1, y1 = self.box_xyxy or (0, 0, 1, 1)
        id_map = np.zeros((height, width), np.uint32)
        segment_id = self.region.region_id
        id_map[y0:y1, x0:x1] = segment_id
        panoptic = PanopticMap.from_id_map(id_map, {segment_id: (0, True, False)})
        row = UnitRow(_MARK, segment_id, _CLASS, xyxy_to_unit((x0, y0, x1, y1), (width, height)))
        image = ImageRef(self.region.image_id, self.file_name, width, height)
        return Unit(image, panoptic, (row,), {segment_id: _CLASS}, self.picture.rgb)

    def _sizes_wh(self) -> tuple[tuple[int, int], ...]:
        height, width = self.picture.rgb.shape[:2]
        sizes = {"marked": (width, height), "crop": (CROPS.max_long_side, CROPS.max_long_side)}
        return tuple(sizes[name] for name in (("marked", "crop") if self.view == "both" else (self.view,)))


def read_caption(text: str, *, finish_reason: str = "stop") -> str:
    r"""The phrase in a reply: plain words, or the JSON that the built-in models write.

    Example:
        >>> read_caption(' "a red bus"\n'), read_caption('{"captions": [{"id": 1, "caption": "a cat"}]}')
        ('a red bus', 'a cat')
    """
    if "{" in text:
        found = parse_reply(text, [_MARK], finish_reason=finish_reason).captions.get(_MARK)
        if found is not None:
            return found.text
    plain = clean_caption(text.partition("</think>")[2] or text)
    while len(plain) > 1 and (plain[0], plain[-1]) in _QUOTES:
        plain = plain[1:-1].strip()
    return plain


def find_pictures(folder: Path, image_ids: set[int]) -> dict[int, Path]:
    """The pictures of images, by the number that is their name.

    Raises:
        InputError: The folder is missing, or pictures are.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder of pictures, found none")
    found: dict[int, Path] = {}
    for path in sorted(folder.rglob("*")):
        stem = path.stem
        if path.suffix.lower() in _SUFFIXES and stem.isascii() and stem.isdecimal():
            found.setdefault(int(stem), path)
    absent = sorted(image_ids - found.keys())
    if absent:
        raise InputError(
            f"{folder}: expected a picture named by its id (139.jpg) for each of {len(image_ids):,} images,"
            f" found none for {len(absent):,}: {named(absent)}"
        )
    return found


def _settings(label: str, options: RegionAskOptions) -> AnnotateSettings:
    sampling = options.sampling
    if options.view not in _VIEWS:
        raise UsageError(f"expected a view out of {', '.join(_VIEWS)}, got {options.view!r}")
    return AnnotateSettings(
        model=label,
        max_marks=1,
        prompt=f"region-{options.view} v1",
        prompt_sha256=hashlib.sha256(_prompt().encode()).hexdigest(),
        temperature=sampling.temperature,
        max_tokens=sampling.max_tokens,
        seed=sampling.seed,
        jpeg_quality=_QUALITY,
    )


@cache
def _prompt() -> str:
    return _PROMPT.read_text("utf-8")
