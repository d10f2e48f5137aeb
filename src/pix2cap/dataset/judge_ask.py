"""Ask a judge about the captions of each picture: in groups first, what is no use once more by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from pix2cap.annotate.ladder import Answer, Ask
from pix2cap.annotate.render import LoadedImage, PreparedAsk, RenderStyle, draw_parts, picture_sizes
from pix2cap.annotate.settings import RunConfig, SourcePaths
from pix2cap.dataset.judge_claims import Claim, read_judgements, read_one_judgement
from pix2cap.dataset.judge_prompt import SCHEMA, word_request
from pix2cap.draw.partition import split_into_units
from pix2cap.draw.style import CropStyle, MarkStyle
from pix2cap.errors import ImageRefused
from pix2cap.evaluate.asking import Question, Shown, gather_until_stopped
from pix2cap.evaluate.bench_session import Step, StepWork
from pix2cap.evaluate.judge import UnreadableError
from pix2cap.formats.source import Source
from pix2cap.vlm.unit import Unit

_MAX_SIDE: Final = 2048
STYLE: Final = RenderStyle(MarkStyle(max_long_side=_MAX_SIDE), CropStyle(), 90, _MAX_SIDE)

Key = tuple[int, int]
"""`(image_id, segment_id)`."""


@dataclass(frozen=True)
class JudgeStep(Step):
    """The only step of a check by a judge.

    Args:
        paths: Where the dataset lies, for `run.toml`.
        per_request: Captions asked about together at most.
    """

    paths: SourcePaths
    per_request: int

    @property
    def config(self) -> RunConfig:
        """What `run.toml` remembers; a folder goes on with nothing else."""
        return RunConfig(self.paths, replace(super().config.settings, max_marks=self.per_request))


@dataclass(frozen=True)
class PictureQuestions:
    """What can be asked about one picture.

    Args:
        loaded: The picture and its map.
        captions: Segment id to caption.
        reads_pictures: False for a judge that reads the unit alone.
    """

    loaded: LoadedImage
    captions: Mapping[int, str]
    reads_pictures: bool

    def groups(self, per_request: int) -> list[tuple[int, ...]]:
        """Spatial neighbours together."""
        return split_into_units(self.loaded.facts.panoptic, tuple(self.captions), max_marks=per_request)

    def numbered(self, group: Sequence[int]) -> dict[int, str]:
        """Mark number to caption."""
        return {number: self.captions[segment_id] for number, segment_id in enumerate(group, start=1)}

    def question(self, group: Sequence[int], attempt: int = 0, objection: str | None = None) -> Question:
        """What is asked about a group; drawn only if it is sent.

        Every segment gets an enlarged view, the large ones too: what a caption says of a texture or a small
        print is judged there.
        """
        prompt = word_request(self.numbered(group), objection=objection)
        prepared = self._prepared(tuple(group), prompt)
        content = {
            "picture": self.loaded.picture_sha256,
            "map": self.loaded.map_sha256,
            "segments": list(group),
            "render": STYLE.fingerprint(),
            "attempt": attempt,
            "image_id": None if self.reads_pictures else self.loaded.entry.image.image_id,
        }
        return Question(
            self.loaded.entry.image.image_id,
            tuple(group),
            prompt,
            content,
            lambda: self._show(prepared),
            tuple(picture_sizes(self.loaded, [prepared], STYLE)) if self.reads_pictures else (),
            SCHEMA,
            stage="first" if attempt == 0 else "again",
        )

    def _prepared(self, group: tuple[int, ...], prompt: str) -> PreparedAsk:
        ask = Ask("first", group, group)
        rows = self.loaded.facts.rows(ask)
        return PreparedAsk(ask, rows, tuple(row.number for row in rows), prompt, "", "")

    def _show(self, prepared: PreparedAsk) -> Shown:
        facts = self.loaded.facts
        rgb = self.loaded.picture().rgb
        unit = Unit(self.loaded.image, facts.panoptic, prepared.rows, dict(facts.class_names), rgb)
        parts = draw_parts(self.loaded, prepared, STYLE) if self.reads_pictures else ()
        return Shown(parts, unit)


@dataclass
class Judging:
    """Verdicts as they come in.

    Args:
        source: Pictures and maps.
        captions: Image id to its captions by segment id.
        image_ids: In scope.
        per_request: Captions asked about together at most.
    """

    source: Source
    captions: Callable[[int], Mapping[int, str]]
    image_ids: Sequence[int]
    per_request: int
    claims: dict[Key, tuple[Claim, ...]] = field(default_factory=dict)
    failed: dict[Key, str] = field(default_factory=dict)
    began: bool = False

    @cached_property
    def total(self) -> int:
        """Captions in scope."""
        return sum(len(self.captions(image_id)) for image_id in self.image_ids)

    @property
    def pending(self) -> int:
        """Captions that were not come to."""
        return self.total - len(self.claims) - len(self.failed)

    async def work(self, shared: StepWork) -> None:
        """Ask about every image, as many at a time as the session takes."""
        self.began = True
        gate = asyncio.Semaphore(shared.options.concurrency)

        async def one(image_id: int) -> None:
            async with gate:
                if shared.session is None or not shared.session.is_stopping:
                    await self._image(shared, image_id)

        await shared.all([one(image_id) for image_id in self.image_ids], len(self.image_ids))

    async def _image(self, shared: StepWork, image_id: int) -> None:
        captions = self.captions(image_id)
        try:
            loaded = await asyncio.to_thread(LoadedImage, self.source, self.source.entry(image_id))
        except ImageRefused as error:
            self.failed |= {(image_id, segment_id): f"image: {error}" for segment_id in captions}
            return
        drawn = {i: text for i, text in captions.items() if i in loaded.facts.panoptic.by_id}
        for segment_id in captions.keys() - drawn.keys():
            self.failed[image_id, segment_id] = "no pixels of its own in the map"
        asked = PictureQuestions(loaded, drawn, shared.step.model.model.reads_pictures)
        groups = asked.groups(self.per_request) if drawn else []
        try:
            await gather_until_stopped([self._group(shared, asked, group) for group in groups])
        finally:
            loaded.release()

    async def _group(self, shared: StepWork, asked: PictureQuestions, group: tuple[int, ...]) -> None:
        """One request for all; those of whose verdicts nothing is of use are asked about alone."""
        image_id = asked.loaded.entry.image.image_id
        alone = group
        if len(group) > 1:
            alone = ()
            try:
                reading = read_judgements(await shared.asks.ask(asked.question(group)), asked.numbered(group))
            except UnreadableError:
                alone = group
            else:
                segment_of = dict(enumerate(group, start=1))
                self.claims |= {(image_id, segment_of[n]): claims for n, claims in reading.claims.items()}
                alone = tuple(segment_of[n] for n in reading.objections)
        await gather_until_stopped([self._alone(shared, asked, segment_id) for segment_id in alone])

    async def _alone(self, shared: StepWork, asked: PictureQuestions, segment_id: int) -> None:
        key = asked.loaded.entry.image.image_id, segment_id
        caption = asked.captions[segment_id]

        def question(attempt: int, objection: str | None) -> Question:
            return asked.question((segment_id,), attempt, objection)

        def read(answer: Answer) -> tuple[Claim, ...]:
            return read_one_judgement(answer, 1, caption)

        verdict = await shared.judge(question, read)
        if verdict.value is None:
            self.failed[key] = verdict.reason or "no reply"
        else:
            self.claims[key] = verdict.value
