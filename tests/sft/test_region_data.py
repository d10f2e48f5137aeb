"""Datasets as conversations: what is asked, what is left out, and that numbers decide all of it."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest

from pix2cap.errors import InputError
from pix2cap.sft.region_data import RegionConversations, Wording, draw_turns, open_scenes, region_question
from tests.builders.talks import captioned_coco
from tests.builders.tiny_lmm import tiny_pair, write_squares


def edit(data: Path, change: object) -> None:
    document = json.loads((data / "panoptic.json").read_text())
    change(document["annotations"])  # type: ignore[operator]
    (data / "panoptic.json").write_text(json.dumps(document))


def test_captions_are_answers_and_regions_their_segments(tmp_path: Path) -> None:
    scene = open_scenes(write_squares(tmp_path))[0]
    turns = draw_turns(scene, Wording(), Random(1))
    assert len(turns) == 3
    assert {turn.segment_ids[0]: turn.answer for turn in turns} == dict(scene.captions)
    assert all(turn.question.count("<region>") == 1 for turn in turns)
    assert len(draw_turns(scene, Wording(max_regions=2), Random(1))) == 2


def test_other_styles_and_mentions(tmp_path: Path) -> None:
    scene = open_scenes(write_squares(tmp_path))[0]
    named = draw_turns(scene, Wording(styles=("name",)), Random(1))
    assert sorted(turn.answer or "" for turn in named) == ["ground", "square", "square"]
    boxes = draw_turns(scene, Wording(mention="box", boxes="absolute"), Random(1))
    (square,) = (s for s in scene.segments if s.id == 2)
    (asked,) = (t.question for t in boxes if t.answer == scene.captions[2])
    assert str(list(square.box_xyxy)) in asked
    assert not any(turn.segment_ids for turn in boxes)
    (one, *_, other) = (
        region_question(s, Wording(mention="none"), (32, 32)).question for s in scene.segments
    )
    assert one == other


def test_class_names_are_nouns(tmp_path: Path) -> None:
    paths = captioned_coco(tmp_path, n_images=1, n_segments=4)
    scenes = open_scenes(paths.json_path, masks=paths.masks, images=paths.images)
    scene = scenes[0]
    told = {scenes.source.categories[s.category_id].name for s in scene.segments}
    assert any("-" in name for name in told)
    assert not any("-" in name for name in scene.class_names.values())
    crowd = [s.id for s in scenes.source.panoptic(scene.image_id).segments if s.is_crowd]
    assert crowd and not set(crowd) & {s.id for s in scene.segments}


def test_what_cannot_be_learnt_is_left_out(tmp_path: Path) -> None:
    def change(annotations: list) -> None:  # type: ignore[type-arg]
        annotations[0]["segments_info"][0]["description"] = " "
        annotations[0]["segments_info"][1]["description"] = "an <image> of <region>"
        for info in annotations[1]["segments_info"]:
            info["description"] = ""

    data = write_squares(tmp_path, images=3)
    edit(data, change)
    scenes = open_scenes(data)
    assert scenes.image_ids == (1, 3)
    assert [s.id for s in scenes[0].segments] == [3]
    assert len(list(scenes.texts())) == 4
    assert open_scenes(data, limit=1).image_ids == (1,)

    def empty(annotations: list) -> None:  # type: ignore[type-arg]
        for annotation in annotations:
            for info in annotation["segments_info"]:
                info["description"] = ""

    edit(data, empty)
    with pytest.raises(InputError, match="none of 3"):
        open_scenes(data)


def test_a_sample_depends_on_seed_and_number_alone(tmp_path: Path) -> None:
    scenes = open_scenes(write_squares(tmp_path, images=4))
    _, processor = tiny_pair()

    def ids(number: int, *, seed: int = 1, count: int = 12) -> list[int]:
        data = RegionConversations(scenes, processor, Wording(), count=count, seed=seed)
        return list(data[number].input_ids)

    data = RegionConversations(scenes, processor, Wording(), count=12, seed=1)
    forward = [list(data[n].input_ids) for n in range(12)]
    assert [list(data[n].input_ids) for n in reversed(range(12))] == forward[::-1]
    assert ids(7) == forward[7] == ids(7, count=99)
    assert ids(7, seed=2) != forward[7]
    assert len(data) == 12
    with pytest.raises(IndexError):
        data[12]


def test_every_picture_is_seen_once_an_epoch(tmp_path: Path) -> None:
    scenes = open_scenes(write_squares(tmp_path, images=5), cache_mib=1)
    _, processor = tiny_pair()
    data = RegionConversations(scenes, processor, Wording(), count=10, seed=4)
    shown = [data[n].pixels.tobytes() for n in range(10)]
    assert len(set(shown[:5])) == len(set(shown[5:])) == 5
    assert set(shown[:5]) == set(shown[5:]) and shown[:5] != shown[5:]
    np.testing.assert_array_equal(scenes[2].rgb, scenes[2].rgb)
