"""A captioned dataset as conversations about regions, drawn anew each time by number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pix2cap.core import Segment
from pix2cap.core.caption import CaptionStatus
from pix2cap.errors import InputError
from pix2cap.formats.coco_panoptic import CocoPanopticSource
from pix2cap.formats.file_source import FileSource
from pix2cap.formats.open_source import open_source
from pix2cap.sft.questions import Style, draw_question, fill
from pix2cap.sft.region_processor import RegionProcessor, Rgb, Sample, Turn
from pix2cap.sft.regions import RESERVED, BoxKind, write_box
from pix2cap.sft.settings import DataSettings, Mention
from pix2cap.vlm.describe_nouns import noun_of


@dataclass(frozen=True)
class Scene:
    """One picture, its segments and what is said of them.

    Args:
        image_id: The dataset's own.
        rgb: `(H, W, 3)` uint8.
        id_map: `(H, W)` uint32.
        segments: That have a caption.
        captions: By segment id.
        class_names: Nouns by segment id (`wall` for `wall-other-merged`).
    """

    image_id: int
    rgb: Rgb
    id_map: NDArray[np.uint32]
    segments: tuple[Segment, ...]
    captions: Mapping[int, str]
    class_names: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Wording:
    """How questions are drawn.

    Args:
        styles: See `DataSettings`.
        mention: See `DataSettings`.
        boxes: See `DataSettings`.
        max_regions: See `DataSettings`.
    """

    styles: tuple[Style, ...] = ("describe",)
    mention: Mention = "token"
    boxes: BoxKind = "thousand"
    max_regions: int = 15

    @classmethod
    def of(cls, settings: DataSettings) -> Wording:
        """The part of [data] that concerns words."""
        return cls(settings.styles, settings.mention, settings.boxes, settings.max_regions)


class CaptionedScenes:
    """The pictures of a dataset that have captions, by number.

    Args:
        source: Any of our readers, with its pictures.
        limit: Only the first so many; 0 for all.
        cache_bytes: Decoded pictures are kept until they fill this.

    Raises:
        InputError: There are no pictures, or none has a caption.
    """

    def __init__(self, source: FileSource, *, limit: int = 0, cache_bytes: int = 0) -> None:
        if source.pictures is None:
            raise InputError(f"{source.name}: expected a folder of pictures, got none; name it with images")
        self.source = source
        found = [image_id for image_id in source.image_ids if captions_of(source, image_id)]
        self.image_ids = tuple(found[:limit] if limit else found)
        if not self.image_ids:
            raise InputError(
                f"{source.name}: expected pictures with captions, got none of {len(source.image_ids)}"
            )
        self._cache: dict[int, Scene] = {}
        self._left = cache_bytes

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, number: int) -> Scene:
        """A scene.

        Raises:
            ImageRefused: Its picture or map cannot be used.
        """
        kept = self._cache.get(number)
        if kept is not None:
            return kept
        image_id = self.image_ids[number]
        captions = captions_of(self.source, image_id)
        panoptic = self.source.panoptic(image_id)
        segments = tuple(s for s in panoptic.captionable() if s.id in captions)
        names = {s.id: noun_of(self.source.categories[s.category_id].name).text for s in panoptic.segments}
        rgb = self.source.picture(image_id).rgb
        scene = Scene(image_id, rgb, panoptic.id_map, segments, captions, names)
        size = rgb.nbytes + panoptic.id_map.nbytes
        if size <= self._left:
            self._left -= size
            self._cache[number] = scene
        return scene

    def texts(self) -> Iterator[str]:
        """All captions, without decoding a picture."""
        for image_id in self.image_ids:
            yield from captions_of(self.source, image_id).values()


class RegionConversations:
    """The samples of a stage in their order: sample `n` depends on the seed and `n` alone.

    So a run that goes on asks for the numbers it has not had, and draws what it would have drawn.

    Args:
        scenes: The pictures; each occurs once in as many samples as there are pictures.
        processor: Makes samples.
        wording: How questions are drawn.
        count: Samples in all.
        seed: Of order, choice and questions.
    """

    def __init__(
        self, scenes: CaptionedScenes, processor: RegionProcessor, wording: Wording, *, count: int, seed: int
    ) -> None:
        self.scenes, self.processor, self.wording = scenes, processor, wording
        self._count, self._seed = count, seed
        self._order: tuple[int, NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> Sample:
        """Sample `number`.

        Raises:
            IndexError: There are not so many.
        """
        if not 0 <= number < self._count:
            raise IndexError(number)
        scene = self.scenes[self._scene_number(number)]
        turns = draw_turns(scene, self.wording, Random(f"{self._seed}:{number}"))
        return self.processor.sample(scene.rgb, scene.id_map, turns)

    def _scene_number(self, number: int) -> int:
        epoch, place = divmod(number, len(self.scenes))
        if self._order is None or self._order[0] != epoch:
            order = np.random.default_rng((self._seed, epoch)).permutation(len(self.scenes))
            self._order = epoch, order.astype(np.int64)
        return int(self._order[1][place])


def draw_turns(scene: Scene, wording: Wording, draw: Random) -> list[Turn]:
    """Questions and answers about some of a scene's regions, in an order of chance."""
    chosen = draw.sample(scene.segments, min(wording.max_regions, len(scene.segments)))
    height, width = scene.id_map.shape
    turns = []
    for segment in chosen:
        style = wording.styles[draw.randrange(len(wording.styles))]
        question = fill(
            draw_question(style, draw), region=mention(segment, wording, (width, height)), caption=""
        )
        answer = scene.captions[segment.id] if style == "describe" else scene.class_names[segment.id]
        turns.append(Turn(question, answer, (segment.id,) if wording.mention == "token" else ()))
    return turns


def region_question(segment: Segment, wording: Wording, size_wh: tuple[int, int]) -> Turn:
    """The question that a model is asked about one region when it is to caption it; always the same."""
    question = fill(
        "Describe {region} in one sentence.", region=mention(segment, wording, size_wh), caption=""
    )
    return Turn(question, None, (segment.id,) if wording.mention == "token" else ())


def mention(segment: Segment, wording: Wording, size_wh: tuple[int, int]) -> str:
    """A region as a noun in a question, the way a model was or is to be taught."""
    match wording.mention:
        case "token":
            return "the region <region>"
        case "box":
            return f"the region {write_box(segment.box_xyxy, wording.boxes, size_wh)}"
        case "none":
            return "a region of the picture"


def open_scenes(
    path: Path,
    *,
    masks: Path | None = None,
    images: Path | None = None,
    limit: int = 0,
    cache_mib: int = 0,
) -> CaptionedScenes:
    """Open a dataset folder, the published Pix2Cap-COCO files, or any other source with captions.

    Raises:
        InputError: No such files, no pictures, or no captions.
    """
    source = open_source(path, masks=masks, images=images)
    return CaptionedScenes(source, limit=limit, cache_bytes=cache_mib * 2**20)


def captions_of(source: FileSource, image_id: int) -> dict[int, str]:
    """Published captions of an image by segment id; not those of crowds, nor any that hold reserved marks."""
    segments = source.entry(image_id).segments
    crowd = {segment.segment_id for segment in segments if segment.is_crowd}
    texts: Mapping[int, Any]
    if isinstance(source, CocoPanopticSource):
        told = source.captions(image_id)
        texts = {c.segment_id: c.text for c in told if c.status is CaptionStatus.CAPTIONED}
    else:
        texts = {s.segment_id: s.description for s in segments}
    return {i: t for i, t in texts.items() if i not in crowd and t and t.strip() and not RESERVED.search(t)}
