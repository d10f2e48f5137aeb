from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pix2cap.draw.encode import encode_jpeg, encode_png
from pix2cap.draw.overlay import draw_overlay
from tests.draw.maps import panoptic_of, photo, voronoi


@pytest.mark.parametrize("size_wh", [(1, 1), (7, 5), (640, 480), (3, 2000)])
def test_png_comes_back_exactly_and_jpeg_nearly(size_wh: tuple[int, int]) -> None:
    rgb = photo(size_wh)
    assert (np.asarray(Image.open(io.BytesIO(encode_png(rgb)))) == rgb).all()
    flat = np.full_like(rgb, (200, 40, 90))
    decoded = np.asarray(Image.open(io.BytesIO(encode_jpeg(flat))).convert("RGB"))
    assert np.abs(decoded.astype(int) - flat).max() <= 4
    assert encode_jpeg(rgb) == encode_jpeg(rgb.copy())
    assert encode_png(rgb) == encode_png(rgb.copy())


def test_strided_pictures_are_encoded_too() -> None:
    rgb = photo((40, 30))
    assert encode_jpeg(rgb[::2, ::-1]) == encode_jpeg(rgb[::2, ::-1].copy())


@pytest.mark.parametrize("shape", [(0, 4, 3), (4, 4), (4, 4, 4)])
def test_what_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    for encode in (encode_jpeg, encode_png):
        with pytest.raises(ValueError, match="expected a non-empty"):
            encode(np.zeros(shape, np.uint8))


def test_a_side_beyond_jpeg_is_refused() -> None:
    with pytest.raises(ValueError, match="65500"):
        encode_jpeg(np.zeros((1, 65_501, 3), np.uint8))


def test_overlay_tints_segments_only() -> None:
    id_map = np.zeros((50, 60), np.uint32)
    id_map[10:30, 10:30] = 4
    rgb = photo((60, 50))
    shown = draw_overlay(rgb, panoptic_of(id_map))
    assert shown.shape == rgb.shape
    assert (shown[35:, 35:] == rgb[35:, 35:]).all()
    assert (shown[15:25, 15:25] != rgb[15:25, 15:25]).mean() > 0.9
    assert (draw_overlay(rgb, panoptic_of(id_map), alpha=0.0) == rgb).all()


def test_overlay_of_many_segments_and_wrong_calls() -> None:
    panoptic = voronoi((120, 90), 320, seed=6)
    rgb = photo((120, 90))
    assert draw_overlay(rgb, panoptic, alpha=1.0).shape == rgb.shape
    with pytest.raises(ValueError, match="alpha"):
        draw_overlay(rgb, panoptic, alpha=1.5)
    with pytest.raises(ValueError, match="expected a picture"):
        draw_overlay(rgb[:-1], panoptic)
