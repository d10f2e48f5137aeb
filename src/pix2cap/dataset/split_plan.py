"""Which image goes into which split: by hash, so that images added later move none, or balanced by class."""

from __future__ import annotations

import csv
import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from pix2cap.dataset.captioned import CaptionedDataset
from pix2cap.errors import InputError, UsageError

BY_ITSELF: Final = ("image", "folder", "file_name")
"""What images can be held together by without a file of groups; the keys of COCO's images come beside."""
_IMAGE_KEYS: Final = ("license", "coco_url", "flickr_url", "date_captured")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Unit:
    """Images that must not be torn apart.

    Args:
        key: The group, or the image's id.
        position: Its place in [0, 1), by hash.
        image_ids: Its images.
        classes: Images that have a class, by category id.
    """

    key: str
    position: float
    image_ids: tuple[int, ...]
    classes: Mapping[int, int] = field(default_factory=dict)


def parse_shares(text: str) -> dict[str, float]:
    """`train=0.8,val=0.1,test=0.1` by name, in that order.

    Raises:
        UsageError: Names that are no folder names or stand twice, or shares that do not make 1.

    Example:
        >>> parse_shares("train=0.8,val=0.2")
        {'train': 0.8, 'val': 0.2}
    """
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not _NAME.fullmatch(name) or name in shares:
            raise UsageError(f"--shares: expected names with shares such as train=0.8,val=0.2, got {part!r}")
        try:
            shares[name] = float(value)
        except ValueError:
            raise UsageError(f"--shares: expected a number for {name}, got {value!r}") from None
        if not 0 < shares[name] <= 1:
            raise UsageError(f"--shares: expected more than 0 and at most 1 for {name}, got {value}")
    if not math.isclose(sum(shares.values()), 1.0, abs_tol=1e-6):
        raise UsageError(f"--shares: expected shares that make 1 together, got {sum(shares.values()):g}")
    return shares


def position_of(key: str, seed: int) -> float:
    """Where a key stands in [0, 1): the first 52 bits of a SHA-256, the same on every machine.

    Example:
        >>> 0.0 <= position_of("139", 0) < 1.0
        True
    """
    digest = hashlib.sha256(f"{seed}\0{key}".encode()).digest()
    return (int.from_bytes(digest[:8]) >> 12) / 2**52


def make_units(
    dataset: CaptionedDataset, *, by: str, groups: Path | None, seed: int, with_classes: bool
) -> list[Unit]:
    """The images of a dataset as units, in the order of their first image.

    Args:
        dataset: Read without its maps.
        by: `image`, `folder`, `file_name`, a key of COCO's images, or a column of `groups`.
        groups: CSV file with a column `image_id`.
        seed: Of the positions.
        with_classes: Whether classes are wanted.

    Raises:
        UsageError: Nothing is known by that name.
        InputError: The CSV is damaged.
    """
    named = None if groups is None else _read_groups(groups, by)
    if named is None and by not in (*BY_ITSELF, *_IMAGE_KEYS):
        raise UsageError(
            f"--by: expected {', '.join((*BY_ITSELF, *_IMAGE_KEYS))}, or with --groups FILE.csv one of its"
            f" columns; got {by!r}"
        )
    members: dict[str, list[int]] = {}
    classes: dict[str, Counter[int]] = {}
    for image_id in dataset.image_ids:
        key = named.get(image_id) if named is not None else _key(dataset, image_id, by)
        key = f"{by} {key}" if key is not None and by != "image" else str(image_id)
        members.setdefault(key, []).append(image_id)
        if with_classes:
            seen = {s.category_id for s in dataset.source.entry(image_id).segments if not s.is_crowd}
            classes.setdefault(key, Counter()).update(seen)
    return [
        Unit(key, position_of(key, seed), tuple(ids), classes.get(key, {})) for key, ids in members.items()
    ]


def _key(dataset: CaptionedDataset, image_id: int, by: str) -> str | None:
    if by == "image":
        return str(image_id)
    record = dataset.source.record(image_id)
    if by == "file_name":
        return record.file_name
    if by == "folder":
        return PurePosixPath(record.file_name).parent.as_posix()
    value: Any = record.extra.get(by)
    return None if value is None else str(value)


def _read_groups(path: Path, column: str) -> dict[int, str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            if "image_id" not in columns or column not in columns:
                raise InputError(
                    f"{path}: expected a CSV file with the columns image_id and {column}, got columns"
                    f" {', '.join(columns) or 'none'}"
                )
            return {int(row["image_id"]): row[column] for row in reader if row[column]}
    except (OSError, UnicodeDecodeError, ValueError, TypeError, csv.Error) as error:
        raise InputError(
            f"{path}: expected a CSV file with an image id and a group a row, got: {error}"
        ) from error


def assign_by_hash(
    units: Sequence[Unit], shares: Mapping[str, float], kept: Mapping[str, str]
) -> dict[str, str]:
    """Each unit's split by its own position alone: what else is in the dataset plays no part.

    Args:
        units: All.
        shares: By split.
        kept: Splits that are fixed already, by unit.
    """
    bounds = list(_bounds(shares))
    return {
        unit.key: kept.get(unit.key) or next(name for name, end in bounds if unit.position < end)
        for unit in units
    }


def _bounds(shares: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    end = 0.0
    for number, (name, share) in enumerate(shares.items(), start=1):
        end += share
        yield name, end if number < len(shares) else math.inf


def assign_by_class(
    units: Sequence[Unit], shares: Mapping[str, float], kept: Mapping[str, str]
) -> dict[str, str]:
    """Splits in which every class has its share, rare ones first (iterative stratification).

    Sechidis, Tsoumakas and Vlahavas, "On the stratification of multi-label data", 2011. Where they draw
    lots, the units' positions decide.

    Args:
        units: All.
        shares: By split.
        kept: Splits that are fixed already, by unit; they count towards the shares.
    """
    plan = _Balance(units, shares)
    assigned: dict[str, str] = {}
    open_units = {unit.key: unit for unit in units}
    for unit in units:
        if unit.key in kept:
            assigned[unit.key] = plan.put(open_units.pop(unit.key), kept[unit.key])
    by_class: dict[int, list[Unit]] = {}
    for unit in sorted(open_units.values(), key=lambda u: (u.position, u.key)):
        for category_id in unit.classes:
            by_class.setdefault(category_id, []).append(unit)
    left = Counter({category_id: len(members) for category_id, members in by_class.items()})
    while left:
        rarest = min(left, key=lambda c: (left[c], c))
        for unit in by_class[rarest]:
            if unit.key in open_units:
                assigned[unit.key] = plan.put(open_units.pop(unit.key), plan.neediest(unit, rarest))
                left.subtract(dict.fromkeys(unit.classes, 1))
        left = Counter({c: n for c, n in left.items() if n > 0 and c != rarest})
    for unit in sorted(open_units.values(), key=lambda u: (u.position, u.key)):
        assigned[unit.key] = plan.put(unit, plan.neediest(unit, None))
    return {unit.key: assigned[unit.key] for unit in units}


class _Balance:
    """How many images, and images of each class, every split still wants."""

    def __init__(self, units: Sequence[Unit], shares: Mapping[str, float]) -> None:
        self._names = list(shares)
        totals: Counter[int] = Counter()
        for unit in units:
            totals.update(unit.classes)
        images = sum(len(unit.image_ids) for unit in units)
        self._images = {name: share * images for name, share in shares.items()}
        self._classes = {name: {c: share * n for c, n in totals.items()} for name, share in shares.items()}

    def put(self, unit: Unit, name: str) -> str:
        """Put a unit into a split; returns the split."""
        self._images[name] -= len(unit.image_ids)
        for category_id, n in unit.classes.items():
            self._classes[name][category_id] -= n
        return name

    def neediest(self, unit: Unit, category_id: int | None) -> str:
        """The split that wants the class most; then the one that wants images most; then by position."""
        turn = int(unit.position * len(self._names))

        def want(name: str) -> tuple[float, float, int]:
            of_class = 0.0 if category_id is None else self._classes[name][category_id]
            order = (self._names.index(name) - turn) % len(self._names)
            return round(of_class, 9), round(self._images[name], 9), -order

        return max(self._names, key=want)
