"""What a judge will be sent and cost, computed before anything is sent."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from pix2cap.annotate.asker import PricedModel
from pix2cap.annotate.planner import ASKED_AGAIN_SHARE, SAMPLE_IMAGES, Plan, Range
from pix2cap.annotate.render import LoadedImage
from pix2cap.dataset.judge import CaptionedSource, open_for_judge
from pix2cap.dataset.judge_ask import PictureQuestions
from pix2cap.dataset.judge_options import JudgeOptions
from pix2cap.errors import ImageRefused
from pix2cap.vlm.pricing import TokenEstimate, estimate_tokens

_CLAIM_TOKENS = (25, 60)
"""Of one claim with its reason, as JSON: from terse to wordy."""
_CLAIMS_A_WORD = 0.25
"""Captions of 23 words hold some six claims."""
_FRAME_TOKENS = 15


def plan_judging(
    source: Path, options: JudgeOptions, *, images: Path | None = None, masks: Path | None = None
) -> Plan:
    """Word every first request to a judge, without drawing or sending one.

    Args:
        source: As `open_for_judge` takes it.
        options: Who would judge.
        images: Folder of the pictures.
        masks: Folder or zip of the mask PNGs.

    Returns:
        Counts and costs; `segments` are captions, and `crowd` is 0, since a crowd has none.

    Raises:
        InputError, UsageError: Something given is wrong.
    """
    captioned = open_for_judge(source, images=images, masks=masks, limit=options.limit)
    model = options.open_judge()
    ids = captioned.image_ids
    step = max(1, -(-len(ids) // SAMPLE_IMAGES))
    sample = list(ids)[::step]
    scale = len(ids) / len(sample)
    counted = _Counted(captioned, model, options)
    for image_id in sample:
        counted.add(image_id)
    if step > 1:
        counted.notes.append(f"estimated from {len(sample)} of {len(ids)} images")
    if model.price is None:
        counted.notes.append(f"the price of {options.judge} is unknown; --price-in and --price-out tell it")
    return counted.plan(len(ids), scale)


class _Counted:
    """What was counted over the sample."""

    def __init__(self, captioned: CaptionedSource, model: PricedModel, options: JudgeOptions) -> None:
        self._captioned, self._model, self._options = captioned, model, options
        self._requests = self._captions = self._refused = 0
        self._tokens = TokenEstimate(0, 0, 0, 0)
        self.notes: list[str] = []

    def add(self, image_id: int) -> None:
        """Count one image's first requests."""
        source = self._captioned.source
        try:
            loaded = LoadedImage(source, source.entry(image_id))
        except ImageRefused as error:
            self._refused += 1
            self.notes.append(f"refused: {error}")
            return
        captions = {
            i: text
            for i, text in self._captioned.captions(image_id).items()
            if i in loaded.facts.panoptic.by_id
        }
        reads = self._model.model.reads_pictures
        asked = PictureQuestions(loaded, captions, reads)
        for group in asked.groups(self._options.per_request) if captions else ():
            question = asked.question(group)
            self._requests += 1
            self._captions += len(group)
            if reads:
                read = estimate_tokens(
                    len(question.prompt), question.picture_sizes_wh, 0, model_name=self._model.model.name
                )
                low, high = _reply_tokens([captions[i] for i in group])
                self._tokens = self._tokens + TokenEstimate(
                    read.input_low,
                    read.input_high,
                    low,
                    min(high, self._options.max_tokens),
                )

    def plan(self, images: int, scale: float) -> Plan:
        """The counts of the sample, scaled to all images."""
        tokens = TokenEstimate(*(round(n * scale) for n in asdict(self._tokens).values()))
        ends = tokens.cost_usd(self._model.price)
        refused = round(self._refused * scale)
        return Plan(
            images=images - refused,
            refused=refused,
            segments=round(self._captions * scale),
            crowd=0,
            requests=round(self._requests * scale),
            input_tokens=tokens.input_high,
            output_tokens=tokens.output_high,
            tokens={
                "input": Range(tokens.input_low, tokens.input_high),
                "output": Range(tokens.output_low, tokens.output_high),
            },
            cost_usd=Range(None, None) if ends is None else Range(ends[0], ends[1] * (1 + ASKED_AGAIN_SHARE)),
            host=self._model.model.host,
            sampled=scale > 1,
            notes=tuple(self.notes),
        )


def _reply_tokens(captions: list[str]) -> tuple[int, int]:
    """`(low, high)` of a reply about some captions: more claims for more words."""
    low = high = _FRAME_TOKENS
    for text in captions:
        claims = max(2.0, len(text.split()) * _CLAIMS_A_WORD)
        low += round(claims * _CLAIM_TOKENS[0]) + _FRAME_TOKENS
        high += round(claims * 1.5 * _CLAIM_TOKENS[1]) + _FRAME_TOKENS
    return low, high
