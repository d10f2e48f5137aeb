"""A judge without network or model: what masks, pixels and class names say of a caption.

It is for dry runs and tutorials. It knows the sides of the picture (from the mask), the colours that a
caption gives to its own subject (from the pixels) and whether the subject can be of the class that the
annotation has. Of everything else it says "cannot tell", which is most of a caption; and where the
annotation's class is wrong, it is wrong with it. A vision-language model looks; this does not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pix2cap.annotate.check_place import contradicted
from pix2cap.core.boxes import label_centroids
from pix2cap.dataset.check_color import (
    PictureLight,
    SegmentColors,
    claims_of,
    contradiction,
    is_told,
    picture_light,
    segment_colors,
)
from pix2cap.dataset.judge_claims import Axis, Claim, Ruling
from pix2cap.dataset.judge_prompt import read_request
from pix2cap.dataset.judge_result import claim_row
from pix2cap.errors import ModelRejected
from pix2cap.text.classes import fit, sense_of, subject_of
from pix2cap.text.color_claims import ColorClaim
from pix2cap.text.sides import side_claims
from pix2cap.text.verdict import strangeness
from pix2cap.vlm.model import CaptionRequest, Reply, Usage
from pix2cap.vlm.unit import Unit, UnitRow

_UNKNOWN: Final = "the offline rules know class names, sides and colours only"
_CLEARLY_THERE: Final = 0.25
_PIECES: Final = re.compile(
    r"\s*[,;:.!?]+\s*|\s+(?=(?:with|wearing|holding|standing|sitting|lying|stands|sits|lies|beside|behind|near"
    r"|next to|in front of|on|in|at|under|above|below|against|along|across|between|among|over|by)\s)",
    re.I,
)
_ATTRIBUTES: Final = re.compile(r"(?:with|wearing|made|painted|striped|has|is|are)\b", re.I)
_SCENE_PLACE: Final = re.compile(
    r"(?:in|at|on|along|near|across)\s+(?:the\s+)?(?:far\s+)?(?:back|fore|middle|distance|centre|center|left|right"
    r"|top|bottom|upper|lower|edge)",
    re.I,
)


class RulesJudge:
    """A `CaptionModel` that judges the captions of a prompt by rule.

    What it measures of a picture is kept for the next request, which is often about the same one.
    """

    def __init__(self) -> None:
        self._last: _Facts | None = None

    @property
    def name(self) -> str:
        """`rules`."""
        return "rules"

    @property
    def host(self) -> None:
        """None: nothing leaves the machine."""
        return

    @property
    def reads_pictures(self) -> bool:
        """False: it reads the unit's pixels and map."""
        return False

    async def ask(self, request: CaptionRequest) -> Reply:
        """Judge the captions in `request.prompt` as the JSON that the prompt asks of any judge.

        Raises:
            ModelRejected: The request carries no unit with pixels.
        """
        unit = request.unit
        if unit is None or unit.rgb is None:
            raise ModelRejected("rules: expected a request with its unit and the unit's pixels, got none")
        captions = read_request(request.prompt)
        facts = self._last
        if facts is None or facts.unit.panoptic is not unit.panoptic:
            facts = self._last = _Facts(unit, unit.rgb)
        entries = [
            {
                "id": row.number,
                "claims": [claim_row(claim) for claim in facts.judge(row, captions[row.number])],
            }
            for row in unit.rows
        ]
        return Reply(json.dumps({"captions": entries}, ensure_ascii=False), Usage(0, 0), model=self.name)

    async def aclose(self) -> None:
        """Nothing to release."""


@dataclass(frozen=True)
class _Facts:
    """What is measured of one picture."""

    unit: Unit
    rgb: NDArray[np.uint8]

    @cached_property
    def light(self) -> PictureLight:
        return picture_light(self.rgb)

    @cached_property
    def centroids(self) -> dict[int, tuple[float, float]]:
        return label_centroids(self.unit.panoptic.id_map)

    def judge(self, row: UnitRow, caption: str) -> list[Claim]:
        """Claims of one caption; the object first."""
        first, *rest = [piece for piece in _PIECES.split(caption) if piece.strip()] or [caption]
        return [
            self._object(row, caption, first),
            *self._sides(row, caption),
            *self._colors(row, caption),
            *(_unknown(piece) for piece in rest),
        ]

    def _object(self, row: UnitRow, caption: str, first: str) -> Claim:
        subject = subject_of(caption, frozenset(self.unit.class_names.values()))
        sense = sense_of(row.class_name)
        if strangeness(subject, sense):
            heads = " and ".join(
                repr(noun.replace("-", " ")) for noun in (subject.heads or subject.others)[:2]
            )
            reason = f"the annotation says {row.class_name!r}, the caption speaks of {heads}"
            return Claim(Axis.OBJECT, first, Ruling.NO, reason)
        if fit(subject, sense):
            return Claim(Axis.OBJECT, first, Ruling.YES, f"can be the annotation's {row.class_name!r}")
        return Claim(Axis.OBJECT, first, Ruling.CANNOT_TELL, f"no rule relates it to {row.class_name!r}")

    def _sides(self, row: UnitRow, caption: str) -> Iterator[Claim]:
        centre = self.centroids.get(row.segment_id)
        for claim in side_claims(caption):
            axis, low_side = (0, "left") if claim.side in ("left", "right") else (1, "top")
            at = (row.box_unit[axis] + row.box_unit[axis + 2]) / 2 if centre is None else centre[axis]
            toward = at if claim.side == low_side else 1 - at
            measured = f"its centre is at {at:.0%} of the {'width' if axis == 0 else 'height'}"
            wrong = contradicted(claim.side, row.box_unit, centroid_unit=centre, margin=claim.margin)
            ruling = Ruling.NO if wrong else Ruling.YES if toward < 0.5 else Ruling.CANNOT_TELL
            yield Claim(
                Axis.PLACE, claim.words, ruling, f"{measured}, not {claim.side}" if wrong else measured
            )

    def _colors(self, row: UnitRow, caption: str) -> Iterator[Claim]:
        for claim in claims_of(caption, row.class_name):
            segment = self.unit.panoptic.by_id[row.segment_id]
            mask = self.unit.panoptic.box_mask(row.segment_id)
            colors = segment_colors(self.rgb, mask, segment.box_xyxy, self.light)
            ruling, reason = judge_color(claim, colors, row.class_name)
            yield Claim(Axis.ATTRIBUTES, claim.words, ruling, reason)


def judge_color(claim: ColorClaim, colors: SegmentColors, class_name: str) -> tuple[Ruling, str]:
    """Whether pixels have the colours that a caption gives them, and what they have.

    No where the offline check of colours contradicts them, yes where a fair share of the pixels clearly has
    each of them, silence between.
    """
    if not is_told(colors, class_name):
        return Ruling.CANNOT_TELL, "too few pixels, or no colours in them, to tell"
    measured = f"its pixels are {colors.spoken()}"
    if contradiction(claim, colors):
        return Ruling.NO, measured
    if all(colors.shares(name)[1] >= _CLEARLY_THERE / len(claim.names) for name in claim.names):
        return Ruling.YES, measured
    return Ruling.CANNOT_TELL, measured


def _unknown(piece: str) -> Claim:
    if _SCENE_PLACE.match(piece):
        kind = Axis.PLACE
    else:
        kind = Axis.ATTRIBUTES if _ATTRIBUTES.match(piece) else Axis.RELATIONS
    return Claim(kind, piece, Ruling.CANNOT_TELL, _UNKNOWN)
