"""Region records: pycocotools reads the masks, and they are the segments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from pix2cap.formats.open_source import open_source
from tests.builders.panoptic import CocoPaths
from tests.builders.talks import read_rows
from tests.sft.formats.conftest import Exporter


def test_masks_are_those_of_the_segments(small_set: CocoPaths, exported: Exporter) -> None:
    source = open_source(small_set.json_path, masks=small_set.masks)
    for row in read_rows(exported("regions") / "train.jsonl"):
        panoptic = source.panoptic(row["image_id"])
        assert [entry["segment_id"] for entry in row["annotation"]] == row["segment_ids"]
        for entry in row["annotation"]:
            mask = coco_mask.decode(entry["segmentation"]).astype(bool)
            assert np.array_equal(mask, panoptic.mask(entry["segment_id"]))
            assert entry["area"] == coco_mask.area(entry["segmentation"]) > 0
            assert entry["bbox"] == coco_mask.toBbox(entry["segmentation"]).tolist()
            segment = panoptic.by_id[entry["segment_id"]]
            assert entry["category"] == source.categories[segment.category_id].name
        assert entry["segmentation"]["size"] == [row["height"], row["width"]]


def test_a_row_has_a_picture_and_a_token_a_region(exported: Exporter) -> None:
    for row in read_rows(exported("regions") / "train.jsonl"):
        asked = [turn["value"] for turn in row["conversations"] if turn["from"] == "human"]
        assert asked[0].startswith("<image>\n")
        assert all(question.count("<region>") == 1 for question in asked)
        assert len(asked) == len(row["annotation"])


def test_datasets_reads_the_lines(exported: Exporter, load: Callable[..., Any]) -> None:
    rows = load("json", data_files=str(exported("regions") / "train.jsonl"), split="train")
    assert set(rows.features["annotation"].feature["segmentation"]) == {"size", "counts"}
