"""Ask a model through the journal: a key that has a reply is never sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pix2cap.annotate.budget import Budget
from pix2cap.annotate.journal import Journal, ReplyRecord, RequestRecord
from pix2cap.annotate.ladder import Answer
from pix2cap.errors import BudgetReached, ModelRejected, ModelUnavailable, Pix2CapError, StorageFull
from pix2cap.vlm.model import CaptionModel, CaptionRequest
from pix2cap.vlm.pricing import Price, cost_usd

MOST_FAILURES_IN_A_ROW = 50
"""Transport failures without one reply between them after which the endpoint counts as down."""


class StoppedError(Exception):
    """The run is being brought to an end; what is open stays pending."""


@dataclass
class StopSignal:
    """Why a run ends before its time; the first reason stays."""

    reason: Pix2CapError | KeyboardInterrupt | None = None
    event: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self, reason: Pix2CapError | KeyboardInterrupt) -> None:
        """Let what is in flight finish and start nothing new."""
        if self.reason is None:
            self.reason = reason
            self.event.set()

    @property
    def is_set(self) -> bool:
        """True once somebody called `stop`."""
        return self.event.is_set()


class Sendable(Protocol):
    """What the asker and the journal need to know of a request; its pictures are drawn when it is sent."""

    @property
    def key(self) -> str:
        """Hash of everything that decides the reply."""
        ...

    @property
    def model(self) -> str:
        """Name of the model asked."""
        ...

    @property
    def prompt(self) -> str:
        """The rendered text."""
        ...

    @property
    def stage(self) -> str:
        """Which step of the work asks."""
        ...

    @property
    def segment_ids(self) -> tuple[int, ...]:
        """The segments asked about; empty where a request is about something else."""
        ...


@dataclass(frozen=True, slots=True)
class PricedModel:
    """A model and what it costs; `price` None is "unknown"."""

    model: CaptionModel
    price: Price | None


class Asker:
    """Answers prepared requests from the journal, or from the model through journal and budget.

    Args:
        models: The models of the run by name.
        journal: Open for writing.
        budget: What may be spent.
        stop: Set when nothing more may be sent.
    """

    def __init__(
        self, models: Mapping[str, PricedModel], *, journal: Journal, budget: Budget, stop: StopSignal
    ) -> None:
        self.models = models
        self.journal = journal
        self.budget = budget
        self.stop = stop
        self.sent = 0
        self.replies = 0
        self.recalled = 0
        self._in_flight: dict[str, asyncio.Future[Answer]] = {}
        self._failures = 0

    async def answer(
        self,
        prepared: Sendable,
        image_id: int,
        *,
        render: str,
        high_usd: float,
        build: Callable[[], Awaitable[CaptionRequest]],
    ) -> Answer:
        """The reply to one request.

        Args:
            prepared: The request.
            image_id: For the journal.
            render: Fingerprint of the drawing, for the journal.
            high_usd: The most it can cost; 0 where the price is unknown.
            build: Draws the pictures; called only if the request is really sent.

        Raises:
            StoppedError: The run is ending and the journal has no reply.
        """
        recorded = self.journal.reply(prepared.key)
        if recorded is not None:
            self.recalled += 1
            return _answer(recorded)
        twin = self._in_flight.get(prepared.key)
        if twin is not None:
            return await asyncio.shield(twin)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._in_flight[prepared.key] = future
        try:
            answer = await self._send(prepared, image_id, render, high_usd, build)
        except BaseException as error:
            future.set_exception(error if isinstance(error, Exception) else StoppedError())
            future.exception()  # Nobody may be waiting for it; then it is no unhandled error.
            raise
        else:
            future.set_result(answer)
            return answer
        finally:
            del self._in_flight[prepared.key]

    async def _send(
        self,
        prepared: Sendable,
        image_id: int,
        render: str,
        high_usd: float,
        build: Callable[[], Awaitable[CaptionRequest]],
    ) -> Answer:
        priced = self.models[prepared.model]
        try:
            async with self.budget.reserve(high_usd) as reservation:
                if self.stop.is_set:
                    raise StoppedError
                request = await build()
                await self.journal.add_request(
                    RequestRecord(
                        prepared.key,
                        image_id,
                        prepared.stage,
                        prepared.model,
                        prepared.segment_ids,
                        render,
                        prepared.prompt,
                        None if priced.price is None else high_usd,
                    )
                )
                record = await self._ask(prepared.model, request, high_usd)
                reservation.actual_usd = record.cost_usd or 0.0
                await self.journal.add_reply(record)
        except (BudgetReached, StorageFull, ModelRejected) as error:
            self.stop.stop(error)
            raise StoppedError from error
        return _answer(record)

    async def _ask(self, label: str, request: CaptionRequest, high_usd: float) -> ReplyRecord:
        priced = self.models[label]
        self.sent += 1
        try:
            reply = await priced.model.ask(request)
        except ModelUnavailable as error:
            self._count_failure(error)
            return ReplyRecord(request.key, None, error=f"transport: {error.reason}")
        except ModelRejected as error:
            # Where others were taken, one picture too large for the endpoint is no reason to stop.
            if not (error.concerns_one_request and self.replies):
                raise
            return ReplyRecord(request.key, None, error=f"rejected: http {error.status}")
        self.replies += 1
        self._failures = 0
        cost = cost_usd(priced.price, reply.usage)
        if cost is None and priced.price is not None:
            # The provider did not say how many tokens it counted: book the most it can have been.
            cost = high_usd
        return ReplyRecord(
            request.key,
            reply.text,
            None,
            reply.finish_reason,
            reply.usage.input_tokens,
            reply.usage.output_tokens,
            cost,
            reply.request_id,
            # What a replayed file calls itself is its path, and no record holds a home path.
            reply.model if priced.model.host is not None else label,
            reply.tries,
        )

    def _count_failure(self, error: ModelUnavailable) -> None:
        """Tell an endpoint that is down from one that dropped a request: the first stops the run.

        Raises:
            StoppedError: Nothing is to be booked against the segments; they stay pending.
        """
        self._failures += 1
        if error.unreachable or self._failures >= MOST_FAILURES_IN_A_ROW:
            self.stop.stop(error)
            raise StoppedError from error


def _answer(record: ReplyRecord) -> Answer:
    return Answer(record.key, record.text, record.finish_reason, record.error)
