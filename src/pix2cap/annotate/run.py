"""Run the pipeline over a source: here plan, draw, ask, parse and check meet time and money."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

from pix2cap.annotate import ladder
from pix2cap.annotate.asker import Asker, PricedModel, StoppedError, StopSignal
from pix2cap.annotate.budget import Budget
from pix2cap.annotate.events import EventLog
from pix2cap.annotate.journal import JOURNAL_NAME, Journal, Outcome
from pix2cap.annotate.lock import run_lock
from pix2cap.annotate.plan import high_cost_usd
from pix2cap.annotate.prompt import REPLY_SCHEMA, PromptTemplate
from pix2cap.annotate.render import (
    LoadedImage,
    PreparedAsk,
    RenderStyle,
    draw_parts,
    picture_sizes,
    prepare_ask,
)
from pix2cap.annotate.rules import rules_version
from pix2cap.annotate.settings import AnnotateSettings, RunConfig
from pix2cap.annotate.status import RunStatus, read_status
from pix2cap.core import CaptionStatus
from pix2cap.errors import ImageRefused, Pix2CapError, UsageError
from pix2cap.formats.source import Source, SourceImage
from pix2cap.vlm.model import CaptionRequest, PicturePart
from pix2cap.vlm.unit import Unit


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a session is, told after every image.

    Args:
        images_done: Images settled or refused in this session, those found settled included.
        images: Images in the scope.
        captioned: Segments captioned in this session.
        requests: Requests sent in this session.
        spent_usd: Spent on the whole run; None where the price is unknown.
    """

    images_done: int
    images: int
    captioned: int
    requests: int
    spent_usd: float | None


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What may differ from session to session of one run.

    Args:
        concurrency: Images worked on at a time.
        max_cost_usd: Budget of the whole run, earlier sessions included.
        limit: Only the first so many images of the source.
        image_ids: Only these images.
        retry_failed: Begin a new round for failed segments.
        on_progress: Called after every image.
        handle_signals: Turn SIGINT and SIGTERM into a drain (main thread only).
    """

    concurrency: int = 16
    max_cost_usd: float | None = None
    limit: int | None = None
    image_ids: Collection[int] | None = None
    retry_failed: bool = False
    on_progress: Callable[[Progress], None] | None = None
    handle_signals: bool = False


@dataclass
class _Session:
    """What the steps of one session share."""

    source: Source
    config: RunConfig
    template: PromptTemplate
    style: RenderStyle
    options: RunOptions
    journal: Journal
    asker: Asker
    stop: StopSignal
    events: EventLog
    pool: ThreadPoolExecutor
    images: int
    images_done: int = 0
    captioned: int = 0
    running: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def settings(self) -> AnnotateSettings:
        return self.config.settings


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
    run_dir.mkdir(parents=True, exist_ok=True)
    with run_lock(run_dir), contextlib.closing(_open_run(run_dir, config)) as journal:
        _blocking(lambda: asyncio.run(_session(source, models, run_dir, config, template, opts, journal)))
        return read_status(run_dir)


def _open_run(run_dir: Path, config: RunConfig) -> Journal:
    if (run_dir / JOURNAL_NAME).exists():
        RunConfig.read(run_dir).require_same(config, run_dir)
    elif any(entry.suffix != ".lock" for entry in run_dir.iterdir()):
        raise UsageError(
            f"{run_dir}: expected an empty folder or a run, found other files; give another --out"
        )
    config.write(run_dir)
    return Journal(run_dir / JOURNAL_NAME, writable=True)


def _blocking(work: Callable[[], None]) -> None:
    """Run `work`, in a thread of its own where a loop is running already (notebooks)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        work()
        return
    caught: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            caught.append(error)

    thread = Thread(target=guarded, name="pix2cap-run")
    thread.start()
    thread.join()
    if caught:
        raise caught[0]


async def _session(
    source: Source,
    models: Mapping[str, PricedModel],
    run_dir: Path,
    config: RunConfig,
    template: PromptTemplate,
    options: RunOptions,
    journal: Journal,
) -> None:
    stop = StopSignal()
    spent = read_status(run_dir).cost_usd or 0.0
    budget = Budget(options.max_cost_usd, spent_usd=spent)
    asker = Asker(models, journal=journal, budget=budget, stop=stop)
    style = RenderStyle.of(config.settings)
    threads = max(2, os.cpu_count() or 2)
    scope = list(_scope(source, options))
    with EventLog(run_dir) as events, ThreadPoolExecutor(threads, "pix2cap-draw") as pool:
        session = _Session(
            source, config, template, style, options, journal, asker, stop, events, pool, len(scope)
        )
        await journal.start_session(priced=all(m.price is not None for m in models.values()))
        events.add("session", images=len(scope), model=config.settings.model)
        try:
            with _draining(session):
                await _all_images(session, scope)
        finally:
            for priced in models.values():
                await priced.model.aclose()
            ended = "done" if stop.reason is None else type(stop.reason).__name__
            events.add("end", reason=ended, sent=asker.sent, recalled=asker.recalled)
    if stop.reason is not None:
        raise stop.reason


def _scope(source: Source, options: RunOptions) -> Iterator[tuple[int, int]]:
    """`(position, image_id)` of the images to work on.

    Raises:
        UsageError: An image id that the source does not have.
    """
    ids = source.image_ids
    if options.image_ids is not None:
        missing = sorted(set(options.image_ids) - set(ids))
        if missing:
            raise UsageError(f"{source.name}: no image {missing[:10]}; {len(ids)} images are there")
        wanted = set(options.image_ids)
        chosen = [(n, i) for n, i in enumerate(ids) if i in wanted]
    else:
        chosen = list(enumerate(ids))
    yield from chosen[: options.limit]


@contextlib.contextmanager
def _draining(session: _Session) -> Iterator[None]:
    """First SIGINT or SIGTERM: let requests in flight finish. Second: give them up."""
    if not session.options.handle_signals:
        yield
        return
    loop = asyncio.get_running_loop()

    def interrupted() -> None:
        if session.stop.is_set:
            for task in session.running:
                task.cancel()
        session.stop.stop(KeyboardInterrupt())

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _all_images(session: _Session, scope: list[tuple[int, int]]) -> None:
    gate = asyncio.Semaphore(session.options.concurrency)
    failed: list[BaseException] = []

    def finished(task: asyncio.Task[None]) -> None:
        session.running.discard(task)
        gate.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            failed.append(error)
            session.stop.stop(error if isinstance(error, Pix2CapError) else Pix2CapError(str(error)))

    # Registered first, so that what an early stop leaves untouched counts as pending.
    for position, image_id in scope:
        await session.journal.add_image(session.source.entry(image_id), position)
    for _, image_id in scope:
        await gate.acquire()
        if session.stop.is_set:
            break
        task = asyncio.create_task(_one_image(session, session.source.entry(image_id)))
        session.running.add(task)
        task.add_done_callback(finished)
    while session.running:
        await asyncio.wait(session.running)
    for error in failed:
        if not isinstance(error, Pix2CapError):
            raise error


async def _one_image(session: _Session, entry: SourceImage) -> None:
    image_id = entry.image.image_id
    settled = session.journal.settled(image_id)
    retry = session.options.retry_failed and settled is not None
    if settled is None or settled.refused is not None or settled.rules != rules_version() or retry:
        earlier = session.journal.outcomes(image_id) if retry and settled and not settled.refused else None
        failed = earlier is not None and any(o.status is CaptionStatus.FAILED for o in earlier.values())
        if earlier is None or failed or (settled is not None and settled.rules != rules_version()):
            round_number = 0 if settled is None else settled.round + int(failed)
            try:
                await _work_image(session, entry, round_number, earlier if failed else None)
            except StoppedError:
                return
    session.images_done += 1
    if session.options.on_progress is not None:
        budget = session.asker.budget
        known = all(m.price is not None for m in session.asker.models.values())
        session.options.on_progress(
            Progress(
                session.images_done,
                session.images,
                session.captioned,
                session.asker.sent,
                budget.spent_usd if known else None,
            )
        )


async def _work_image(
    session: _Session, entry: SourceImage, round_number: int, earlier: Mapping[int, Outcome] | None
) -> None:
    image_id, rules = entry.image.image_id, rules_version()
    loop = asyncio.get_running_loop()
    try:
        loaded = await loop.run_in_executor(session.pool, LoadedImage, session.source, entry)
    except ImageRefused as error:
        reason = f"image: {_short(error)}"
        refused = [
            Outcome(s.segment_id, CaptionStatus.FAILED, reason=reason)
            for s in entry.segments
            if not s.is_crowd
        ]
        await session.journal.settle(
            image_id, refused, round_number=round_number, rules=rules, refused=str(error)
        )
        session.events.add("refused", image_id=image_id, error=str(error))
        return
    state = ladder.start(loaded.facts, earlier)
    while True:
        state, asks = ladder.next_asks(state, loaded.facts, session.settings)
        if not asks:
            break
        answers = await _answers(session, loaded, asks, round_number)
        state = ladder.absorb(state, loaded.facts, session.settings, list(zip(asks, answers, strict=True)))
        loaded.release()
    results = [*ladder.outcomes(state), *_without_pixels(entry, loaded)]
    await session.journal.settle(
        image_id, results, round_number=round_number, rules=rules, attempts=state.attempts
    )
    session.captioned += sum(o.status is CaptionStatus.CAPTIONED for o in results)
    failures = sum(o.status is CaptionStatus.FAILED for o in results)
    session.events.add("image", image_id=image_id, segments=len(results), failed=failures)


def _without_pixels(entry: SourceImage, loaded: LoadedImage) -> list[Outcome]:
    """Segments that the JSON lists and the map cannot show, since smaller ones hide them (COCO instances)."""
    shown = loaded.facts.panoptic.by_id
    hidden = [s.segment_id for s in entry.segments if not s.is_crowd and s.segment_id not in shown]
    return [Outcome(i, CaptionStatus.NOT_VISIBLE, reason="hidden by other segments") for i in hidden]


def _short(error: ImageRefused) -> str:
    return error.problems[0].problem if error.problems else str(error)


async def _answers(
    session: _Session, loaded: LoadedImage, asks: list[ladder.Ask], round_number: int
) -> list[ladder.Answer]:
    """All replies of one rung; a stop waits for the replies that are on their way, so that they are kept."""
    tasks = [asyncio.ensure_future(_answer(session, loaded, ask, round_number)) for ask in asks]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


async def _answer(
    session: _Session, loaded: LoadedImage, ask: ladder.Ask, round_number: int
) -> ladder.Answer:
    strong = session.settings.strong_model
    name = strong if ask.stage == "stronger" and strong is not None else session.settings.model
    priced = session.asker.models[name]
    reads_pictures = priced.model.reads_pictures
    prepared = prepare_ask(
        loaded,
        ask,
        template=session.template,
        settings=session.settings,
        style=session.style,
        round_number=round_number,
        reads_pictures=reads_pictures,
    )
    high_usd = 0.0
    if priced.price is not None and reads_pictures:
        sizes = picture_sizes(loaded, [prepared], session.style)
        high_usd = high_cost_usd(priced.price, prepared.prompt, sizes, session.settings.max_tokens)

    async def build() -> CaptionRequest:
        loop = asyncio.get_running_loop()
        parts: tuple[PicturePart, ...] = ()
        if reads_pictures:
            parts = await loop.run_in_executor(session.pool, draw_parts, loaded, prepared, session.style)
        return build_request(loaded, prepared, parts, session.settings)

    return await session.asker.answer(
        prepared,
        loaded.image.image_id,
        render=session.style.fingerprint(),
        high_usd=high_usd,
        build=build,
    )


def build_request(
    loaded: LoadedImage,
    prepared: PreparedAsk,
    parts: tuple[PicturePart, ...],
    settings: AnnotateSettings,
) -> CaptionRequest:
    """Put a request together; models that read no pictures get the decoded image instead."""
    unit = Unit(
        image=loaded.image,
        panoptic=loaded.facts.panoptic,
        rows=prepared.rows,
        class_names=dict(loaded.facts.class_names),
        rgb=None if parts else loaded.picture().rgb,
    )
    return CaptionRequest(
        pictures=parts,
        prompt=prepared.prompt,
        schema=REPLY_SCHEMA,
        sampling=settings.sampling,
        key=prepared.key,
        unit=unit,
    )
