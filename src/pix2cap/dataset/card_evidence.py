"""Gather what a dataset card tells: counts from the data, and what checks and people found."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from pix2cap.core import CaptionStatus, SegmentCaption
from pix2cap.errors import InputError
from pix2cap.formats.card_evidence import Evidence, LicenceCount, Verified
from pix2cap.formats.manifest import Tally
from pix2cap.formats.published import publish_segment

_MOST_CLASSES: Final = 10


@dataclass
class CardCounts:
    """Counts of a whole dataset, a few bytes a caption.

    Args:
        tally: Images, statuses, words, examples.
    """

    tally: Tally = field(default_factory=Tally)
    _classes: Counter[tuple[str, bool]] = field(default_factory=Counter)
    _words: array[int] = field(default_factory=lambda: array("I"))
    _texts: Counter[bytes] = field(default_factory=Counter)
    _licences: Counter[str | None] = field(default_factory=Counter)
    _reviewed: int = 0

    def add(self, record: Mapping[str, Any]) -> None:
        """Count one image; `record` is as `formats.exchange.image_record` makes it."""
        published, names = {}, {}
        for one in record["segments"]:
            segment_id, text = one["segment_id"], one["caption"] or ""
            caption = SegmentCaption(segment_id, text, CaptionStatus(one["status"]))
            published[segment_id] = publish_segment(caption, is_crowd=bool(one["is_crowd"]))
            names[segment_id] = str(one["class_name"])
            self._reviewed += one.get("reviewer") is not None
            if not one["is_crowd"]:
                self._classes[(names[segment_id], bool(one["is_thing"]))] += 1
            if published[segment_id].description:
                self._words.append(len(text.split()))
                self._texts[hashlib.sha1(text.encode(), usedforsecurity=False).digest()[:10]] += 1
        self.tally.add(published, names)
        licence = record.get("license")
        self._licences[None if licence is None else str(licence)] += 1

    def evidence(
        self,
        licences: Iterable[Mapping[str, Any]],
        *,
        sources: tuple[str, ...] = (),
        checks: Mapping[str, int] | None = None,
        doubted: int = 0,
        verified: Verified | None = None,
    ) -> Evidence:
        """All that was counted; `licences` is COCO's table, to which `license` of the images points."""
        known = {str(one.get("id")): one for one in licences}
        counted = [
            LicenceCount(
                str(known.get(key, {}).get("name") or f"licence {key}"), known.get(key, {}).get("url"), count
            )
            for key, count in sorted((k, n) for k, n in self._licences.items() if k is not None)
        ]
        things = {name: n for (name, is_thing), n in self._classes.items() if is_thing}
        stuff = {name: n for (name, is_thing), n in self._classes.items() if not is_thing}
        most = sorted({**things, **stuff}.items(), key=lambda one: (-one[1], one[0]))[:_MOST_CLASSES]
        return Evidence(
            things=sum(things.values()),
            stuff=sum(stuff.values()),
            thing_classes=len(things),
            stuff_classes=len(stuff),
            most_classes=tuple(most),
            words=self._told_words(),
            repeated=sum(count for count in self._texts.values() if count > 1),
            reviewed=self._reviewed,
            licences=tuple(counted),
            unlicensed=self._licences[None],
            sources=sources,
            checks=checks,
            doubted=doubted,
            verified=verified,
        )

    def _told_words(self) -> tuple[float, float, float, float] | None:
        if not self._words:
            return None
        words = np.frombuffer(self._words, np.uint32)
        low, middle, high = np.percentile(words, (5, 50, 95))
        return float(words.mean()), float(middle), float(low), float(high)


class CheckResults:
    """Findings of `pix2cap dataset check --format json`, compared with the segments of the dataset.

    Args:
        path: The file.

    Raises:
        InputError: It is no list of findings.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        rows = _read_json(path, "what `pix2cap dataset check --format json` prints")
        try:
            self.by_check = Counter(str(row["check"]) for row in rows)
            self.doubted = {(int(row["image_id"]), int(row["segment_id"])) for row in rows}
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{path}: expected a list of findings with image_id, segment_id and check, got: {error!r}"
            ) from error
        self._unseen = set(self.doubted)

    def see(self, record: Mapping[str, Any]) -> None:
        """Tick off the segments of an image."""
        for one in record["segments"]:
            self._unseen.discard((record["image_id"], one["segment_id"]))

    def require_all_seen(self) -> None:
        """Findings about segments that the dataset lacks are those of another dataset.

        Raises:
            InputError: There are such findings.
        """
        if self._unseen:
            image_id, segment_id = min(self._unseen)
            raise InputError(
                f"{self.path}: expected findings about segments of this dataset, got {len(self._unseen)}"
                f" about others, such as image {image_id}, segment {segment_id}; run `pix2cap dataset check`"
                " again"
            )


def _read_json(path: Path, what: str) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path}: expected {what}, found no such file") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected {what}, got: {error}") from error


def told_sources(source: Mapping[str, Any] | None) -> tuple[str, ...]:
    """What a manifest says of what its dataset was made of, a line each; several where it was merged."""
    if not source:
        return ()
    parts = source.get("of")
    if not isinstance(parts, list):
        name = source.get("name")
        return (str(name),) if name else ()
    lines = []
    for part in parts:
        if isinstance(part, dict):
            inner = part.get("source")
            named = inner.get("name") if isinstance(inner, dict) else None
            made = [str(part.get("name", "a dataset")), f"{part.get('images', '?')} images"]
            made += [f"licence of captions {part['license']}"] if part.get("license") else []
            made += [f"captioned by {part['model']}"] if part.get("model") else []
            made += [f"from {named}"] if named else []
            lines.append(", ".join(made))
    return tuple(lines)
