"""Rendered scenes as a dataset folder: exact masks, true captions and the facts behind them."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any, Final

from pix2cap.core import CaptionedImage, CaptionSource, ImageRef, SegmentCaption
from pix2cap.draw.encode import encode_png
from pix2cap.errors import UsageError
from pix2cap.formats.dataset_folder import DatasetAbout, DatasetWriter
from pix2cap.formats.pictures import Picture
from pix2cap.formats.png import encode_id_png
from pix2cap.scenes.scene import SMALLEST_SIDE_PX, Scene, render_scene
from pix2cap.scenes.vocabulary import SCENE_CATEGORIES

_BATCH: Final = 8
_AHEAD: Final = 3
"""Batches a worker may be ahead of the writer: memory does not grow with the number of pictures."""
_FEWEST_FOR_WORKERS: Final = 48
"""Starting processes takes longer than rendering fewer pictures than this."""
_SOURCE: Final = CaptionSource(model="scenes", prompt_version="rules", attempt=1)
_LARGEST_SIDE_PX: Final = 8192


@dataclass(frozen=True, slots=True)
class GenerateProgress:
    """How far a generation has come."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Generated:
    """What was written.

    Args:
        images: Pictures.
        segments: Captioned segments, objects and grounds.
        objects: Those that are objects.
        partly_hidden: Objects behind another one or cut by the frame.
    """

    images: int
    segments: int
    objects: int
    partly_hidden: int

    def to_json(self) -> dict[str, int]:
        """The counts by name."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class _Rendered:
    """A scene on its way from a worker to the writer."""

    item: CaptionedImage
    map_png: bytes
    picture: Picture
    facts: list[dict[str, Any]]


def generate_dataset(
    out: str | Path,
    *,
    images: int,
    size_wh: tuple[int, int] = (640, 480),
    seed: int = 0,
    workers: int | None = None,
    overwrite: bool = False,
    on_progress: Callable[[GenerateProgress], None] | None = None,
) -> Generated:
    """Render scenes into a dataset folder with pictures, captions and `facts.parquet`.

    The same arguments give the same bytes on any number of workers. The folder's files appear at the end,
    its manifest last: whatever is killed before leaves no folder that looks whole, and the same command
    again starts over.

    Args:
        out: The dataset folder; an earlier dataset of ours there is replaced.
        images: How many; they are numbered from 1, and picture `n` depends on seed, size and `n` alone.
        size_wh: Pixels of each picture, at least 64 a side.
        seed: Of all scenes.
        workers: Processes that render; None for one a core.
        overwrite: Write even into a folder with files of other origin.
        on_progress: Told after each picture.

    Returns:
        Counts.

    Raises:
        UsageError: A number that makes no sense, or a folder that holds something else.
        StorageFull: The disk took no more.

    Example:
        >>> generate_dataset("scenes", images=1000, size_wh=(128, 128), seed=1)  # doctest: +SKIP
    """
    _check(images, size_wh, seed, workers)
    about = DatasetAbout(
        name="Rendered scenes",
        model="scenes",
        prompt_version="rules",
        source={"scenes": {"images": images, "size_wh": list(size_wh), "seed": seed}},
    )
    segments = objects = hidden = 0
    with DatasetWriter(
        Path(out), SCENE_CATEGORIES, about=about, copy_images=True, overwrite=overwrite, with_facts=True
    ) as writer:
        scenes = _render_all(images, size_wh, seed, workers or _cores())
        for done, one in enumerate(scenes, start=1):
            writer.add(one.item, map_png=one.map_png, picture=one.picture)
            writer.add_facts(one.facts)
            segments += len(one.facts)
            objects += sum(fact["is_thing"] for fact in one.facts)
            hidden += sum(fact.get("is_partly_hidden", False) for fact in one.facts)
            if on_progress is not None:
                on_progress(GenerateProgress(done, images))
    return Generated(images, segments, objects, hidden)


def _check(images: int, size_wh: tuple[int, int], seed: int, workers: int | None) -> None:
    if images < 1:
        raise UsageError(f"expected at least 1 image, got {images}")
    if not SMALLEST_SIDE_PX <= min(size_wh) <= max(size_wh) <= _LARGEST_SIDE_PX:
        raise UsageError(
            f"expected a size of {SMALLEST_SIDE_PX} to {_LARGEST_SIDE_PX} pixels a side,"
            f" got {size_wh[0]}x{size_wh[1]}"
        )
    if seed < 0:
        raise UsageError(f"expected a seed of 0 or more, got {seed}")
    if workers is not None and workers < 1:
        raise UsageError(f"expected at least 1 worker, got {workers}")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _render_all(images: int, size_wh: tuple[int, int], seed: int, workers: int) -> Iterator[_Rendered]:
    """The scenes in order, rendered in batches by other processes where there are many."""
    if workers == 1 or images < _FEWEST_FOR_WORKERS:
        yield from (_render(number, size_wh, seed) for number in range(1, images + 1))
        return
    # Not fork: this process may have threads.
    with ProcessPoolExecutor(workers, get_context("spawn"), _start_worker) as pool:
        waiting: deque[Future[list[_Rendered]]] = deque()
        try:
            for first in range(1, images + 1, _BATCH):
                numbers = range(first, min(first + _BATCH, images + 1))
                waiting.append(pool.submit(_render_batch, numbers, size_wh, seed))
                if len(waiting) > workers * _AHEAD:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    """End with the process that started this one, even when that was killed."""
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _render_batch(numbers: range, size_wh: tuple[int, int], seed: int) -> list[_Rendered]:
    return [_render(number, size_wh, seed) for number in numbers]


def _render(image_id: int, size_wh: tuple[int, int], seed: int) -> _Rendered:
    scene = render_scene((seed, image_id), size_wh=size_wh)
    data = encode_png(scene.rgb)
    captions = tuple(SegmentCaption(i, text, source=_SOURCE) for i, text in scene.captions.items())
    return _Rendered(
        CaptionedImage(ImageRef(image_id, f"{image_id:06d}.png", *size_wh), scene.panoptic, captions),
        encode_id_png(scene.panoptic.id_map),
        Picture(scene.rgb, data, "image/png", hashlib.sha256(data).hexdigest(), is_plain=True),
        list(_fact_rows(image_id, scene)),
    )


def _fact_rows(image_id: int, scene: Scene) -> Iterator[dict[str, Any]]:
    """Facts in the columns of `facts.parquet`, in the order of the segments."""
    names = {category.id: category.name for category in scene.categories}
    for segment in scene.panoptic.segments:
        row = {"image_id": image_id, "segment_id": segment.id, "class_name": names[segment.category_id]}
        if segment.id in scene.facts:
            fact = scene.facts[segment.id]
            told = dataclasses.asdict(fact)
            del told["shape"]
            yield {**row, "is_thing": True, **told, "is_partly_hidden": fact.is_partly_hidden}
        else:
            told = dataclasses.asdict(scene.grounds[segment.id])
            del told["name"]
            yield {**row, "is_thing": False, **told}
