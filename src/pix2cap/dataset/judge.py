"""Is the caption true? A second model splits every caption of a dataset into claims and judges each."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pix2cap.annotate.asker import PricedModel
from pix2cap.annotate.budget import spent_so_far
from pix2cap.annotate.journal import JOURNAL_NAME, Journal, told_of_damage
from pix2cap.annotate.out_folder import make_out_folder
from pix2cap.annotate.settings import SourcePaths
from pix2cap.dataset.check_scene import texts_of
from pix2cap.dataset.judge_ask import JudgeStep, Judging
from pix2cap.dataset.judge_options import JudgeOptions
from pix2cap.dataset.judge_prompt import NAME, judge_words_hash
from pix2cap.dataset.judge_result import FINDINGS_NAME, RESULT_NAME, JudgedCaption, JudgeReport, Spend
from pix2cap.errors import InputError, UsageError
from pix2cap.evaluate.bench_session import (
    BenchOptions,
    BenchProgress,
    require_prices,
    run_step,
    who_gets_what,
)
from pix2cap.evaluate.result_files import plain, write_json
from pix2cap.formats.file_source import FileSource
from pix2cap.formats.open_source import open_source

STEP = "judge"
"""Folder below `--out` in which the journal lies, and the name of the step in progress lines."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who is told what while captions are judged.

    Args:
        say: Who gets the pictures, and that an interrupt was heard.
        on_progress: After every image.
        handle_signals: Turn SIGINT and SIGTERM into a drain (main thread only).
    """

    say: Callable[[str], None] | None = None
    on_progress: Callable[[BenchProgress], None] | None = None
    handle_signals: bool = False


@dataclass(frozen=True)
class CaptionedSource:
    """A dataset with pictures, and which of its captions are to be judged.

    Args:
        source: Opened.
        paths: Where it lies, for `run.toml`.
        image_ids: In scope, those without a caption left out.
    """

    source: FileSource
    paths: SourcePaths
    image_ids: Sequence[int] = field(default=())

    def captions(self, image_id: int) -> dict[int, str]:
        """Segment id to caption of one image, of those that are published."""
        return texts_of(self.source.record(image_id))


def open_for_judge(
    source: Path, *, images: Path | None = None, masks: Path | None = None, limit: int | None = None
) -> CaptionedSource:
    """Open a captioned dataset for a judge.

    Args:
        source: COCO panoptic JSON with captions, another format of `open_source`, or a dataset folder.
        images: Folder of the pictures, where the dataset does not know it.
        masks: Folder or zip of the mask PNGs, likewise.
        limit: Only the first so many images that have captions.

    Raises:
        InputError: It is damaged, or has no caption.
        UsageError: Nobody said where the pictures are.
    """
    opened = open_source(source, masks=masks, images=images)
    if opened.pictures is None:
        raise UsageError(f"{source}: a judge looks at the pictures; name their folder with --images")
    whole = CaptionedSource(opened, SourcePaths(source, masks, images))
    scope: list[int] = []
    for image_id in opened.image_ids:
        if limit is not None and len(scope) >= limit:
            break
        if whole.captions(image_id):
            scope.append(image_id)
    if not scope:
        raise InputError(f"{source}: expected captions (`description` or `caption`), found none to judge")
    return CaptionedSource(opened, whole.paths, scope)


def judge_dataset(
    source: Path,
    options: JudgeOptions,
    *,
    images: Path | None = None,
    masks: Path | None = None,
    listeners: Listeners | None = None,
    model: PricedModel | None = None,
) -> JudgeReport:
    """Judge every caption of a dataset, or go on where an earlier session stopped.

    Every reply is kept in a journal before it is used, so that the same call sends nothing twice; a caption
    that was edited since is another question and is asked about again. `judge.json`, and `findings.json` for
    `pix2cap review --findings`, are written however the session ends.

    Args:
        source: As `open_for_judge` takes it.
        options: Who judges, where replies are kept, limits.
        images: Folder of the pictures.
        masks: Folder or zip of the mask PNGs.
        listeners: Who is told what.
        model: A judge of your own in place of the one that the options name.

    Returns:
        What was found, earlier sessions included.

    Raises:
        InputError, UsageError: Something given is wrong; nothing was sent.
        RunLocked, RunMismatch: The folder is in use, or was begun with another judge or other settings.
        BudgetReached, StorageFull, ModelRejected, ModelUnavailable: Why it stopped early; all that was paid
            for is kept.
        KeyboardInterrupt: Interrupted and drained.

    Example:
        >>> options = JudgeOptions(judge="openai:gpt-4o", out=Path("judged"), max_cost=5.0)
        >>> judge_dataset(Path("dataset"), options).queue()[:3]  # doctest: +SKIP
    """
    out = options.require_out()
    captioned = open_for_judge(source, images=images, masks=masks, limit=options.limit)
    judge = options.open_judge() if model is None else model
    told = listeners or Listeners()
    bench = BenchOptions(
        options.concurrency,
        options.max_cost,
        options.retry_failed,
        False,
        told.say,
        told.on_progress,
        told.handle_signals,
    )
    step = JudgeStep(
        STEP,
        judge,
        source,
        NAME,
        judge_words_hash(),
        options.sampling,
        captioned.paths,
        options.per_request,
    )
    require_prices([step], bench)
    make_out_folder(out)
    bench.tell(who_gets_what(step, f"the pictures of {len(captioned.image_ids)} images"))
    judging = Judging(captioned.source, captioned.captions, captioned.image_ids, options.per_request)
    try:
        run_step(step, out, bench, judging.work)
    finally:
        if judging.began:  # However it ended: what was paid for can be read.
            report = _report(judging, captioned, step, out)
            report.write(out / RESULT_NAME)
            write_json(plain(report.findings()), out / FINDINGS_NAME)
    return report


def _report(judging: Judging, captioned: CaptionedSource, step: JudgeStep, out: Path) -> JudgeReport:
    return JudgeReport(
        captioned.paths.source.name,
        step.config.settings.model,
        step.prompt,
        step.prompt_sha256,
        tuple(_judged(judging, captioned)),
        dict(sorted(judging.failed.items())),
        judging.pending,
        _spend(step, out),
    )


def _judged(judging: Judging, captioned: CaptionedSource) -> Iterator[JudgedCaption]:
    """In the order of the source, whatever the order of replies."""
    for image_id in captioned.image_ids:
        for segment_id, text in captioned.captions(image_id).items():
            claims = judging.claims.get((image_id, segment_id))
            if claims is not None:
                yield JudgedCaption(image_id, segment_id, text, claims)


def _spend(step: JudgeStep, out: Path) -> Spend:
    path = out / step.name / JOURNAL_NAME
    with contextlib.closing(Journal(path, writable=False)) as journal, told_of_damage(path):
        cost = spent_so_far(journal, {step.config.settings.model: step.model.price})
        with journal.query() as sql:
            row = sql.execute(
                "SELECT count(*), coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0)"
                " FROM replies"
            ).fetchone()
    return Spend(row[0], row[1], row[2], None if step.model.price is None else cost)
