"""The steps of a judged bench: answers, then grades, each with a journal of its own under one budget."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import orjson

from pix2cap.annotate.asker import PricedModel, StoppedError
from pix2cap.annotate.bounds import require_range
from pix2cap.annotate.budget import spent_so_far
from pix2cap.annotate.draining import call_blocking
from pix2cap.annotate.job import model_label
from pix2cap.annotate.journal import JOURNAL_NAME, Journal, told_of_damage
from pix2cap.annotate.ladder import Answer
from pix2cap.annotate.settings import AnnotateSettings, RunConfig, SourcePaths
from pix2cap.errors import UsageError
from pix2cap.evaluate.asking import AskOptions, AskSession, Question, gather_until_stopped, run_asking
from pix2cap.evaluate.judge import ATTEMPTS, UnreadableError, Verdict, ask_until_readable, without_thoughts
from pix2cap.vlm.model import Sampling

ANSWERS = "answers"
GRADES = "grades"

T = TypeVar("T")


class Asks(Protocol):
    """Somebody who answers a bench's questions: a session, or a journal alone."""

    async def ask(self, question: Question) -> Answer:
        """The reply to one question.

        Raises:
            StoppedError: There is none, and none will be asked for.
        """
        ...


@dataclass(frozen=True, slots=True)
class BenchProgress:
    """How far a step is.

    Args:
        step: `answers` or `grades`.
        done: Questions that have their answer, earlier sessions included.
        total: Questions of the step.
        requests: Sent in this session.
        spent_usd: In this step, over all sessions; None where the price is unknown.
    """

    step: str
    done: int
    total: int
    requests: int
    spent_usd: float | None


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """What may differ from session to session of one bench folder.

    Args:
        concurrency: Questions in flight at a time.
        max_cost_usd: Budget of the folder, both steps and earlier sessions included.
        retry_failed: Ask again what failed in an earlier session.
        rescore: Send nothing: read the kept replies again and score what is there.
        say: Told who gets what, and that an interrupt was heard.
        on_progress: Called after every question.
        handle_signals: Turn SIGINT and SIGTERM into a drain (main thread only).

    Raises:
        UsageError: A number is out of its range.
    """

    concurrency: int = 16
    max_cost_usd: float | None = None
    retry_failed: bool = False
    rescore: bool = False
    say: Callable[[str], None] | None = None
    on_progress: Callable[[BenchProgress], None] | None = None
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
class Step:
    """One step of a bench: who is asked, and with what.

    Args:
        name: `answers` or `grades`; the folder's name.
        model: Who is asked.
        source: What the questions come from, for `run.toml`.
        prompt: Name and version of the words, for `run.toml`.
        prompt_sha256: Their hash.
        sampling: Temperature and the like.
    """

    name: str
    model: PricedModel
    source: Path
    prompt: str
    prompt_sha256: str
    sampling: Sampling

    @property
    def config(self) -> RunConfig:
        """What `run.toml` remembers; a folder goes on with nothing else."""
        settings = AnnotateSettings(
            model=model_label(self.model.model.name),
            prompt=self.prompt,
            prompt_sha256=self.prompt_sha256,
            temperature=self.sampling.temperature,
            max_tokens=self.sampling.max_tokens,
            seed=self.sampling.seed,
        )
        return RunConfig(SourcePaths(self.source), settings)


class Recall:
    """Answers from a journal and sends nothing."""

    def __init__(self, journal: Journal, label: str, sampling: Sampling) -> None:
        self._journal, self._label, self._sampling = journal, label, sampling

    def find(self, question: Question) -> Answer | None:
        """The last reply to a question, of later rounds too; None where it was never asked."""
        found, round_number = None, 0
        while True:
            record = self._journal.reply(question.key(self._label, self._sampling, round_number))
            if record is None:
                return found
            found = Answer(record.key, record.text, record.finish_reason, record.error)
            if (record.text or "").strip():
                return found
            round_number += 1

    async def ask(self, question: Question) -> Answer:
        """The same, as a session does it.

        Raises:
            StoppedError: It was never asked.
        """
        found = self.find(question)
        if found is None:
            raise StoppedError
        return found


@dataclass
class StepWork:
    """What the questions of a step share: who answers, what is kept, and the progress."""

    step: Step
    asks: Asks
    kept: Recall
    options: BenchOptions
    session: AskSession | None = None
    done: int = 0
    total: int = 0

    async def all(self, work: Iterable[Coroutine[Any, Any, None]], total: int) -> None:
        """Do all of it; what was stopped is left undone."""
        self.total = total
        await gather_until_stopped([self._counted(one) for one in work])

    async def _counted(self, work: Coroutine[Any, Any, None]) -> None:
        await work
        self.done += 1
        if self.options.on_progress is not None:
            sent = self.session.requests if self.session else 0
            spent = self.session.spent_usd if self.session else None
            self.options.on_progress(BenchProgress(self.step.name, self.done, self.total, sent, spent))

    async def judge(
        self, question: Callable[[int, str | None], Question], read: Callable[[Answer], T]
    ) -> Verdict[T]:
        """Ask until a reply can be read; where none could, go through a later round if one was begun.

        Args:
            question: Words attempt n, given the objection to the reply before it.
            read: Reads a reply, or raises UnreadableError.

        Raises:
            StoppedError: The run is ending.
        """
        first, may_begin = 0, self.options.retry_failed and not self.options.rescore
        while True:
            verdict = await ask_until_readable(self.asks.ask, question, read, first=first)
            first += ATTEMPTS
            if verdict.value is not None:
                return verdict
            if self.kept.find(question(first, None)) is None:
                if not may_begin:
                    return verdict
                may_begin = False


def run_step(
    step: Step, out: Path, options: BenchOptions, work: Callable[[StepWork], Coroutine[Any, Any, None]]
) -> None:
    """Let `work` ask a step's questions, or, where it is only to be scored again, recall the answers.

    Args:
        step: Who is asked, with what.
        out: The bench's folder; the step's own lies in it.
        options: Of this session; `max_cost_usd` is what is left for this step.
        work: Is given who answers.

    Raises:
        InputError: To be scored again, but nothing was asked.
        RunLocked, RunMismatch, UsageError, BudgetReached, StorageFull, ModelRejected, ModelUnavailable,
        KeyboardInterrupt: As `run_asking`.
    """
    folder = out / step.name
    label = step.config.settings.model
    path = folder / JOURNAL_NAME
    if options.rescore:
        RunConfig.read(folder).require_same(step.config, folder)
        with contextlib.closing(Journal(path, writable=False)) as journal, told_of_damage(path):
            recall = Recall(journal, label, step.sampling)
            call_blocking(lambda: asyncio.run(work(StepWork(step, recall, recall, options))))
        return

    async def with_session(session: AskSession) -> None:
        with contextlib.closing(Journal(path, writable=False)) as journal:
            kept = Recall(journal, label, step.sampling)
            await work(StepWork(step, session, kept, options, session))

    asked = AskOptions(
        options.concurrency, options.max_cost_usd, options.retry_failed, options.say, options.handle_signals
    )
    run_asking(step.model, folder, step.config, asked, with_session)


def spent_usd(step: Step, out: Path) -> float | None:
    """USD that a step has cost so far; None where that cannot be told."""
    path = out / step.name / JOURNAL_NAME
    if not path.is_file():
        return 0.0 if step.model.price is not None else None
    with contextlib.closing(Journal(path, writable=False)) as journal, told_of_damage(path):
        return spent_so_far(journal, {step.config.settings.model: step.model.price})


def left_for(options: BenchOptions, steps: Mapping[str, Step], name: str, out: Path) -> BenchOptions:
    """The options of one step: with what the other steps have left of the budget."""
    if options.max_cost_usd is None:
        return options
    other = sum(spent_usd(step, out) or 0.0 for key, step in steps.items() if key != name)
    return replace(options, max_cost_usd=max(0.0, options.max_cost_usd - other))


def who_gets_what(step: Step, what: str) -> str:
    """What a person is told before anything is sent."""
    model = step.model.model
    where = "this machine" if model.host is None else model.host
    return f"{where} gets {what}, for {model_label(model.name)}"


def require_prices(steps: Iterable[Step], options: BenchOptions) -> None:
    """Refuse a budget that could not be kept.

    Raises:
        UsageError: The price of a model is unknown.
    """
    unknown = [step.model.model.name for step in steps if step.model.price is None]
    if options.max_cost_usd is not None and unknown:
        raise UsageError(
            f"--max-cost needs a price, and that of {', '.join(unknown)} is unknown; give --price-in and"
            " --price-out, or --judge-price-in and --judge-price-out (USD per million tokens)"
        )


def read_answer(answer: Answer) -> str:
    """What an answerer said; "" for nothing or a refusal.

    A model of ours that captions rows (`describe`) answers with their captions.

    Raises:
        UnreadableError: The request failed.
    """
    if answer.text is None:
        raise UnreadableError(answer.error or "no reply")
    if answer.finish_reason == "refusal":
        return ""
    text = without_thoughts(answer.text)
    if text.startswith('{"captions":'):
        with contextlib.suppress(orjson.JSONDecodeError, KeyError, TypeError):
            return " ".join(str(entry["caption"]) for entry in orjson.loads(text)["captions"]).strip()
    return text


def require_out(out: Path | None, *, needed: bool) -> Path:
    """The bench's folder.

    Raises:
        UsageError: Somebody is to be asked and no folder is named.
    """
    if out is None and needed:
        raise UsageError(
            "expected --out FOLDER, where replies are kept and a stopped bench goes on; got none"
        )
    if out is not None and out.exists() and not out.is_dir():
        raise UsageError(f"expected a folder with --out, got the file {out}")
    return out or Path()
