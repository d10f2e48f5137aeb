"""Visual Genome's files: what is read, what is left out under which name, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.errors import InputError
from pix2cap.evaluate.visual_genome_files import (
    EMPTY_PHRASE,
    NO_AREA,
    OUTSIDE,
    TWICE,
    UNREADABLE,
    VgImage,
    counted,
    named,
    read_id_list,
    read_images,
    read_regions,
)
from tests.builders.visual_genome import build_vg, region


def test_regions_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    paths = build_vg(tmp_path)
    found = read_regions(paths.descriptions)
    assert [r.region_id for r in found.regions] == list(range(101, 113))
    first = found.regions[0]
    assert (first.image_id, first.box_xywh, first.phrase) == (11, (4, 6, 16, 40), paths.phrases()[101])
    assert found.image_ids == {11, 12, 13, 14} and found.left_out == () and found.crossing == 0


def test_only_listed_images_are_read(tmp_path: Path) -> None:
    paths = build_vg(tmp_path)
    found = read_regions(paths.descriptions, image_ids=[12, 99])
    assert {r.image_id for r in found.regions} == {12} == set(found.image_ids)


@pytest.mark.parametrize(
    ("box", "phrase", "reason"),
    [
        ((4, 4, 0, 8), "a cat", NO_AREA),
        ((4, 4, 8, -1), "a cat", NO_AREA),
        ((96, 4, 8, 8), "a cat", OUTSIDE),
        ((4, 64, 8, 8), "a cat", OUTSIDE),
        ((-9, 4, 8, 8), "a cat", OUTSIDE),
        ((4, -8, 8, 8), "a cat", OUTSIDE),
        ((4, 4, 8, 8), "  \n", EMPTY_PHRASE),
        ((4, 4, 8, 8), None, EMPTY_PHRASE),
        ((4, 4, 8, 8), 7, UNREADABLE),
        ((4, 4, 8, None), "a cat", UNREADABLE),
        ((4, 4, 8, "8"), "a cat", UNREADABLE),
        ((4, 4, 8, True), "a cat", UNREADABLE),
    ],
)
def test_a_region_that_cannot_be_scored_is_named(
    tmp_path: Path, box: tuple[Any, ...], phrase: Any, reason: str
) -> None:
    paths = build_vg(tmp_path)
    paths.regions[12].append(region(900, 12, box, phrase))
    paths.save()
    found = read_regions(paths.descriptions, images=read_images(paths.image_data))
    (one,) = found.left_out
    assert (one.region_id, one.image_id, one.reason) == (900, 12, reason)
    assert counted(found.left_out) == {reason: 1}
    assert len(found.regions) == 12


def test_an_id_counts_once_and_a_usable_twin_of_a_bad_one_is_kept(tmp_path: Path) -> None:
    paths = build_vg(tmp_path)
    paths.regions[12] += [region(900, 12, (1, 1, 0, 1), "x"), region(900, 12, (1, 1, 5, 5), "kept")]
    paths.regions[13].append(region(101, 13, (1, 1, 5, 5), "a second 101"))
    found = read_regions(paths.save().descriptions)
    assert [(o.region_id, o.reason) for o in found.left_out] == [(900, NO_AREA), (101, TWICE)]
    assert [r.phrase for r in found.regions if r.region_id == 900] == ["kept"]


def test_regions_over_the_edge_are_scored_and_counted(tmp_path: Path) -> None:
    paths = build_vg(tmp_path)
    paths.regions[11] += [region(900, 11, (-2, 0, 9, 9), "a"), region(901, 11, (90, 0, 9, 9), "b")]
    paths.save()
    assert read_regions(paths.descriptions).crossing == 1
    assert read_regions(paths.descriptions, images=read_images(paths.image_data)).crossing == 2


def test_the_image_id_may_stand_outside_alone(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    inside = {k: v for k, v in region(1, 5, (0, 0, 4, 4), "a").items() if k != "image_id"}
    path.write_text(json.dumps([{"id": 5, "regions": [inside, "nonsense"]}]))
    found = read_regions(path)
    assert [r.image_id for r in found.regions] == [5]
    assert [(o.region_id, o.image_id, o.reason) for o in found.left_out] == [(None, 5, UNREADABLE)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "empty file"),
        ("{}", "at its start"),
        ('[{"id": 1}]', "as item 0"),
        ('[{"id": 1, "regions": []}', "valid JSON"),
        ("[3]", "as item 0"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(content)
    with pytest.raises(InputError, match=words):
        read_regions(path)
    with pytest.raises(InputError, match="no such file"):
        read_regions(tmp_path / "none.json")


def test_image_data_of_both_versions(tmp_path: Path) -> None:
    path = tmp_path / "i.json"
    path.write_text(
        '\ufeff[{"image_id": 1, "width": 8, "height": 6, "url": "u"}, {"id": 2, "width": 4, "height": 5}]'
    )
    assert read_images(path) == {1: VgImage(1, 8, 6, "u"), 2: VgImage(2, 4, 5)}
    path.write_text('[{"image_id": 1, "width": 0, "height": 6}]')
    with pytest.raises(InputError, match="item 0"):
        read_images(path)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("3\n1 # first\n\n# none\n3\n", None),
        ("[3, 1, 3]", None),
        ('[{"image_id": 3}, {"id": 1}]', None),
        ('{"images": [{"id": 3}, {"id": 1}], "annotations": [{"id": 9}]}', None),
        ('{"train": [7], "test": [3, 1]}', "test"),
        ('{"test": [3, 1]}', None),
    ],
)
def test_lists_of_ids(tmp_path: Path, content: str, part: str | None) -> None:
    path = tmp_path / "list"
    path.write_text(content)
    assert read_id_list(path, "image", part=part) == (3, 1)


@pytest.mark.parametrize(
    ("content", "part", "words"),
    [
        ('{"train": [7], "test": [3]}', None, "--image-part.*train, test"),
        ('{"train": [7], "test": [3]}', "val", "'val'.*train, test"),
        ("3\nx1\n", None, "'x1'"),
        ("[1.5]", None, "whole numbers"),
        ("[]", None, "none"),
        ("# nothing\n", None, "none"),
        ("[1", None, "JSON list"),
    ],
)
def test_no_list_of_ids(tmp_path: Path, content: str, part: str | None, words: str) -> None:
    path = tmp_path / "list"
    path.write_text(content)
    with pytest.raises(InputError, match=words):
        read_id_list(path, "image", part=part)


@given(st.lists(st.integers(1, 10**7), min_size=1))
def test_a_list_of_lines_reads_back(ids: list[int]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ids.txt"
        path.write_text("".join(f"{one}\n" for one in ids))
        assert read_id_list(path, "image") == tuple(dict.fromkeys(ids))


def test_names_in_messages() -> None:
    assert named([1, 2]) == "1, 2"
    assert named(range(8)) == "0, 1, 2, 3, 4 and 3 more"
