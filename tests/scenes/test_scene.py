import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pix2cap.core.boxes import label_extents
from pix2cap.scenes.captions import OBJECT_TEMPLATES, caption_object
from pix2cap.scenes.scene import render_scene, scenes
from pix2cap.scenes.vocabulary import COLORS, GROUNDS, SHAPES, TEXTURES
from pix2cap.text.colors import name_colors

SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.sampled_from([(64, 64), (97, 64), (128, 96), (64, 211), (256, 256)])


@settings(max_examples=40, deadline=None)
@given(SEEDS, SIZES)
def test_a_scene_keeps_its_promises(seed: int, size_wh: tuple[int, int]) -> None:
    scene = render_scene(seed, size_wh=size_wh)
    assert scene.rgb.shape == (size_wh[1], size_wh[0], 3)
    assert scene.rgb.dtype == np.uint8
    assert 3 <= len(scene.facts) <= 10
    assert 1 <= len(scene.grounds) <= 3
    assert set(scene.captions) == set(scene.panoptic.by_id) == set(scene.facts) | set(scene.grounds)
    ids, areas, _ = label_extents(scene.panoptic.id_map)
    assert dict(zip(ids.tolist(), areas.tolist(), strict=True)) == {
        s.id: s.area for s in scene.panoptic.segments
    }
    assert min(fact.visible_share for fact in scene.facts.values()) >= 0.4
    assert any(fact.is_partly_hidden for fact in scene.facts.values())
    for fact in scene.facts.values():
        assert fact.is_partly_hidden == (fact.visible_share < 1)
    assert len({(fact.shape, fact.color) for fact in scene.facts.values()}) == len(scene.facts)
    for caption in scene.captions.values():
        assert 6 <= len(caption.split()) <= 40
        assert caption.endswith(".")
        assert "  " not in caption
        assert caption[0].isupper()
    assert len(set(scene.captions.values())) == len(scene.captions)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_facts_agree_with_the_pixels(seed: int) -> None:
    scene = render_scene(seed, size_wh=(192, 144))
    names = {c.id: c.name for c in scene.categories}
    for segment_id, fact in scene.facts.items():
        segment = scene.panoptic.by_id[segment_id]
        mask = scene.panoptic.mask(segment_id)
        assert segment.is_thing and names[segment.category_id] == fact.shape
        rows, columns = np.nonzero(mask)
        assert fact.horizontal == ("left", "center", "right")[int((columns.mean() + 0.5) // 64)]
        assert fact.vertical == ("top", "middle", "bottom")[int((rows.mean() + 0.5) // 48)]
        # Rims, shadows and the seams of textures blend; what is left is the object's own two colours.
        if segment.area >= 300:
            own = np.isin(name_colors(scene.rgb[mask]), [fact.color, fact.accent or fact.color]).mean()
            assert own > (0.4 if fact.accent else 0.5), (fact.color, fact.accent, own)
        assert bool(fact.hidden_by) == any(segment_id in f.hides for f in scene.facts.values())
        for relation in fact.relations:
            a, b = segment.box_xyxy, scene.panoptic.by_id[relation.other_id].box_xyxy
            apart = {
                "left of": a[2] <= b[0],
                "right of": a[0] >= b[2],
                "above": a[3] <= b[1],
                "below": a[1] >= b[3],
            }
            assert apart[relation.kind]


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_a_caption_names_shape_color_and_place_and_nothing_false(seed: int) -> None:
    scene = render_scene(seed, size_wh=(128, 128))
    rng = np.random.default_rng(seed)
    for segment_id, fact in scene.facts.items():
        for caption in (scene.captions[segment_id], caption_object(rng, segment_id, scene.facts)):
            assert fact.shape in caption.lower()
            assert fact.color in caption.lower()
            assert fact.size.removesuffix("-sized") in caption.lower()
            words = set(caption.lower().replace(",", "").replace(".", "").replace("-", " ").split())
            allowed = {c for f in scene.facts.values() for c in (f.color, f.accent) if c is not None} | {
                "green",
                "gray",
                "white",
            }
            assert words & set(COLORS) <= allowed
            assert words & set(SHAPES) <= {f.shape for f in scene.facts.values()}


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, second = (render_scene(11, size_wh=(160, 120)) for _ in range(2))
    assert first.rgb.tobytes() == second.rgb.tobytes()
    assert first.panoptic.id_map.tobytes() == second.panoptic.id_map.tobytes()
    assert first.captions == second.captions
    assert render_scene(12, size_wh=(160, 120)).rgb.tobytes() != first.rgb.tobytes()


def test_scenes_are_independent_of_how_many_are_asked_for() -> None:
    few = [hashlib.sha256(s.rgb.tobytes()).digest() for s in scenes(2, seed=3, size_wh=(80, 64))]
    many = [hashlib.sha256(s.rgb.tobytes()).digest() for s in scenes(5, seed=3, size_wh=(80, 64))]
    assert many[:2] == few
    assert len(set(many)) == 5


def test_the_vocabulary_is_as_wide_as_promised_and_all_of_it_occurs() -> None:
    batch = list(scenes(150, seed=0, size_wh=(128, 96)))
    facts = [fact for scene in batch for fact in scene.facts.values()]
    assert {f.shape for f in facts} == set(SHAPES) and len(SHAPES) >= 6
    assert {f.color for f in facts} == set(COLORS) and len(COLORS) >= 8
    assert {f.texture for f in facts} == set(TEXTURES)
    assert {g.name for scene in batch for g in scene.grounds.values()} == set(GROUNDS)
    assert len({(f.horizontal, f.vertical) for f in facts}) == 9
    assert {e for f in facts for e in f.cut_by} == {"left", "right", "top", "bottom"}
    assert len({len(scene.facts) for scene in batch}) == 8
    hidden = sum(f.is_partly_hidden for f in facts) / len(facts)
    assert 0.27 <= hidden <= 0.40
    assert len(OBJECT_TEMPLATES) >= 5


@pytest.mark.parametrize("size_wh", [(63, 64), (64, 10)])
def test_too_small_a_picture_is_refused(size_wh: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least 64 pixels"):
        render_scene(0, size_wh=size_wh)
