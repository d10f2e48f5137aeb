"""Batches as training wants them: in order, varied, collated, on worker processes if there are any."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from pix2cap.model.records import Batch
from pix2cap.train.augment import AugmentConfig, augment, sample_rng
from pix2cap.train.collate import Collator
from pix2cap.train.order import BatchOrder, SampleKey
from pix2cap.train.samples import Sample, TrainingSet


class VariedSet(Dataset[Sample]):
    """A training set whose samples are varied, each by its key alone.

    Args:
        data: The samples.
        config: How they are varied; None leaves them as they are.
        seed: Of the variation.
    """

    def __init__(self, data: TrainingSet, config: AugmentConfig | None, *, seed: int) -> None:
        self.data = data
        self.config = config
        self.seed = seed

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, key: SampleKey) -> Sample:
        sample = self.data[key.number]
        if self.config is None:
            return sample
        return augment(sample, self.config, sample_rng(self.seed, key.epoch, key.number))


def iterate_batches(
    varied: VariedSet, order: BatchOrder, collator: Collator, *, workers: int = 0
) -> Generator[Batch, None, None]:
    """Batches without end, the same whatever the number of workers.

    Workers are spawned, and each keeps its own cache of samples. They end with the iterator (`close()` it).

    Args:
        varied: The samples.
        order: Which come when; `order.state_after(batches used)` is where to go on.
        collator: Makes tensors.
        workers: Processes that prepare batches ahead; 0 prepares each when it is asked for.
    """
    if workers == 0:
        for keys in order:
            yield collator([varied[key] for key in keys])
        return
    loader = DataLoader(
        varied,
        batch_sampler=order,
        collate_fn=collator,
        num_workers=workers,
        multiprocessing_context="spawn",
        prefetch_factor=4,
        # Its own: else making a loader would draw from the chance that dropout and the like use.
        generator=torch.Generator(),
        worker_init_fn=_start_worker,
    )
    batches = iter(loader)
    try:
        yield from batches
    finally:
        _end_workers(batches)


def _start_worker(_: int) -> None:
    """One thread a worker: their number is what the user chose."""
    cv2.setNumThreads(1)


def _end_workers(batches: object) -> None:
    """End the workers now, not whenever memory is cleaned up; how one dies that nobody needs is no matter."""
    end = getattr(batches, "_shutdown_workers", None)
    if end is not None:
        with suppress(RuntimeError):
            end()
