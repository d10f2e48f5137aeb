"""What meets all conditions stays as it was; the rest is void; doing it twice changes nothing more."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pix2cap.core import CaptionedImage
from pix2cap.core.caption import CaptionStatus
from pix2cap.dataset.captioned import CaptionedDataset
from pix2cap.dataset.conditions import Conditions, read_flagged
from pix2cap.dataset.diff import diff_datasets
from pix2cap.dataset.filter import FILTERED_OUT, filter_dataset
from pix2cap.dataset.generate import generate_dataset
from pix2cap.dataset.merge import merge_datasets
from pix2cap.errors import InputError, UsageError
from pix2cap.formats.facts_parquet import read_facts
from pix2cap.formats.manifest import read_manifest
from tests.builders.datasets import LICENSES, ON_DISK, Part, content, damage, image, images, write_dataset

CAPTIONED = CaptionStatus.CAPTIONED

ITEMS = [
    image(
        1,
        {
            5: Part(1, "A tall person waits in the rain.", reviewer="ann"),
            6: Part(3, "A red car."),
            7: Part(187, "number 7", CaptionStatus.FAILED),
            8: Part(1, is_crowd=True),
        },
    ),
    image(2, {5: Part(18, "A brown dog sleeps beside the Car."), 9: Part(3, "", None)}),
]


def conditions() -> st.SearchStrategy[Conditions]:
    return st.builds(
        Conditions,
        status=st.sets(st.sampled_from(list(CaptionStatus)), max_size=3).map(frozenset),
        class_names=st.sets(st.sampled_from(["person", "car", "dog"]), max_size=2).map(frozenset),
        min_words=st.none() | st.integers(0, 4),
        max_words=st.none() | st.integers(4, 9),
        min_area=st.none() | st.integers(0, 8),
        reviewer=st.sets(st.sampled_from(["ann", "bo"]), max_size=1).map(frozenset),
        q=st.none() | st.sampled_from(["red", "OLD car", "nothing"]),
    )


@settings(max_examples=10, phases=ON_DISK, suppress_health_check=list(HealthCheck))
@given(images(max_images=4), conditions().filter(lambda c: bool(c.told())), st.booleans())
def test_twice_is_once(items: list[CaptionedImage], wanted: Conditions, keep_masks: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = write_dataset(folder / "whole", items)
        try:
            filter_dataset(whole, folder / "once", wanted, keep_masks=keep_masks)
        except InputError:
            assert not (folder / "once" / "panoptic.json").exists()
            return
        filter_dataset(folder / "once", folder / "twice", wanted, keep_masks=keep_masks)
        assert content(folder / "twice") == content(folder / "once")
        assert damage(folder / "once") == []
        before, after = content(whole), content(folder / "once")
        assert after.keys() <= before.keys()
        if keep_masks:
            assert all(after[key][:2] == before[key][:2] for key in after)
        else:
            assert all(after[key] == before[key] for key in after)


def kept(tmp_path: Path, **wanted: Any) -> set[tuple[int, int]]:
    whole = write_dataset(tmp_path / "whole", ITEMS)
    filter_dataset(whole, tmp_path / "out", Conditions(**wanted))
    return set(content(tmp_path / "out"))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"status": {CAPTIONED}}, {(1, 5), (1, 6), (2, 5)}),
        ({"status": {CaptionStatus.PENDING, CaptionStatus.CROWD}}, {(1, 8), (2, 9)}),
        ({"class_names": {"car"}}, {(1, 6), (2, 9)}),
        ({"class_names": {"car"}, "status": {CAPTIONED}}, {(1, 6)}),
        ({"min_words": 4}, {(1, 5), (2, 5)}),
        ({"max_words": 3}, {(1, 6)}),
        ({"min_words": 0}, {(1, 5), (1, 6), (2, 5)}),
        ({"reviewer": {"ann"}}, {(1, 5)}),
        ({"model": {"m"}, "attempt": {1}, "image_ids": {1}}, {(1, 5), (1, 6), (1, 7)}),
        ({"q": "CAR"}, {(1, 6), (2, 5)}),
        ({"image_ids": {2}}, {(2, 5), (2, 9)}),
        ({"min_area": 8, "max_area": 8, "image_ids": {1}}, {(1, 5), (1, 6), (1, 7), (1, 8)}),
        ({"flagged": {(1, 5): frozenset({"side"}), (2, 9): frozenset({"cut"})}}, {(1, 5), (2, 9)}),
        (
            {"flagged": {(1, 5): frozenset({"side"})}, "drop_flagged": True, "status": {CAPTIONED}},
            {(1, 6), (2, 5)},
        ),
    ],
    ids=str,
)
def test_conditions(tmp_path: Path, wanted: dict[str, Any], expected: set[tuple[int, int]]) -> None:
    assert kept(tmp_path, **wanted) == expected


def test_what_fits_and_what_does_not_make_the_whole_again(tmp_path: Path) -> None:
    whole = write_dataset(tmp_path / "whole", ITEMS)
    flagged = {(1, 5): frozenset({"side"}), (2, 5): frozenset({"swap"})}
    filter_dataset(whole, tmp_path / "with", Conditions(flagged=flagged))
    filter_dataset(whole, tmp_path / "without", Conditions(flagged=flagged, drop_flagged=True))
    merged = merge_datasets([tmp_path / "with", tmp_path / "without"], tmp_path / "both")
    assert merged.conflicts == ()
    assert diff_datasets(whole, tmp_path / "both").changes == ()
    assert content(tmp_path / "both") == content(whole)


def test_masks_can_stay(tmp_path: Path) -> None:
    whole = write_dataset(tmp_path / "whole", ITEMS)
    filter_dataset(whole, tmp_path / "out", Conditions(class_names=frozenset({"person"})), keep_masks=True)
    dataset = CaptionedDataset(tmp_path / "out")
    assert list(dataset.image_ids) == [1]
    told = {c.segment_id: (c.status, c.text, c.reason) for c in dataset.item(1).captions}
    assert told[5][:2] == (CAPTIONED, "A tall person waits in the rain.")
    assert told[6] == (CaptionStatus.REJECTED, "A red car.", FILTERED_OUT)
    assert told[7] == (CaptionStatus.FAILED, "number 7", None)
    assert [s.id for s in dataset.item(1).panoptic.segments] == [5, 6, 7, 8]


def test_licences_facts_pictures_and_origin_are_kept(tmp_path: Path) -> None:
    generate_dataset(tmp_path / "scenes", images=3, size_wh=(64, 64))
    ids = frozenset({1, 3})
    filter_dataset(tmp_path / "scenes", tmp_path / "two", Conditions(image_ids=ids), copy_images=True)
    assert {row["image_id"] for row in read_facts(tmp_path / "two")} == ids
    assert sorted(p.name for p in (tmp_path / "two" / "images").iterdir()) == ["000001.png", "000003.png"]
    manifest = read_manifest(tmp_path / "two")
    assert manifest is not None
    assert manifest["source"]["options"] == {"images": 2, "keep_masks": False}
    assert manifest["source"]["of"][0]["source"]["scenes"]["seed"] == 0
    assert str(tmp_path) not in json.dumps(manifest)
    filter_dataset(write_dataset(tmp_path / "whole", ITEMS), tmp_path / "out", Conditions(min_words=1))
    document = json.loads((tmp_path / "out" / "panoptic.json").read_text())
    assert document["licenses"] == list(LICENSES)
    assert [entry["license"] for entry in document["images"]] == [4, 7]


def test_a_json_that_others_made(tmp_path: Path) -> None:
    whole = write_dataset(tmp_path / "whole", ITEMS)
    (tmp_path / "theirs.json").write_bytes((whole / "panoptic.json").read_bytes())
    wanted = Conditions(min_words=4)
    filter_dataset(tmp_path / "theirs.json", tmp_path / "out", wanted, masks=whole / "panoptic")
    assert set(content(tmp_path / "out")) == {(1, 5), (2, 5)}


def test_wrong_use_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    whole = write_dataset(tmp_path / "whole", ITEMS)
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="at least one condition"):
        filter_dataset(whole, out, Conditions())
    with pytest.raises(UsageError, match=r"dgo.*dog"):
        filter_dataset(whole, out, Conditions(class_names=frozenset({"dgo"})))
    with pytest.raises(UsageError, match="--min-words"):
        Conditions(min_words=5, max_words=4)
    with pytest.raises(UsageError, match="--findings"):
        Conditions(drop_flagged=True)
    with pytest.raises(UsageError, match="not read from"):
        filter_dataset(whole, whole, Conditions(min_words=1))
    before = content(whole)
    with pytest.raises(InputError, match="nothing is written"):
        filter_dataset(whole, out, Conditions(min_words=50))
    assert not out.exists() or list(out.iterdir()) == []
    assert content(whole) == before


def test_findings_are_read(tmp_path: Path) -> None:
    path = tmp_path / "findings.json"
    rows = [(1, 5, "side"), (1, 5, "cut"), (2, 9, "swap")]
    keys = ("image_id", "segment_id", "check")
    path.write_text(
        json.dumps([dict(zip(keys, row, strict=True), reason="r", confidence=0.9) for row in rows])
    )
    assert read_flagged(path) == {(1, 5): {"side", "cut"}, (2, 9): {"swap"}}
    assert read_flagged(path, ["swap"]) == {(2, 9): {"swap"}}
    with pytest.raises(UsageError, match="colour"):
        read_flagged(path, ["colour"])
    for text in ("{", "[1]", '[{"image_id": 1}]', "7"):
        path.write_text(text)
        with pytest.raises(InputError, match="dataset check"):
            read_flagged(path)
