"""Is every caption of a dataset true, as far as offline checks can tell?

The checks of the annotation pipeline, and two that need pixels, over any captioned dataset: ours, or one made
elsewhere. Images are read one after the other; memory grows with the findings only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

from pix2cap.annotate.findings import CheckSettings, Finding
from pix2cap.dataset.check_image import check_scene, habits_of
from pix2cap.dataset.check_scene import CheckedScene, open_captioned, read_scene, texts_of
from pix2cap.errors import InputError, UsageError
from pix2cap.formats.file_source import FileSource
from pix2cap.text.subject_spacy import SecondReader

CHECKS: Final = (
    "refusal", "mark_talk", "language", "cut", "repeat", "class", "swap", "side", "colour",
)  # fmt: skip
"""Names of the checks; equally sure findings are listed in this order."""

MIN_CONFIDENCE: Final = 0.5

Parser = Literal["auto", "own", "spacy"]
"""Who reads what captions are about."""

_NEEDS_MASKS: Final = ("side", "colour")
_NEEDS_PICTURES: Final = ("colour",)


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """One caption that is probably wrong.

    Args:
        image_id: The image.
        segment_id: The segment.
        check: Out of `CHECKS`.
        reason: A sentence for people.
        confidence: How sure the check is, 0..1.
    """

    image_id: int
    segment_id: int
    check: str
    reason: str
    confidence: float

    def to_json(self) -> dict[str, Any]:
        """The record with the keys `image_id segment_id check reason confidence`."""
        return asdict(self)


@dataclass(slots=True)
class CheckReport:
    """What the checks found.

    Args:
        findings: Worst first.
        images: How many images have captions.
        captions: How many captions were looked at.
        skipped: Lines for people: which checks could not look at which images, and why.
        read_by: A line for people: who read what the captions are about; "" where no check asked.
    """

    findings: list[CheckFinding] = field(default_factory=list)
    images: int = 0
    captions: int = 0
    skipped: list[str] = field(default_factory=list)
    read_by: str = ""

    def to_json(self) -> list[dict[str, Any]]:
        """The findings as records."""
        return [finding.to_json() for finding in self.findings]


def check_dataset(
    path: Path,
    *,
    masks: Path | None = None,
    images: Path | None = None,
    checks: Collection[str] = CHECKS,
    language: str = "en",
    min_confidence: float = MIN_CONFIDENCE,
    parser: Parser = "auto",
    on_progress: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Check every caption of a dataset.

    Args:
        path: A dataset folder, or a COCO panoptic JSON with `description` or `caption` (the published
            Pix2Cap-COCO files), or any other source whose segments have captions.
        masks: Folder or zip of the mask PNGs, where they are not found by themselves.
        images: Folder of the pictures.
        checks: Which checks to run.
        language: Language code that the captions should be in; most checks read English only.
        min_confidence: Findings below are left out.
        parser: Who reads what captions are about: our own reader ("own"), spaCy wherever it finds a subject
            ("spacy"), or our own with spaCy asked, where it is installed, about captions that would be
            accused ("auto").
        on_progress: Called with images done and images in all.

    Raises:
        InputError: The dataset cannot be read, or holds no captions.
        UsageError: There is no such check or parser.
        MetricUnavailable: spaCy was asked for and it or its English model is missing.

    Example:
        >>> report = check_dataset(Path("dataset"), images=Path("val2017"))  # doctest: +SKIP
        >>> report.findings[0].reason  # doctest: +SKIP
    """
    if unknown := set(checks) - set(CHECKS):
        raise UsageError(f"expected checks out of {', '.join(CHECKS)}, got {', '.join(sorted(unknown))}")
    second_reader = second_reader_of(parser)
    source = open_captioned(path, masks=masks, images=images)
    settings = CheckSettings(language)
    habits = habits_of(text for _, texts in _captions(source) for text in texts.values())
    if not habits.captions:
        got = f"none on {len(source.image_ids)} images; caption it first: pix2cap annotate run"
        raise InputError(f"{path}: expected captions (`description` or `caption` of the segments), got {got}")
    report = CheckReport()
    missing = _Missing(source.pictures is not None)
    for scene in _scenes(source, checks, on_progress):
        report.images += 1
        report.captions += len(scene.texts)
        missing.note(scene)
        found = check_scene(scene, settings, habits, second_reader=second_reader)
        report.findings += _findings(scene.image_id, found, checks, min_confidence)
    order = {name: place for place, name in enumerate(CHECKS)}
    report.findings.sort(key=lambda f: (-f.confidence, order[f.check], f.image_id, f.segment_id))
    report.skipped = missing.lines(checks, settings, report.images)
    if settings.is_english and {"class", "swap"} & set(checks):
        report.read_by = _read_by(parser, second_reader)
    return report


def _captions(source: FileSource) -> Iterator[tuple[int, dict[int, str]]]:
    return ((image_id, texts_of(source.record(image_id))) for image_id in source.image_ids)


def _scenes(
    source: FileSource, checks: Collection[str], on_progress: Callable[[int, int], None] | None
) -> Iterator[CheckedScene]:
    total = len(source.image_ids)
    wants_pixels = bool({"side", "swap", "colour"} & set(checks))
    colored = source.pictures is not None and bool({"swap", "colour"} & set(checks))
    for done, image_id in enumerate(source.image_ids, start=1):
        scene = read_scene(source, image_id, placed=wants_pixels, colored=colored)
        if scene.texts:
            yield scene
        if on_progress is not None:
            on_progress(done, total)


def second_reader_of(parser: Parser) -> SecondReader | None:
    """The reader beside our own that a choice of parser means, None for none.

    Raises:
        UsageError: There is no such choice.
    """
    if parser not in get_args(Parser):
        raise UsageError(f"expected a parser out of {', '.join(get_args(Parser))}, got {parser!r}")
    if parser == "spacy":
        return SecondReader(leads=True)
    return SecondReader.where_installed() if parser == "auto" else None


def _read_by(parser: Parser, reader: SecondReader | None) -> str:
    if reader is None:
        why = "" if parser == "own" else " (spaCy with en_core_web_sm is not installed)"
        return f"subjects were read by pix2cap's own reader{why}"
    if reader.leads:
        return f"subjects were read by spaCy ({reader.name}), by pix2cap's own reader where it found none"
    asked = f"spaCy ({reader.name}) read accused captions too" if reader.name else "spaCy was not needed"
    return f"subjects were read by pix2cap's own reader; {asked}"


def _findings(
    image_id: int, found: Mapping[int, tuple[Finding, ...]], checks: Collection[str], min_confidence: float
) -> Iterator[CheckFinding]:
    for segment_id, findings in found.items():
        for finding in findings:
            if finding.check in checks and finding.hard and finding.confidence >= min_confidence:
                yield CheckFinding(image_id, segment_id, finding.check, finding.reason, finding.confidence)


class _Missing:
    """Counts images whose masks or pictures could not be looked at.

    Args:
        has_pictures: Whether a folder of pictures was named or known.
    """

    def __init__(self, has_pictures: bool) -> None:
        self._has_pictures = has_pictures
        self._maskless = 0
        self._placeless = 0
        self._pictureless = 0

    def note(self, scene: CheckedScene) -> None:
        self._maskless += not scene.has_masks
        self._placeless += not scene.places
        self._pictureless += scene.has_masks and not scene.colors

    def lines(self, checks: Collection[str], settings: CheckSettings, images: int) -> list[str]:
        """What was skipped, for people."""
        lines = []
        if not settings.is_english and (deaf := [c for c in _ENGLISH_ONLY if c in checks]):
            lines.append(f"skipped: {', '.join(deaf)} (they read English only)")
        wanted = [check for check in _NEEDS_MASKS if check in checks]
        if self._maskless and wanted:
            where = _where(self._maskless, images)
            lines.append(f"skipped {where}without masks: {', '.join(wanted)} (name them with --masks)")
            if "side" in checks and self._placeless < self._maskless:
                lines[-1] += "; side was judged by the boxes of the JSON instead"
        wanted = [check for check in _NEEDS_PICTURES if check in checks]
        if self._pictureless and wanted:
            where = _where(self._pictureless, images)
            hint = "some cannot be read" if self._has_pictures else "name them with --images"
            lines.append(f"skipped {where}without pictures: {', '.join(wanted)} ({hint})")
        if "swap" in checks and (self._maskless or self._pictureless):
            lines.append("swap weighs classes alone where masks are missing, and no colours without pictures")
        return lines


_ENGLISH_ONLY: Final = ("mark_talk", "class", "swap", "side", "colour")


def _where(count: int, images: int) -> str:
    return "" if count == images else f"on {count} of {images} images "
