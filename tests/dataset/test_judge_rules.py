"""The offline judge: right where masks, pixels and class names tell, silent elsewhere."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from pix2cap.annotate.ladder import Answer
from pix2cap.core import ImageRef, PanopticMap
from pix2cap.core.boxes import xyxy_to_unit
from pix2cap.dataset.judge import judge_dataset
from pix2cap.dataset.judge_claims import Axis, Claim, Ruling, read_judgements
from pix2cap.dataset.judge_options import JudgeOptions
from pix2cap.dataset.judge_prompt import SCHEMA, word_request
from pix2cap.dataset.judge_rules import RulesJudge
from pix2cap.errors import ModelRejected
from pix2cap.vlm.model import CaptionRequest, Sampling
from pix2cap.vlm.unit import Unit, UnitRow

WIDTH, HEIGHT = 200, 120
BOXES = {1: (10, 20, 60, 80), 2: (130, 50, 190, 115)}
COLORS = {1: (200, 25, 30), 2: (40, 80, 200)}
CLASSES = {1: "bus", 2: "dog"}


def unit() -> Unit:
    """A red bus at the left and a blue dog at the lower right, on grey."""
    rng = np.random.default_rng(5)
    id_map = np.zeros((HEIGHT, WIDTH), np.uint32)
    rgb = rng.integers(120, 136, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    for segment_id, (x0, y0, x1, y1) in BOXES.items():
        id_map[y0:y1, x0:x1] = segment_id
        noise = rng.integers(-12, 13, (y1 - y0, x1 - x0, 3))
        rgb[y0:y1, x0:x1] = np.clip(np.array(COLORS[segment_id]) + noise, 0, 255)
    panoptic = PanopticMap.from_id_map(id_map, {i: (i, True, False) for i in BOXES})
    rows = tuple(UnitRow(i, i, CLASSES[i], xyxy_to_unit(BOXES[i], (WIDTH, HEIGHT))) for i in BOXES)
    return Unit(ImageRef(1, "1.jpg", WIDTH, HEIGHT), panoptic, rows, dict(CLASSES), rgb)


def judged(first: str, second: str = "A blue dog sits.") -> tuple[Claim, ...]:
    """Claims of the first of two captions, through the same reader as any judge's reply."""
    captions = {1: first, 2: second}
    request = CaptionRequest((), word_request(captions), SCHEMA, Sampling(), "k", unit())
    reply = asyncio.run(RulesJudge().ask(request))
    reading = read_judgements(Answer("k", reply.text, reply.finish_reason), captions)
    assert reading.objections == {}
    return reading.claims[1]


def ruling(claims: tuple[Claim, ...], axis: Axis) -> list[Ruling]:
    return [
        claim.verdict for claim in claims if claim.kind is axis and "offline rules know" not in claim.reason
    ]


@pytest.mark.parametrize(
    ("caption", "axis", "expected"),
    [
        ("A bus parks beside a dog.", Axis.OBJECT, [Ruling.YES]),
        ("A dog lies on the grass.", Axis.OBJECT, [Ruling.NO]),
        ("A thingamajig lies on the grass.", Axis.OBJECT, [Ruling.CANNOT_TELL]),
        ("A red bus parks beside a blue dog.", Axis.ATTRIBUTES, [Ruling.YES]),
        ("A green bus parks beside a red dog.", Axis.ATTRIBUTES, [Ruling.NO]),
        ("A shiny bus parks beside a green dog.", Axis.ATTRIBUTES, []),
        ("A bus parks at the left, near a dog.", Axis.PLACE, [Ruling.YES]),
        ("A bus parks at the right of the picture.", Axis.PLACE, [Ruling.NO]),
        ("A bus parks to the right of a dog.", Axis.PLACE, []),
        ("A bus in the upper left corner.", Axis.PLACE, [Ruling.YES, Ruling.YES]),
        ("A bus parks beside a dog that sleeps.", Axis.RELATIONS, []),
    ],
)
def test_what_can_be_measured_is_judged(caption: str, axis: Axis, expected: list[Ruling]) -> None:
    assert ruling(judged(caption), axis) == expected


@pytest.mark.parametrize(
    "caption",
    ["Bus.", "?!", "A bus", "Ein roter Bus steht links neben einem Hund, ganz allein.", "a, b; c", "…"],
)
def test_any_text_gets_a_sound_reply(caption: str) -> None:
    claims = judged(caption)
    assert claims[0].kind is Axis.OBJECT


def test_without_pixels_it_cannot_work() -> None:
    request = CaptionRequest((), word_request({1: "A bus."}), SCHEMA, Sampling(), "k")
    with pytest.raises(ModelRejected, match="pixels"):
        asyncio.run(RulesJudge().ask(request))


def test_real_captions_are_seldom_called_wrong(coco: Path, tmp_path: Path) -> None:
    options = JudgeOptions(judge="rules", out=tmp_path / "out", limit=25)
    report = judge_dataset(
        coco / "pix2cap_val.json", options, images=coco / "val2017", masks=coco / "panoptic_val2017"
    )
    assert (report.failed, report.pending) == ({}, 0)
    assert len(report.judged) > 200
    wrong = sum(bool(one.wrong) for one in report.judged)
    # Where the annotation's class is wrong, the rules side with it: 65 of the 1790 real captions.
    assert wrong / len(report.judged) < 0.04
    assert report.spend.cost_usd == 0
