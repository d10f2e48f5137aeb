"""A journal with segments to decide about, without a run."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from pix2cap.annotate.journal import JOURNAL_NAME, Journal, Outcome
from pix2cap.core import CaptionStatus, ImageRef
from pix2cap.formats.source import SegmentInfo, SourceImage


def make_journal(run_dir: Path, *, images: int = 2, segments: int = 3) -> Path:
    """A run folder with a journal alone: image i's segments 1..n are captioned `Caption i.n.`"""
    run_dir.mkdir(parents=True, exist_ok=True)

    async def fill() -> None:
        with contextlib.closing(Journal(run_dir / JOURNAL_NAME, writable=True)) as journal:
            for image_id in range(1, images + 1):
                rows = tuple(SegmentInfo(n, 1) for n in range(1, segments + 1))
                await journal.add_image(
                    SourceImage(ImageRef(image_id, f"{image_id}.jpg", 4, 4), rows), image_id
                )
                outcomes = [
                    Outcome(n, CaptionStatus.CAPTIONED, f"Caption {image_id}.{n}.")
                    for n in range(1, segments + 1)
                ]
                await journal.settle(image_id, outcomes, round_number=0, rules="r")

    asyncio.run(fill())
    return run_dir
