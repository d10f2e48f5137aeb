"""COCO instances become id-maps in which small objects lie on large ones and nothing vanishes silently."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask

from pix2cap.core.rle import mask_to_rle
from pix2cap.errors import ImageRefused
from pix2cap.formats.coco_instances import CocoInstancesSource, free_ids, read_coco_instances
from pix2cap.formats.findings import Finding
from pix2cap.formats.png import MAX_ID
from pix2cap.formats.rasterise import SegmentationError, Shape, paint_shapes, segmentation_to_rle
from tests.builders.panoptic import CATEGORIES

SIZE = (20, 12)


def box_polygon(x0: int, y0: int, x1: int, y1: int) -> list[list[float]]:
    return [[x0, y0, x1, y0, x1, y1, x0, y1]]


def box_mask(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros(SIZE[::-1], np.bool_)
    mask[y0:y1, x0:x1] = True
    return mask


def uncompressed(mask: np.ndarray) -> dict[str, Any]:
    flat = mask.reshape(-1, order="F").astype(np.int8)
    edges = np.flatnonzero(np.diff(flat, prepend=0)) if flat.any() else np.array([], int)
    counts = np.diff(np.concatenate(([0], edges, [flat.size]))).tolist()
    return {"size": [SIZE[1], SIZE[0]], "counts": counts}


def build(tmp_path: Path, annotations: list[dict[str, Any]]) -> CocoInstancesSource:
    images = tmp_path / "images"
    images.mkdir(exist_ok=True)
    for number in (1, 2):
        Image.new("RGB", SIZE, (9, 99, 200)).save(images / f"{number}.png")
    document = {
        "images": [{"id": n, "file_name": f"{n}.png", "width": 20, "height": 12} for n in (1, 2)],
        "annotations": [{"image_id": 1, "category_id": 1, "iscrowd": 0} | a for a in annotations],
        "categories": CATEGORIES,
    }
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(document))
    return read_coco_instances(path, images)


def test_polygons_rle_and_crowd_in_area_order(tmp_path: Path) -> None:
    source = build(
        tmp_path,
        [
            {"id": 11, "segmentation": box_polygon(4, 4, 8, 8), "category_id": 18},
            {"id": 12, "segmentation": box_polygon(2, 2, 14, 10), "bbox": [0, 0, 1, 1], "area": 3.5},
            {"id": 13, "segmentation": mask_to_rle(box_mask(13, 3, 19, 6))},
            {"id": 14, "segmentation": uncompressed(box_mask(0, 0, 5, 5)), "iscrowd": 1},
        ],
    )
    id_map = np.zeros((12, 20), np.uint32)
    for segment_id, mask in (
        (14, box_mask(0, 0, 5, 5)),
        (12, box_mask(2, 2, 14, 10)),
        (13, box_mask(13, 3, 19, 6)),
        (11, box_mask(4, 4, 8, 8)),
    ):
        id_map[mask] = segment_id
    panoptic = source.panoptic(1)
    assert (panoptic.id_map == id_map).all()
    assert [s.id for s in panoptic.segments] == [11, 12, 13, 14]
    assert panoptic.by_id[14].is_crowd and not panoptic.by_id[11].is_crowd
    assert panoptic.by_id[12].declared_area is None
    assert source.check(1) == []
    assert source.annotation_ids(1) == {11: 11, 12: 12, 13: 13, 14: 14}
    assert source.picture(1).rgb.shape == (12, 20, 3)


def test_crowd_lies_beneath_even_smaller_objects_of_larger_area(tmp_path: Path) -> None:
    crowd = {"id": 1, "segmentation": uncompressed(box_mask(6, 4, 8, 6)), "iscrowd": 1}
    source = build(tmp_path, [crowd, {"id": 2, "segmentation": box_polygon(0, 0, 20, 12)}])
    assert set(np.unique(source.panoptic(1).id_map)) == {2}
    (problem,) = source.check(1)
    assert (problem.problem, problem.segment_id, problem.fatal) == (Finding.HIDDEN_SEGMENT, 1, False)
    assert [s.segment_id for s in source.entry(1).segments] == [1, 2]


def test_an_image_without_objects_is_an_empty_map(tmp_path: Path) -> None:
    source = build(tmp_path, [{"id": 1, "segmentation": box_polygon(0, 0, 3, 3)}])
    assert source.panoptic(2).segments == () and not source.panoptic(2).id_map.any()
    assert source.check(2) == []


def test_ids_that_do_not_fit_are_renumbered(tmp_path: Path) -> None:
    source = build(
        tmp_path,
        [
            {"id": 900100259990, "segmentation": box_polygon(0, 0, 3, 3)},
            {"id": 1, "segmentation": box_polygon(5, 5, 8, 8)},
            {"id": 1, "segmentation": box_polygon(10, 5, 14, 8)},
        ],
    )
    assert source.annotation_ids(1) == {2: 900100259990, 1: 1, 3: 1}
    assert {s.id for s in source.panoptic(1).segments} == {1, 2, 3}
    (problem,) = source.check(1)
    assert (problem.problem, problem.segment_id, problem.fatal) == (Finding.DUPLICATE_SEGMENT, 3, False)


@given(st.lists(st.integers(-3, 6) | st.integers(MAX_ID - 1, MAX_ID + 3) | st.just("7")))
def test_free_ids_are_unique_and_keep_what_fits(ids: list[Any]) -> None:
    found = free_ids(ids)
    assert len(set(found)) == len(ids) and all(1 <= i <= MAX_ID for i in found)
    for position, (one, other) in enumerate(zip(ids, found, strict=True)):
        if isinstance(one, int) and 1 <= one <= MAX_ID and one not in ids[:position]:
            assert one == other


BAD_SEGMENTATIONS: dict[str, tuple[Any, str]] = {
    "nothing": (None, "null"),
    "a text": ("abc", "text"),
    "no polygons": ([], "an empty list"),
    "two points": ([[1, 1, 5, 5]], "4 coordinates"),
    "odd": ([[1, 1, 5, 1, 5, 5, 3]], "7 coordinates"),
    "words": ([[1, 1, 5, "x", 5, 5]], "no list of numbers"),
    "flat": ([1, 2, 3, 4, 5, 6], "no list of numbers"),
    "rle of other size": ({"size": [5, 5], "counts": [25]}, r"size \[5, 5\]"),
    "rle too short": ({"size": [12, 20], "counts": [5, 5]}, "do not add up"),
    "rle below zero": ({"size": [12, 20], "counts": [250, -10]}, "do not add up"),
    "rle without counts": ({"size": [12, 20]}, "counts null"),
    "rle cut": ({"size": [12, 20], "counts": mask_to_rle(box_mask(1, 1, 4, 4))["counts"][:-1]}, "add up|cut"),
    "rle of foreign characters": ({"size": [12, 20], "counts": "\x01\x02"}, "foreign"),
    "rle of other alphabet": ({"size": [12, 20], "counts": "äö"}, "counts text"),
}


@pytest.mark.parametrize("name", BAD_SEGMENTATIONS)
def test_what_cannot_be_drawn_is_left_out_and_named(tmp_path: Path, name: str) -> None:
    segmentation, message = BAD_SEGMENTATIONS[name]
    with pytest.raises(SegmentationError, match=message):
        segmentation_to_rle(segmentation, SIZE)
    good = {"id": 2, "segmentation": box_polygon(0, 0, 5, 5)}
    source = build(tmp_path, [{"id": 1, "segmentation": segmentation}, good])
    (problem,) = source.check(1)
    assert (problem.problem, problem.segment_id, problem.fatal) == (Finding.BAD_SEGMENTATION, 1, False)
    assert [s.id for s in source.panoptic(1).segments] == [2]


def test_faults_that_refuse_an_image(tmp_path: Path) -> None:
    ok = {"segmentation": box_polygon(0, 0, 5, 5)}
    for fault, finding in (
        ({"id": "1"}, Finding.WRONG_TYPE),
        ({"id": 1, "category_id": 99}, Finding.UNKNOWN_CATEGORY),
        ({"id": 1, "iscrowd": "x"}, Finding.WRONG_TYPE),
    ):
        source = build(tmp_path, [ok | fault])
        assert finding in {p.problem for p in source.check(1)}
        with pytest.raises(ImageRefused):
            source.panoptic(1)
    source = build(tmp_path, [{"id": 3, "image_id": 8, **ok}, {"id": 4, "image_id": "1", **ok}])
    assert {p.problem for p in source.problems} == {Finding.ANNOTATION_WITHOUT_IMAGE, Finding.WRONG_TYPE}


def test_size_comes_from_the_picture_where_the_json_has_none(tmp_path: Path) -> None:
    build(tmp_path, [{"id": 1, "segmentation": box_polygon(0, 0, 5, 5)}])
    path = tmp_path / "instances.json"
    document = json.loads(path.read_text())
    for image in document["images"]:
        del image["width"], image["height"]
    path.write_text(json.dumps(document))
    assert read_coco_instances(path, tmp_path / "images").panoptic(1).size_wh == SIZE
    with pytest.raises(ImageRefused, match="`width` and `height`"):
        read_coco_instances(path).panoptic(1)


def test_a_source_can_be_pickled(tmp_path: Path) -> None:
    source = build(tmp_path, [{"id": 1, "segmentation": box_polygon(0, 0, 5, 5)}])
    assert list(pickle.loads(pickle.dumps(source)).entries()) == list(source.entries())


@given(st.lists(st.tuples(st.integers(0, 18), st.integers(0, 10), st.integers(1, 9), st.integers(1, 9))))
def test_smaller_objects_end_on_top(boxes: list[tuple[int, int, int, int]]) -> None:
    masks = {n: box_mask(x, y, min(20, x + w), min(12, y + h)) for n, (x, y, w, h) in enumerate(boxes, 1)}
    shapes = [
        Shape(n, coco_mask.encode(np.asfortranarray(mask, np.uint8)), False) for n, mask in masks.items()
    ]
    id_map, hidden = paint_shapes(shapes, SIZE)
    for y in range(12):
        for x in range(20):
            here = [(-int(mask.sum()), n) for n, mask in masks.items() if mask[y, x]]
            assert id_map[y, x] == (max(here)[1] if here else 0)
    assert hidden == [n for n in masks if not (id_map == n).any()]


@given(st.integers(0, 2**60 - 1))
def test_uncompressed_and_compressed_rle_agree(bits: int) -> None:
    mask = np.array([bits >> n & 1 for n in range(240)], np.bool_).reshape(12, 20)
    one = segmentation_to_rle(mask_to_rle(mask), SIZE)
    other = segmentation_to_rle(uncompressed(mask), SIZE)
    assert (coco_mask.decode(one) == mask).all() and (coco_mask.decode(other) == mask).all()
