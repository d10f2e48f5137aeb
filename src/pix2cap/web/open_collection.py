"""Find out whether a path is a run or a dataset, and open it; read what `dataset check` found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from pix2cap.annotate.events import EVENTS_NAME
from pix2cap.annotate.journal import JOURNAL_NAME
from pix2cap.annotate.settings import CONFIG_NAME
from pix2cap.errors import InputError, UsageError
from pix2cap.web.collection import Collection
from pix2cap.web.dataset_collection import DatasetCollection
from pix2cap.web.run_collection import RunCollection
from pix2cap.web.settings import ReviewSettings


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """One row of `pix2cap dataset check --format json`, without its ids."""

    check: str
    reason: str
    confidence: float | None

    def to_json(self) -> dict[str, str | float | None]:
        """The row as pages get it."""
        return asdict(self)


Findings = Mapping[tuple[int, int], tuple[CheckFinding, ...]]
"""`(image id, segment id)` to findings, worst first."""


def open_collection(settings: ReviewSettings) -> Collection:
    """Open a run or a dataset.

    Raises:
        UsageError: Nothing is there.
        InputError: It is neither, or damaged.
    """
    target = settings.target
    for flag, path in (("", target), (" with --images", settings.images), (" with --masks", settings.masks)):
        if path is not None and not path.exists():
            raise UsageError(f"expected a run or dataset{flag}, found nothing at {path}")
    if target.is_dir() and any((target / n).exists() for n in (JOURNAL_NAME, CONFIG_NAME, EVENTS_NAME)):
        return RunCollection(target, images=settings.images, masks=settings.masks)
    return DatasetCollection(target, images=settings.images, masks=settings.masks)


def read_findings(path: Path | None) -> Findings:
    """Read the JSON of `pix2cap dataset check --format json`.

    Raises:
        InputError: No such file, or not of that shape.
    """
    if path is None:
        return {}
    try:
        rows = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise InputError(
            f"{path}: expected the JSON of `pix2cap dataset check --format json`, got: {error}"
        ) from error
    if not isinstance(rows, list):
        raise InputError(f"{path}: expected a list of findings, got {type(rows).__name__}")
    found: defaultdict[tuple[int, int], list[CheckFinding]] = defaultdict(list)
    for place, row in enumerate(rows):
        try:
            key = (int(row["image_id"]), int(row["segment_id"]))
            confidence = row.get("confidence")
            finding = CheckFinding(
                str(row["check"]),
                str(row.get("reason") or ""),
                None if confidence is None else float(confidence),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"{path}, item {place}: expected image_id, segment_id, check, reason and confidence,"
                f" got {str(row)[:100]}"
            ) from error
        found[key].append(finding)
    return {key: tuple(findings) for key, findings in found.items()}
