"""Id-maps survive encoding and decoding bit by bit."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from pix2cap.formats.png import (
    MAX_ID,
    PngError,
    check_png,
    decode_id_png,
    decode_rgb_ids,
    encode_id_png,
    read_png_header,
)
from tests.builders.panoptic import png_bytes, rgb_of

ID_MAPS = hnp.arrays(
    np.uint32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, MAX_ID)
)


@given(ID_MAPS)
def test_round_trip(id_map: np.ndarray) -> None:
    data = encode_id_png(id_map)
    assert (decode_id_png(data) == id_map).all()
    assert read_png_header(data).size_wh == id_map.shape[::-1]
    assert encode_id_png(id_map) == data


@given(ID_MAPS)
def test_agrees_with_pillow_and_the_published_formula(id_map: np.ndarray) -> None:
    decoded = decode_id_png(png_bytes(rgb_of(id_map)))
    assert decoded.dtype == np.uint32 and (decoded == id_map).all()
    quick = decode_rgb_ids(png_bytes(rgb_of(id_map)))
    assert quick is not None and quick.dtype == np.uint32 and (quick == id_map).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_values_are_ids_where_allowed(dtype: type) -> None:
    grey = np.arange(24, dtype=dtype).reshape(4, 6) * (9 if dtype is np.uint8 else 2500)
    data = png_bytes(grey)
    assert (decode_id_png(data, single_channel=True) == grey).all()
    with pytest.raises(TypeError, match="-bit grey"):
        decode_id_png(data)


def test_palette_indices_are_ids_where_allowed() -> None:
    image = Image.fromarray(np.array([[0, 3], [200, 7]], np.uint8))
    image.putpalette([255 - i // 3 for i in range(768)])
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    assert decode_id_png(buffer.getvalue(), single_channel=True).tolist() == [[0, 3], [200, 7]]
    with pytest.raises(TypeError, match="8-bit palette"):
        decode_id_png(buffer.getvalue())


def test_alpha_is_left_aside() -> None:
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[..., :3] = (1, 2, 3)
    rgba[0, 0, 3] = 255
    assert (decode_id_png(png_bytes(rgba)) == 1 + 2 * 256 + 3 * 65536).all()


@given(ID_MAPS, st.data())
def test_every_cut_and_every_flipped_bit_is_noticed(id_map: np.ndarray, draw: st.DataObject) -> None:
    data = encode_id_png(id_map)
    cut = draw.draw(st.integers(0, len(data) - 1))
    with pytest.raises(PngError):
        check_png(data[:cut])
    where = draw.draw(st.integers(0, len(data) * 8 - 1))
    flipped = bytearray(data)
    flipped[where // 8] ^= 1 << where % 8
    with pytest.raises(PngError):
        decode_id_png(bytes(flipped))
    assert decode_rgb_ids(data[:cut]) is None
    assert decode_rgb_ids(bytes(flipped)) is None


def test_only_usual_maps_are_decoded_quickly() -> None:
    assert decode_rgb_ids(b"") is None
    assert decode_rgb_ids(png_bytes(np.zeros((2, 2), np.uint8))) is None
    assert decode_rgb_ids(png_bytes(np.zeros((2, 2, 4), np.uint8))) is None


@pytest.mark.parametrize("id_map", [np.zeros((0, 3), np.uint32), np.full((1, 1), MAX_ID + 1, np.uint32)])
def test_what_does_not_fit_is_not_encoded(id_map: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected ids up to"):
        encode_id_png(id_map)
