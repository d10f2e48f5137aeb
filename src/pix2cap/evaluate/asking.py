"""Ask a model the questions of a bench: journal, budget, resume and interruption as in annotation."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from pix2cap.annotate.asker import Asker, PricedModel, StoppedError, StopSignal
from pix2cap.annotate.bounds import require_range
from pix2cap.annotate.budget import Budget, spent_so_far
from pix2cap.annotate.draining import call_blocking, draining
from pix2cap.annotate.events import EventLog
from pix2cap.annotate.journal import JOURNAL_NAME, Journal, told_of_damage
from pix2cap.annotate.ladder import Answer
from pix2cap.annotate.lock import run_lock
from pix2cap.annotate.out_folder import make_out_folder
from pix2cap.annotate.planner import high_cost_usd
from pix2cap.annotate.run_folder import open_run, require_ours
from pix2cap.annotate.settings import RunConfig
from pix2cap.errors import UsageError
from pix2cap.vlm.model import CaptionRequest, PicturePart, Sampling
from pix2cap.vlm.unit import Unit

Work = Callable[["AskSession"], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a question shows: encoded pictures, and the unit for models that read none."""

    pictures: tuple[PicturePart, ...] = ()
    unit: Unit | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One request of a bench.

    Args:
        image_id: For the journal; 0 where a question is about no picture.
        item_ids: What the answer is for (region ids, question numbers), for the journal.
        prompt: The text.
        content: What decides the reply beside prompt, model and sampling: hashes of pictures, how they are
            drawn, which box. It goes into the key.
        show: Draws and encodes; called only if the question is really sent.
        picture_sizes_wh: Width and height of each picture, for what it can cost.
        schema: JSON schema of the reply, None for free text.
        system: System prompt.
        stage: Which step asks, for the journal.
    """

    image_id: int
    item_ids: tuple[int, ...]
    prompt: str
    content: Mapping[str, Any]
    show: Callable[[], Shown]
    picture_sizes_wh: tuple[tuple[int, int], ...] = ()
    schema: Mapping[str, Any] | None = None
    system: str | None = None
    stage: str = "first"

    def key(self, model: str, sampling: Sampling, round_number: int = 0) -> str:
        """Hash of everything that decides the reply."""
        whole = {
            "prompt": self.prompt,
            "system": self.system,
            "content": self.content,
            "schema": self.schema,
            "model": model,
            "sampling": asdict(sampling),
            "round": round_number,
        }
        return hashlib.sha256(orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)).hexdigest()[:40]


@dataclass(frozen=True, slots=True)
class AskOptions:
    """What may differ from session to session of one run folder.

    Args:
        concurrency: Questions in flight at a time.
        max_cost_usd: Budget of the run folder, earlier sessions included.
        retry_failed: Ask again what brought no text before.
        say: Told who gets the pictures, and that an interrupt was heard.
        handle_signals: Turn SIGINT and SIGTERM into a drain (main thread only).

    Raises:
        UsageError: A number is out of its range.
    """

    concurrency: int = 16
    max_cost_usd: float | None = None
    retry_failed: bool = False
    say: Callable[[str], None] | None = None
    handle_signals: bool = False

    def __post_init__(self) -> None:
        """Refuse what no session could work with."""
        require_range("--concurrency", self.concurrency, least=1)
        require_range("--max-cost", self.max_cost_usd, least=0)

    def tell(self, message: str) -> None:
        """Say something to whoever listens."""
        if self.say is not None:
            self.say(message)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A question as asker and journal know it."""

    key: str
    model: str
    prompt: str
    stage: str
    segment_ids: tuple[int, ...]


class AskSession:
    """Asks one model through journal and budget; made by `run_asking`."""

    def __init__(self, asker: Asker, label: str, sampling: Sampling, options: AskOptions) -> None:
        self._asker = asker
        self._label = label
        self._sampling = sampling
        self._options = options
        self._gate = asyncio.Semaphore(options.concurrency)
        self.model = asker.models[label].model

    @property
    def requests(self) -> int:
        """Sent in this session."""
        return self._asker.sent

    @property
    def spent_usd(self) -> float | None:
        """On the whole run folder; None where the price is unknown."""
        known = self._asker.models[self._label].price is not None
        return self._asker.budget.spent_usd if known else None

    @property
    def is_stopping(self) -> bool:
        """True once nothing new may be sent."""
        return self._asker.stop.is_set

    async def ask(self, question: Question) -> Answer:
        """The reply to one question, from the journal where it has one.

        What brought no text before is asked again where the options say so, under a key of its own; a reply
        that such a round brought counts in later sessions too.

        Raises:
            StoppedError: The run is ending and the journal has no reply.
        """
        last, round_number = None, 0
        while True:
            key = question.key(self._label, self._sampling, round_number)
            recorded = self._asker.journal.reply(key)
            if recorded is None:
                again = last is None or self._options.retry_failed
                return await self._answer(question, key if again or last is None else last)
            if (recorded.text or "").strip():
                return await self._answer(question, key)
            last, round_number = key, round_number + 1

    async def _answer(self, question: Question, key: str) -> Answer:
        prepared = _Prepared(key, self._label, question.prompt, question.stage, question.item_ids)
        async with self._gate:
            return await self._asker.answer(
                prepared,
                question.image_id,
                render=str(question.content.get("render", "")),
                high_usd=self._high_usd(question),
                build=lambda: self._build(question, key),
            )

    async def _build(self, question: Question, key: str) -> CaptionRequest:
        shown = await asyncio.to_thread(question.show)
        return CaptionRequest(
            shown.pictures,
            question.prompt,
            question.schema,
            self._sampling,
            key,
            shown.unit,
            question.system,
        )

    def _high_usd(self, question: Question) -> float:
        price = self._asker.models[self._label].price
        if price is None:
            return 0.0
        text = question.prompt + (question.system or "")
        return high_cost_usd(price, text, question.picture_sizes_wh, self._sampling.max_tokens)


def run_asking(model: PricedModel, run_dir: Path, config: RunConfig, options: AskOptions, work: Work) -> None:
    """Open a run folder, let `work` ask its questions, and close everything again.

    Args:
        model: Who is asked.
        run_dir: Holds `journal.sqlite` and `run.toml`; made if absent, gone on with otherwise.
        config: Must be that of earlier sessions; `config.settings.model` is the label in the journal.
        options: What may differ between sessions.
        work: Asks through the session that it is given.

    Raises:
        RunLocked: Another process works on the folder.
        RunMismatch: The folder was begun with other settings.
        UsageError: A budget without a price.
        BudgetReached, StorageFull, ModelRejected, ModelUnavailable: Why it stopped early; everything
            that was paid for is in the journal.
        KeyboardInterrupt: Interrupted and drained.
    """
    label = config.settings.model
    if options.max_cost_usd is not None and model.price is None:
        raise UsageError(
            f"--max-cost needs a price, and that of {label} is unknown;"
            " give --price-in and --price-out (USD per million tokens)"
        )
    make_out_folder(run_dir)
    require_ours(run_dir)  # Before the lock, whose file would be left in a folder of somebody else's.
    with (
        run_lock(run_dir),
        told_of_damage(run_dir / JOURNAL_NAME),
        contextlib.closing(open_run(run_dir, config)) as journal,
    ):
        call_blocking(lambda: asyncio.run(_session(model, run_dir, config, options, journal, work)))


async def _session(
    model: PricedModel, run_dir: Path, config: RunConfig, options: AskOptions, journal: Journal, work: Work
) -> None:
    label = config.settings.model
    spent = spent_so_far(journal, {label: model.price})
    if spent is None and options.max_cost_usd is not None:
        raise UsageError(
            f"{run_dir}: --max-cost needs to know what the run has cost so far, and earlier replies came"
            " without a price or a count of tokens; leave it out, or give another folder"
        )
    stop = StopSignal()
    asker = Asker(
        {label: model},
        journal=journal,
        budget=Budget(options.max_cost_usd, spent_usd=spent or 0.0),
        stop=stop,
    )
    with EventLog(run_dir) as events:
        await journal.start_session(priced=model.price is not None)
        events.add("session", model=label)
        task = asyncio.create_task(work(AskSession(asker, label, config.settings.sampling, options)))
        try:
            heeds = draining(stop, [task], options.tell)
            with heeds if options.handle_signals else contextlib.nullcontext():
                await _finished(task, stop)
        finally:
            await model.model.aclose()
            ended = "done" if stop.reason is None else type(stop.reason).__name__
            events.add("end", reason=ended, sent=asker.sent, recalled=asker.recalled)
    if stop.reason is not None:
        raise stop.reason


async def _finished(task: asyncio.Task[None], stop: StopSignal) -> None:
    """Wait for the work; that it was stopped is told by the signal's reason."""
    try:
        await task
    except StoppedError:
        if stop.reason is None:
            raise
    except asyncio.CancelledError:
        if not stop.is_set:
            raise


async def gather_until_stopped(work: Iterable[Awaitable[None]]) -> None:
    """Await all; what was stopped is left out, the first other error is raised once all have ended."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, StoppedError):
            raise result
