"""The table of categories against COCO's own."""

from __future__ import annotations

import json
from pathlib import Path

from pix2cap.core.category import Category
from pix2cap.model.coco import COCO_CATEGORIES


def test_things_first_ids_rising() -> None:
    ids = [category.id for category in COCO_CATEGORIES]
    kinds = [category.is_thing for category in COCO_CATEGORIES]
    assert ids == sorted(set(ids)) and (ids[0], ids[79], ids[80], ids[-1]) == (1, 90, 92, 200)
    assert kinds == [True] * 80 + [False] * 53
    assert COCO_CATEGORIES[79] == Category(90, "toothbrush")
    assert COCO_CATEGORIES[131] == Category(199, "wall-other-merged", is_thing=False)


def test_it_is_cocos_table(coco: Path) -> None:
    table = json.loads((coco / "panoptic_val.json").read_text("utf-8"))["categories"]
    theirs = tuple(Category(c["id"], c["name"], bool(c["isthing"])) for c in table)
    assert theirs == COCO_CATEGORIES
