"""Datasets as one: nothing is lost, what differs is listed, and other pictures never pass for the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pix2cap.core import CaptionedImage, Category, PanopticMap
from pix2cap.core.caption import CaptionStatus
from pix2cap.dataset.captioned import CaptionedDataset
from pix2cap.dataset.diff import diff_datasets
from pix2cap.dataset.generate import generate_dataset
from pix2cap.dataset.merge import Merged, Renumbered, merge_datasets
from pix2cap.errors import InputError, UsageError
from pix2cap.formats.facts_parquet import read_facts
from pix2cap.formats.manifest import read_manifest
from tests.builders.datasets import CATEGORIES, Part, content, damage, image, write_dataset

CAPTIONED, FAILED, PENDING, REJECTED = (
    CaptionStatus.CAPTIONED,
    CaptionStatus.FAILED,
    CaptionStatus.PENDING,
    CaptionStatus.REJECTED,
)


def merge_two(
    folder: Path, first: CaptionedImage, second: CaptionedImage, **options: Any
) -> tuple[Merged, CaptionedDataset]:
    a, b = write_dataset(folder / "a", [first]), write_dataset(folder / "b", [second])
    merged = merge_datasets([a, b], folder / "both", overwrite=True, **options)
    assert damage(folder / "both") == []
    return merged, CaptionedDataset(folder / "both")


RED, BLUE = Part(3, "A red car."), Part(3, "A blue car.")
REVIEWED = Part(3, "A blue van.", reviewer="ann")


@pytest.mark.parametrize(
    ("first", "second", "prefer", "expected", "n_conflicts"),
    [
        (RED, BLUE, "first", "A red car.", 1),
        (RED, BLUE, "last", "A blue car.", 1),
        (RED, BLUE, "reviewed", "A red car.", 1),
        (RED, REVIEWED, "reviewed", "A blue van.", 1),
        (RED, REVIEWED, "first", "A red car.", 1),
        (RED, Part(3, "", None), "last", "A red car.", 0),
        (RED, Part(3, "number 3", FAILED), "last", "A red car.", 0),
        (RED, Part(3, "", PENDING), "last", "A red car.", 0),
        (RED, Part(3, "A red car.", REJECTED, "bo"), "reviewed", "rejected", 1),
        (RED, Part(3, "A red car.", REJECTED, "bo"), "first", "A red car.", 1),
        (Part(3, "x", FAILED), Part(3, "", PENDING), "last", "failed", 0),
        (Part(3, "", PENDING), Part(3, "x", FAILED), "first", "failed", 0),
        (RED, RED, "reviewed", "A red car.", 0),
    ],
    ids=str,
)
def test_whose_caption_counts(
    tmp_path: Path, first: Part, second: Part, prefer: Any, expected: str, n_conflicts: int
) -> None:
    merged, dataset = merge_two(tmp_path, image(1, {5: first}), image(1, {5: second}), prefer=prefer)
    (caption,) = dataset.item(1).captions
    assert (caption.text if caption.status is CAPTIONED else caption.status.value) == expected
    assert merged.counts() == ({"caption": n_conflicts} if n_conflicts else {})
    if n_conflicts:
        (conflict,) = merged.conflicts
        assert (conflict.image_id, conflict.segment_id, conflict.kept) == (1, 5, expected)
        assert {conflict.kept_from, conflict.other_from} == {"a", "b"}


def test_somebody_who_stands_for_the_same_words_is_kept(tmp_path: Path) -> None:
    _, dataset = merge_two(tmp_path, image(1, {5: RED}), image(1, {5: replace(RED, reviewer="ann")}))
    (caption,) = dataset.item(1).captions
    assert caption.source is not None and caption.source.reviewer == "ann"


def _repainted(item: CaptionedImage, row: int, old: int, new: int) -> CaptionedImage:
    ids = item.panoptic.id_map.copy()
    ids[row, ids[row] == old] = new
    things = {c.id: c.is_thing for c in CATEGORIES}
    known = {s.id: (s.category_id, s.is_thing, s.is_crowd) for s in item.panoptic.segments}
    infos = {int(i): known.get(int(i), (3, things[3], False)) for i in np.unique(ids) if i}
    captions = tuple(c for c in item.captions if c.segment_id in infos)
    return CaptionedImage(item.image, PanopticMap.from_id_map(ids, infos), captions)


def test_segments_are_united_and_disputed_pixels_listed(tmp_path: Path) -> None:
    both = image(1, {5: RED, 6: BLUE})
    only_five = _repainted(_repainted(_repainted(_repainted(both, 0, 6, 0), 1, 6, 0), 2, 6, 0), 3, 6, 0)
    assert [s.id for s in only_five.panoptic.segments] == [5]
    merged, dataset = merge_two(tmp_path, only_five, both)
    assert merged.conflicts == ()
    assert diff_datasets(tmp_path / "b", tmp_path / "both").changes == ()
    # In the first dataset segment 5 has a row of what the second one calls 6.
    bitten = _repainted(only_five, 0, 0, 5)
    merged, dataset = merge_two(tmp_path, bitten, both)
    assert merged.counts() == {"mask": 1, "overlap": 1}
    assert {s.id: s.area for s in dataset.item(1).panoptic.segments} == {5: 11, 6: 6}
    merged, dataset = merge_two(tmp_path, bitten, both, prefer="last")
    assert merged.counts() == {"mask": 1}
    assert {s.id: s.area for s in dataset.item(1).panoptic.segments} == {5: 8, 6: 8}
    everywhere = bitten
    for row in range(1, 4):
        everywhere = _repainted(everywhere, row, 0, 5)
    merged, dataset = merge_two(tmp_path, everywhere, both)
    assert merged.counts() == {"covered": 1, "mask": 1}
    assert [s.id for s in dataset.item(1).panoptic.segments] == [5]


def test_classes_by_name(tmp_path: Path) -> None:
    theirs = [Category(1, "dog"), Category(2, "person"), Category(500, "kite")]
    item = image(9, {5: Part(1, "A brown dog."), 6: Part(1, "A person.")})
    segments = (item.panoptic.segments[0], replace(item.panoptic.segments[1], category_id=2))
    other = replace(item, panoptic=PanopticMap(item.panoptic.id_map, segments))
    a = write_dataset(tmp_path / "a", [image(1, {5: Part(18, "A dog.")})])
    b = write_dataset(tmp_path / "b", [other], categories=theirs)
    merge_datasets([a, b], tmp_path / "both")
    dataset = CaptionedDataset(tmp_path / "both")
    assert {c.id: c.name for c in dataset.categories.values()} == {
        **{c.id: c.name for c in CATEGORIES},
        500: "kite",
    }
    assert [s.category_id for s in dataset.item(9).panoptic.segments] == [18, 1]
    clash = write_dataset(tmp_path / "c", [replace(other)], categories=[Category(1, "bus"), Category(2, "x")])
    merge_datasets([a, clash], tmp_path / "both", overwrite=True)
    names = {c.name: c.id for c in CaptionedDataset(tmp_path / "both").categories.values()}
    assert names["person"] == 1 and names["bus"] > 187 and names["x"] == 2
    stuff = [Category(1, "dog", is_thing=False), Category(2, "x")]
    things = tuple(replace(s, is_thing=False) for s in segments)
    painted = replace(other, panoptic=PanopticMap(item.panoptic.id_map, things))
    odd = write_dataset(tmp_path / "d", [painted], categories=stuff)
    with pytest.raises(InputError, match=r"'dog'.*things.*a and d"):
        merge_datasets([a, odd], tmp_path / "other")


def test_a_class_that_differs_is_listed(tmp_path: Path) -> None:
    merged, dataset = merge_two(tmp_path, image(1, {5: RED}), image(1, {5: replace(RED, category_id=18)}))
    assert [(c.what, c.kept, c.other) for c in merged.conflicts] == [("class", "car", "dog")]
    assert dataset.item(1).panoptic.segments[0].category_id == 3


def test_ids_that_mean_other_pictures_are_refused_or_renumbered(tmp_path: Path) -> None:
    generate_dataset(tmp_path / "a", images=3, size_wh=(64, 64), seed=1)
    generate_dataset(tmp_path / "b", images=2, size_wh=(64, 64), seed=2)
    pair = [tmp_path / "a", tmp_path / "b"]
    with pytest.raises(UsageError, match=r"2 ids \(1, 2\).*--renumber") as told:
        merge_datasets(pair, tmp_path / "both")
    assert "000001.png (64 x 64)" in str(told.value)
    with pytest.raises(UsageError, match="--copy-images"):
        merge_datasets(pair, tmp_path / "both", renumber=True)
    assert not (tmp_path / "both").exists()
    merged = merge_datasets(pair, tmp_path / "both", renumber=True, copy_images=True)
    assert merged.renumbered == (Renumbered("b", 1, 4), Renumbered("b", 2, 5))
    assert merged.pictures == "copied"
    dataset, second = CaptionedDataset(tmp_path / "both"), CaptionedDataset(tmp_path / "b")
    assert list(dataset.image_ids) == [1, 2, 3, 4, 5]
    assert dataset.item(4).image.file_name == "b/000001.png"
    picture, original = dataset.picture(4), second.picture(1)
    assert picture is not None and original is not None and (picture.rgb == original.rgb).all()
    assert {c.text for c in dataset.item(5).captions} == {c.text for c in second.item(2).captions}
    facts = [row for row in read_facts(tmp_path / "both") if row["image_id"] == 4]
    theirs = [{**row, "image_id": 4} for row in read_facts(tmp_path / "b") if row["image_id"] == 1]
    assert facts == theirs
    assert damage(tmp_path / "both") == []


def test_pictures_of_one_folder_are_referred_to(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    a = write_dataset(tmp_path / "a", [image(1, {5: RED})], images_dir=photos)
    b = write_dataset(tmp_path / "b", [image(2, {5: BLUE})], images_dir=photos)
    merged = merge_datasets([a, b], tmp_path / "both")
    manifest = read_manifest(tmp_path / "both")
    assert manifest is not None and manifest["image_root"] == "../photos"
    assert merged.pictures == "referred"
    c = write_dataset(tmp_path / "c", [image(3, {5: BLUE})], shade=9)
    assert merge_datasets([a, c], tmp_path / "other").pictures == "unknown"


def test_the_same_picture_in_two_folders(tmp_path: Path) -> None:
    a = write_dataset(tmp_path / "a", [image(1, {5: RED})], shade=9)
    b = write_dataset(tmp_path / "b", [image(1, {5: BLUE}, name="renamed.png")], shade=9)
    c = write_dataset(tmp_path / "c", [image(1, {5: BLUE})], shade=10)
    assert merge_datasets([a, b], tmp_path / "both").counts() == {"caption": 1}
    with pytest.raises(UsageError, match="--renumber"):
        merge_datasets([a, c], tmp_path / "other")


def test_licences_and_their_links(tmp_path: Path) -> None:
    first = [{"id": 1, "name": "CC BY"}, {"id": 2, "name": "CC0"}]
    second = [{"id": 1, "name": "CC0"}, {"id": 2, "name": "ODbL"}]
    a = write_dataset(tmp_path / "a", [image(1, {5: RED}), image(2, {5: RED})], licenses=first)
    b = write_dataset(tmp_path / "b", [image(3, {5: RED}), image(4, {5: RED})], licenses=second)
    merge_datasets([a, b], tmp_path / "both")
    document = json.loads((tmp_path / "both" / "panoptic.json").read_text())
    names = {one["id"]: one["name"] for one in document["licenses"]}
    assert [names[entry["license"]] for entry in document["images"]] == ["CC BY", "CC0", "CC0", "ODbL"]
    assert sorted(names.values()) == ["CC BY", "CC0", "ODbL"]


def test_what_it_was_made_of_is_told(tmp_path: Path) -> None:
    a = write_dataset(tmp_path / "a", [image(1, {5: RED})], model="m", license="cc0-1.0", name="A set")
    b = write_dataset(tmp_path / "b", [image(2, {5: RED})], model="n", license="mit", name="B set")
    merge_datasets([a, b], tmp_path / "both", prefer="last")
    manifest = read_manifest(tmp_path / "both")
    assert manifest is not None
    assert (manifest["name"], manifest["model"], manifest["license"]) == ("A set + B set", "m, n", "other")
    assert manifest["source"]["options"]["prefer"] == "last"
    assert [one["license"] for one in manifest["source"]["of"]] == ["cc0-1.0", "mit"]
    assert str(tmp_path) not in json.dumps(manifest)


def test_merging_is_neutral_to_itself(tmp_path: Path) -> None:
    items = [image(1, {5: RED, 6: REVIEWED, 7: Part(1, is_crowd=True)}), image(2, {5: BLUE})]
    a = write_dataset(tmp_path / "a", items)
    assert merge_datasets([a, a, a], tmp_path / "both").conflicts == ()
    assert content(tmp_path / "both") == content(a)


def test_one_unreadable_version_is_named_and_the_other_taken(tmp_path: Path) -> None:
    a, b = (write_dataset(tmp_path / name, [image(1, {5: RED})]) for name in "ab")
    (a / "panoptic" / "0001.png").write_bytes(b"gone")
    merged = merge_datasets([a, b], tmp_path / "both")
    assert merged.written.refused == 1 and merged.written.images == 1
    (b / "panoptic" / "0001.png").write_bytes(b"gone")
    assert merge_datasets([a, b], tmp_path / "none").written.images == 0


def test_wrong_use_is_refused(tmp_path: Path) -> None:
    a = write_dataset(tmp_path / "a", [image(1, {5: RED})])
    with pytest.raises(UsageError, match="two datasets"):
        merge_datasets([a], tmp_path / "both")
    with pytest.raises(UsageError, match="not read from"):
        merge_datasets([a, a], a)
