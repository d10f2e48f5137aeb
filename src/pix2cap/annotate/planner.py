"""What a run will send and cost, computed before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pix2cap.annotate import ladder
from pix2cap.annotate.asker import PricedModel
from pix2cap.annotate.prompt import PromptTemplate
from pix2cap.annotate.render import LoadedImage, RenderStyle, picture_sizes, prepare_ask
from pix2cap.annotate.settings import AnnotateSettings
from pix2cap.errors import ImageRefused
from pix2cap.formats.source import Source
from pix2cap.vlm.model import Usage
from pix2cap.vlm.pricing import Price, TokenEstimate, cost_usd, estimate_tokens

SAMPLE_IMAGES = 500
"""Longer sources are planned from this many images, taken evenly; the counts are then scaled."""

ASKED_AGAIN_SHARE = 0.3
"""The high estimate allows for this share of requests being made once more."""


@dataclass(frozen=True, slots=True)
class Range:
    """A low and a high estimate; None where it cannot be known."""

    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will do.

    Args:
        images: Images that can be used, refused ones not counted.
        refused: Images that will be refused (in the sample, scaled, where `sampled` is true).
        segments: Segments that get a caption; crowd not counted.
        crowd: Segments that get none.
        requests: Requests of the first pass.
        input_tokens: High estimate of the first pass; `tokens` has both ends.
        output_tokens: Likewise.
        tokens: `input` and `output` as ranges.
        cost_usd: From the cheapest count of the first pass to the dearest with 30 % asked again.
        host: Who gets the pictures, None where nobody does.
        sampled: True where the numbers were scaled up from a sample.
        notes: Sentences for people.
    """

    images: int
    refused: int
    segments: int
    crowd: int
    requests: int
    input_tokens: int
    output_tokens: int
    tokens: dict[str, Range]
    cost_usd: Range
    host: str | None
    sampled: bool
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The record as `annotate plan --format json` prints it."""
        return asdict(self)


def high_cost_usd(price: Price, prompt: str, sizes_wh: Sequence[tuple[int, int]], max_tokens: int) -> float:
    """The most that one request can cost: its input counted the dearest way, and a reply of full length."""
    estimate = estimate_tokens(len(prompt), sizes_wh, 0)
    return cost_usd(price, Usage(estimate.input_high, max_tokens)) or 0.0


def plan_source(
    source: Source,
    model: PricedModel,
    *,
    settings: AnnotateSettings,
    template: PromptTemplate,
    image_ids: Sequence[int],
) -> Plan:
    """Word every first request of a source, without drawing or sending one.

    Args:
        source: Images and maps.
        model: Who would be asked, with its price.
        settings: Of the run.
        template: The prompt.
        image_ids: The images in scope.
    """
    step = max(1, -(-len(image_ids) // SAMPLE_IMAGES))
    sample = list(image_ids)[::step]
    scale = len(image_ids) / len(sample) if sample else 1.0
    style = RenderStyle.of(settings)
    counted = _Counted()
    for image_id in sample:
        try:
            loaded = LoadedImage(source, source.entry(image_id))
        except ImageRefused as error:
            counted.refusals.append(f"refused: {error}")
            continue
        _, asks = ladder.next_asks(ladder.start(loaded.facts), loaded.facts, settings)
        counted.add(loaded, asks)
        if model.model.reads_pictures:
            counted.tokens = counted.tokens + _tokens(loaded, asks, settings, template, style, model)
    notes = counted.notes(model)
    if step > 1:
        notes.append(f"estimated from {len(sample)} of {len(image_ids)} images")
    refused = round(len(counted.refusals) * scale)
    return counted.plan(model, scale, images=len(image_ids) - refused, refused=refused, notes=notes)


@dataclass(slots=True)
class _Counted:
    """What was counted over the sample."""

    requests: int = 0
    segments: int = 0
    crowd: int = 0
    tokens: TokenEstimate = field(default_factory=lambda: TokenEstimate(0, 0, 0, 0))
    refusals: list[str] = field(default_factory=list)

    def add(self, loaded: LoadedImage, asks: Sequence[ladder.Ask]) -> None:
        """Count one image's first requests."""
        self.requests += len(asks)
        self.segments += sum(len(ask.asked) for ask in asks)
        self.crowd += sum(segment.is_crowd for segment in loaded.facts.panoptic.segments)

    def plan(
        self, model: PricedModel, scale: float, *, images: int, refused: int, notes: Sequence[str]
    ) -> Plan:
        """The counts of the sample, scaled to all images."""
        tokens = TokenEstimate(*(round(n * scale) for n in asdict(self.tokens).values()))
        return Plan(
            images=images,
            refused=refused,
            segments=round(self.segments * scale),
            crowd=round(self.crowd * scale),
            requests=round(self.requests * scale),
            input_tokens=tokens.input_high,
            output_tokens=tokens.output_high,
            tokens={
                "input": Range(tokens.input_low, tokens.input_high),
                "output": Range(tokens.output_low, tokens.output_high),
            },
            cost_usd=_cost(tokens, model.price),
            host=model.model.host,
            sampled=scale > 1,
            notes=tuple(notes),
        )

    def notes(self, model: PricedModel) -> list[str]:
        """What a person should know beside the numbers."""
        notes = self.refusals[:10]
        if len(self.refusals) > 10:
            more = len(self.refusals) - 10
            notes.append(f"and {more} more refused; `pix2cap dataset validate` lists every problem")
        if model.price is None:
            notes.append(f"the price of {model.model.name} is unknown; --price-in and --price-out tell it")
        return notes


def _tokens(
    loaded: LoadedImage,
    asks: Sequence[ladder.Ask],
    settings: AnnotateSettings,
    template: PromptTemplate,
    style: RenderStyle,
    model: PricedModel,
) -> TokenEstimate:
    total = TokenEstimate(0, 0, 0, 0)
    for ask in asks:
        prepared = prepare_ask(
            loaded,
            ask,
            template=template,
            settings=settings,
            style=style,
            round_key=0,
            reads_pictures=True,
        )
        sizes = picture_sizes(loaded, [prepared], style)
        total = total + estimate_tokens(
            len(prepared.prompt), sizes, len(prepared.rows), model_name=model.model.name
        )
    return total


def _cost(tokens: TokenEstimate, price: Price | None) -> Range:
    ends = tokens.cost_usd(price)
    if ends is None:
        return Range(None, None)
    return Range(ends[0], ends[1] * (1 + ASKED_AGAIN_SHARE))
