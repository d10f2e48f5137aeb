"""Pictures of every kind come out upright and 8-bit RGB; broken ones are refused with a reason."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from pix2cap.errors import ImageRefused
from pix2cap.formats.findings import Finding
from pix2cap.formats.pictures import decode_picture, read_picture

SIZE = (48, 32)


def photo(size_wh: tuple[int, int] = SIZE) -> Image.Image:
    """A smooth picture without symmetry, so that JPEG keeps it and each rotation looks different."""
    width, height = size_wh
    y, x = np.mgrid[:height, :width]
    rgb = np.stack([x * 255 // width, y * 255 // height, (x + y) * 127 // (width + height)], axis=2)
    return Image.fromarray(rgb.astype(np.uint8))


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def with_orientation(kind: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 98} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    return encode(photo(), kind, exif=exif, **options)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, depth: int, colour_type: int, idat: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", idat) + chunk(b"IEND", b"")


def sixteen_bit_rgb() -> bytes:
    wide = np.asarray(photo()).astype(">u2") * 257
    rows = b"".join(b"\x00" + row.tobytes() for row in wide)
    return png(*SIZE, 16, 2, zlib.compress(rows))


GREY = np.asarray(photo().convert("L"))
KINDS: dict[str, tuple[Callable[[], bytes], Callable[[], np.ndarray], int, str, bool]] = {
    "jpeg": (lambda: encode(photo(), "JPEG", quality=98), lambda: np.asarray(photo()), 8, "image/jpeg", True),
    "progressive": (
        lambda: encode(photo(), "JPEG", quality=98, progressive=True),
        lambda: np.asarray(photo()),
        8,
        "image/jpeg",
        True,
    ),
    "grey jpeg": (
        lambda: encode(photo().convert("L"), "JPEG", quality=98),
        lambda: np.repeat(GREY[..., None], 3, 2),
        8,
        "image/jpeg",
        True,
    ),
    "cmyk jpeg": (
        lambda: encode(photo().convert("CMYK"), "JPEG", quality=98),
        lambda: np.asarray(photo()),
        12,
        "image/jpeg",
        False,
    ),
    "rgb png": (lambda: encode(photo(), "PNG"), lambda: np.asarray(photo()), 0, "image/png", True),
    "grey png": (
        lambda: encode(photo().convert("L"), "PNG"),
        lambda: np.repeat(GREY[..., None], 3, 2),
        0,
        "image/png",
        True,
    ),
    "1-bit png": (
        lambda: encode(Image.fromarray(GREY > 100), "PNG"),
        lambda: np.repeat(np.where(GREY > 100, 255, 0)[..., None], 3, 2),
        0,
        "image/png",
        False,
    ),
    "16-bit grey png": (
        lambda: encode(Image.fromarray(GREY.astype(np.uint16) * 257), "PNG"),
        lambda: np.repeat(GREY[..., None], 3, 2),
        0,
        "image/png",
        False,
    ),
    "16-bit grey tiff": (
        lambda: encode(Image.fromarray(GREY.astype(np.uint16) * 257), "TIFF"),
        lambda: np.repeat(GREY[..., None], 3, 2),
        0,
        "image/tiff",
        False,
    ),
    "16-bit rgb png": (sixteen_bit_rgb, lambda: np.asarray(photo()), 0, "image/png", False),
    "palette png": (
        lambda: encode(photo().quantize(16), "PNG"),
        lambda: np.asarray(photo().quantize(16).convert("RGB")),
        0,
        "image/png",
        False,
    ),
    "palette gif": (
        lambda: encode(photo().quantize(16), "GIF"),
        lambda: np.asarray(photo().quantize(16).convert("RGB")),
        0,
        "image/gif",
        False,
    ),
    "webp": (
        lambda: encode(photo(), "WEBP", lossless=True),
        lambda: np.asarray(photo()),
        0,
        "image/webp",
        False,
    ),
    "bmp": (lambda: encode(photo(), "BMP"), lambda: np.asarray(photo()), 0, "image/bmp", False),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_becomes_rgb(kind: str) -> None:
    make, expected, tolerance, media_type, is_plain = KINDS[kind]
    data = make()
    picture = decode_picture(data, name="x", size_wh=SIZE)
    assert picture.rgb.dtype == np.uint8 and picture.rgb.shape == (32, 48, 3)
    assert picture.rgb.flags.c_contiguous
    assert np.abs(picture.rgb.astype(int) - expected()).max() <= tolerance
    assert (picture.media_type, picture.is_plain) == (media_type, is_plain)
    assert picture.data == data and picture.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "palette"])
def test_alpha_is_flattened_on_white(mode: str) -> None:
    image = photo().convert("RGBA")
    alpha = np.zeros((32, 48), np.uint8)
    alpha[:, 24:] = 255
    image.putalpha(Image.fromarray(alpha))
    if mode == "palette":
        image = photo().quantize(16)
        clear = image.getpixel((0, 0))
        picture = decode_picture(encode(image, "PNG", transparency=clear), name="x")
    else:
        picture = decode_picture(encode(image.convert(mode), "PNG"), name="x")
        opaque = np.asarray(image.convert(mode).convert("RGB"))
        assert (picture.rgb[:, 24:] == opaque[:, 24:]).all()
    assert (picture.rgb[0, 0] == 255).all()
    assert not picture.is_plain


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(kind: str, orientation: int) -> None:
    data = with_orientation(kind, orientation)
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    picture = decode_picture(data, name="x", size_wh=(expected.shape[1], expected.shape[0]))
    assert (picture.rgb == expected).all()
    assert picture.is_plain == (kind in ("JPEG",) and orientation == 1)


def test_a_map_as_stored_gets_the_picture_as_stored() -> None:
    data = with_orientation("JPEG", 6)
    assert decode_picture(data, name="x", size_wh=(48, 32)).rgb.shape == (32, 48, 3)
    assert decode_picture(data, name="x", size_wh=(32, 48)).rgb.shape == (48, 32, 3)
    assert decode_picture(data, name="x").rgb.shape == (48, 32, 3)
    with pytest.raises(ImageRefused, match=r"expected 40 x 40, got 48 x 32 stored, 32 x 48 upright"):
        decode_picture(data, name="x", size_wh=(40, 40))


JPEG = encode(photo((200, 150)), "JPEG")
PNG = encode(photo((200, 150)), "PNG")
BROKEN: dict[str, tuple[bytes, Finding]] = {
    "zero bytes": (b"", Finding.EMPTY_FILE),
    "text": (b"this is no picture at all, only text", Finding.NOT_A_PICTURE),
    "json": (b'{"images": []}', Finding.NOT_A_PICTURE),
    "jpeg cut in half": (JPEG[: len(JPEG) // 2], Finding.DAMAGED_PICTURE),
    "jpeg cut in its header": (JPEG[:20], Finding.DAMAGED_PICTURE),
    "jpeg without end": (JPEG[:-2], Finding.DAMAGED_PICTURE),
    "jpeg cut and mended": (JPEG[:-400] + b"\xff\xd9", Finding.DAMAGED_PICTURE),
    "jpeg with zeros": (JPEG[:-600] + bytes(500) + JPEG[-100:], Finding.DAMAGED_PICTURE),
    "png cut in half": (PNG[: len(PNG) // 2], Finding.DAMAGED_PICTURE),
    "png without end": (PNG[:-12], Finding.DAMAGED_PICTURE),
    "png with a flipped bit": (PNG[:100] + bytes([PNG[100] ^ 1]) + PNG[101:], Finding.DAMAGED_PICTURE),
    "png of short data": (png(64, 64, 8, 2, zlib.compress(bytes(500))), Finding.DAMAGED_PICTURE),
    "png of no size": (png(0, 5, 8, 2, b""), Finding.DAMAGED_PICTURE),
    "png bomb": (png(60_000, 60_000, 8, 2, zlib.compress(bytes(1000))), Finding.TOO_LARGE),
    "grey bomb": (png(60_000, 60_000, 1, 0, zlib.compress(bytes(1000))), Finding.TOO_LARGE),
    "webp cut": (encode(photo(), "WEBP", lossless=True)[:60], Finding.DAMAGED_PICTURE),
    "tiff cut": (encode(photo(), "TIFF")[:-2000], Finding.DAMAGED_PICTURE),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", Finding.NOT_A_PICTURE),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_pictures_are_refused(name: str) -> None:
    data, finding = BROKEN[name]
    with pytest.raises(ImageRefused) as refused:
        decode_picture(data, name="bad.jpg")
    (problem,) = refused.value.problems
    assert problem.problem == finding
    assert problem.file == "bad.jpg" and problem.fatal and problem.got
    assert str(refused.value).startswith("bad.jpg: ")


def test_stray_bytes_before_the_end_of_a_jpeg_do_no_harm() -> None:
    whole = decode_picture(JPEG, name="x")
    stray = decode_picture(JPEG[:-2] + b"\x00" * 9 + b"\xff\xd9", name="x")
    assert (stray.rgb == whole.rgb).all()


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(ImageRefused) as refused:
        read_picture(tmp_path / "no.jpg", name="no.jpg")
    assert refused.value.problems[0].problem == Finding.MISSING_FILE
    assert str(tmp_path) not in str(refused.value)
    with pytest.raises(ImageRefused) as refused:
        read_picture(tmp_path)
    assert refused.value.problems[0].problem == Finding.UNREADABLE_FILE


@given(st.sampled_from([JPEG, PNG, encode(photo(), "WEBP")]), st.data())
def test_damage_never_escapes_as_another_error(data: bytes, draw: st.DataObject) -> None:
    cut = draw.draw(st.integers(0, len(data)))
    noise = draw.draw(st.binary(max_size=8))
    broken = data[:cut] + noise + data[cut + len(noise) + draw.draw(st.integers(0, 3)) :]
    try:
        picture = decode_picture(broken, name="x")
    except ImageRefused as refused:
        assert refused.problems
    else:
        assert picture.rgb.ndim == 3


@given(st.integers(1, 2000))
def test_every_cut_of_a_jpeg_and_a_png_is_noticed(missing: int) -> None:
    for data in (JPEG, PNG):
        with pytest.raises(ImageRefused):
            decode_picture(data[: max(0, len(data) - missing)], name="x")


def test_real_photos_decode_as_pillow_does(coco: Path) -> None:
    for path in sorted((coco / "val2017").glob("*.jpg"))[:8]:
        with Image.open(path) as image:
            expected = np.asarray(image.convert("RGB"))
        picture = read_picture(path)
        assert picture.is_plain and (picture.rgb == expected).all()
