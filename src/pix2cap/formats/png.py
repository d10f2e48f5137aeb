"""PNG files as id-maps: integrity, decoding and encoding.

PNG specification, second edition (ISO/IEC 15948), chapters 5 and 11 for the chunks; the id of a pixel is
R + 256 G + 65536 B (COCO panoptic format).
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

import cv2
import numpy as np
import pyspng
from numpy.typing import NDArray
from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_PIXELS = 1024 * 1024 * 1024 // 12
"""About 89 million, the size at which Pillow too suspects a decompression bomb."""
MAX_ID = 2**24 - 1

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
_KIND_NAMES = {GREY: "grey", RGB: "RGB", PALETTE: "palette", GREY_ALPHA: "grey with alpha", RGBA: "RGBA"}


class PngError(ValueError):
    """The bytes are no whole PNG; the message says why."""


@dataclass(frozen=True, slots=True)
class PngHeader:
    """What the first chunk of a PNG says.

    Args:
        width: Pixels.
        height: Pixels.
        bit_depth: 1, 2, 4, 8 or 16 bits a channel.
        colour_type: 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGBA.
    """

    width: int
    height: int
    bit_depth: int
    colour_type: int

    @property
    def size_wh(self) -> tuple[int, int]:
        """`(width, height)` in pixels."""
        return self.width, self.height

    @property
    def kind(self) -> str:
        """`8-bit RGB` and the like."""
        return f"{self.bit_depth}-bit {_KIND_NAMES.get(self.colour_type, f'colour type {self.colour_type}')}"


def read_png_header(data: bytes) -> PngHeader:
    """Read the header from the first 33 bytes.

    Raises:
        PngError: No PNG, or one of no size.
    """
    if not data:
        raise PngError("the file is empty")
    if data[:8] != SIGNATURE:
        raise PngError(f"no PNG signature, it starts with {data[:8]!r}")
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise PngError(f"cut within its header after {len(data)} bytes")
    width, height, bit_depth, colour_type = struct.unpack(">IIBB", data[16:26])
    if width == 0 or height == 0:
        raise PngError(f"a picture of {width} x {height} pixels")
    return PngHeader(width, height, bit_depth, colour_type)


def check_png(data: bytes) -> tuple[PngHeader, frozenset[bytes]]:
    """Walk all chunks and compare their check sums.

    Decoders fill what is missing with zeros, which in an id-map is void and in a photo black, so the
    damage has to be found before they run.

    Returns:
        The header, and the names of the chunks.

    Raises:
        PngError: A chunk is cut, its sum is wrong, or the end is missing.
    """
    header = read_png_header(data)
    position, view, names = 8, memoryview(data), set()
    while position + 12 <= len(data):
        length = int.from_bytes(view[position : position + 4], "big")
        end = position + 12 + length
        if end > len(data):
            raise PngError(f"cut at byte {len(data)}, its chunk at {position} needs {end}")
        name = bytes(view[position + 4 : position + 8])
        if zlib.crc32(view[position + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise PngError(f"wrong check sum in chunk {name!r} at byte {position}")
        names.add(name)
        if name == b"IEND":
            return header, frozenset(names)
        position = end
    raise PngError(f"cut at byte {len(data)}, before its end")


def decode_id_png(data: bytes, *, single_channel: bool = False) -> NDArray[np.uint32]:
    """Decode an id-map.

    Args:
        data: The file's bytes.
        single_channel: Also take 8 and 16-bit grey (the value is the id) and palette (the index is
            the id); else only 8-bit RGB, or RGBA whose alpha is left aside.

    Returns:
        `(H, W)` uint32.

    Raises:
        PngError: Damaged.
        TypeError: A whole PNG, but of a kind that cannot be an id-map; the message names the kind.
        OverflowError: More pixels than `MAX_PIXELS`.
    """
    header, _ = check_png(data)
    if header.width * header.height > MAX_PIXELS:
        raise OverflowError(f"{header.width} x {header.height} pixels")
    colour = header.colour_type in (RGB, RGBA) and header.bit_depth == 8
    grey = header.colour_type == GREY and header.bit_depth in (8, 16)
    if not colour and not (single_channel and (grey or header.colour_type == PALETTE)):
        raise TypeError(header.kind)
    if header.colour_type == PALETTE:
        return _palette_indices(data)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.shape[:2] != (header.height, header.width):
        raise PngError("its pixel data cannot be decompressed")
    if pixels.ndim == 2:
        return pixels.astype(np.uint32)
    rgba = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGBA if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)
    ids: NDArray[np.uint32] = rgba.view("<u4")[..., 0] & np.uint32(MAX_ID)
    return ids


def decode_rgb_ids(data: bytes) -> NDArray[np.uint32] | None:
    """Decode a usual id-map in about half the time; None for any that `decode_id_png` must look at.

    It holds the interpreter while it decodes, so that it serves processes, not threads.

    Args:
        data: The bytes of an 8-bit RGB PNG.

    Returns:
        `(H, W)` uint32, or None.
    """
    try:
        header, _ = check_png(data)
        if (header.colour_type, header.bit_depth) != (RGB, 8) or header.width * header.height > MAX_PIXELS:
            return None
        rgba = pyspng.load(data, format="RGBA")
    except (PngError, RuntimeError):
        return None
    ids: NDArray[np.uint32] = rgba.view("<u4")[..., 0]
    ids &= np.uint32(MAX_ID)
    return ids


def _palette_indices(data: bytes) -> NDArray[np.uint32]:
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            return np.asarray(image).astype(np.uint32)
    except (OSError, ValueError, SyntaxError) as error:
        raise PngError(f"its pixel data cannot be decompressed ({error})") from error


def encode_id_png(id_map: NDArray[np.uint32]) -> bytes:
    """Encode an `(H, W)` id-map as an 8-bit RGB PNG; `decode_id_png` gives the same ids back.

    Raises:
        ValueError: An id does not fit into 24 bits, or the map is empty.
    """
    if id_map.size == 0 or id_map.max() > MAX_ID:
        raise ValueError(f"expected ids up to {MAX_ID} in a map of some size, got {id_map.shape}")
    rgba = np.ascontiguousarray(id_map, dtype="<u4").view(np.uint8).reshape(*id_map.shape, 4)
    done, buffer = cv2.imencode(".png", rgba[..., 2::-1], [cv2.IMWRITE_PNG_COMPRESSION, 6])
    if not done:
        raise ValueError(f"could not encode a map of {id_map.shape}")
    return bytes(buffer)
