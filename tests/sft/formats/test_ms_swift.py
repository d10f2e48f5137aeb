"""ms-swift's rows: placeholders and boxes go together, in the two kinds of boxes that it knows."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.builders.panoptic import CocoPaths
from tests.builders.talks import read_rows
from tests.sft.formats.conftest import Exporter


@pytest.mark.parametrize(
    ("boxes", "bbox_type", "full"), [("absolute", "real", (64, 48)), ("unit", "norm1", (1, 1))]
)
def test_each_placeholder_has_its_box(
    small_set: CocoPaths, exported: Exporter, boxes: str, bbox_type: str, full: tuple[int, int]
) -> None:
    document = json.loads(small_set.json_path.read_text())
    stated = {
        (annotation["image_id"], segment["id"]): segment["bbox"]
        for annotation in document["annotations"]
        for segment in annotation["segments_info"]
    }
    out = exported("ms-swift", boxes=boxes, styles=("describe", "locate", "name"))
    for row in read_rows(out / "train.jsonl"):
        objects = row["objects"]
        assert set(objects) == {"ref", "bbox", "bbox_type"} and objects["bbox_type"] == bbox_type
        texts = [message["content"] for message in row["messages"]]
        assert sum(text.count("<bbox>") for text in texts) == len(objects["bbox"])
        assert all((q + a).count("<bbox>") == 1 for q, a in zip(texts[::2], texts[1::2], strict=True))
        assert texts[0].startswith("<image>\n") and len(row["images"]) == 1
        assert {message["role"] for message in row["messages"]} == {"user", "assistant"}
        for segment_id, (x0, y0, x1, y1) in zip(row["segment_ids"], objects["bbox"], strict=True):
            x, y, width, height = stated[row["image_id"], segment_id]
            true = (x / 64, y / 48, (x + width) / 64, (y + height) / 48)
            shares = (x0 / full[0], y0 / full[1], x1 / full[0], y1 / full[1])
            assert shares == pytest.approx(true, abs=0.0005 + 1e-9)


def test_a_box_is_the_answer_where_a_caption_is_located(exported: Exporter) -> None:
    out = exported("ms-swift", styles=("locate",), rows="segment")
    for row in read_rows(out / "train.jsonl"):
        assert row["messages"][1] == {"role": "assistant", "content": "<bbox>"}


def test_datasets_reads_the_lines(exported: Exporter, load: Callable[..., Any]) -> None:
    rows = load("json", data_files=str(exported("ms-swift") / "train.jsonl"), split="train")
    assert set(rows.features["objects"]) == {"ref", "bbox", "bbox_type"}
