"""Sentences around class names."""

from __future__ import annotations

import hashlib
from random import Random

import pytest

from pix2cap.model.coco import COCO_CATEGORIES
from pix2cap.model.prompts import BACKGROUND_PROMPT, TEMPLATES, class_prompts, clean_class_name, drawn_prompts

# Of the released code's 81 sentences, sorted, one a line.
PUBLISHED = "78c1af1c03566ae61b81d222c96080e9a40d31e0f686445ed62bc6cc6e29f7f6"


def test_they_are_the_published_sentences() -> None:
    assert len(set(TEMPLATES)) == len(TEMPLATES) == 81
    assert hashlib.sha256("\n".join(sorted(TEMPLATES)).encode()).hexdigest() == PUBLISHED


@pytest.mark.parametrize("template", TEMPLATES)
def test_each_has_one_place_and_one_stop(template: str) -> None:
    assert template.count("{}") == 1 and template.endswith(".")
    assert template.format("dog").replace("dog", "{}") == template


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("person", "person"),
        ("floor-other-merged", "floor"),
        ("door-stuff", "door"),
        ("window-blind", "window-blind"),
        ("salt, pepper+oil", "salt pepper oil"),
        ("", ""),
    ],
)
def test_names_as_words(name: str, word: str) -> None:
    assert clean_class_name(name) == word


def test_every_class_and_background() -> None:
    prompts = class_prompts([category.name for category in COCO_CATEGORIES])
    assert [len(row) for row in prompts] == [81] * 133 + [1]
    assert "a photo of the rug." in prompts[132] and prompts[133] == [BACKGROUND_PROMPT]


def test_drawn_sentences_are_of_their_class_and_follow_the_seed() -> None:
    names = ["dog", "sky-other-merged", "red circle"]
    rows = class_prompts(names)
    random = Random(3)
    drawn = [drawn_prompts(names, random) for _ in range(300)]
    for prompts in drawn:
        assert len(prompts) == 4 and all(p in row for p, row in zip(prompts, rows, strict=True))
    assert len({prompts[0] for prompts in drawn}) > 70
    assert drawn[0] == drawn_prompts(names, Random(3)) != drawn_prompts(names, Random(4))
