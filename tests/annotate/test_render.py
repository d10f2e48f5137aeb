"""What is sent: its pictures, its words, and the key that stands for both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from pix2cap.annotate.ladder import Ask, next_asks, start
from pix2cap.annotate.prompt import load_prompt
from pix2cap.annotate.render import (
    LoadedImage,
    PreparedAsk,
    RenderStyle,
    draw_parts,
    picture_sizes,
    prepare_ask,
)
from pix2cap.annotate.settings import AnnotateSettings
from pix2cap.errors import ImageRefused
from pix2cap.formats.open_source import open_source
from tests.builders.panoptic import CocoPaths, build_coco_panoptic

SETTINGS = AnnotateSettings(model="m", strong_model="s")


@pytest.fixture
def paths(tmp_path: Path) -> CocoPaths:
    return build_coco_panoptic(tmp_path / "data", n_images=2, n_segments=5, size_wh=(96, 72))


def load(paths: CocoPaths, number: int = 0) -> LoadedImage:
    source = open_source(paths.json_path, masks=paths.masks, images=paths.images)
    return LoadedImage(source, source.entry(source.image_ids[number]))


def first_ask(loaded: LoadedImage, settings: AnnotateSettings = SETTINGS) -> Ask:
    return next_asks(start(loaded.facts), loaded.facts, settings)[1][0]


def prepare(loaded: LoadedImage, ask: Ask | None = None, **changed: Any) -> PreparedAsk:
    settings = changed.pop("settings", SETTINGS)
    arguments = {
        "template": load_prompt(),
        "settings": settings,
        "style": RenderStyle.of(settings),
        "round_key": 0,
        "reads_pictures": True,
    } | changed
    return prepare_ask(loaded, ask or first_ask(loaded), **arguments)


def decode(data: bytes) -> np.ndarray:
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded


def test_clean_marked_and_crops_in_order(paths: CocoPaths) -> None:
    loaded = load(paths)
    prepared = prepare(loaded)
    parts = draw_parts(loaded, prepared, RenderStyle.of(SETTINGS))
    assert [part.label for part in parts] == ["clean", "marked", *(f"crop {n}" for n in prepared.crops)]
    assert parts[0].data == paths.picture_path().read_bytes()
    assert decode(parts[1].data).shape[0] >= 72
    # Small pictures are enlarged before they are marked; what is sent has changed where marks are.
    assert parts[1].data != parts[0].data
    assert [row.text in prepared.prompt for row in prepared.rows] == [True] * 5


def test_the_crop_goes_alone_on_its_rung(paths: CocoPaths) -> None:
    loaded = load(paths)
    segment = first_ask(loaded).asked[0]
    prepared = prepare(loaded, Ask("crop", (segment,), (segment,)))
    parts = draw_parts(loaded, prepared, RenderStyle.of(SETTINGS))
    assert [part.label for part in parts] == ["crop 1"]
    assert prepared.model == "m"
    assert prepare(loaded, Ask("stronger", (segment,), (segment,))).model == "s"


def test_same_input_same_key_and_bytes(paths: CocoPaths) -> None:
    one, two = prepare(load(paths)), prepare(load(paths))
    assert one == two
    style = RenderStyle.of(SETTINGS)
    assert draw_parts(load(paths), one, style) == draw_parts(load(paths), two, style)


CHANGES: dict[str, Any] = {
    "model": lambda: {"settings": replace(SETTINGS, model="other")},
    "temperature": lambda: {"settings": replace(SETTINGS, temperature=0.5)},
    "seed": lambda: {"settings": replace(SETTINGS, seed=1)},
    "length": lambda: {"settings": replace(SETTINGS, max_tokens=99)},
    "language": lambda: {"settings": replace(SETTINGS, language="de")},
    "quality": lambda: {"settings": replace(SETTINGS, jpeg_quality=50)},
    "side": lambda: {"settings": replace(SETTINGS, max_side=64)},
    "round": lambda: {"round_key": 1},
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_decides_the_reply_is_in_the_key(paths: CocoPaths, change: str) -> None:
    loaded = load(paths)
    assert prepare(loaded).key != prepare(loaded, **CHANGES[change]()).key


def test_what_does_not_decide_it_is_not(paths: CocoPaths) -> None:
    loaded = load(paths)
    other = replace(SETTINGS, strong_model=None, fewer_marks=2, prompt="renamed", prompt_sha256="00")
    assert prepare(loaded).key == prepare(loaded, settings=other).key


def test_pixels_and_masks_are_in_the_key(paths: CocoPaths) -> None:
    before = prepare(load(paths)).key
    assert prepare(load(paths, 1)).key != before
    picture = np.asarray(Image.open(paths.picture_path()).convert("RGB")).copy()
    picture[:5] = 0
    Image.fromarray(picture).save(paths.picture_path())
    assert prepare(load(paths)).key != before


def test_equal_images_share_a_key_unless_their_model_reads_ids(paths: CocoPaths) -> None:
    paths.picture_path(1).write_bytes(paths.picture_path(0).read_bytes())
    paths.mask_path(1).write_bytes(paths.mask_path(0).read_bytes())
    paths.annotation(1)["segments_info"] = paths.annotation(0)["segments_info"]
    paths.save()
    one, two = load(paths, 0), load(paths, 1)
    assert prepare(one).key == prepare(two).key
    assert prepare(one, reads_pictures=False).key != prepare(two, reads_pictures=False).key


@pytest.mark.parametrize("max_side", [40, 96, 4000])
def test_sizes_are_known_before_anything_is_drawn(paths: CocoPaths, max_side: int) -> None:
    settings = replace(SETTINGS, max_side=max_side)
    loaded, style = load(paths), RenderStyle.of(settings)
    prepared = prepare(loaded, settings=settings)
    parts = draw_parts(loaded, prepared, style)
    drawn = [decode(part.data).shape[1::-1] for part in parts]
    told = picture_sizes(loaded, [prepared], style)
    assert told[0] == drawn[0]
    # At 40 pixels labels find no room on the picture and get a margin below it.
    assert told[1] == drawn[1] or (max_side == 40 and told[1][0] == drawn[1][0])
    assert len(told) == len(drawn)
    for small, large in zip(drawn[2:], told[2:], strict=True):
        assert max(small) <= max(large)
    assert max(drawn[0]) == min(max_side, 96)
    assert (parts[0].data == paths.picture_path().read_bytes()) == (max_side >= 96)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".bmp"])
def test_other_kinds_of_pictures_are_sent_as_something_that_models_take(tmp_path: Path, suffix: str) -> None:
    paths = build_coco_panoptic(tmp_path, n_images=1, suffix=suffix)
    loaded = load(paths)
    clean = draw_parts(loaded, prepare(loaded), RenderStyle.of(SETTINGS))[0]
    assert clean.media_type in ("image/png", "image/jpeg", "image/webp")
    assert decode(clean.data).shape == (48, 64, 3)


def test_pixels_are_read_again_after_they_were_released(paths: CocoPaths) -> None:
    loaded = load(paths)
    before = loaded.picture().rgb.copy()
    loaded.release()
    assert (loaded.picture().rgb == before).all()
    loaded.release()
    paths.picture_path().unlink()
    with pytest.raises(ImageRefused):
        loaded.picture()
