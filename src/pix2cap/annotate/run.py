"""Run the pipeline over a source: here plan, draw, ask, parse and check meet time and money."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pix2cap.annotate.asker import Asker, PricedModel, StopSignal
from pix2cap.annotate.budget import Budget, spent_so_far
from pix2cap.annotate.draining import call_blocking, draining
from pix2cap.annotate.events import EventLog
from pix2cap.annotate.image_work import RunOptions, Session, is_due, work_image
from pix2cap.annotate.journal import JOURNAL_NAME, Journal, told_of_damage
from pix2cap.annotate.lock import run_lock
from pix2cap.annotate.out_folder import make_out_folder
from pix2cap.annotate.prompt import PromptTemplate
from pix2cap.annotate.render import RenderStyle
from pix2cap.annotate.run_folder import open_run, require_ours
from pix2cap.annotate.scope import images_in_scope
from pix2cap.annotate.settings import RunConfig
from pix2cap.annotate.status import RunStatus, read_status
from pix2cap.errors import Pix2CapError, UsageError
from pix2cap.formats.source import Source

_REGISTERED_TOGETHER = 500


def run_annotation(
    source: Source,
    models: Mapping[str, PricedModel],
    run_dir: Path,
    *,
    config: RunConfig,
    template: PromptTemplate,
    options: RunOptions | None = None,
) -> RunStatus:
    """Caption every segment of a source, or go on where an earlier session stopped.

    Args:
        source: Images and maps.
        models: `config.settings.model` and, where named, `strong_model`, by name.
        run_dir: The run folder; made if absent.
        config: Paths and settings; must be those of earlier sessions.
        template: The prompt.
        options: What may differ between sessions.

    Returns:
        The counts of the whole run, as `annotate status` prints them.

    Raises:
        RunLocked: Another process works on the folder.
        RunMismatch: The folder was begun with other settings.
        BudgetReached, StorageFull, ModelRejected, ModelUnavailable: Why it stopped early; everything
            that was paid for is in the journal.
        KeyboardInterrupt: Interrupted and drained.
    """
    opts = options or RunOptions()
    if opts.max_cost_usd is not None and any(m.price is None for m in models.values()):
        unknown = ", ".join(name for name, m in models.items() if m.price is None)
        raise UsageError(
            f"--max-cost needs a price, and that of {unknown} is unknown;"
            " give --price-in and --price-out (USD per million tokens)"
        )
    scope = images_in_scope(source, limit=opts.limit, image_ids=opts.image_ids)
    make_out_folder(run_dir)
    require_ours(run_dir)  # Before the lock, whose file would be left in a folder of somebody else's.
    with run_lock(run_dir), told_of_damage(run_dir / JOURNAL_NAME):
        with contextlib.closing(open_run(run_dir, config)) as journal:
            call_blocking(
                lambda: asyncio.run(_session(source, models, run_dir, config, template, opts, journal, scope))
            )
        return read_status(run_dir)


async def _session(
    source: Source,
    models: Mapping[str, PricedModel],
    run_dir: Path,
    config: RunConfig,
    template: PromptTemplate,
    options: RunOptions,
    journal: Journal,
    scope: list[tuple[int, int]],
) -> None:
    spent = spent_so_far(journal, {name: m.price for name, m in models.items()})
    if spent is None and options.max_cost_usd is not None:
        raise UsageError(
            f"{run_dir}: --max-cost needs to know what the run has cost so far, and earlier replies came"
            " without a price or a count of tokens; leave it out, or give another --out"
        )
    stop = StopSignal()
    budget = Budget(options.max_cost_usd, spent_usd=spent or 0.0)
    asker = Asker(models, journal=journal, budget=budget, stop=stop)
    style = RenderStyle.of(config.settings)
    threads = max(2, os.cpu_count() or 2)
    with EventLog(run_dir) as events, ThreadPoolExecutor(threads, "pix2cap-draw") as pool:
        session = Session(
            source, config, template, style, options, journal, asker, stop, events, pool, len(scope)
        )
        await journal.start_session(priced=all(m.price is not None for m in models.values()))
        events.add("session", images=len(scope), model=config.settings.model)
        options.tell(_who_gets_what(models, sum(is_due(session, image_id) for _, image_id in scope)))
        try:
            heeds = draining(stop, session.running, options.tell)
            with heeds if options.handle_signals else contextlib.nullcontext():
                await _all_images(session, scope)
        finally:
            for priced in models.values():
                await priced.model.aclose()
            ended = "done" if stop.reason is None else type(stop.reason).__name__
            events.add("end", reason=ended, sent=asker.sent, recalled=asker.recalled)
    if stop.reason is not None:
        raise stop.reason


def _who_gets_what(models: Mapping[str, PricedModel], images: int) -> str:
    if images == 0:
        return "nothing is left to ask: every image in scope is settled"
    told = []
    for name, priced in models.items():
        host = priced.model.host
        told.append(
            f"{name} runs on this machine, no picture leaves it"
            if host is None
            else f"{host} gets the pictures of up to {images} images, for {name}"
        )
    return "; ".join(told)


async def _all_images(session: Session, scope: list[tuple[int, int]]) -> None:
    gate = asyncio.Semaphore(session.options.concurrency)
    failed: list[BaseException] = []

    def finished(task: asyncio.Task[None]) -> None:
        session.running.discard(task)
        gate.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            failed.append(error)
            session.stop.stop(error if isinstance(error, Pix2CapError) else Pix2CapError(str(error)))

    # Registered first, so that what an early stop leaves untouched counts as pending; many a commit.
    for start in range(0, len(scope), _REGISTERED_TOGETHER):
        some = scope[start : start + _REGISTERED_TOGETHER]
        await asyncio.gather(
            *(session.journal.add_image(session.source.entry(image_id), at) for at, image_id in some)
        )
    for _, image_id in scope:
        await gate.acquire()
        if session.stop.is_set:
            break
        task = asyncio.create_task(work_image(session, session.source.entry(image_id)))
        session.running.add(task)
        task.add_done_callback(finished)
    while session.running:
        await asyncio.wait(session.running)
    for error in failed:
        if not isinstance(error, Pix2CapError):
            raise error
