import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pix2cap.annotate.checks import CheckSettings, Finding, SceneFacts, check_captions
from pix2cap.annotate.parse import ParsedCaption
from pix2cap.core import ImageRef, PanopticMap
from pix2cap.core.boxes import xyxy_to_unit
from pix2cap.errors import ModelRejected
from pix2cap.scenes.scene import Scene, render_scene
from pix2cap.vlm.describe import Describer
from pix2cap.vlm.describe_looks import look_at
from pix2cap.vlm.model import CaptionModel, CaptionRequest, Sampling
from pix2cap.vlm.unit import Unit, UnitRow

SEEDS = st.integers(0, 2**32 - 1)


def unit_of(rgb: np.ndarray | None, panoptic: PanopticMap, names: dict[int, str], image_id: int = 1) -> Unit:
    width, height = panoptic.size_wh
    rows = tuple(
        UnitRow(number, segment.id, names[segment.id], xyxy_to_unit(segment.box_xyxy, (width, height)))
        for number, segment in enumerate(panoptic.captionable(), start=1)
    )
    return Unit(ImageRef(image_id, f"{image_id}.png", width, height), panoptic, rows, names, rgb)


def scene_unit(scene: Scene, image_id: int = 1) -> Unit:
    names = {category.id: category.name for category in scene.categories}
    return unit_of(
        scene.rgb, scene.panoptic, {s.id: names[s.category_id] for s in scene.panoptic.segments}, image_id
    )


def request_for(unit: Unit | None) -> CaptionRequest:
    return CaptionRequest((), "describe", None, Sampling(), "key", unit)


def blocks(rows: list[str], scale: int = 20) -> np.ndarray:
    """An id-map from letters: `a` is 1, `b` is 2, `.` is void."""
    ids = np.array([[0 if c == "." else ord(c) - 96 for c in row] for row in rows], np.uint32)
    return np.kron(ids, np.ones((scale, scale), np.uint32))


def painted(id_map: np.ndarray, colors: dict[int, tuple[int, int, int]]) -> np.ndarray:
    rgb = np.full((*id_map.shape, 3), 128, np.uint8)
    for segment_id, color in colors.items():
        rgb[id_map == segment_id] = color
    return rgb


def describe(
    rows: list[str], names: dict[int, str], colors: dict[int, tuple[int, int, int]]
) -> dict[int, str]:
    id_map = blocks(rows)
    panoptic = PanopticMap.from_id_map(id_map, {i: (i, True, False) for i in names})
    return Describer().captions(unit_of(painted(id_map, colors), panoptic, names))


async def test_it_answers_like_a_model() -> None:
    unit = scene_unit(render_scene(3, size_wh=(320, 240)))
    model: CaptionModel = Describer()
    assert isinstance(model, CaptionModel)
    assert (model.name, model.host) == ("describe", None)
    reply = await model.ask(request_for(unit))
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.finish_reason) == (0, 0, "stop")
    entries = json.loads(reply.text)["captions"]
    assert [entry["id"] for entry in entries] == [row.number for row in unit.rows]
    assert all(set(entry) == {"id", "caption", "visible"} and entry["visible"] is True for entry in entries)
    await model.aclose()


@pytest.mark.parametrize("has_unit", [False, True])
async def test_without_pixels_it_says_what_it_needs(has_unit: bool) -> None:
    unit = scene_unit(render_scene(3, size_wh=(64, 64)))
    blind = Unit(unit.image, unit.panoptic, unit.rows, unit.class_names, None)
    with pytest.raises(ModelRejected, match="no pixels for image 1" if has_unit else "no unit"):
        await Describer().ask(request_for(blind if has_unit else None))


def test_pixels_of_another_size_are_refused() -> None:
    unit = scene_unit(render_scene(3, size_wh=(64, 64)))
    wrong = Unit(unit.image, unit.panoptic, unit.rows, unit.class_names, np.zeros((64, 65, 3), np.uint8))
    with pytest.raises(ValueError, match=r"expected pixels of shape \(64, 64, 3\), got \(64, 65, 3\)"):
        Describer().captions(wrong)


def test_captions_do_not_hang_on_how_a_picture_is_cut_into_units() -> None:
    unit = scene_unit(render_scene(5, size_wh=(320, 240)), image_id=9)
    whole = Describer().captions(unit)
    shared = Describer()
    for row in unit.rows:
        part = Unit(unit.image, unit.panoptic, (row,), unit.class_names, unit.rgb)
        assert shared.captions(part) == whole
        assert Describer().captions(part) == whole
    other = Unit(ImageRef(10, "10.png", 320, 240), unit.panoptic, unit.rows, unit.class_names, unit.rgb)
    assert shared.captions(other) != whole


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_on_scenes_it_says_nothing_false(seed: int) -> None:
    scene = render_scene(seed, size_wh=(320, 240))
    unit = scene_unit(scene)
    captions = Describer().captions(unit)
    assert len(set(captions.values())) == len(captions)
    looks = look_at(scene.rgb, scene.panoptic, unit.class_names)
    for segment_id, fact in scene.facts.items():
        caption = captions[segment_id].lower()
        assert fact.shape in caption
        assert 10 <= len(caption.split()) <= 30
        own = {fact.color, fact.accent}
        if fact.hidden_by and "white" in own:
            # What covers an object also throws its shadow on it, and white in a shadow is measured as gray.
            own.add("gray")
        look = looks[segment_id]
        if look.colors.kind in ("one", "pair", "mostly"):
            # Seams of fine textures blend, but the commonest colour is always the object's own.
            assert look.colors.names[0].split()[-1] in own, (look.colors, own)
        if look.colors.kind == "one":
            assert {fact.color, fact.accent or fact.color} >= {look.colors.names[0].split()[-1]}
        wrong_side = {"left": "right", "right": "left", "center": ""}[fact.horizontal]
        for words in (f"on the {wrong_side}", f"in the upper {wrong_side}", f"in the lower {wrong_side}"):
            assert not wrong_side or words not in caption, (caption, fact)
        if fact.vertical == "top":
            assert "bottom center" not in caption and "near the bottom" not in caption
        if fact.vertical == "bottom":
            assert "top center" not in caption and "near the top" not in caption


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_relations_hold_in_the_masks(seed: int) -> None:
    scene = render_scene(seed, size_wh=(256, 192))
    unit = scene_unit(scene)
    captions = Describer().captions(unit)
    masks = {s.id: np.argwhere(scene.panoptic.mask(s.id)) for s in scene.panoptic.segments}
    by_name: dict[str, list[int]] = {}
    for segment_id, name in unit.class_names.items():
        by_name.setdefault(name, []).append(segment_id)
    signs = {"above": (0, -1), "below": (0, 1), "left of": (1, -1), "right of": (1, 1)}
    for segment_id, caption in captions.items():
        for name, others in by_name.items():
            if len(others) != 1 or others == [segment_id]:
                continue
            there = masks[others[0]].mean(0)
            here = masks[segment_id].mean(0)
            for words, (axis, sign) in signs.items():
                if any(
                    f"{words} the {c}{name}" in caption for c in ("", "red ", "blue ", "white ", "black ")
                ):
                    assert (here - there)[axis] * sign > 0, caption


@pytest.mark.parametrize(
    ("rows", "wordings"),
    [
        (["aaaaaaaa", "aaabbaaa", "aaabbaaa", "aaaaaaaa"], ("surrounded by", "on all sides")),
        (["aaaaaaaa", "aaaaaaaa", "bbbbbbbb", "bbbbbbbb"], ("below the road",)),
        (["bbbbaaaa", "bbbbaaaa", "bbbbaaaa", "bbbbaaaa"], ("left of the road",)),
    ],
)
def test_neighbours_and_colours_are_named(rows: list[str], wordings: tuple[str, ...]) -> None:
    captions = describe(rows, {1: "road", 2: "bus"}, {1: (90, 90, 92), 2: (205, 28, 32)})
    caption = captions[2].replace("dark gray ", "").replace("gray ", "")
    assert "the road" in caption
    assert any(words in caption for words in wordings), caption
    assert "red" in captions[2]


def test_two_of_a_kind_are_told_apart() -> None:
    rows = ["........", ".bb..cc.", ".bb..cc.", "........"]
    captions = describe(rows, {2: "cup", 3: "cup"}, {2: (205, 28, 32), 3: (205, 28, 32)})
    assert captions[2] != captions[3]
    assert "left" in captions[2] and "right" in captions[3]


def test_specks_that_words_cannot_tell_apart_still_get_different_captions() -> None:
    id_map = np.zeros((200, 200), np.uint32)
    for i in range(40):
        id_map[100 + i % 8, 100 + i // 8] = i + 1
    names = dict.fromkeys(range(1, 41), "person")
    panoptic = PanopticMap.from_id_map(id_map, dict.fromkeys(names, (1, True, False)))
    captions = Describer().captions(unit_of(np.zeros((200, 200, 3), np.uint8), panoptic, names))
    assert len(set(captions.values())) == 40
    assert min(len(caption.split()) for caption in captions.values()) >= 6


async def test_only_a_speck_is_not_visible() -> None:
    id_map = np.zeros((60, 60), np.uint32)
    id_map[10:12, 10:14] = 1
    id_map[30:33, 30:33] = 2
    panoptic = PanopticMap.from_id_map(id_map, {1: (1, True, False), 2: (1, True, False)})
    unit = unit_of(np.zeros((60, 60, 3), np.uint8), panoptic, {1: "bird", 2: "bird"})
    reply = await Describer().ask(request_for(unit))
    entries = json.loads(reply.text)["captions"]
    assert [entry["visible"] for entry in entries] == [False, True]
    assert all("bird" in entry["caption"] for entry in entries)


def test_a_crowd_gets_no_caption_but_is_a_neighbour() -> None:
    id_map = blocks(["aaaa", "abba", "abba", "aaaa"])
    panoptic = PanopticMap.from_id_map(id_map, {1: (1, True, True), 2: (2, True, False)})
    unit = unit_of(painted(id_map, {2: (205, 28, 32)}), panoptic, {1: "person", 2: "bench"})
    captions = Describer().captions(unit)
    assert set(captions) == {2}
    assert "group of people" in captions[2]


def test_people_are_never_given_a_colour_of_their_own() -> None:
    for color in [(90, 60, 40), (240, 220, 200), (20, 20, 20), (250, 250, 250)]:
        caption = describe(["....", ".bb.", ".bb.", "...."], {2: "person"}, {2: color})[2]
        assert not {"brown", "beige", "black", "white", "tan", "dark", "pale"} & set(caption.lower().split())
    assert "blue" in describe(["....", ".bb.", ".bb.", "...."], {2: "person"}, {2: (30, 60, 190)})[2]


def test_a_black_and_white_photo_gets_no_colours() -> None:
    id_map = blocks(["aaaa", "abba", "abba", "aaaa"])
    panoptic = PanopticMap.from_id_map(id_map, {1: (1, False, False), 2: (2, True, False)})
    rgb = painted(id_map, {1: (130, 130, 130), 2: (250, 250, 250)})
    captions = Describer().captions(unit_of(rgb, panoptic, {1: "wall-other-merged", 2: "dog"}))
    assert "gray" not in captions[1]
    assert "white" not in captions[2] and "pale" in captions[2]


def findings_on(unit: Unit, captions: dict[int, str]) -> list[Finding]:
    found = check_captions(
        unit.rows,
        {row.number: ParsedCaption(captions[row.segment_id], True) for row in unit.rows},
        scene=SceneFacts(unit.class_names, {row.segment_id: row.box_unit for row in unit.rows}),
        settings=CheckSettings(),
    )
    return [finding for findings in found.values() for finding in findings if finding.hard]


def test_the_pipelines_checks_have_next_to_nothing_against_it() -> None:
    findings: list[Finding] = []
    count = 0
    for seed in range(60):
        scene = render_scene(seed, size_wh=(256, 192))
        unit = scene_unit(scene)
        for captions in (Describer().captions(unit), scene.captions):
            findings += findings_on(unit, captions)
            count += len(captions)
    assert len(findings) <= 0.005 * count, findings


def coco_units(coco: Path, split: str) -> Iterator[Unit]:
    index = json.loads((coco / f"panoptic_{split}.json").read_text())
    categories = {c["id"]: c for c in index["categories"]}
    files = {image["id"]: image["file_name"] for image in index["images"]}
    for entry in index["annotations"]:
        bgr = cv2.imread(str(coco / f"{split}2017" / files[entry["image_id"]]))
        code = cv2.imread(str(coco / f"panoptic_{split}2017" / entry["file_name"])).astype(np.uint32)
        infos = {
            s["id"]: (s["category_id"], bool(categories[s["category_id"]]["isthing"]), bool(s["iscrowd"]))
            for s in entry["segments_info"]
        }
        panoptic = PanopticMap.from_id_map(code[..., 2] + 256 * code[..., 1] + 65536 * code[..., 0], infos)
        names = {s["id"]: categories[s["category_id"]]["name"] for s in entry["segments_info"]}
        yield unit_of(np.ascontiguousarray(bgr[..., ::-1]), panoptic, names, entry["image_id"])


def test_real_photos_get_fluent_distinct_captions(coco: Path) -> None:
    lengths: list[int] = []
    openings: dict[str, int] = {}
    findings: list[Finding] = []
    for unit in coco_units(coco, "val"):
        captions = Describer().captions(unit)
        assert set(captions) == {s.id for s in unit.panoptic.captionable()}
        assert len(set(captions.values())) == len(captions)
        findings += findings_on(unit, captions)
        for caption in captions.values():
            lengths.append(len(caption.split()))
            opening = " ".join(caption.split()[:2])
            openings[opening] = openings.get(opening, 0) + 1
            assert caption[0].isupper() and caption.endswith(".")
            assert not {"merged", "stuff", "None", "{}"} & set(caption.replace("-", " ").split())
            assert "  " not in caption and ",," not in caption
            words = caption.lower().replace(",", "").split()
            for article, word in pairwise(words):
                if article in ("a", "an"):
                    assert (article == "an") == (word[0] in "aeiou"), caption
    assert len(findings) <= 0.005 * len(lengths), findings
    assert 15 <= float(np.mean(lengths)) <= 22
    assert min(lengths) >= 8 and max(lengths) <= 45
    assert max(openings.values()) <= 0.2 * len(lengths)
