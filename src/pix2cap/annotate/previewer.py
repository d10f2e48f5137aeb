"""One image as a model would get it, written to a folder to look at; nothing is sent."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pix2cap.annotate import ladder
from pix2cap.annotate.asker import PricedModel
from pix2cap.annotate.out_folder import make_out_folder
from pix2cap.annotate.planner import Range
from pix2cap.annotate.prompt import PromptTemplate
from pix2cap.annotate.render import LoadedImage, RenderStyle, draw_parts, picture_sizes, prepare_ask
from pix2cap.annotate.scope import no_such_image
from pix2cap.annotate.settings import AnnotateSettings
from pix2cap.errors import UsageError
from pix2cap.formats.source import Source
from pix2cap.vlm.pricing import estimate_tokens

_SUFFIX = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}


@dataclass(frozen=True, slots=True)
class PreviewedRequest:
    """One request of an image: its files, size and price."""

    files: tuple[str, ...]
    segments: int
    picture_bytes: int
    input_tokens: Range
    cost_usd: Range
    key: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What an image would send.

    Args:
        image_id: The image.
        folder: Where the files lie.
        requests: One a prompt unit.
        cost_usd: All together; low and high are None where the price is unknown.
    """

    image_id: int
    folder: str
    requests: tuple[PreviewedRequest, ...]
    cost_usd: Range

    def to_json(self) -> dict[str, Any]:
        """The record as `annotate preview --format json` prints it."""
        return asdict(self)


def preview_image(
    source: Source,
    image_id: int,
    out: Path,
    *,
    model: PricedModel,
    settings: AnnotateSettings,
    template: PromptTemplate,
) -> Preview:
    """Write the pictures and the prompt of every first request of one image.

    Files are named `<image id>-<request>-<what>.jpg` and `<image id>-<request>-prompt.txt`.

    Raises:
        UsageError: No such image.
        ImageRefused: The image cannot be used.
    """
    try:
        entry = source.entry(image_id)
    except KeyError:
        raise UsageError(no_such_image(source, [image_id])) from None
    loaded, style = LoadedImage(source, entry), RenderStyle.of(settings)
    make_out_folder(out)
    _, asks = ladder.next_asks(ladder.start(loaded.facts), loaded.facts, settings)
    shown = [
        _write_request(loaded, n, ask, out, model=model, settings=settings, template=template, style=style)
        for n, ask in enumerate(asks, start=1)
    ]
    return Preview(image_id, str(out), tuple(shown), _total([request.cost_usd for request in shown]))


def _write_request(
    loaded: LoadedImage,
    number: int,
    ask: ladder.Ask,
    out: Path,
    *,
    model: PricedModel,
    settings: AnnotateSettings,
    template: PromptTemplate,
    style: RenderStyle,
) -> PreviewedRequest:
    prepared = prepare_ask(
        loaded, ask, template=template, settings=settings, style=style, round_key=0, reads_pictures=True
    )
    parts = draw_parts(loaded, prepared, style)
    stem = f"{loaded.image.image_id}-{number}"
    files = [f"{stem}-prompt.txt"]
    (out / files[0]).write_text(prepared.prompt, "utf-8")
    for part in parts:
        files.append(f"{stem}-{part.label.replace(' ', '-')}{_SUFFIX[part.media_type]}")
        (out / files[-1]).write_bytes(part.data)
    sizes = picture_sizes(loaded, [prepared], style)
    estimate = estimate_tokens(len(prepared.prompt), sizes, len(prepared.rows), model_name=model.model.name)
    cost = estimate.cost_usd(model.price)
    return PreviewedRequest(
        tuple(files),
        len(prepared.rows),
        sum(len(part.data) for part in parts),
        Range(estimate.input_low, estimate.input_high),
        Range(None, None) if cost is None else Range(*cost),
        prepared.key,
    )


def _total(costs: list[Range]) -> Range:
    lows, highs = [c.low for c in costs], [c.high for c in costs]
    if any(value is None for value in lows + highs):
        return Range(None, None)
    return Range(sum(v for v in lows if v is not None), sum(v for v in highs if v is not None))
