"""From a run's journal to a dataset folder."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pix2cap.annotate.decisions import Standing, apply, read_standings
from pix2cap.annotate.journal import JOURNAL_NAME, Journal, Outcome, told_of_damage
from pix2cap.annotate.out_folder import make_out_folder
from pix2cap.annotate.settings import RunConfig, SourcePaths
from pix2cap.annotate.status import RunStatus, read_status
from pix2cap.core import CaptionedImage, CaptionSource, CaptionStatus, ImageRef, PanopticMap, SegmentCaption
from pix2cap.errors import ImageRefused, InputError, UsageError
from pix2cap.formats.dataset_folder import DatasetWriter
from pix2cap.formats.file_source import FileSource
from pix2cap.formats.manifest import DatasetAbout
from pix2cap.formats.open_source import open_source
from pix2cap.formats.pictures import Picture


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote.

    Args:
        folder: The dataset folder.
        images: Images in it.
        refused: Images whose map could not be read, so that no file but the manifest has them.
        segments_refused: Their segments.
        segments: The other segments, by status.
        decided: Segments that a reviewer decided about.
        conflicts: Those of them where two reviewers decided differently, and the later counts.
    """

    folder: str
    images: int
    refused: int
    segments_refused: int
    segments: dict[str, int]
    decided: int = 0
    conflicts: int = 0

    def to_json(self) -> dict[str, Any]:
        """The record as `annotate export --format json` prints it."""
        return asdict(self)


def export_run(
    run_dir: str | Path, out: str | Path, *, copy_images: bool = False, overwrite: bool = False
) -> Exported:
    """Write the dataset folder of a run: every segment in scope, whatever became of it.

    Same journal, same bytes, but for the time in `manifest.json`. A run may be exported while it is
    being worked on; what is open then is `pending`. What reviewers decided goes before what the model said.

    Args:
        run_dir: The run folder.
        out: The dataset folder; an earlier dataset of ours there is replaced.
        copy_images: Put the pictures into `images/` instead of referring to them.
        overwrite: Write even into a folder that holds other files; never over what the run reads.

    Returns:
        Counts.

    Raises:
        InputError: The run or its source cannot be read.
        UsageError: The folder holds something else and `overwrite` is off, or the run reads from it.

    Example:
        >>> export_run("run", "dataset")  # doctest: +SKIP
    """
    run_path, out_path = Path(run_dir), Path(out)
    config, status = RunConfig.read(run_path), read_status(run_path)
    source = open_run_source(config.paths, run_path)
    pictures = None if source.pictures is None else source.pictures.folder
    _require_elsewhere(out_path, config.paths, run_path, pictures)
    make_out_folder(out_path)
    writer = DatasetWriter(
        out_path,
        source.categories,
        about=_about(config, status, config.paths.source),
        images_dir=pictures,
        copy_images=copy_images,
        overwrite=overwrite,
    )
    path = run_path / JOURNAL_NAME
    journal = Journal(path, writable=False)
    with told_of_damage(path), contextlib.closing(journal), writer:
        counting: list[Standing] = []
        for image_id in journal.image_ids():
            counting += _add(writer, source, journal, config, image_id, copy_images=copy_images)
    tally = writer.tally
    counts = {status.value: count for status, count in sorted(tally.statuses.items())}
    hidden = sum(one["segments"] for one in tally.refused)
    conflicts = sum(standing.conflict for standing in counting)
    return Exported(str(out_path), tally.images, len(tally.refused), hidden, counts, len(counting), conflicts)


def open_run_source(paths: SourcePaths, run_dir: Path) -> FileSource:
    """Open what a run was made of.

    Raises:
        InputError: It is not there, or not what it was.
    """
    try:
        return open_source(paths.source, masks=paths.masks, images=paths.images)
    except InputError as error:
        gone = [p for p in (paths.source, paths.masks, paths.images) if p is not None and not p.exists()]
        if not gone:
            raise
        raise InputError(
            f"{run_dir}: expected what the run was made of at {gone[0]}, found nothing there; where it was"
            f" moved, `pix2cap annotate run` with the new places and --out {run_dir} takes them up and asks"
            " nothing twice"
        ) from error


def _require_elsewhere(out: Path, paths: SourcePaths, run_dir: Path, pictures: Path | None) -> None:
    """Refuse to write a dataset over what it is made of."""
    replaced = [(out / name).resolve() for name in ("panoptic.json", "panoptic", "instances.json", "images")]
    for place in (run_dir, paths.source, paths.masks, pictures):
        if place is None:
            continue
        found = place.resolve()
        if found == out.resolve() or any(found.is_relative_to(target) for target in replaced):
            raise UsageError(
                f"{out}: expected a folder that the run does not read from, got the one with {place.name};"
                " give another --out"
            )


def _add(
    writer: DatasetWriter,
    source: FileSource,
    journal: Journal,
    config: RunConfig,
    image_id: int,
    *,
    copy_images: bool,
) -> list[Standing]:
    try:
        entry = source.entry(image_id)
    except KeyError:
        raise InputError(
            f"{source.name}: expected image {image_id}, which the run worked on, found no such image;"
            " export with the source as it was, or begin another run"
        ) from None
    try:
        panoptic = source.panoptic(image_id)
    except ImageRefused as error:
        n_segments = sum(not segment.is_crowd for segment in entry.segments)
        writer.refuse(image_id, entry.image.file_name, str(error), n_segments=n_segments)
        return []
    picture: Picture | None = None
    if copy_images:
        # A refused picture is a finding of the run already; its segments are in the dataset as failed.
        with contextlib.suppress(ImageRefused):
            picture = source.picture(image_id)
    width, height = panoptic.size_wh
    image = ImageRef(image_id, entry.image.file_name, width, height)
    with journal.query() as sql:
        standings = {segment: one for (_, segment), one in read_standings(sql, image_id).items()}
    captions = reviewed_captions(journal, config, image_id, panoptic, standings)
    writer.add(
        CaptionedImage(image, panoptic, captions),
        map_png=source.map_png(image_id),
        picture=picture,
        extra=source.image_extra(image_id),
    )
    return [one for one in standings.values() if one.decision is not None]


def reviewed_captions(
    journal: Journal,
    config: RunConfig,
    image_id: int,
    panoptic: PanopticMap,
    standings: Mapping[int, Standing],
) -> tuple[SegmentCaption, ...]:
    """The captions of one image as the model and, after it, the reviewers left them.

    Args:
        journal: Of the run.
        config: Of the run.
        image_id: The image.
        panoptic: Its map; crowd has no captions.
        standings: By segment id.
    """
    sources = journal.sources(image_id)
    prompt = config.settings.prompt_version

    def caption(outcome: Outcome) -> SegmentCaption:
        asked = sources.get(outcome.key or "")
        source = (
            None
            if asked is None
            else CaptionSource(asked.model, prompt, outcome.attempt, outcome.key, asked.request_id)
        )
        return SegmentCaption(outcome.segment_id, outcome.text, outcome.status, outcome.reason, source)

    found = journal.outcomes(image_id)
    captions = []
    for segment in panoptic.captionable():
        outcome, standing = found.get(segment.id), standings.get(segment.id)
        if outcome is None and standing is None:
            continue
        said = SegmentCaption(segment.id, "", CaptionStatus.PENDING) if outcome is None else caption(outcome)
        captions.append(said if standing is None else apply(said, standing))
    return tuple(captions)


def _about(config: RunConfig, status: RunStatus, source: Path) -> DatasetAbout:
    settings = config.settings
    return DatasetAbout(
        name=f"Captions of {source.name}",
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        model=settings.model
        if settings.strong_model is None
        else f"{settings.model}, {settings.strong_model}",
        prompt_version=settings.prompt_version,
        spend={
            "requests": status.requests,
            "input_tokens": status.input_tokens,
            "output_tokens": status.output_tokens,
            "cost_usd": status.cost_usd,
        },
        source={"name": source.name},
        language=settings.language,
    )
