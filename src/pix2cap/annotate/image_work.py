"""One image on its way: load, climb the ladder of attempts, settle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from pix2cap.annotate import ladder
from pix2cap.annotate.ask_again import answered_questions, open_questions, round_key, start_again
from pix2cap.annotate.asker import Asker, StoppedError, StopSignal
from pix2cap.annotate.bounds import require_range
from pix2cap.annotate.decisions import Decision
from pix2cap.annotate.events import EventLog
from pix2cap.annotate.journal import AttemptRecord, Journal, Outcome
from pix2cap.annotate.planner import high_cost_usd
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
from pix2cap.core import CaptionStatus
from pix2cap.errors import ImageRefused
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
        say: Told who gets how many pictures before the first is sent, and that an interrupt was heard.
        on_progress: Called after every image.
        handle_signals: Turn SIGINT and SIGTERM into a drain (main thread only).

    Raises:
        UsageError: A number is out of its range.
    """

    concurrency: int = 16
    max_cost_usd: float | None = None
    limit: int | None = None
    image_ids: Collection[int] | None = None
    retry_failed: bool = False
    say: Callable[[str], None] | None = None
    on_progress: Callable[[Progress], None] | None = None
    handle_signals: bool = False

    def __post_init__(self) -> None:
        """Refuse what no session could work with."""
        require_range("--concurrency", self.concurrency, least=1)
        require_range("--max-cost", self.max_cost_usd, least=0)
        require_range("--limit", self.limit, least=1)

    def tell(self, message: str) -> None:
        """Say something to whoever listens."""
        if self.say is not None:
            self.say(message)


@dataclass
class Session:
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
        """What decides the requests."""
        return self.config.settings


def is_due(session: Session, image_id: int) -> bool:
    """False for an image that an earlier session settled and that nothing makes worth another look."""
    settled = session.journal.settled(image_id)
    if settled is None or settled.refused is not None or settled.rules != rules_version():
        return True
    if _questions(session, image_id):
        return True
    return session.options.retry_failed and _has_failed(session.journal.outcomes(image_id))


def _questions(session: Session, image_id: int) -> tuple[Decision, ...]:
    with session.journal.query() as sql:
        return open_questions(sql, image_id)


def _has_failed(outcomes: Mapping[int, Outcome]) -> bool:
    return any(outcome.status is CaptionStatus.FAILED for outcome in outcomes.values())


async def work_image(session: Session, entry: SourceImage) -> None:
    """Settle one image, unless an earlier session has; tell the progress."""
    image_id = entry.image.image_id
    if is_due(session, image_id):
        rounds, earlier = _rounds(session, image_id)
        try:
            await _climb(session, entry, rounds, earlier)
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


def _rounds(session: Session, image_id: int) -> tuple[range, Mapping[int, Outcome] | None]:
    """The rounds to go through, and the outcomes of those before them.

    An image that is judged anew goes through its old rounds again: their requests hold the round in their
    keys, so that their replies are found in the journal and nothing is paid twice.
    """
    settled = session.journal.settled(image_id)
    if settled is None:
        return range(1), None
    after = settled.round + 1
    retry = int(session.options.retry_failed and settled.refused is None)
    if settled.refused is not None or settled.rules != rules_version():
        return range(after + retry), None
    return range(after, after + retry), session.journal.outcomes(image_id)


async def _climb(
    session: Session, entry: SourceImage, rounds: range, earlier: Mapping[int, Outcome] | None
) -> None:
    image_id, rules = entry.image.image_id, rules_version()
    before = session.journal.settled(image_id)
    reached = 0 if before is None else before.round
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
        await session.journal.settle(image_id, refused, round_number=reached, rules=rules, refused=str(error))
        session.events.add("refused", image_id=image_id, error=str(error))
        return
    done, attempts = earlier, list[AttemptRecord]()
    with session.journal.query() as sql:
        # Judged anew, an image goes through the questions of its reviewers again, each after its round.
        asked_before = answered_questions(sql, image_id) if earlier is None else {}
    questions = _questions(session, image_id)
    for round_number in rounds:
        if done is None or _has_failed(done):
            reached = max(reached, round_number)
            state = await _climb_to_end(session, loaded, ladder.start(loaded.facts, done), round_number)
            attempts += state.attempts
            done = {outcome.segment_id: outcome for outcome in ladder.outcomes(state)}
        for question in asked_before.get(round_number, ()):
            done = await _ask_again(session, loaded, question, done, attempts)
    done = done or {}
    for question in questions:
        done = await _ask_again(session, loaded, question, done, attempts)
    results = [*done.values(), *_without_pixels(entry, loaded)]
    await session.journal.settle(
        image_id,
        results,
        round_number=reached,
        rules=rules,
        attempts=attempts,
        answered=[(question.seq, question.segment_id) for question in questions],
    )
    session.captioned += sum(o.status is CaptionStatus.CAPTIONED for o in results)
    failures = sum(o.status is CaptionStatus.FAILED for o in results)
    session.events.add("image", image_id=image_id, segments=len(results), failed=failures)


async def _ask_again(
    session: Session,
    loaded: LoadedImage,
    question: Decision,
    done: Mapping[int, Outcome],
    attempts: list[AttemptRecord],
) -> Mapping[int, Outcome]:
    """The outcomes once a reviewer's question was put to the model."""
    begun = start_again(loaded.facts, question, done)
    if begun is None:
        return done
    state = await _climb_to_end(session, loaded, begun, round_key(question))
    attempts += state.attempts
    return {outcome.segment_id: outcome for outcome in ladder.outcomes(state)}


async def _climb_to_end(
    session: Session, loaded: LoadedImage, state: ladder.ImageState, key: int | str
) -> ladder.ImageState:
    """All rungs that are left, for the segments still open; `key` tells the requests' round."""
    while True:
        state, asks = ladder.next_asks(state, loaded.facts, session.settings)
        if not asks:
            return state
        answers = await _answers(session, loaded, asks, key)
        state = ladder.absorb(state, loaded.facts, session.settings, list(zip(asks, answers, strict=True)))
        loaded.release()


def _without_pixels(entry: SourceImage, loaded: LoadedImage) -> list[Outcome]:
    """Segments that the JSON lists and the map cannot show, since smaller ones hide them (COCO instances)."""
    shown = loaded.facts.panoptic.by_id
    hidden = [s.segment_id for s in entry.segments if not s.is_crowd and s.segment_id not in shown]
    return [Outcome(i, CaptionStatus.NOT_VISIBLE, reason="hidden by other segments") for i in hidden]


def _short(error: ImageRefused) -> str:
    return error.problems[0].problem if error.problems else str(error)


async def _answers(
    session: Session, loaded: LoadedImage, asks: list[ladder.Ask], key: int | str
) -> list[ladder.Answer]:
    """All replies of one rung; a stop waits for the replies that are on their way, so that they are kept."""
    tasks = [asyncio.ensure_future(_answer(session, loaded, ask, key)) for ask in asks]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


async def _answer(session: Session, loaded: LoadedImage, ask: ladder.Ask, key: int | str) -> ladder.Answer:
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
        round_key=key,
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
