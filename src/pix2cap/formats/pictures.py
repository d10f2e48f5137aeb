"""Picture files to RGB arrays."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from pix2cap.core import Problem
from pix2cap.errors import ImageRefused
from pix2cap.formats.findings import Finding, refusal
from pix2cap.formats.png import GREY, MAX_PIXELS, RGB, SIGNATURE, PngError, check_png

Size = tuple[int, int]
Rgb = NDArray[np.uint8]

# Only these: Pillow would otherwise hand PostScript to Ghostscript.
_PILLOW_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "AVIF")
_EXIF_ORIENTATION = 0x0112
_BENIGN_JPEG_WARNING = "before marker 0xd9"
"""Stray bytes before the end marker: every pixel was decoded."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture and the file it came from.

    Args:
        rgb: `(H, W, 3)` uint8, upright (EXIF orientation applied where the map is upright too).
        data: The file's own bytes.
        media_type: `image/jpeg`, `image/png`, ... of `data`.
        sha256: Hex digest of `data`.
        is_plain: True where `data` shows exactly `rgb` in any viewer: an 8-bit RGB or grey JPEG or PNG
            without rotation or alpha, so that it can be sent to a model as it is.
    """

    rgb: NDArray[np.uint8]
    data: bytes
    media_type: str
    sha256: str
    is_plain: bool


@dataclass(frozen=True, slots=True)
class _Raw:
    """Pixels as stored, before any rotation."""

    rgb: Rgb
    orientation: int
    media_type: str
    is_simple: bool


class _UnusableError(Exception):
    """Why the bytes cannot be used."""

    def __init__(self, finding: Finding, expected: str | None, got: str) -> None:
        super().__init__(got)
        self.finding, self.expected, self.got = finding, expected, got


def read_picture(path: Path, *, size_wh: Size | None = None, name: str | None = None) -> Picture:
    """Read a picture file of any usual kind as upright 8-bit RGB.

    Grey, CMYK, palette and 16-bit pictures become RGB, alpha is flattened on white, EXIF rotation is
    applied.

    Args:
        path: The file.
        size_wh: The size that its map has. Annotators saw some pictures upright and some as stored, so
            the upright picture is taken if it has this size, else the stored one if that has.
        name: What messages call the file; `path` as given otherwise.

    Raises:
        ImageRefused: Missing, empty, damaged, cut, too large, no picture, or of another size.
    """
    name = name if name is not None else str(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise refusal(
            [Problem(name, Finding.MISSING_FILE, expected="a picture", got="no such file")]
        ) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise refusal([Problem(name, Finding.UNREADABLE_FILE, expected="a picture", got=reason)]) from error
    return decode_picture(data, name=name, size_wh=size_wh)


def decode_picture(data: bytes, *, name: str, size_wh: Size | None = None) -> Picture:
    """Decode a picture file's bytes; see `read_picture`.

    Raises:
        ImageRefused: The bytes are no whole picture of that size.
    """
    try:
        raw = _decode(data)
        rgb = _upright(raw, size_wh)
    except _UnusableError as fault:
        problem = Problem(name, fault.finding, expected=fault.expected, got=fault.got)
        raise refusal([problem]) from fault.__cause__
    is_plain = raw.is_simple and raw.orientation == 1
    return Picture(rgb, data, raw.media_type, hashlib.sha256(data).hexdigest(), is_plain)


def _decode(data: bytes) -> _Raw:
    if not data:
        raise _UnusableError(Finding.EMPTY_FILE, "a picture", "0 bytes")
    if data[:3] == b"\xff\xd8\xff":
        raw = _decode_jpeg(data)
        if raw is not None:
            return raw
    if data[:8] == SIGNATURE:
        raw = _decode_png(data)
        if raw is not None:
            return raw
    return _decode_by_pillow(data)


def _decode_jpeg(data: bytes) -> _Raw | None:
    """Plain JPEGs, fast; None for those that Pillow must read."""
    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError as error:
        raise _UnusableError(Finding.DAMAGED_PICTURE, "a whole JPEG", str(error)) from error
    _check_size((width, height))
    if space not in ("YCbCr", "RGB", "Gray"):
        return None
    try:
        rgb = simplejpeg.decode_jpeg(data, "RGB")
    except ValueError as error:
        if _BENIGN_JPEG_WARNING not in str(error):
            raise _UnusableError(Finding.DAMAGED_PICTURE, "a whole JPEG", str(error)) from error
        rgb = simplejpeg.decode_jpeg(data, "RGB", strict=False)
    return _Raw(rgb, _orientation(data), "image/jpeg", True)


def _orientation(data: bytes) -> int:
    if b"Exif\x00\x00" not in data[:65536]:
        return 1
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # A damaged EXIF block says nothing of the pixels, which were decoded.
        return 1


def _decode_png(data: bytes) -> _Raw | None:
    """8-bit RGB and grey PNGs without alpha, fast; None for those that Pillow must read."""
    try:
        header, chunks = check_png(data)
    except PngError as error:
        raise _UnusableError(Finding.DAMAGED_PICTURE, "a whole PNG", str(error)) from error
    _check_size(header.size_wh)
    if header.bit_depth != 8 or header.colour_type not in (GREY, RGB) or chunks & {b"tRNS", b"eXIf", b"acTL"}:
        return None
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if bgr is None or bgr.shape[:2] != (header.height, header.width):
        raise _UnusableError(Finding.DAMAGED_PICTURE, "a whole PNG", "its pixel data cannot be decompressed")
    rgb = cv2.cvtColor(bgr, cv2.COLOR_GRAY2RGB if bgr.ndim == 2 else cv2.COLOR_BGR2RGB)
    return _Raw(rgb.astype(np.uint8, copy=False), 1, "image/png", True)


def _decode_by_pillow(data: bytes) -> _Raw:
    try:
        with Image.open(io.BytesIO(data), formats=_PILLOW_FORMATS) as image:
            _check_size(image.size)
            image.load()
            # After load(): Pillow turns TIFFs upright by itself there and removes the tag.
            orientation = int(image.getexif().get(_EXIF_ORIENTATION, 1))
            media_type = Image.MIME.get(image.format or "", "application/octet-stream")
            rgb = _to_rgb(image)
    except _UnusableError:
        raise
    except UnidentifiedImageError as error:
        got = f"bytes that start with {data[:12]!r}"
        raise _UnusableError(Finding.NOT_A_PICTURE, "a JPEG, PNG, WebP, TIFF, BMP or GIF", got) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _UnusableError(Finding.TOO_LARGE, f"at most {MAX_PIXELS:,} pixels", str(error)) from error
    except Exception as error:  # Decoders of damaged bytes raise whatever comes to hand.
        raise _UnusableError(
            Finding.DAMAGED_PICTURE, "a whole picture", str(error) or type(error).__name__
        ) from error
    return _Raw(rgb, orientation, media_type, False)


def _to_rgb(image: Image.Image) -> Rgb:
    if image.mode.startswith("I") or image.mode == "F":
        return _deep_grey_to_rgb(np.asarray(image))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        canvas = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        canvas.alpha_composite(rgba)
        return np.array(canvas.convert("RGB"))
    return np.array(image.convert("RGB"))


def _deep_grey_to_rgb(values: NDArray[np.generic]) -> Rgb:
    """16-bit, 32-bit and float grey; float pictures are taken as 0..1 or 0..255 by their maximum."""
    grey = np.nan_to_num(values.astype(np.float64))
    top = float(grey.max())
    scale = 255.0 / 65535.0 if top > 255 else (255.0 if values.dtype.kind == "f" and top <= 1.0 else 1.0)
    if values.dtype == np.uint16:
        scale = 255.0 / 65535.0
    eight = np.clip(np.rint(grey * scale), 0, 255).astype(np.uint8)
    return np.repeat(eight[..., None], 3, axis=2)


def _check_size(size_wh: Size) -> None:
    width, height = size_wh
    if width < 1 or height < 1:
        raise _UnusableError(Finding.DAMAGED_PICTURE, "at least one pixel", f"{width} x {height}")
    if width * height > MAX_PIXELS:
        raise _UnusableError(Finding.TOO_LARGE, f"at most {MAX_PIXELS:,} pixels", f"{width} x {height}")


def _upright(raw: _Raw, size_wh: Size | None) -> Rgb:
    stored = (raw.rgb.shape[1], raw.rgb.shape[0])
    turned = stored if raw.orientation < 5 else (stored[1], stored[0])
    if size_wh is None or turned == size_wh:
        return _turn(raw.rgb, raw.orientation)
    if stored == size_wh:
        return raw.rgb
    got = f"{stored[0]} x {stored[1]}" + (
        f" stored, {turned[0]} x {turned[1]} upright" if turned != stored else ""
    )
    raise _UnusableError(Finding.PICTURE_SIZE, f"{size_wh[0]} x {size_wh[1]}", got)


def _turn(rgb: Rgb, orientation: int) -> Rgb:
    """Apply an EXIF orientation (1..8, TIFF 6.0 tag 274)."""
    if orientation >= 5:
        rgb = rgb.transpose(1, 0, 2)
    if orientation in (2, 6, 3, 7):
        rgb = rgb[:, ::-1]
    if orientation in (4, 8, 3, 7):
        rgb = rgb[::-1]
    return np.ascontiguousarray(rgb)


__all__ = ["ImageRefused", "Picture", "decode_picture", "read_picture"]
