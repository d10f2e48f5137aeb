"""Recorded captions are read by image and segment, or refused as a whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pix2cap.errors import InputError
from pix2cap.formats.captions_json import RecordedCaption, read_recorded_captions

GOOD = {"image_id": 1, "segment_id": 2, "caption": "A dog.", "visible": True, "category_seen": "dog"}


def write(tmp_path: Path, *captions: Any) -> Path:
    path = tmp_path / "captions.json"
    path.write_text(json.dumps({"source": "x", "captions": list(captions)}))
    return path


def test_captions_by_image_and_segment(tmp_path: Path) -> None:
    hidden = {"image_id": 1, "segment_id": 3, "caption": "", "visible": False}
    found = read_recorded_captions(write(tmp_path, GOOD, hidden, GOOD))
    assert found == {
        (1, 2): RecordedCaption("A dog.", True, "dog"),
        (1, 3): RecordedCaption("", False, None),
    }
    assert read_recorded_captions(write(tmp_path)) == {}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (7, "an object in `captions`, got 7"),
        ({**GOOD, "image_id": "1"}, "whole numbers .* got text"),
        ({**GOOD, "segment_id": None}, "got 1 and null"),
        ({**GOOD, "segment_id": 5, "caption": None}, r"segment 5: .* a text as `caption`, got null"),
        ({**GOOD, "segment_id": 5, "visible": "yes"}, "true or false"),
        ({**GOOD, "segment_id": 5, "category_seen": 3}, "`category_seen`, got 3"),
        ({**GOOD, "caption": "A cat."}, "duplicate segment id .*several that differ"),
    ],
)
def test_wrong_entries_are_all_named(tmp_path: Path, entry: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        read_recorded_captions(write(tmp_path, GOOD, entry, "x"))
    assert len(error.value.problems) == 2 and "and 1 more" in str(error.value)


def test_other_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_recorded_captions(tmp_path / "no.json")
    path = tmp_path / "x.json"
    path.write_text('{"images": []}')
    with pytest.raises(InputError, match="key 'captions', got keys images"):
        read_recorded_captions(path)
    path.write_text("[]")
    with pytest.raises(InputError, match="not a JSON object"):
        read_recorded_captions(path)


def test_the_real_captions(coco: Path) -> None:
    for part, count in (("train", 1105), ("val", 685)):
        found = read_recorded_captions(coco / f"captions_{part}.json")
        assert len(found) == count
        assert all(record.caption or not record.visible for record in found.values())
