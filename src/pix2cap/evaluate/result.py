"""The typed result of panoptic segmentation-captioning, its JSON and its small tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, Self

from pix2cap.errors import InputError
from pix2cap.evaluate.result_record import ResultRecord

Mode = Literal["corrected", "reference"]


class Interval(NamedTuple):
    """A 95 % interval, on the scale of the score that it belongs to."""

    low: float
    high: float


class Counts(NamedTuple):
    """Counts of one category, in one image or in all."""

    tp: int
    fp: int
    fn: int
    iou_sum: float


@dataclass(frozen=True, slots=True)
class Quality:
    """Panoptic quality of a group of categories, 0..1; None where the group has no category."""

    pq: float | None
    sq: float | None
    rq: float | None
    categories: int


@dataclass(frozen=True, slots=True)
class PanopticScores:
    """Panoptic quality over all categories, over things and over stuff."""

    all: Quality
    things: Quality
    stuff: Quality


@dataclass(frozen=True, slots=True)
class CaptionScores:
    """Caption metrics over the matched pairs, 0..1 (CIDEr 0..10); None where not computed."""

    bleu_1: float | None = None
    bleu_2: float | None = None
    bleu_3: float | None = None
    bleu_4: float | None = None
    rouge_l: float | None = None
    cider: float | None = None
    meteor: float | None = None
    spice: float | None = None
    spice_sg: float | None = None


@dataclass(frozen=True, slots=True)
class MapScores:
    """Dense-captioning mean average precision, 0..1.

    Args:
        map: Mean over the thresholds on IoU and METEOR.
        detection_map: Mean over the thresholds on IoU alone.
        by_threshold: Average precision by `threshold_key(iou, meteor)`.
    """

    map: float | None
    detection_map: float | None
    by_threshold: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MapsByClass:
    """The corrected mAP, with classes compared and with classes ignored."""

    class_aware: MapScores
    class_agnostic: MapScores


@dataclass(frozen=True, slots=True)
class CaptionQuality:
    """Panoptic quality whose IoU is weighted by a caption score, 0..1; None where not computed."""

    meteor: float | None = None
    rouge_l: float | None = None


@dataclass(frozen=True, slots=True)
class CategoryScores:
    """What one category got.

    Args:
        name: Of the category.
        is_thing: Countable, as opposed to stuff.
        pq: None where it occurs on neither side.
        sq: Segmentation quality, 0..1.
        rq: Recognition quality, 0..1.
        tp: Matched pairs.
        fp: Predictions without a match.
        fn: Ground truths without a match.
        iou_sum: Sum of the IoU of the matched pairs.
        captions: Metric name to the mean over its matched pairs; None where it has none.
    """

    name: str
    is_thing: bool
    pq: float | None
    sq: float | None
    rq: float | None
    tp: int
    fp: int
    fn: int
    iou_sum: float
    captions: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MatchedPair:
    """A ground truth and the prediction matched to it (a true positive of panoptic quality).

    Args:
        image_id: Of the image.
        gt_segment_id: Id in the ground truth's map.
        pred_segment_id: Id in the prediction's map.
        category_id: Of both.
        iou: As panoptic quality has it.
        gt_caption: As the file has it, "" where none.
        pred_caption: As the file has it, "" where none.
        scores: Metric name to the score of this pair.
    """

    image_id: int
    gt_segment_id: int
    pred_segment_id: int
    category_id: int
    iou: float
    gt_caption: str
    pred_caption: str
    scores: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImageCounts:
    """Counts of one image by category id; what a paired bootstrap over images needs."""

    image_id: int
    categories: Mapping[int, Counts]


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file or folder that was read: its name without the path, and the SHA-256 of its bytes."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made a result; `pix2cap.evaluate.result_provenance.collect_provenance` fills it.

    Args:
        pix2cap: Version.
        python: Version.
        libraries: Distribution name to version.
        arguments: As given on the command line, without folders of this machine.
        inputs: `gt`, `pred`, `gt_masks`, `pred_masks` and what else was read.
        seed: Of the bootstrap.
        created_at: ISO 8601 with zone, where the caller gave one.
    """

    pix2cap: str
    python: str
    libraries: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, str | int | float | bool | list[str] | None] = field(default_factory=dict)
    inputs: Mapping[str, InputFile] = field(default_factory=dict)
    seed: int | None = None
    created_at: str | None = None


def threshold_key(iou: float, meteor: float) -> str:
    """The key of `by_threshold`.

    Example:
        >>> threshold_key(0.3, 0.05), threshold_key(0.7, 0)
        ('iou0.3_meteor0.05', 'iou0.7_meteor0')
    """
    return f"iou{iou:g}_meteor{meteor:g}"


@dataclass(frozen=True)
class PanopticCaptioningResult(ResultRecord):
    """Scores of predictions on panoptic segmentation-captioning, on the scale 0..1 (CIDEr 0..10).

    A score that was not computed is None and `missing` says why; it is never 0.

    Args:
        mode: `corrected`, or `reference` for the released evaluator's numbers.
        images: Images scored.
        tp: Matched pairs.
        fp: Predictions without a match.
        fn: Ground truths without a match.
        panoptic: PQ, SQ and RQ.
        captions: Over the matched pairs; in reference mode times n / (TP + FP + FN).
        map: `MapsByClass` in corrected mode, `MapScores` in reference mode.
        caption_pq: Caption-weighted panoptic quality (corrected only).
        per_category: By category id.
        warnings: What a reader of the numbers should know.
        missing: A caption metric's name (`spice`) or a path (`caption_pq.meteor`) to the reason.
        intervals: Path (`panoptic.all.pq`) to its 95 % interval (corrected only).
        quirks: What the released evaluator does otherwise than documented (reference only).
        provenance: What made this result.
        pairs: Every matched pair, for reports; `to_json(pairs=True)` and `write` keep it.
        per_image: Counts by image, for paired comparisons; kept along with `pairs`.

    Raises:
        ValueError: A score is NaN or infinite, or `map` is not of the mode's shape.
    """

    mode: Mode
    images: int
    tp: int
    fp: int
    fn: int
    panoptic: PanopticScores
    captions: CaptionScores
    map: MapsByClass | MapScores
    caption_pq: CaptionQuality
    per_category: Mapping[int, CategoryScores]
    warnings: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    quirks: tuple[str, ...] = ()
    provenance: Provenance | None = None
    pairs: tuple[MatchedPair, ...] = ()
    per_image: tuple[ImageCounts, ...] = ()
    command: ClassVar[str] = "pix2cap score"

    def __post_init__(self) -> None:
        expected = MapsByClass if self.mode == "corrected" else MapScores
        if not isinstance(self.map, expected):
            raise ValueError(
                f"expected map of {expected.__name__} in {self.mode} mode, got {type(self.map).__name__}"
            )
        super().__post_init__()

    def value(self, path: str) -> float | int | None:
        """One score by its path in the JSON, such as `panoptic.all.pq` or `map.class_aware.map`.

        Raises:
            KeyError: No such score in this mode.
        """
        found: Any = self
        for part in path.split("."):
            names = {f.name for f in dataclasses.fields(found)} if dataclasses.is_dataclass(found) else ()
            if part not in names:
                raise KeyError(f"expected the path of a score in {self.mode} mode, got {path!r}")
            found = getattr(found, part)
        if found is not None and not isinstance(found, int | float):
            raise KeyError(f"expected the path of one score, got {path!r}, which holds several")
        return found

    def reason(self, path: str) -> str | None:
        """Why a score is missing: by its path, else by its last part; None where nobody said."""
        return self.missing.get(path) or self.missing.get(path.rpartition(".")[2])

    def to_json(self, *, pairs: bool = False) -> dict[str, Any]:
        """Plain dictionaries, lists and scalars, in the order of the fields.

        Args:
            pairs: Keep `pairs` and `per_image`, which grow with the data.
        """
        record = self._whole()
        if not pairs:
            del record["pairs"], record["per_image"]
        return record

    @classmethod
    def from_json(cls, record: object, *, where: str = "result") -> Self:
        """See `ResultRecord.from_json`."""
        if isinstance(record, dict) and not {"mode", "panoptic"} & record.keys():
            keys = ", ".join(map(str, record))[:80] or "no keys"
            raise InputError(
                f"{where}: expected a result of `{cls.command}` (mode, panoptic, captions, ...), got {keys}"
            )
        return super().from_json(record, where=where)

    def __str__(self) -> str:
        from pix2cap.evaluate.result_tables import to_text

        return to_text([self], ["score"])

    def _repr_html_(self) -> str:
        """A small table, for notebooks."""
        from pix2cap.evaluate.result_tables import to_html

        return to_html([self], ["score"])
