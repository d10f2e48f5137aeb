"""The typed result of Visual Genome's region captions and its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

from pix2cap.errors import InputError
from pix2cap.evaluate.region_predictions import Box
from pix2cap.evaluate.result import Interval, Provenance
from pix2cap.evaluate.result_record import ResultRecord
from pix2cap.evaluate.visual_genome_files import LeftOut

SplitName = Literal["all-regions", "one-per-image"]
Task = Literal["captions", "dense"]

COMMAND = "pix2cap bench vg"


@dataclass(frozen=True, slots=True)
class RegionSplit:
    """Which regions were scored; no number means anything without it.

    Args:
        name: All regions of the images, or one of each.
        rule: The same in words, with how the one was picked.
        images: Images with a region that was scored.
        regions: Regions scored.
        listed_images: Images that a list named; None without a list.
        images_without_regions: Images of the list, or of the file, that had nothing to score.
    """

    name: SplitName
    rule: str
    images: int
    regions: int
    listed_images: int | None = None
    images_without_regions: int = 0


@dataclass(frozen=True, slots=True)
class RegionCounts:
    """What became of regions and predictions.

    Args:
        captioned: Regions whose prediction has words.
        missing: Regions without a prediction, scored as empty.
        empty: Regions whose prediction has no words, scored as they are.
        extra: Predictions for no region of the split.
        crossing: Scored regions that reach over the edge of their picture.
        left_out: Reason to regions of these images that cannot be scored.
    """

    captioned: int
    missing: int
    empty: int
    extra: int
    crossing: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScoredRegion:
    """One region with what was said of it.

    Args:
        region_id: Visual Genome's number; of merged boxes the lowest.
        image_id: Of the picture.
        box_xywh: Left, top, width, height in pixels.
        references: What people said.
        caption: The prediction; None where there is none.
        scores: Metric to its score, and `iou` in the dense task.
    """

    region_id: int
    image_id: int
    box_xywh: Box
    references: tuple[str, ...]
    caption: str | None
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RankedRecords:
    """What dense-captioning mAP is made of, predictions in their ranked order, one entry a prediction."""

    image_ids: tuple[int, ...]
    iou: tuple[float, ...]
    meteor: tuple[float, ...]
    took: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class DenseScores:
    """Dense captioning: predicted boxes with captions against merged boxes with several references.

    Args:
        map: Mean average precision over the thresholds on IoU and METEOR, 0..1; None without METEOR.
        detection_map: The same over the thresholds on IoU alone.
        by_threshold: Average precision by `threshold_key(iou, meteor)`.
        by_iou: Average precision by IoU threshold, captions aside.
        truths: Ground-truth boxes after merging.
        predictions: Predicted boxes on the split's images.
    """

    map: float | None
    detection_map: float
    by_threshold: Mapping[str, float]
    by_iou: Mapping[str, float]
    truths: int
    predictions: int


@dataclass(frozen=True)
class RegionResult(ResultRecord):
    """Scores on Visual Genome's regions, on the scale 0..1 (CIDEr 0..10).

    Args:
        bench: Always `vg`.
        task: `captions` of given regions, or `dense` (boxes found and captioned).
        split: Which regions.
        counts: What became of them.
        scores: Metric to corpus score; None where it is missing.
        missing: Metric to why it is missing.
        intervals: Metric (or `dense.map`, `dense.detection_map`) to its 95 % bootstrap interval over images.
        dense: Of the dense task.
        left_out: Regions that cannot be scored, each with its reason.
        missing_regions: Ids of regions without a prediction.
        extra: Predictions for no region of the split, by name.
        failed: Region id to why the model that was asked gave no caption.
        warnings: What a reader of the numbers should know.
        provenance: What made this result.
        regions: Every region scored; `to_json(regions=True)` and `write` keep it.
        records: Of the dense task; kept along with `regions`.

    Raises:
        ValueError: A score is NaN or infinite.
    """

    bench: Literal["vg"]
    task: Task
    split: RegionSplit
    counts: RegionCounts
    scores: Mapping[str, float | None]
    missing: Mapping[str, str] = field(default_factory=dict)
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    dense: DenseScores | None = None
    left_out: tuple[LeftOut, ...] = ()
    missing_regions: tuple[int, ...] = ()
    extra: tuple[str, ...] = ()
    failed: Mapping[int, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    provenance: Provenance | None = None
    regions: tuple[ScoredRegion, ...] = ()
    records: RankedRecords | None = None

    command: ClassVar[str] = COMMAND

    def to_json(self, *, regions: bool = False) -> dict[str, Any]:
        """Plain dictionaries, lists and scalars, in the order of the fields.

        Args:
            regions: Keep `regions` and `records`, which grow with the data.
        """
        record = self._whole()
        if not regions:
            del record["regions"], record["records"]
        return record

    @classmethod
    def from_json(cls, record: object, *, where: str = "result") -> Self:
        """The inverse of `to_json`; keys it does not know are left out.

        Raises:
            InputError: It is no result of `pix2cap bench vg`.
        """
        if isinstance(record, dict) and record.get("bench") != "vg":
            keys = ", ".join(map(str, record))[:80] or "no keys"
            raise InputError(f'{where}: expected a result of `{COMMAND}` ("bench": "vg"), got {keys}')
        return super().from_json(record, where=where)

    def __str__(self) -> str:
        from pix2cap.evaluate.region_tables import to_text

        return to_text(self)
