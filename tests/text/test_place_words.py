"""Which axes of the picture a caption speaks of."""

from __future__ import annotations

import pytest

from pix2cap.scenes.scene import scenes
from pix2cap.text.place_words import place_axes

BOTH, ACROSS, DOWN, NONE = "hv", "h", "v", ""


@pytest.mark.parametrize(
    ("text", "axes"),
    [
        ("A cup in the top left.", BOTH),
        ("A cup in the center", BOTH),
        ("A ring near the middle of the scene", BOTH),
        ("A ring in the middle of the top third", BOTH),
        ("Toward the lower right corner, a star", BOTH),
        ("A man on the far left", ACROSS),
        ("A man stands at right.", ACROSS),
        ("A cloud at the top of the picture", DOWN),
        ("Grass covers the bottom of the scene", DOWN),
        ("A bird just left of centre", ACROSS),
        ("A bird halfway down", DOWN),
        ("A cup left of a plate", NONE),
        ("A vase in the middle of the table", NONE),
        ("A switch on the left side of the door", NONE),
        ("A dog facing left", NONE),
        ("A red cup", NONE),
    ],
)
def test_axes(text: str, axes: str) -> None:
    assert {axis[0] for axis in place_axes(text)} == set(axes)


def test_every_scene_caption_speaks_of_its_place() -> None:
    found = [
        (text, place_axes(text))
        for scene in scenes(40, seed=4, size_wh=(96, 96))
        for i, text in scene.captions.items()
        if i in scene.facts
    ]
    assert [text for text, axes in found if len(axes) < 2] == []
