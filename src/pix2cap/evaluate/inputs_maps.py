"""The maps of an evaluation, decoded and counted in worker processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path
from typing import NamedTuple

from pix2cap.formats.file_places import EscapeError, FolderFiles, MaskFiles, ZipFiles, open_masks
from pix2cap.formats.png import decode_rgb_ids
from pix2cap.metrics.matching import JointPixels, joint_pixels

IMAGES_A_WORKER = 100
"""Below this many images for each process, starting it costs more than it saves."""
_BATCH = 16
_AHEAD = 3
"""Batches under way for each process: memory does not grow with the set."""


class MapNames(NamedTuple):
    """The PNGs of one image; None where it needs a closer look anyway."""

    gt: str | None
    pred: str | None


@dataclass(frozen=True, slots=True)
class JoinedMaps:
    """Two maps of one size, counted.

    Args:
        joint: What their ids share.
        size_wh: Of both.
    """

    joint: JointPixels
    size_wh: tuple[int, int]


class MapJoiner:
    """Reads and joins pairs of maps; what is unusual in any way comes back as None, for a closer look.

    Args:
        gt_masks: Folder or zip of the ground truth.
        pred_masks: Of the predictions.
    """

    def __init__(self, gt_masks: MaskFiles, pred_masks: MaskFiles) -> None:
        self._gt, self._pred = gt_masks, pred_masks

    def join(self, names: MapNames) -> JoinedMaps | None:
        """Join one pair."""
        if names.gt is None or names.pred is None:
            return None
        try:
            gt = decode_rgb_ids(self._gt.read(names.gt))
            pred = decode_rgb_ids(self._pred.read(names.pred))
        except (OSError, EscapeError):
            return None
        if gt is None or pred is None or gt.shape != pred.shape:
            return None
        return JoinedMaps(joint_pixels(gt, pred), (gt.shape[1], gt.shape[0]))

    def join_all(self, names: Iterable[MapNames], *, workers: int) -> Iterator[JoinedMaps | None]:
        """Join many pairs, in order.

        Args:
            names: Of the pairs.
            workers: Processes; 1 for none beside this one.
        """
        gt_path, pred_path = _path(self._gt), _path(self._pred)
        if workers == 1 or gt_path is None or pred_path is None:
            yield from map(self.join, names)
            return
        # Not fork: this process may have threads. Forkserver, where there is one, starts in half the time.
        method = "forkserver" if "forkserver" in get_all_start_methods() else "spawn"
        context = get_context(method)
        if method == "forkserver":
            context.set_forkserver_preload([__name__])  # Imported once, not once a worker.
        start = partial(_start_worker, gt_path, pred_path)
        with ProcessPoolExecutor(workers, context, start) as pool:
            waiting: deque[Future[list[JoinedMaps | None]]] = deque()
            batch: list[MapNames] = []
            for name in names:
                batch.append(name)
                if len(batch) == _BATCH:
                    waiting.append(pool.submit(_join_batch, batch))
                    batch = []
                if len(waiting) > workers * _AHEAD:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
            yield from map(self.join, batch)


def _path(masks: MaskFiles) -> Path | None:
    if isinstance(masks, FolderFiles):
        return masks.folder
    return masks.zip_path if isinstance(masks, ZipFiles) else None


_worker: list[MapJoiner] = []


def _start_worker(gt_masks: Path, pred_masks: Path) -> None:
    _worker.append(MapJoiner(open_masks(gt_masks), open_masks(pred_masks)))


def _join_batch(batch: list[MapNames]) -> list[JoinedMaps | None]:
    return [_worker[0].join(names) for names in batch]
