"""The table of categories against COCO's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pix2cap.core.category import Category
from pix2cap.errors import InputError
from pix2cap.model.coco import COCO_CATEGORIES, read_categories


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
    assert [(c.id, c.name, c.is_thing) for c in read_categories(coco / "panoptic_val.json")] == [
        (c.id, c.name, c.is_thing) for c in COCO_CATEGORIES
    ]


def test_categories_keep_the_order_of_the_file(tmp_path: Path) -> None:
    rows = [{"id": 9, "name": "sky", "isthing": 0}, {"id": 2, "name": "dog"}]
    (tmp_path / "c.json").write_text(json.dumps({"images": [1], "categories": rows}), "utf-8")
    assert read_categories(tmp_path / "c.json") == (Category(9, "sky", is_thing=False), Category(2, "dog"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"categories": []}', "expected categories, got none"),
        ('{"categories": [{"id": 1}]}', "c.json: expected categories"),
        ('{"categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}', "'a' and 'b'"),
        ('{"images": []}', "categories"),
        ("[", "c.json"),
    ],
)
def test_what_names_no_categories_is_refused(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "c.json").write_text(content, "utf-8")
    with pytest.raises(InputError) as refused:
        read_categories(tmp_path / "c.json")
    assert told in str(refused.value)
