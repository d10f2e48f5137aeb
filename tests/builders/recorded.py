"""Recorded captions of a built dataset, true enough for every check."""

from __future__ import annotations

import json
import random
from collections.abc import Container
from pathlib import Path

from tests.builders.panoptic import CocoPaths
from tests.builders.scripted_model import LOOKS


def caption_of(class_name: str, segment_id: int) -> str:
    """A caption that names the class, in words that differ from segment to segment."""
    name = class_name.replace("-merged", "").replace("-other", "")
    looks = random.Random(segment_id).sample(LOOKS, 9)
    return (
        f"A {name} of {', '.join(looks[:4])} and {looks[4]} looks rests beside {', '.join(looks[5:])} things."
    )


def write_recorded(paths: CocoPaths, *, hidden: Container[int] = (), left_out: Container[int] = ()) -> Path:
    """Write `captions.json` beside the dataset, as `replay:FILE` and the chat server read it.

    Args:
        paths: The dataset.
        hidden: Segments recorded as not visible.
        left_out: Segments without a record.
    """
    names = {category["id"]: category["name"] for category in paths.document["categories"]}
    records = [
        {
            "image_id": annotation["image_id"],
            "segment_id": segment["id"],
            "caption": ""
            if segment["id"] in hidden
            else caption_of(names[segment["category_id"]], segment["id"]),
            "visible": segment["id"] not in hidden,
        }
        for annotation in paths.document["annotations"]
        for segment in annotation["segments_info"]
        if segment["id"] not in left_out and not segment["iscrowd"]
    ]
    out = paths.folder / "captions.json"
    out.write_text(json.dumps({"captions": records}))
    return out
